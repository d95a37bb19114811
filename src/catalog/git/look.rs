//! Fetching refs: over HTTP from a server, or from the files of a bare
//! repository. Objects are never asked for.

use http::{HeaderMap, Method};
use lifeboat_core::model::{Code, Problem};

use super::refs::{Oid, Refs, parse_advertisement, parse_packed};
use crate::{
    catalog::{Cx, as_root},
    net::{
        NetError,
        store::{ListOptions, Repo, Web, WebKind, show},
    },
};

/// A hundred thousand refs are about 8 MB.
const MAX_ANSWER: usize = 64 << 20;
const MAX_PACKED: u64 = 64 << 20;
const MAX_LOOSE: u64 = 4 << 10;
/// A repository with more refs that nobody packed is not looked at whole.
const MAX_LOOSE_REFS: usize = 5_000;

/// The refs of the repository at `path`. Errors: LB-COPY-002 for what is no
/// repository.
pub(super) async fn look(path: &str, repo: &Repo, cx: &Cx) -> Result<Refs, Problem> {
    match repo.web() {
        Some(web) if web.kind == WebKind::Git => over_http(path, web, repo, cx).await,
        Some(_) => {
            Err(Problem::new(Code::STORE_URL, repo.id()).because("a registry of images is no Git server"))
        }
        None => from_files(path, repo, cx).await,
    }
}

async fn over_http(path: &str, web: &Web, repo: &Repo, cx: &Cx) -> Result<Refs, Problem> {
    let parts = [&*web.path, path.trim_matches('/'), "info/refs"];
    let key = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/");
    let told = |e| repo.problem(e, Some(key.as_bytes()));
    let url = web.url(&key, "service=git-upload-pack").map_err(told)?;
    // no Git-Protocol header: so every server answers in version 0
    let answer = web.ask(Method::GET, &url, &HeaderMap::new(), MAX_ANSWER, &cx.work).await.map_err(told)?;
    if answer.status.is_redirection() {
        let to =
            answer.header("location").map_or(String::new(), |to| format!(", to {}", show(to.as_bytes())));
        let why = format!("{}: it leads elsewhere{to}", answer.status_line());
        return Err(told(NetError::Garbled(why)).next("write the address it leads to in the estate"));
    }
    let body = answer.whole_body(MAX_ANSWER as u64).map_err(told)?;
    parse_advertisement(&body).map_err(|e| no_repository(repo, &key, &e.to_string()))
}

/// Loose refs first: one that is packed meanwhile is then met in `packed-refs`.
async fn from_files(path: &str, repo: &Repo, cx: &Cx) -> Result<Refs, Problem> {
    let mut root = as_root(path);
    let head = |root: &str| format!("{root}HEAD").into_bytes();
    let mut found = repo.get_if_there(&head(&root), MAX_LOOSE, &cx.work).await?;
    if found.is_none() {
        root = format!("{root}.git/");
        found = repo.get_if_there(&head(&root), MAX_LOOSE, &cx.work).await?;
    }
    let Some(found) = found else {
        let why = format!("there is no Git repository at {:?}", as_root(path));
        return Err(Problem::new(Code::COPY_NOT_THERE, repo.id()).because(why));
    };
    if repo.head(format!("{root}reftable/tables.list").as_bytes(), &cx.work).await?.is_some() {
        return Err(no_repository(repo, &root, "its refs are a reftable: serve it over HTTP instead"));
    }
    let mut refs = Refs { head: symbolic(&found.bytes).map(<[u8]>::to_vec), ..Refs::default() };
    loose(&root, &mut refs, repo, cx).await?;
    let packed = format!("{root}packed-refs");
    if let Some(object) = repo.get_if_there(packed.as_bytes(), MAX_PACKED, &cx.work).await? {
        parse_packed(&object.bytes, &mut refs).map_err(|e| no_repository(repo, &packed, &e.to_string()))?;
    }
    Ok(refs)
}

async fn loose(root: &str, refs: &mut Refs, repo: &Repo, cx: &Cx) -> Result<(), Problem> {
    let mut keys = Vec::new();
    let mut listing = repo.list(format!("{root}refs/"), ListOptions::flat());
    while let Some(page) = listing.page(&cx.work).await? {
        keys.extend(page.entries().filter(|e| !e.key.ends_with(b".lock")).map(|e| e.key.to_vec()));
        if keys.len() > MAX_LOOSE_REFS {
            let why = format!("more than {MAX_LOOSE_REFS} refs that are not packed");
            return Err(Problem::new(Code::STORE_CEILING, repo.id())
                .because(why)
                .next("run `git pack-refs`"));
        }
    }
    for key in keys {
        // packed or deleted meanwhile
        let Some(object) = repo.get_if_there(&key, MAX_LOOSE, &cx.work).await? else { continue };
        let name = key.strip_prefix(root.as_bytes()).unwrap_or(&key);
        let text = object.bytes.trim_ascii_end();
        match Oid::parse(text) {
            Some(oid) => refs.add(name, oid).map_err(|e| no_repository(repo, &show(name), &e.to_string()))?,
            // follows another ref, which is compared itself
            None if symbolic(text).is_some() => {}
            None => return Err(no_repository(repo, &show(&key), "it is no ref")),
        }
    }
    Ok(())
}

fn symbolic(text: &[u8]) -> Option<&[u8]> {
    text.trim_ascii_end().strip_prefix(b"ref: ")
}

fn no_repository(repo: &Repo, at: &str, why: &str) -> Problem {
    Problem::new(Code::COPY_FORMAT, repo.id()).because(format!("{at}: {why}"))
}
