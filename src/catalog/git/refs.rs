//! What a repository says its refs are: the advertisement of Git's smart
//! protocol (pkt-lines, version 0 or 1: gitprotocol-pack), and `packed-refs`
//! (git-pack-refs). Pure.

use std::collections::BTreeMap;

/// By name, as bytes: Git asks for no encoding.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Refs {
    pub by_name: BTreeMap<Vec<u8>, Oid>,
    /// The branch that a clone checks out.
    pub head: Option<Vec<u8>>,
}

/// Of SHA-1 or SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Oid(Box<[u8]>);

impl Oid {
    pub fn parse(text: &[u8]) -> Option<Self> {
        let hex = text.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
        (hex && matches!(text.len(), 40 | 64)).then(|| Self(text.into()))
    }
    /// As `git log --oneline` shows it.
    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0[..7]).unwrap_or_default()
    }
    /// What stands in place of an object that there is none of.
    fn is_none(&self) -> bool {
        self.0.iter().all(|b| *b == b'0')
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RefsError {
    #[error("it is no answer of git-upload-pack: a login page, or a server of Git's old dumb protocol?")]
    NotGit,
    #[error("it answers in version 2 of the protocol, though it was not asked to")]
    Version2,
    #[error("the server says: {0}")]
    Told(String),
    #[error("it ends before its end")]
    Cut,
    #[error("it holds a line that is no ref")]
    Garbled,
    #[error("it holds more than {MAX_REFS} refs")]
    TooMany,
}

/// A large monorepository has some 100,000.
const MAX_REFS: usize = 1_000_000;

enum Packet<'a> {
    Flush,
    Line(&'a [u8]),
}

fn packet(bytes: &[u8]) -> Result<(Packet<'_>, &[u8]), RefsError> {
    let (length, _) = bytes.split_first_chunk::<4>().ok_or(RefsError::Cut)?;
    let hex = std::str::from_utf8(length).ok().filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    match hex.and_then(|hex| usize::from_str_radix(hex, 16).ok()).ok_or(RefsError::NotGit)? {
        0 => Ok((Packet::Flush, &bytes[4..])),
        // delimiters and such, of other versions
        1..=3 => Err(RefsError::Garbled),
        length => {
            let line = bytes.get(4..length).ok_or(RefsError::Cut)?;
            Ok((Packet::Line(line.strip_suffix(b"\n").unwrap_or(line)), &bytes[length..]))
        }
    }
}

/// The body of `info/refs?service=git-upload-pack`.
pub(super) fn parse_advertisement(bytes: &[u8]) -> Result<Refs, RefsError> {
    // what begins with four hex digits by chance is no packet yet
    if bytes.get(4..14).is_some_and(|head| head != b"# service=") {
        return Err(RefsError::NotGit);
    }
    let (first, mut rest) = packet(bytes)?;
    if !matches!(first, Packet::Line(b"# service=git-upload-pack")) {
        return Err(RefsError::NotGit);
    }
    let (flush, after) = packet(rest)?;
    if matches!(flush, Packet::Flush) {
        rest = after;
    }
    let mut refs = Refs::default();
    loop {
        let (line, after) = packet(rest)?;
        rest = after;
        let line = match line {
            Packet::Flush => return Ok(refs),
            Packet::Line(line) => line,
        };
        match line {
            b"version 1" => continue,
            b"version 2" => return Err(RefsError::Version2),
            _ if line.starts_with(b"ERR ") => {
                let text = String::from_utf8_lossy(&line[4..]);
                return Err(RefsError::Told(text.chars().take(200).collect()));
            }
            // a shallow repository lists these after its refs
            _ if line.starts_with(b"shallow ") => continue,
            _ => {}
        }
        let (line, capabilities) = match line.iter().position(|b| *b == 0) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let head = capabilities.split(|b| *b == b' ').find_map(|c| c.strip_prefix(b"symref=HEAD:"));
        refs.head = head.map(<[u8]>::to_vec).or(refs.head);
        let (oid, name) = pair(line, b' ').ok_or(RefsError::Garbled)?;
        refs.add(name, oid)?;
    }
}

/// `packed-refs`: `<oid> <ref>` a line; `#` heads it, `^` peels the ref above.
pub(super) fn parse_packed(bytes: &[u8], refs: &mut Refs) -> Result<(), RefsError> {
    for line in bytes.split(|b| *b == b'\n') {
        if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"^") {
            continue;
        }
        let (oid, name) = pair(line, b' ').ok_or(RefsError::Garbled)?;
        // a loose ref, read before, is newer
        if !refs.by_name.contains_key(name) {
            refs.add(name, oid)?;
        }
    }
    Ok(())
}

fn pair(line: &[u8], between: u8) -> Option<(Oid, &[u8])> {
    let at = line.iter().position(|b| *b == between)?;
    Some((Oid::parse(&line[..at])?, &line[at + 1..]))
}

impl Refs {
    pub fn add(&mut self, name: &[u8], oid: Oid) -> Result<(), RefsError> {
        if oid.is_none() || name == b"HEAD" || name.ends_with(b"^{}") || is_of_the_host(name) {
            return Ok(());
        }
        self.by_name.insert(name.to_vec(), oid);
        match self.by_name.len() > MAX_REFS {
            true => Err(RefsError::TooMany),
            false => Ok(()),
        }
    }
}

/// Refs that hosts make for themselves and that no mirror can push: GitHub's
/// and Gitea's, Bitbucket's, GitLab's.
fn is_of_the_host(name: &[u8]) -> bool {
    let own: [&[u8]; 6] = [
        b"refs/pull/",
        b"refs/pull-requests/",
        b"refs/merge-requests/",
        b"refs/keep-around/",
        b"refs/pipelines/",
        b"refs/environments/",
    ];
    own.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }
    fn advertised(lines: &[&str]) -> Vec<u8> {
        let lines: String = lines.iter().map(|l| line(l)).collect();
        format!("{}0000{lines}0000", line("# service=git-upload-pack\n")).into_bytes()
    }

    #[test]
    fn refs_are_read_and_what_is_none_is_left_out() {
        let (a, b) = ("a".repeat(40), "b".repeat(64));
        let lines = [
            format!("{a} HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2.47.3"),
            format!("{a} refs/heads/main\n"),
            format!("{a} refs/pull/7/head\n"),
            format!("{a} refs/merge-requests/7/head\n"),
            format!("{b} refs/tags/v1\n"),
            format!("{a} refs/tags/v1^{{}}\n"),
            format!("shallow {a}"),
        ];
        let refs = parse_advertisement(&advertised(&lines.each_ref().map(|l| &**l))).unwrap();
        let names: Vec<_> = refs.by_name.keys().map(|n| String::from_utf8_lossy(n)).collect();
        assert_eq!(names, ["refs/heads/main", "refs/tags/v1"]);
        assert_eq!(refs.head.as_deref(), Some(&b"refs/heads/main"[..]));
        let none = format!("{} capabilities^{{}}\0 agent=git", "0".repeat(40));
        assert_eq!(parse_advertisement(&advertised(&[&none])), Ok(Refs::default()));
    }

    #[test]
    fn whatever_is_no_advertisement_says_what_it_is() {
        let whole = advertised(&[&format!("{} refs/heads/main", "a".repeat(40))]);
        for cut in 0..whole.len() {
            let error = parse_advertisement(&whole[..cut]).unwrap_err();
            assert!(matches!(error, RefsError::Cut | RefsError::NotGit), "{cut}: {error}");
        }
        let dumb = format!("{}\trefs/heads/main\n", "a".repeat(40));
        let table = [
            (b"<html>Please log in</html>".to_vec(), RefsError::NotGit),
            (dumb.into_bytes(), RefsError::NotGit),
            (advertised(&["version 2\n", "agent=git"]), RefsError::Version2),
            (advertised(&["ERR access denied"]), RefsError::Told("access denied".into())),
            (advertised(&["not a ref"]), RefsError::Garbled),
            (advertised(&[&format!("{} refs/heads/main", "A".repeat(40))]), RefsError::Garbled),
        ];
        for (bytes, error) in table {
            assert_eq!(parse_advertisement(&bytes), Err(error));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, lines in proptest::collection::vec(".{0,60}", 0..9)) {
            let _ = parse_advertisement(&bytes);
            let _ = parse_advertisement(&advertised(&lines.iter().map(|l| &**l).collect::<Vec<_>>()));
            let _ = parse_packed(&bytes, &mut Refs::default());
        }
    }
}
