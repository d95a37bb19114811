//! One listing, object by object.

use lifeboat_core::model::{Problem, Time};

use crate::net::{
    Work,
    store::{ListOptions, Listing, Replication, Repo},
};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    /// Below the root of the walk.
    pub key: Vec<u8>,
    pub etag: Vec<u8>,
    pub size: u64,
    /// Milliseconds since 1970.
    pub stored: Option<i64>,
    /// Where an inventory tells it; a listing never does.
    pub replication: Option<Replication>,
}

impl Object {
    pub fn at(&self) -> Option<Time> {
        Time::from_timestamp_millis(self.stored?)
    }
}

/// Holds one page at most, or what an inventory told.
pub(super) struct Walk<'r> {
    listing: Option<Listing<'r>>,
    root: Vec<u8>,
    page: std::vec::IntoIter<Object>,
    head: Option<Object>,
}

impl<'r> Walk<'r> {
    pub fn new(repo: &'r Repo, root: &str) -> Self {
        let listing = Some(repo.list(root.as_bytes(), ListOptions::flat()));
        Self { listing, root: root.as_bytes().to_vec(), page: Vec::new().into_iter(), head: None }
    }

    /// Over what is known already, sorted by key.
    pub fn over(objects: Vec<Object>) -> Self {
        Self { listing: None, root: Vec::new(), page: objects.into_iter(), head: None }
    }

    pub async fn peek(&mut self, work: &Work) -> Result<Option<&Object>, Problem> {
        while self.head.is_none() {
            self.head = self.page.next();
            if self.head.is_some() {
                break;
            }
            let Some(listing) = &mut self.listing else { return Ok(None) };
            let Some(page) = listing.page(work).await? else { return Ok(None) };
            let objects = page.entries().filter_map(|entry| {
                let key = entry.key.strip_prefix(&*self.root)?;
                // what ends in `/` is how some tools make folders in a bucket
                (!key.is_empty() && !key.ends_with(b"/")).then(|| Object {
                    key: key.to_vec(),
                    etag: entry.etag.to_vec(),
                    size: entry.size,
                    stored: entry.modified_ms(),
                    replication: None,
                })
            });
            self.page = objects.collect::<Vec<_>>().into_iter();
        }
        Ok(self.head.as_ref())
    }

    pub fn next(&mut self) {
        self.head = None;
    }
}
