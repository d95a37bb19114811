//! The Backup resource and the list of its volumes. Pure. Format: `velero.io/v1`
//! `Backup`, and the JSON list of `volumeinfo`, written by Velero 1.13 and later.

use std::collections::BTreeMap;

use lifeboat_core::model::Time;
use serde::Deserialize;

use crate::catalog::unpack::unpack;

/// Unpacked, some thousands of volumes.
const MAX_VOLUMES: u64 = 32 << 20;

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Backup {
    pub metadata: Metadata,
    pub spec: Spec,
    pub status: Status,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    /// Whether volume snapshots are copied into the store.
    pub snapshot_move_data: Option<bool>,
    /// A Go duration: `4h0m0s`.
    pub item_operation_timeout: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub phase: String,
    pub start_timestamp: Option<Time>,
    pub completion_timestamp: Option<Time>,
    pub expiration: Option<Time>,
    pub errors: u64,
    pub failure_reason: String,
    pub validation_errors: Vec<String>,
    pub volume_snapshots_completed: u64,
    #[serde(rename = "csiVolumeSnapshotsCompleted")]
    pub csi_snapshots_completed: u64,
    pub backup_item_operations_completed: u64,
}

/// One volume of a backup.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Volume {
    pvc_name: String,
    pvc_namespace: String,
    pv_name: String,
    /// `NativeSnapshot`, `CSISnapshot` or `PodVolumeBackup`.
    pub backup_method: String,
    pub snapshot_data_moved: bool,
    pub skipped: bool,
    pub result: String,
    #[serde(rename = "snapshotDataMovementInfo")]
    moved: Option<Moved>,
    #[serde(rename = "pvbInfo")]
    pod: Option<Pod>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Moved {
    data_mover: String,
    uploader_type: String,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pod {
    uploader_type: String,
    pod_namespace: String,
    pod_name: String,
    volume_name: String,
}

/// Where the data of a volume lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Below `<uploader>/<namespace>/` of the same store.
    Here { uploader: &'a str, namespace: &'a str },
    /// A snapshot in the cluster or with its provider.
    Snapshot,
    /// With another data mover.
    Elsewhere(&'a str),
}

impl Volume {
    /// What people call it.
    pub fn name(&self) -> String {
        let of = |space: &str, name: &str| format!("{space}/{name}");
        match &self.pod {
            _ if !self.pvc_name.is_empty() => of(&self.pvc_namespace, &self.pvc_name),
            Some(pod) => of(&pod.pod_namespace, &format!("{}:{}", pod.pod_name, pod.volume_name)),
            None => self.pv_name.clone(),
        }
    }
    pub fn place(&self) -> Place<'_> {
        let known = |uploader| if uploader == "restic" { "restic" } else { "kopia" };
        match (&self.pod, &self.moved) {
            (Some(pod), _) if self.backup_method == "PodVolumeBackup" => {
                Place::Here { uploader: known(&pod.uploader_type), namespace: &pod.pod_namespace }
            }
            (_, Some(moved)) if self.snapshot_data_moved => match moved.data_mover.as_str() {
                "" | "velero" => {
                    Place::Here { uploader: known(&moved.uploader_type), namespace: &self.pvc_namespace }
                }
                other => Place::Elsewhere(other),
            },
            _ => Place::Snapshot,
        }
    }
}

/// Errors: in words that follow the file's name.
pub(super) fn parse(bytes: &[u8]) -> Result<Backup, String> {
    let backup: Backup = serde_json::from_slice(bytes).map_err(|e| format!("cannot be understood: {e}"))?;
    match backup == Backup::default() {
        true => Err("is no Backup".to_owned()),
        false => Ok(backup),
    }
}

/// A list, compressed with gzip; `null` where there are none.
pub(super) fn parse_volumes(bytes: &[u8]) -> Result<Vec<Volume>, String> {
    let text = unpack(bytes, MAX_VOLUMES).map_err(|e| format!("cannot be unpacked: {e}"))?;
    let volumes: Option<Vec<Volume>> =
        serde_json::from_slice(&text).map_err(|e| format!("cannot be understood: {e}"))?;
    Ok(volumes.unwrap_or_default())
}
