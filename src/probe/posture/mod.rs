//! What a store is set to, asked of itself: one file a provider. A new one is
//! a file here and an arm of `read`.
//!
//! Nothing is ever written to find out. What a server cannot be believed in is
//! tested where reading allows it, and every answer says how it was come by.

mod azure;
mod gcs;
mod newest;
mod s3;
#[cfg(test)]
mod tests;

use lifeboat_core::model::{Fact, Posture, Problem, clean_line};

use crate::net::{
    Work,
    store::{Kind, Repo},
};

/// Asks all there is to ask, at once. `paths` are where copies lie, below which
/// the newest object is looked for. Errors: those of a store that answers nothing.
pub async fn read(repo: &Repo, paths: &[String], work: &Work) -> Result<Posture, Problem> {
    match repo.kind() {
        Kind::S3 => s3::read(repo, &newest::find(repo, paths, work).await?, work).await,
        Kind::Gcs => gcs::read(repo, &newest::find(repo, paths, work).await?, work).await,
        Kind::Azure => azure::read(repo, &newest::find(repo, paths, work).await?, work).await,
        Kind::WebDav => Ok(Posture::nowhere("WebDAV has no such setting")),
        Kind::Folder => Ok(Posture::nowhere("a folder has no such setting")),
        // what is set there is not asked, so nothing is claimed of it
        Kind::Web => Ok(Posture::default()),
    }
}

/// That nothing is known, and why.
fn unknown<T>(how: impl std::fmt::Display) -> Fact<T> {
    Fact::new(lifeboat_core::model::Answer::Unknown, clean_line(&how.to_string()))
}
