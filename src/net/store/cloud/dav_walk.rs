//! A walk over folders that are read one by one, in byte order of keys. Pure:
//! whoever walks reads the folders.

use std::collections::VecDeque;

use super::{ListOptions, Page};
use crate::net::NetError;

const PAGE: usize = 1_000;
/// Deeper than any repository; ends a loop that a strange server makes.
const MAX_DEPTH: usize = 64;
/// Folders of one listing: keys are counted elsewhere, and these may hold none.
const MAX_FOLDERS: u32 = 100_000;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Child {
    /// With a closing `/` where it is a folder: that makes the order of names
    /// the order of keys.
    pub name: Vec<u8>,
    pub size: u64,
    pub modified: Option<i64>,
    pub etag: Vec<u8>,
}

pub(super) enum Step {
    /// Read this folder (empty, or ending in `/`), then `enter` it, then go on.
    Read(Vec<u8>),
    /// The page is full.
    Full,
    Over,
}

/// For each level the key of its folder and what is left of it.
#[derive(Debug, Default)]
pub(super) struct Walk {
    prefix: Vec<u8>,
    delimited: bool,
    start_after: Vec<u8>,
    begun: bool,
    folders: u32,
    levels: Vec<(Vec<u8>, VecDeque<Child>)>,
}

impl Walk {
    pub(super) fn begin(prefix: &[u8], options: &ListOptions) -> Self {
        Self {
            prefix: prefix.to_vec(),
            delimited: options.delimited,
            start_after: options.start_after.clone().unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(super) fn enter(&mut self, folder: Vec<u8>, mut children: Vec<Child>) {
        children.sort_by(|a, b| a.name.cmp(&b.name));
        children.dedup_by(|a, b| a.name == b.name);
        self.levels.push((folder, children.into()));
    }

    /// Errors: LB-STORE-010 for more folders than are ever read, or deeper ones.
    pub(super) fn step(&mut self, page: &mut Page) -> Result<Step, NetError> {
        if !std::mem::replace(&mut self.begun, true) {
            let end = self.prefix.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
            return Ok(Step::Read(self.prefix[..end].to_vec()));
        }
        while page.len() < PAGE {
            let depth = self.levels.len();
            let Some((folder, children)) = self.levels.last_mut() else { return Ok(Step::Over) };
            let Some(child) = children.pop_front() else {
                self.levels.pop();
                continue;
            };
            let key = [folder.as_slice(), &child.name].concat();
            let is_folder = key.ends_with(b"/");
            let fits = key.starts_with(&self.prefix) || (is_folder && self.prefix.starts_with(&key));
            let after = &*self.start_after;
            let inside = is_folder && !self.delimited && after.starts_with(&key);
            if !fits || (&*key <= after && !inside) {
                continue;
            }
            match (is_folder, self.delimited) {
                (false, _) => page.push(&key, &child.etag, child.size, child.modified),
                (true, true) => page.push_prefix(&key),
                (true, false) => {
                    self.folders += 1;
                    if depth >= MAX_DEPTH || self.folders > MAX_FOLDERS {
                        let why = "its folders do not end: too many, or too deep";
                        return Err(NetError::Garbled(why.to_owned()));
                    }
                    return Ok(Step::Read(key));
                }
            }
        }
        Ok(Step::Full)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::show;
    use super::*;

    fn child(name: &str) -> Child {
        Child { name: name.into(), ..Child::default() }
    }

    /// Walks over a made tree.
    fn keys(prefix: &str, options: &ListOptions, tree: &[(&str, &[&str])]) -> Vec<String> {
        let mut walk = Walk::begin(prefix.as_bytes(), options);
        let (mut all, mut read) = (Vec::new(), 0);
        loop {
            let mut page = Page::default();
            let more = loop {
                match walk.step(&mut page).unwrap() {
                    Step::Read(folder) => {
                        read += 1;
                        assert!(read < 100);
                        let found = tree.iter().find(|(name, _)| name.as_bytes() == folder);
                        walk.enter(
                            folder,
                            found.map_or(vec![], |(_, c)| c.iter().map(|n| child(n)).collect()),
                        );
                    }
                    Step::Full => break true,
                    Step::Over => break false,
                }
            };
            all.extend(page.entries().map(|e| show(e.key)));
            all.extend(page.prefixes().map(show));
            if !more {
                return all;
            }
        }
    }

    const TREE: &[(&str, &[&str])] = &[
        ("", &["b", "a/", "a-b", "a.c/"]),
        ("a/", &["2", "1", "x/"]),
        ("a.c/", &["z"]),
        ("a/x/", &["deep"]),
    ];

    #[test]
    fn keys_come_in_the_order_of_their_bytes_whatever_order_folders_are_told_in() {
        let flat = ListOptions::flat();
        assert_eq!(keys("", &flat, TREE), ["a-b", "a.c/z", "a/1", "a/2", "a/x/deep", "b"]);
        assert_eq!(keys("a/", &flat, TREE), ["a/1", "a/2", "a/x/deep"]);
        assert_eq!(keys("a", &ListOptions::delimited(), TREE), ["a-b", "a.c/", "a/"]);
        let after = ListOptions { start_after: Some(b"a/1".to_vec()), ..ListOptions::flat() };
        assert_eq!(keys("", &after, TREE), ["a/2", "a/x/deep", "b"]);
        assert!(keys("none/", &flat, TREE).is_empty());
    }

    #[test]
    fn folders_that_never_end_are_ended() {
        let mut walk = Walk::begin(b"", &ListOptions::flat());
        let mut page = Page::default();
        let error = loop {
            match walk.step(&mut page) {
                Ok(Step::Read(folder)) => walk.enter(folder, vec![child("again/")]),
                Ok(_) => panic!("it ended by itself"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, NetError::Garbled(_)));
    }
}
