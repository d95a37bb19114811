//! Every sample of `tests/fixtures` is read to its ground truth by a test that
//! is named here: a sample that nobody reads, or a test that is gone, fails.

use std::{collections::BTreeSet, fs, path::Path};

/// Sample, where its truth stands, and the test (file and name) that holds one
/// against the other.
const READ: &[(&str, &str, &str, &str)] = &[
    (
        "aws",
        "the lists themselves, as the CLI printed them",
        "tests/it/programs.rs",
        "the_programs_for_aws_read_what_its_cli_printed",
    ),
    (
        "barman-cloud",
        "cloud-truth.json",
        "src/catalog/barman/tests.rs",
        "a_real_cloud_repository_is_read_as_the_tool_reads_it_and_closer",
    ),
    ("dumps", "truth.json", "src/catalog/dump/tests.rs", "the_sample_reads_as_its_truth_says"),
    ("etcd", "truth.txt", "src/catalog/etcd/tests.rs", "what_etcd_wrote_is_read_as_etcd_reads_it"),
    (
        "git",
        "*-truth-ls-remote.txt",
        "src/catalog/git/tests.rs",
        "an_advertisement_is_read_as_git_itself_reads_it",
    ),
    ("kopia", "truth.json", "tests/it/programs.rs", "the_program_for_kopia_reads_what_it_printed"),
    (
        "litestream",
        "fourteen transactions, whole",
        "src/catalog/litestream/tests.rs",
        "a_whole_replica_is_one_window_to_its_last_transaction",
    ),
    (
        "mysql-xtrabackup",
        "truth.json",
        "src/catalog/xtrabackup/tests.rs",
        "a_store_is_read_as_its_truth_says",
    ),
    ("oci", "truth.json", "src/catalog/oci/tests.rs", "the_sample_reads_as_its_truth_says"),
    ("pbm", "truth.json", "src/catalog/pbm/tests.rs", "a_store_is_read_as_its_truth_says"),
    (
        "replication/head-samples.json",
        "the headers themselves",
        "src/catalog/bucket/inventory/tests.rs",
        "what_is_missing_is_asked_how_far_its_replication_is",
    ),
    (
        "replication/inventory",
        "the manifest itself",
        "src/catalog/bucket/inventory/tests.rs",
        "a_copy_is_held_against_the_inventory_of_its_original",
    ),
    ("restic", "truth.json", "src/catalog/restic/tests.rs", "all_snapshots_are_those_that_restic_lists"),
    (
        "terraform/list-object-versions.json",
        "the list itself",
        "src/catalog/terraform/tests.rs",
        "each_version_that_the_store_keeps_is_a_point",
    ),
    (
        "terraform/repo",
        "truth.json",
        "src/catalog/terraform/tests.rs",
        "states_are_read_as_the_truth_beside_them_says",
    ),
    (
        "terraform/repo-replica",
        "truth.json",
        "src/catalog/terraform/tests.rs",
        "a_replica_behind_is_told_by_its_serial",
    ),
    ("velero", "truth.json", "src/catalog/velero/tests.rs", "phases_are_judged_as_the_truth_says"),
    ("walg", "truth.json (postgres)", "src/catalog/walg/tests.rs", "postgres_is_read_as_its_truth_says"),
    ("walg", "truth.json (mysql)", "src/catalog/walg/tests.rs", "mysql_is_read_as_its_truth_says"),
];

#[test]
fn every_sample_is_read_to_its_truth_by_a_test() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(home.join("tests/fixtures").join(folder)).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    };
    let named: BTreeSet<&str> = READ.iter().map(|(sample, ..)| *sample).collect();
    for folder in below("") {
        let parts = below(&folder).into_iter().filter(|part| !part.contains("truth"));
        for part in parts {
            let read = named.contains(&*folder) || named.contains(&*format!("{folder}/{part}"));
            assert!(read, "tests/fixtures/{folder}/{part} is read by no test that is named here");
        }
    }
    for (sample, truth, file, test) in READ {
        assert!(
            home.join("tests/fixtures").join(sample).exists(),
            "{sample} is gone, whose truth is {truth}"
        );
        let text = fs::read_to_string(home.join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}, which reads {sample}");
        let folder = sample.split('/').next().unwrap_or_default();
        let reads = text.contains(folder) || text.contains("fixture(");
        assert!(reads, "{file} does not read {sample}");
    }
}
