//! References to secrets. A value never appears in the model.

use serde::{Deserialize, Serialize};

use super::KeyId;

/// Where a secret is to be had; resolved only by a trusted estate, at use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    Env(String),
    File(String),
    /// An argument list whose standard output, less one line end, is the secret.
    Command(Vec<String>),
    Secret(KeyId),
}
