//! regions.toml and stores.toml.

use lifeboat_core::model::{
    KeyDef,
    KeyType::{self, *},
};

use super::{SELECTORS, TEXTS};

pub(super) const REGIONS: &[KeyDef] = &[
    KeyDef::new("region", List(&Table(REGION)), "Places."),
    KeyDef::new("account", List(&Table(ACCOUNT)), "Accounts of providers."),
    KeyDef::new("domain", List(&Table(DOMAIN)), "Other things that fail as one."),
    KeyDef::new("link", List(&Table(LINK)), "Lines on the map."),
    KeyDef::new("key", List(&Table(KEPT)), "Keys that decrypt copies."),
    KeyDef::new("secret", List(&Table(KEPT)), "Secrets that a recovery needs."),
];

const REGION: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::new("name", Text, "What people call it."),
    KeyDef::new("provider", Text, "Who runs it: `aws`, `hetzner`, `ours` …"),
    KeyDef::new("jurisdiction", TEXTS, "Whose law holds there."),
    KeyDef::new("at", Tuple(&Number, 2), "Latitude and longitude in degrees."),
    KeyDef::new("domains", List(&Ref("domain")), "What else it shares fate with."),
    KeyDef::new("health", List(&Probe), "Probes of the region itself."),
];

const ACCOUNT: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::new("provider", Text, "Whose account it is."),
    KeyDef::new("organisation", Text, "What it is compromised together with."),
];

const DOMAIN: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::new("kind", OneOf(&["campus", "service", "network", "identity", "third-party"]), "What it is."),
    KeyDef::new("in", SELECTORS, "What it shares fate with."),
];

const LINK: &[KeyDef] = &[
    KeyDef::required("from", Ref("region"), "One end."),
    KeyDef::required("to", Ref("region"), "The other end."),
    KeyDef::new("carries", Text, "What flows there."),
];

const KEPT: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::new("from", Secret, "Where it is to be had."),
    KeyDef::new("kept_in", SELECTORS, "All that hold a copy: lost when every one is lost."),
    KeyDef::new("probe", Probe, "Can it be read from a standby with the recovery identity?"),
];

pub(super) const STORES: &[KeyDef] = &[KeyDef::new("store", List(&Table(STORE)), "Where copies lie.")];

const STORE: &[KeyDef] = &[
    KeyDef::required("id", NewId, "Its name in the estate."),
    KeyDef::required(
        "url",
        Url,
        "`s3://bucket/prefix`, `gs`, `az`, `https` as WebDAV, `file`, `oci`, `git+https`.",
    ),
    KeyDef::new("endpoint", Url, "Where the service answers, when that is not the provider's own."),
    KeyDef::new("signing_region", Text, "What S3 requests are signed for; absent: the provider's own name."),
    KeyDef::new("region", Ref("region"), "Where the bytes lie."),
    KeyDef::new("account", Ref("account"), "Whose it is."),
    KeyDef::new("domains", List(&Ref("domain")), "What else it shares fate with."),
    KeyDef::new("credentials", CREDENTIALS, "With what it is read."),
    KeyDef::new("ca", Text, "A file with the authority that signs its certificate."),
    KeyDef::new("key", Ref("key"), "The `[[key]]` that encrypts it."),
    KeyDef::new("deletable_by", TEXTS, "Accounts or roles that may delete from it."),
    KeyDef::new("expect", Table(EXPECT), "What its settings must be."),
    KeyDef::new("managed_by", Text, "What made it, such as `terraform:aws_s3_bucket.b`."),
    KeyDef::new("quota", Size, "How much it may hold."),
    KeyDef::new("price", Table(PRICE), "What it charges, for the cost of each copy."),
    KeyDef::new("online", Bool, "false for media that is away by design."),
];

const PRICE: &[KeyDef] = &[
    KeyDef::new("currency", Text, "In what it is counted, such as `USD`; only alike ones are added up."),
    KeyDef::new("gib_month", Number, "For a GiB kept a month."),
    KeyDef::new("thousand_requests", Number, "For a thousand requests."),
    KeyDef::new("gib_out", Number, "For a GiB read from elsewhere, as a restore does."),
];

const CREDENTIALS: KeyType = Either(&[
    OneOf(&["ambient"]),
    Table(&[
        KeyDef::new("env_prefix", Text, "`FRA_` reads FRA_ACCESS_KEY_ID and FRA_SECRET_ACCESS_KEY."),
        KeyDef::new("profile", Text, "Static keys of the shared credentials file."),
        KeyDef::new("env", Text, "An environment variable that holds it."),
        KeyDef::new("file", Text, "A file that holds it."),
        KeyDef::new("command", Command, "A command that prints it; trusted estates only."),
        KeyDef::new("secret", Ref("secret"), "A `[[secret]]` or `[[key]]` of regions.toml."),
    ]),
]);

const EXPECT: &[KeyDef] = &[
    KeyDef::new("versioning", Bool, "Old versions are kept."),
    KeyDef::new(
        "object_lock",
        Either(&[Bool, OneOf(&["governance", "compliance"])]),
        "Nobody may delete early.",
    ),
    KeyDef::new("encryption", Either(&[Bool, Text]), "Encrypted at rest, perhaps how."),
    KeyDef::new("replication", Either(&[Bool, Text]), "Copied elsewhere, perhaps where."),
    KeyDef::new("public", Bool, "Readable by anyone."),
    KeyDef::new("location", Text, "The provider's name of the place."),
    KeyDef::new("access_log", Bool, "Reads are logged."),
];
