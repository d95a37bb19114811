//! What an original held, from an inventory that S3 made of it: no request to
//! the bucket itself, which may be out of reach, and how far each object is
//! replicated. `parse` reads, here is found and fetched.

mod parse;
#[cfg(test)]
mod tests;

use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use lifeboat_core::model::{Code, Problem, Size, Time};
use md5::{Digest, Md5};

use super::walk::Object;
use crate::{
    catalog::{Cx, Parser, replica::Place},
    net::store::{Repo, show},
};
use parse::{Columns, File, Manifest};

/// See `crate::parsers`.
pub(in crate::catalog) const PARSERS: &[Parser] = &[
    ("inventory_manifest", |b| {
        let _ = Manifest::parse(b);
    }),
    ("inventory_csv", |b| {
        let all = br#"{"sourceBucket":"a","creationTimestamp":"1","fileFormat":"CSV","files":[],
            "fileSchema":"Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, ReplicationStatus"}"#;
        if let Ok(manifest) = Manifest::parse(all) {
            let _ = parse::objects(&manifest.columns, b, |_| Ok(()));
        }
    }),
];

const MAX_MANIFEST: u64 = 16 << 20;
/// S3 cuts inventories into files of some tens of megabytes.
const MAX_FILE: u64 = 64 << 20;
/// Files under way at once.
const AT_ONCE: usize = 4;
/// Inventories that are tried, the newest first: the last may still be in writing.
const TRIED: usize = 3;

/// All objects at one instant, by key.
#[derive(Debug)]
pub(super) struct Inventory {
    pub made: Time,
    /// Below `prefix`, which is taken off.
    pub objects: Vec<Object>,
}

/// The newest one at `place`, whose folders are named `2026-11-22T01-00Z`.
/// Errors: LB-COPY-001 where there is none, LB-COPY-002 for what cannot be
/// read, LB-STORE-010 for more objects than fit into memory.
pub(super) async fn load(place: &Place, prefix: &str, cx: &Cx) -> Result<Inventory, Problem> {
    let (repo, root) = (&*place.repo, place.root());
    let manifest = newest(repo, &root, cx).await?;
    let bad = |why: String| Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next(NEXT);
    if cx.is_future(manifest.made) {
        return Err(bad("the inventory was made in the future, by its own words".to_owned()));
    }
    let (root, columns) = (&*root, &manifest.columns);
    let read =
        manifest.files.into_iter().map(async |file| objects(file, columns, prefix, repo, root, cx).await);
    let parts: Vec<Vec<Object>> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let mut objects: Vec<Object> = parts.into_iter().flatten().collect();
    // S3 promises no order
    objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    if objects.windows(2).any(|two| two[0].key == two[1].key) {
        return Err(bad("the inventory names an object twice".to_owned()));
    }
    Ok(Inventory { made: manifest.made, objects })
}

const NEXT: &str = "look at the inventory, or leave `inventory` out so that the bucket itself is listed";

async fn newest(repo: &Repo, root: &str, cx: &Cx) -> Result<Manifest, Problem> {
    let mut made: Vec<String> = crate::catalog::list::folders(repo, root, cx).await?;
    made.retain(|name| is_instant(name));
    for name in made.iter().rev().take(TRIED) {
        let key = format!("{root}{name}/manifest.json");
        let Some(object) = repo.get_if_there(key.as_bytes(), MAX_MANIFEST, &cx.work).await? else { continue };
        return Manifest::parse(&object.bytes).map_err(|why| {
            let why = format!("{}: {why}", show(key.as_bytes()));
            Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next(NEXT)
        });
    }
    let why =
        format!("no inventory below {root:?}: no folder such as 2026-11-22T01-00Z with a manifest.json");
    let next = "name the folder `PREFIX/BUCKET/CONFIGURATION` that S3 writes it to";
    Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why).next(next))
}

/// `2026-11-22T01-00Z`; `data` and `hive` lie beside.
fn is_instant(name: &str) -> bool {
    chrono::NaiveDateTime::parse_from_str(name, "%Y-%m-%dT%H-%MZ").is_ok()
}

async fn objects(
    file: File,
    columns: &Columns,
    prefix: &str,
    repo: &Repo,
    root: &str,
    cx: &Cx,
) -> Result<Vec<Object>, Problem> {
    let bytes = fetch(&file, repo, root, cx).await?;
    let (columns, prefix) = (columns.clone(), prefix.as_bytes().to_vec());
    let room = usize::try_from(cx.work.max_held).unwrap_or(usize::MAX);
    let told = file.key.clone();
    let read = tokio::task::spawn_blocking(move || {
        if Md5::digest(&bytes)[..] != file.md5 {
            return Err("its bytes are not those that the manifest names".to_owned());
        }
        let (mut all, mut held) = (Vec::new(), 0);
        parse::objects(&columns, MultiGzDecoder::new(&bytes[..]), |mut object| {
            let below =
                object.key.strip_prefix(&*prefix).filter(|key| !key.is_empty() && !key.ends_with(b"/"));
            let Some(below) = below.map(<[u8]>::to_vec) else { return Ok(()) };
            object.key = below;
            held += weight(&object);
            all.push(object);
            if held > room { Err(TOO_MANY.to_owned()) } else { Ok(()) }
        })?;
        Ok((all, held))
    });
    let told = |why: String| {
        let code = if why == TOO_MANY { Code::STORE_CEILING } else { Code::COPY_FORMAT };
        Problem::new(code, repo.id()).because(format!("{}: {why}", show(told.as_bytes()))).next(NEXT)
    };
    let (all, held) = read.await.map_err(|e| told(e.to_string()))?.map_err(told)?;
    cx.work.hold(held, repo.id())?;
    Ok(all)
}

const TOO_MANY: &str = "it names more objects than may be held in memory";

fn weight(object: &Object) -> usize {
    size_of::<Object>() + object.key.len() + object.etag.len()
}

/// A manifest names keys of the bucket it was written to; where it was copied
/// elsewhere, its files lie in `data` beside it.
async fn fetch(file: &File, repo: &Repo, root: &str, cx: &Cx) -> Result<bytes::Bytes, Problem> {
    let name = file.key.rsplit('/').next().unwrap_or_default();
    let why = |why: &str| {
        let why = format!("{}: {why}", show(file.key.as_bytes()));
        Problem::new(Code::COPY_FORMAT, repo.id()).because(why).next(NEXT)
    };
    if file.size > MAX_FILE {
        return Err(why(&format!("it is larger than {}", Size(MAX_FILE))));
    }
    for key in [file.key.clone(), format!("{root}data/{name}")] {
        if let Some(object) = repo.get_if_there(key.as_bytes(), MAX_FILE, &cx.work).await? {
            return match object.bytes.len() as u64 == file.size {
                true => Ok(object.bytes),
                false => Err(why("it has another size than its manifest says")),
            };
        }
    }
    let problem = why("the manifest names it, and it is not there");
    Err(problem.next("open the store at the root of the bucket that the inventory is written to"))
}
