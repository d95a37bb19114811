//! Addresses that are never called: where clouds hand out credentials to
//! whoever asks, and what is no single host. Loopback and private networks are
//! allowed, since that is where estates live.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The address may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is {1}")]
pub struct Refusal(pub IpAddr, pub &'static str);

/// Judges the address a connection would really go to, so that no spelling of
/// it and no name that leads there makes a difference.
pub fn check_address(ip: IpAddr) -> Result<(), Refusal> {
    let why = match ip {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => match inner_v4(v6) {
            Some(v4) => refused_v4(v4),
            None => refused_v6(v6),
        },
    };
    why.map_or(Ok(()), |why| Err(Refusal(ip, why)))
}

fn refused_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        [169, 254, ..] => Some("a link-local address, where clouds keep credentials"),
        [168, 63, 129, 16] | [100, 100, 100, 200] => Some("a cloud's metadata service"),
        [0, ..] => Some("no address of a host"),
        [224..=239, ..] => Some("a multicast address"),
        [255, 255, 255, 255] => Some("the broadcast address"),
        _ => None,
    }
}

fn refused_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let segments = ip.segments();
    if ip.is_unspecified() {
        Some("no address of a host")
    } else if ip.is_multicast() {
        Some("a multicast address")
    } else if segments[0] & 0xffc0 == 0xfe80 {
        Some("a link-local address, where clouds keep credentials")
    } else if segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] {
        Some("a cloud's metadata service")
    } else {
        None
    }
}

/// IPv4 as `::ffff:a.b.c.d`, `::a.b.c.d`, `64:ff9b::a.b.c.d` or 6to4.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let pair = |a: u16, b: u16| {
        let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(pair(a, b)),
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 => Some(pair(a, b)),
        [0x2002, a, b, ..] => Some(pair(a, b)),
        _ => None,
    }
}

/// Addresses of `host` that may be called. Errors: a `Refusal` in an
/// `io::Error` where all are refused, else the resolver's own.
pub async fn resolve(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in tokio::net::lookup_host((host, port)).await? {
        match check_address(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(refusal) => refused = Some(refusal),
        }
    }
    match (allowed.is_empty(), refused) {
        (true, Some(refusal)) => Err(std::io::Error::other(refusal)),
        (true, None) => Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address")),
        (false, _) => Ok(allowed),
    }
}

/// The resolver of the HTTP client. Literal addresses never come here: `Http`
/// checks those itself.
#[derive(Debug, Default)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_refused_in_every_spelling() {
        let refused = [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "168.63.129.16",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ];
        for text in refused {
            assert!(check_address(text.parse().unwrap()).is_err(), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.0.0.8", "192.168.1.1", "fd00::1", "1.1.1.1", "2606:4700::1111"] {
            assert_eq!(check_address(text.parse().unwrap()), Ok(()), "{text}");
        }
    }
}
