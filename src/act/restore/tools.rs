//! The argument list of each format's own tool. Secrets travel in the
//! environment or in files that only we can read, never among arguments.

use std::path::{Path, PathBuf};

use lifeboat_core::model::{CopyDef, Time};

use super::{
    choose::{Chosen, Log},
    place::{Place, S3, argument},
};
use crate::net::Secret;

/// What is started.
#[derive(Debug)]
pub struct Run {
    pub program: &'static str,
    /// What makes it tell its version.
    pub ask: &'static str,
    pub args: Vec<String>,
    pub env: Vec<(String, Secret)>,
    /// Files that it reads, to be written before: path and content.
    pub files: Vec<(PathBuf, String)>,
    /// Of these one must be there, or the tool does not go on with an earlier try.
    pub goes_on_with: &'static [&'static str],
    /// What a person has to know before they start what was restored.
    pub note: Option<String>,
}

/// What is restored where.
pub struct Part<'a> {
    pub copy: &'a CopyDef,
    pub place: &'a Place,
    pub chosen: Option<&'a Chosen>,
    pub into: &'a Path,
    pub password: Option<&'a Secret>,
    /// For what the tool leaves behind: the attempt's own folder.
    pub scratch: &'a Path,
    /// An earlier try of ours left something there.
    pub again: bool,
}

/// Formats whose tool is known here.
pub const FORMATS: &[&str] = &["pgbackrest", "restic", "wal-g", "barman", "bucket", "dump"];

pub fn run(part: &Part<'_>) -> Result<Run, String> {
    match part.copy.format.as_str() {
        "restic" => restic(part),
        "pgbackrest" => pgbackrest(part),
        "wal-g" => wal_g(part),
        "barman" => barman(part),
        "bucket" | "dump" => rclone(part),
        other => program(other).and(Err("it is not restored here".to_owned())),
    }
}

/// The tool of a format, and what makes it tell its version.
pub fn program(format: &str) -> Result<(&'static str, &'static str), String> {
    Ok(match format {
        "restic" => ("restic", "version"),
        "pgbackrest" => ("pgbackrest", "version"),
        "wal-g" => ("wal-g", "--version"),
        "barman" => ("barman-cloud-restore", "--version"),
        "bucket" | "dump" => ("rclone", "version"),
        other => {
            return Err(format!(
                "the tool of the format {other:?} is not known here: restore it with a `command` step"
            ));
        }
    })
}

impl Part<'_> {
    fn option(&self, key: &str) -> Option<&str> {
        self.copy.options.get(key)?.as_str()
    }
    fn point(&self) -> Result<&Chosen, String> {
        self.chosen.ok_or_else(|| "no point was chosen".to_owned())
    }
    fn s3(&self) -> Result<&S3, String> {
        match self.place {
            Place::S3(s3) => Ok(s3),
            Place::Folder(_) => Err("its tool does not restore out of a folder".to_owned()),
        }
    }
    fn ca(&self) -> Option<&Path> {
        match self.place {
            Place::S3(s3) => s3.ca.as_deref(),
            Place::Folder(_) => None,
        }
    }
    fn made(&self) -> Result<Run, String> {
        let (program, ask) = program(self.copy.format.as_str())?;
        Ok(Run {
            program,
            ask,
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            goes_on_with: &[],
            note: None,
        })
    }
}

fn restic(part: &Part<'_>) -> Result<Run, String> {
    let mut run = part.made()?;
    let repo = match part.place {
        Place::Folder(path) => argument(path),
        Place::S3(s3) => {
            run.env = s3.env();
            format!("s3:{}/{}/{}", s3.endpoint_url(), s3.bucket, s3.path).trim_end_matches('/').to_owned()
        }
    };
    let password = part.password.ok_or("its `password` is not given")?;
    run.env.push(("RESTIC_PASSWORD".to_owned(), password.clone()));
    run.env.push(("RESTIC_REPOSITORY".to_owned(), Secret::new(repo)));
    // A lock would be a write, which the credentials of a recovery need not allow.
    let fixed = ["restore", "--no-lock", "--verify", "--cache-dir"].map(str::to_owned);
    run.args.extend(fixed.into_iter().chain([argument(&part.scratch.join("cache"))]));
    if let Some(ca) = part.ca() {
        run.args.extend(["--cacert".to_owned(), argument(ca)]);
    }
    run.args.extend(["--target".to_owned(), argument(part.into), "--".to_owned(), part.point()?.id.clone()]);
    Ok(run)
}

/// As it writes instants: with the zone, so that none is guessed.
fn instant(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}

fn pgbackrest(part: &Part<'_>) -> Result<Run, String> {
    let mut run = part.made()?;
    let stanza = part.option("stanza").ok_or("it names no `stanza`")?;
    // Written out whole, so that no configuration of this machine takes part.
    // Locks are the restore's own: as an argument the path would go into the command
    // that PostgreSQL fetches its log with, and its user may not look there.
    let mut conf = format!(
        "[global:restore]\nlog-level-console=detail\nlock-path={}\n[global]\nlog-level-file=off\n",
        argument(&part.scratch.join("locks"))
    );
    let mut set = |key: &str, value: String| conf.push_str(&format!("{key}={value}\n"));
    match part.place {
        Place::Folder(path) => set("repo1-path", argument(path)),
        Place::S3(s3) => {
            if s3.endpoint_url().starts_with("http://") {
                return Err("pgBackRest speaks to S3 over https only".to_owned());
            }
            let host = s3.host();
            let (host, port) = host.rsplit_once(':').unwrap_or((&host, "443"));
            set("repo1-type", "s3".to_owned());
            set("repo1-path", format!("/{}", s3.path));
            set("repo1-s3-bucket", s3.bucket.clone());
            set("repo1-s3-endpoint", host.to_owned());
            set("repo1-storage-port", port.to_owned());
            set("repo1-s3-region", s3.region.clone());
            set("repo1-s3-uri-style", if s3.endpoint.is_some() { "path" } else { "host" }.to_owned());
            if let Some(ca) = &s3.ca {
                set("repo1-storage-ca-file", argument(ca));
            }
            if let Some(keys) = &s3.keys {
                run.env.push(("PGBACKREST_REPO1_S3_KEY".to_owned(), keys.id.clone()));
                run.env.push(("PGBACKREST_REPO1_S3_KEY_SECRET".to_owned(), keys.secret.clone()));
                run.env.extend(keys.token.clone().map(|t| ("PGBACKREST_REPO1_S3_TOKEN".to_owned(), t)));
            }
        }
    }
    if let Some(password) = part.password {
        set("repo1-cipher-type", "aes-256-cbc".to_owned());
        run.env.push(("PGBACKREST_REPO1_CIPHER_PASS".to_owned(), password.clone()));
    }
    conf.push_str(&format!("[{stanza}]\npg1-path={}\n", argument(part.into)));
    // PostgreSQL reads it again for the log that it replays: it lies where it
    // stays, and holds no secret.
    let name = part.into.file_name().unwrap_or_default().to_string_lossy();
    let file = part.into.with_file_name(format!(".{name}.lifeboat-pgbackrest.conf"));
    let chosen = part.point()?;
    run.args = vec![
        format!("--config={}", argument(&file)),
        format!("--stanza={stanza}"),
        format!("--set={}", chosen.id),
    ];
    if !run.env.is_empty() && chosen.log != Log::None {
        let names = run.env.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        run.note = Some(format!("to replay its log, PostgreSQL needs in its environment: {names}"));
    }
    match chosen.log {
        Log::All => {}
        Log::None => run.args.push("--type=immediate".to_owned()),
        Log::Until(at) => run.args.extend(["--type=time".to_owned(), format!("--target={}", instant(at))]),
    }
    if chosen.log != Log::All {
        run.args.push("--target-action=promote".to_owned());
    }
    if part.again {
        run.args.push("--delta".to_owned());
    }
    run.goes_on_with = &["PG_VERSION", "backup.manifest"];
    run.args.push("restore".to_owned());
    run.files.push((file, conf));
    Ok(run)
}

/// The base backup; how far the log is replayed is PostgreSQL's to be told.
fn wal_g(part: &Part<'_>) -> Result<Run, String> {
    let chosen = part.point()?;
    if part.option("database").is_some_and(|d| d != "postgres") {
        return Err(
            "WAL-G restores other databases than PostgreSQL by a program of yours: use a `command` step"
                .to_owned(),
        );
    }
    if matches!(chosen.log, Log::Until(_)) {
        return Err("wal-g fetches a base backup: until when the log is replayed is set in PostgreSQL, by a `command` step".to_owned());
    }
    let mut run = part.made()?;
    match part.place {
        Place::Folder(path) => run.env.push(("WALG_FILE_PREFIX".to_owned(), Secret::new(argument(path)))),
        Place::S3(s3) => {
            run.env = s3.env();
            run.env.push(("WALG_S3_PREFIX".to_owned(), Secret::new(s3.url())));
            if s3.endpoint.is_some() {
                run.env.push(("AWS_ENDPOINT".to_owned(), Secret::new(s3.endpoint_url())));
                run.env.push(("AWS_S3_FORCE_PATH_STYLE".to_owned(), Secret::new("true")));
            }
            run.env.extend(
                s3.ca.as_ref().map(|ca| ("WALG_S3_CA_CERT_FILE".to_owned(), Secret::new(argument(ca)))),
            );
        }
    }
    if let Some(password) = part.password {
        run.env.push(("WALG_LIBSODIUM_KEY".to_owned(), password.clone()));
    }
    run.args = vec!["backup-fetch".to_owned(), argument(part.into), chosen.id.clone()];
    Ok(run)
}

fn barman(part: &Part<'_>) -> Result<Run, String> {
    let (chosen, s3) = (part.point()?, part.s3()?);
    if matches!(chosen.log, Log::Until(_)) {
        return Err("barman-cloud fetches a base backup: until when the log is replayed is set in PostgreSQL, by a `command` step".to_owned());
    }
    let server = part.option("server").ok_or("it names no `server`")?;
    let mut run = part.made()?;
    run.env = s3.env();
    run.env.extend(s3.ca.as_ref().map(|ca| ("AWS_CA_BUNDLE".to_owned(), Secret::new(argument(ca)))));
    run.args = vec!["-v".to_owned()];
    if s3.endpoint.is_some() {
        run.args.extend(["--endpoint-url".to_owned(), s3.endpoint_url()]);
    }
    run.args.extend([s3.url(), server.to_owned(), chosen.id.clone(), argument(part.into)]);
    Ok(run)
}

/// Objects as they are: all of a bucket, or the one that a dump is.
fn rclone(part: &Part<'_>) -> Result<Run, String> {
    let mut run = part.made()?;
    let from = match part.place {
        Place::Folder(path) => argument(path),
        Place::S3(s3) => {
            let mut set =
                |key: &str, value: Secret| run.env.push((format!("RCLONE_CONFIG_LIFEBOAT_{key}"), value));
            set("TYPE", Secret::new("s3"));
            set("PROVIDER", Secret::new("Other"));
            set("REGION", Secret::new(s3.region.as_str()));
            set("ENDPOINT", Secret::new(s3.endpoint_url()));
            set("NO_CHECK_BUCKET", Secret::new("true"));
            if let Some(keys) = &s3.keys {
                set("ACCESS_KEY_ID", keys.id.clone());
                set("SECRET_ACCESS_KEY", keys.secret.clone());
                if let Some(token) = &keys.token {
                    set("SESSION_TOKEN", token.clone());
                }
            }
            format!("lifeboat:{}/{}", s3.bucket, s3.path).trim_end_matches('/').to_owned()
        }
    };
    run.args =
        ["--config", "", "--stats=1s", "--stats-one-line", "-v", "--checksum"].map(str::to_owned).to_vec();
    if let Some(ca) = part.ca() {
        run.args.extend(["--ca-cert".to_owned(), argument(ca)]);
    }
    match part.copy.format.as_str() {
        "bucket" => run.args.extend(["copy".to_owned(), from, argument(part.into)]),
        _ => {
            let id = &part.point()?.id;
            let name = id.rsplit('/').next().unwrap_or(id);
            run.args.extend(["copyto".to_owned(), format!("{from}/{id}"), argument(&part.into.join(name))]);
        }
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifeboat_core::model::Dur;
    use serde_json::json;

    fn place() -> Place {
        Place::S3(Box::new(S3 {
            bucket: "backups".into(),
            path: "orders".into(),
            endpoint: Some("https://s3.fra.example:8443".parse().unwrap()),
            region: "fra".into(),
            keys: Some(super::super::place::Keys {
                id: Secret::new("canary-id"),
                secret: Secret::new("canary-secret"),
                token: Some(Secret::new("canary-token")),
            }),
            ca: Some("/estate/ca.pem".into()),
        }))
    }

    fn of(format: &str, log: Log) -> Result<Run, String> {
        let copy =
            json!({ "store": "fra", "format": format, "options": { "stanza": "orders", "server": "pg" } });
        let chosen = Chosen { copy: 0, id: "20261122-1F".into(), size_bytes: None, lands: None, log };
        run(&Part {
            copy: &serde_json::from_value(copy).unwrap(),
            place: &place(),
            chosen: Some(&chosen),
            into: Path::new("/restored"),
            password: Some(&Secret::new("canary-password")),
            scratch: Path::new("/attempt"),
            again: false,
        })
    }

    #[test]
    fn no_secret_stands_among_arguments_or_in_files() {
        for format in FORMATS {
            let run = of(format, Log::None).unwrap();
            let shown = format!("{:?} {:?} {:?}", run.args, run.files, run.env);
            assert!(!shown.contains("canary"), "{format}: {shown}");
            let given: Vec<_> = run.env.iter().filter_map(|(_, v)| v.expose_str()).collect();
            assert!(given.contains(&"canary-secret"), "{format}: {given:?}");
        }
    }

    #[test]
    fn each_tool_is_told_what_to_restore_and_where() {
        let at = Time::UNIX_EPOCH + Dur::secs(86_400);
        let args = |format, log| of(format, log).map(|r| r.args.join(" "));
        let pg = args("pgbackrest", Log::Until(at)).unwrap();
        assert!(pg.contains("--set=20261122-1F --type=time --target=1970-01-02 00:00:00.000000+00 --target-action=promote restore"), "{pg}");
        let conf = of("pgbackrest", Log::All).unwrap().files.remove(0).1;
        for line in [
            "repo1-s3-endpoint=s3.fra.example\n",
            "repo1-storage-port=8443\n",
            "repo1-path=/orders\n",
            "pg1-path=/restored\n",
        ] {
            assert!(conf.contains(line), "{conf}");
        }
        assert!(args("restic", Log::None).unwrap().ends_with("--target /restored -- 20261122-1F"));
        assert_eq!(args("wal-g", Log::None).unwrap(), "backup-fetch /restored 20261122-1F");
        assert_eq!(
            args("barman", Log::All).unwrap(),
            "-v --endpoint-url https://s3.fra.example:8443 s3://backups/orders pg 20261122-1F /restored"
        );
        assert!(args("bucket", Log::None).unwrap().ends_with("copy lifeboat:backups/orders /restored"));
        assert!(
            args("dump", Log::None)
                .unwrap()
                .ends_with("copyto lifeboat:backups/orders/20261122-1F /restored/20261122-1F")
        );
        for format in ["wal-g", "barman"] {
            assert!(args(format, Log::Until(at)).unwrap_err().contains("command"), "{format}");
        }
        assert!(args("velero", Log::None).unwrap_err().contains("not known"));
    }
}
