//! The demo's folder: the estate as a user would write it, and below
//! `.lifeboat/` what keeps the world (ports, keys, stores, service state).

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Read},
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use lifeboat_core::model::{Code, Problem};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{region::Region, store::Keys, world::Ports as Choice};

/// Files of the estate, with the preferred ports in them.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../runbooks/demo/README.md")),
    ("lifeboat.toml", include_str!("../../runbooks/demo/lifeboat.toml")),
    ("regions.toml", include_str!("../../runbooks/demo/regions.toml")),
    ("stores.toml", include_str!("../../runbooks/demo/stores.toml")),
    ("workloads/orders.toml", include_str!("../../runbooks/demo/workloads/orders.toml")),
    ("workloads/checkout.toml", include_str!("../../runbooks/demo/workloads/checkout.toml")),
    ("workloads/catalogue.toml", include_str!("../../runbooks/demo/workloads/catalogue.toml")),
    ("workloads/media.toml", include_str!("../../runbooks/demo/workloads/media.toml")),
    ("workloads/search.toml", include_str!("../../runbooks/demo/workloads/search.toml")),
    ("workloads/reports.toml", include_str!("../../runbooks/demo/workloads/reports.toml")),
    ("workloads/wiki.toml", include_str!("../../runbooks/demo/workloads/wiki.toml")),
    ("runbooks/orders-failover.toml", include_str!("../../runbooks/demo/runbooks/orders-failover.toml")),
    ("runbooks/orders-failback.toml", include_str!("../../runbooks/demo/runbooks/orders-failback.toml")),
    ("runbooks/checkout-failover.toml", include_str!("../../runbooks/demo/runbooks/checkout-failover.toml")),
    ("runbooks/catalogue-restore.toml", include_str!("../../runbooks/demo/runbooks/catalogue-restore.toml")),
    ("runbooks/search-failover.toml", include_str!("../../runbooks/demo/runbooks/search-failover.toml")),
    ("bin/drain", include_str!("../../runbooks/demo/bin/drain")),
    ("bin/announce", include_str!("../../runbooks/demo/bin/announce")),
];

/// The ports of one region, as in `ports.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionPorts {
    pub services: u16,
    pub store: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    pub control: u16,
    pub regions: [RegionPorts; 3],
}

/// As the embedded estate has them.
const PREFERRED: Ports = Ports {
    control: 21000,
    regions: [
        RegionPorts { services: 21010, store: 21011 },
        RegionPorts { services: 21020, store: 21021 },
        RegionPorts { services: 21030, store: 21031 },
    ],
};

impl Ports {
    fn each(&self) -> [u16; 7] {
        let [a, b, c] = self.regions;
        [self.control, a.services, a.store, b.services, b.store, c.services, c.store]
    }
    fn of(each: [u16; 7]) -> Self {
        let region = |n: usize| RegionPorts { services: each[n], store: each[n + 1] };
        Self { control: each[0], regions: [region(1), region(3), region(5)] }
    }
}

/// A folder that is ours while this lives, its ports bound.
pub struct Place {
    pub dir: PathBuf,
    /// For each region: services, store.
    pub doors: [(TcpListener, TcpListener); 3],
    pub control: TcpListener,
    pub ports: Ports,
    pub keys: [Keys; 3],
    /// Held as long as the folder is ours.
    pub lock: File,
}

pub fn state_dir(dir: &Path) -> PathBuf {
    dir.join(".lifeboat")
}

fn problem(dir: &Path) -> Problem {
    Problem::new(Code::DEMO_FOLDER, dir.display())
}

/// Takes the folder: writes what is missing of the estate, binds the ports.
/// A folder with anything else in it is refused.
pub fn occupy(dir: &Path, choice: Choice) -> Result<Place, Problem> {
    let refuse = |error: io::Error| problem(dir).because(error);
    let state = state_dir(dir);
    let ours = state.join("written.json");
    let mut entries = fs::read_dir(dir).into_iter().flatten();
    if !ours.exists() && entries.any(|e| e.is_ok_and(|e| e.file_name() != ".lifeboat")) {
        return Err(problem(dir).because("it is not empty and holds no demo"));
    }
    fs::create_dir_all(&state).map_err(refuse)?;
    let lock = File::create(state.join("lock")).map_err(refuse)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Problem::new(Code::DEMO_BUSY, dir.display()),
        TryLockError::Error(error) => refuse(error),
    })?;
    let (ports, listeners) = bind(&state, choice).map_err(|p| *p)?;
    let keys = keys(dir).map_err(refuse)?;
    let id = estate_id(&state).map_err(refuse)?;
    write_estate(dir, &ours, &|text| with_ports(text, &ports).replace(ESTATE_ID, &id)).map_err(refuse)?;
    let [control, a, b, c, d, e, f] = listeners;
    let dir = dir.canonicalize().map_err(refuse)?;
    Ok(Place { dir, doors: [(a, b), (c, d), (e, f)], control, ports, keys, lock })
}

/// Binds the ports kept from last time, else the preferred ones or, one by
/// one where such a one is taken, some that are free.
fn bind(state: &Path, choice: Choice) -> Result<(Ports, [TcpListener; 7]), Box<Problem>> {
    let file = state.join("ports.json");
    let open = |port| TcpListener::bind(("127.0.0.1", port));
    let fail = |port: u16, error: io::Error| {
        Box::new(Problem::new(Code::DEMO_PORT, format_args!("127.0.0.1:{port}")).because(error))
    };
    let kept: Option<Ports> = read_json(&file);
    let mut taken = Vec::with_capacity(7);
    for wanted in kept.unwrap_or(PREFERRED).each() {
        let first = (kept.is_some() || choice == Choice::Preferred).then_some(wanted);
        // Below the range from which the system takes ports for clients.
        let others = (0..200).map(|_| fastrand::u16(22_000..32_000));
        let tries = first.into_iter().chain(others.take(if kept.is_some() { 0 } else { 200 }));
        let mut last = None;
        let bound = tries.map(|port| open(port).map_err(|e| fail(port, e))).find_map(|tried| match tried {
            Ok(listener) => Some(listener),
            Err(why) => {
                last = Some(why);
                None
            }
        });
        match (bound, last) {
            (Some(listener), _) => taken.push(listener),
            (None, Some(why)) => return Err(why),
            (None, None) => return Err(fail(wanted, io::ErrorKind::AddrInUse.into())),
        }
    }
    let listeners =
        <[TcpListener; 7]>::try_from(taken).map_err(|_| fail(0, io::ErrorKind::AddrInUse.into()))?;
    let mut each = [0; 7];
    for (port, listener) in each.iter_mut().zip(&listeners) {
        *port = listener.local_addr().map_err(|e| fail(0, e))?.port();
    }
    let ports = Ports::of(each);
    write_json(&file, &ports, 0o644).map_err(|e| Box::new(problem(state).because(e)))?;
    Ok((ports, listeners))
}

/// The stores' keys: made once, kept readable for the owner only.
fn keys(dir: &Path) -> io::Result<[Keys; 3]> {
    let folder = dir.join("secrets");
    fs::create_dir_all(&folder)?;
    let make = |region: Region| {
        let file = folder.join(region.secret());
        if let Some(keys) = read_json(&file) {
            return Ok(keys);
        }
        let keys = Keys { access_key_id: format!("DEMO{}", random(8)?), secret_access_key: random(20)? };
        write_json(&file, &keys, 0o600)?;
        Ok::<_, io::Error>(keys)
    };
    Ok([make(Region::Ireland)?, make(Region::Frankfurt)?, make(Region::Virginia)?])
}

/// `bytes` unguessable bytes, as hex digits.
pub fn random(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(hex::encode(buffer))
}

/// As in the embedded `lifeboat.toml`.
const ESTATE_ID: &str = "northwind-demo";

/// The estate's id, made once a folder: two demos share no runs.
fn estate_id(state: &Path) -> io::Result<String> {
    let file = state.join("id.json");
    if let Some(id) = read_json(&file) {
        return Ok(id);
    }
    let id = format!("{ESTATE_ID}-{}", random(3)?);
    write_json(&file, &id, 0o644)?;
    Ok(id)
}

/// Writes each file that is missing or still as we wrote it last; one that
/// the user has changed is left alone.
fn write_estate(dir: &Path, ours: &Path, real: &dyn Fn(&str) -> String) -> io::Result<()> {
    let mut written: BTreeMap<String, String> = read_json(ours).unwrap_or_default();
    for (name, text) in FILES {
        let path = dir.join(name);
        let text = real(text);
        let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        if fs::read(&path).is_ok_and(|now| Some(&hash(&now)) != written.get(*name)) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
        write(&path, text.as_bytes(), mode)?;
        written.insert((*name).to_owned(), hash(text.as_bytes()));
    }
    write_json(ours, &written, 0o644)
}

/// The text with each preferred address replaced by the real one, in one
/// pass, since a real port may be another's preferred one.
fn with_ports(text: &str, ports: &Ports) -> String {
    const HOST: &str = "127.0.0.1:";
    let real: BTreeMap<String, u16> =
        PREFERRED.each().map(|p| p.to_string()).into_iter().zip(ports.each()).collect();
    let mut parts = text.split(HOST);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(HOST);
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match real.get(&part[..digits]) {
            Some(port) => out.push_str(&port.to_string()),
            None => out.push_str(&part[..digits]),
        }
        out.push_str(&part[digits..]);
    }
    out
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
pub fn write_json<T: Serialize>(path: &Path, value: &T, mode: u32) -> io::Result<()> {
    write(path, &serde_json::to_vec(value)?, mode)
}

/// Whole or not at all, readable only by whom `mode` says from its first byte.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let spool = path.with_file_name(name);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&spool)?;
    io::Write::write_all(&mut file, bytes)?;
    fs::set_permissions(&spool, fs::Permissions::from_mode(mode))?;
    fs::rename(&spool, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_real_even_where_they_cross() {
        let mut each = PREFERRED.each();
        each.swap(1, 2);
        let text = "a http://127.0.0.1:21010/x 127.0.0.1:21011 127.0.0.1:9 end";
        let real = with_ports(text, &Ports::of(each));
        assert_eq!(real, "a http://127.0.0.1:21011/x 127.0.0.1:21010 127.0.0.1:9 end");
    }
}
