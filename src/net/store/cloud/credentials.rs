//! From a store's `credentials` to what signs its requests.

use lifeboat_core::model::{Code, Credentials, Problem, Store};
use object_store::azure::{AzureAccessKey, AzureCredential};
use serde::Deserialize;

use super::super::jwt::ServiceAccount;
use super::{Auth, azure};
use crate::net::{Secret, Secrets};

/// Where credentials are looked for.
enum From<'a> {
    /// Variables with this prefix; what is not set is an error where the estate asks for it.
    Env {
        prefix: &'a str,
        must: bool,
    },
    Given(Secret),
}

async fn place<'a>(store: &'a Store, ambient: &'a str, secrets: &Secrets) -> Result<From<'a>, Problem> {
    match &store.credentials {
        None => Ok(From::Env { prefix: ambient, must: false }),
        Some(Credentials::Ambient) => Ok(From::Env { prefix: ambient, must: true }),
        Some(Credentials::EnvPrefix(prefix)) => Ok(From::Env { prefix, must: true }),
        Some(Credentials::Profile(_)) => {
            Err(missing(store, "`profile` is a file of the AWS tools: name a reference or `env_prefix`"))
        }
        Some(Credentials::Reference(reference)) => Ok(From::Given(secrets.resolve(reference).await?)),
    }
}

fn missing(store: &Store, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::SECRET_MISSING, &store.id).because(why)
}

fn not_set(store: &Store, names: &[String], must: bool) -> Result<Auth, Problem> {
    match must {
        false => Ok(Auth::Nobody),
        true => Err(missing(store, format!("none of {} is set", names.join(", ")))),
    }
}

// ---- Azure -----------------------------------------------------------------

/// Variables as the Azure CLI names them: `AZURE_STORAGE_ACCOUNT`, `…_KEY`, `…_SAS_TOKEN`.
pub(super) async fn azure(store: &Store, at: &mut azure::Place, secrets: &Secrets) -> Result<Auth, Problem> {
    let key = |key: &str| {
        let key =
            AzureAccessKey::try_new(key).map_err(|_| missing(store, "the account's key is no base64"))?;
        Ok::<_, Problem>(AzureCredential::AccessKey(key))
    };
    let keyed = |at: &azure::Place, credential| {
        let account = at.account.clone().ok_or_else(|| missing(store, azure::NO_ACCOUNT))?;
        Ok(Auth::Azure { account, credential: Box::new(credential) })
    };
    match place(store, "AZURE_", secrets).await? {
        From::Env { prefix, must } => {
            let name = |what: &str| format!("{prefix}STORAGE_{what}");
            let read = |what: &str| secrets.secret_env(&name(what));
            at.of_account(secrets.env(&name("ACCOUNT")));
            match (read("KEY"), read("SAS_TOKEN")) {
                (Some(text), _) => keyed(at, key(&text)?),
                (None, Some(sas)) => sas_of(&sas, store),
                (None, None) => not_set(store, &[name("KEY"), name("SAS_TOKEN")], must),
            }
        }
        From::Given(secret) => {
            let text = secret.expose_str().ok_or_else(|| missing(store, "they are no text"))?.trim();
            if text.starts_with('{') {
                let json: AzureJson = serde_json::from_str(text).map_err(|_| missing(store, AZURE_JSON))?;
                at.of_account(json.account);
                return match (json.key, json.sas, json.access_token) {
                    (Some(text), ..) => keyed(at, key(&text)?),
                    (_, Some(sas), _) => sas_of(&sas, store),
                    (.., Some(token)) => keyed(at, AzureCredential::BearerToken(plain(&token, store)?)),
                    _ => Err(missing(store, AZURE_JSON)),
                };
            }
            if text.contains("AccountKey=") || text.contains("SharedAccessSignature=") {
                let part = |name: &str| text.split(';').find_map(|p| p.trim().strip_prefix(name));
                at.of_account(part("AccountName=").map(str::to_owned));
                return match (part("AccountKey="), part("SharedAccessSignature=")) {
                    (Some(text), _) => keyed(at, key(text)?),
                    (None, Some(sas)) => sas_of(sas, store),
                    (None, None) => Err(missing(store, AZURE_JSON)),
                };
            }
            if text.contains("sig=") {
                return sas_of(text, store);
            }
            keyed(at, key(text)?)
        }
    }
}

const AZURE_JSON: &str =
    "they are no JSON object with key, sas or accessToken, no connection string, no SAS and no key";

#[derive(Deserialize)]
struct AzureJson {
    account: Option<String>,
    key: Option<String>,
    sas: Option<String>,
    /// As `az account get-access-token` prints it.
    #[serde(alias = "accessToken")]
    access_token: Option<String>,
}

fn sas_of(text: &str, store: &Store) -> Result<Auth, Problem> {
    let text = plain(text.trim().trim_start_matches('?'), store)?;
    match text.contains('#') {
        true => Err(missing(store, "the SAS holds characters that no query may")),
        false => Ok(Auth::Sas(Secret::new(text))),
    }
}

/// They become headers and queries, where a line end would be another one.
fn plain(text: &str, store: &Store) -> Result<String, Problem> {
    match text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err(missing(store, "the credentials hold characters that cannot be part of credentials")),
    }
}

// ---- Google ----------------------------------------------------------------

/// A token, or the JSON of a service account. Ambient: the file that
/// `GOOGLE_APPLICATION_CREDENTIALS` names, as Google's own tools do.
pub(super) async fn google(store: &Store, secrets: &Secrets) -> Result<Auth, Problem> {
    match place(store, "GOOGLE_", secrets).await? {
        From::Env { prefix, must } => {
            let name = |what: &str| format!("{prefix}{what}");
            if let Some(token) = secrets.secret_env(&name("ACCESS_TOKEN")) {
                return Ok(Auth::Bearer(Secret::new(plain(token.trim(), store)?)));
            }
            if let Some(path) = secrets.env(&name("APPLICATION_CREDENTIALS")) {
                let bytes =
                    tokio::fs::read(&path).await.map_err(|e| missing(store, format!("{path}: {e}")))?;
                return google_of(&Secret::new(bytes), store);
            }
            not_set(store, &[name("ACCESS_TOKEN"), name("APPLICATION_CREDENTIALS")], must)
        }
        From::Given(secret) => google_of(&secret, store),
    }
}

fn google_of(secret: &Secret, store: &Store) -> Result<Auth, Problem> {
    #[derive(Deserialize)]
    struct Token {
        access_token: String,
    }
    let text = secret.expose_str().ok_or_else(|| missing(store, "they are no text"))?.trim();
    if !text.starts_with('{') {
        return Ok(Auth::Bearer(Secret::new(plain(text, store)?)));
    }
    if let Ok(token) = serde_json::from_str::<Token>(text) {
        return Ok(Auth::Bearer(Secret::new(plain(&token.access_token, store)?)));
    }
    let account = ServiceAccount::of_json(text.as_bytes()).map_err(|why| missing(store, why))?;
    Ok(Auth::Google(Box::new(account)))
}

// ---- WebDAV ----------------------------------------------------------------

/// `user:password`, JSON with `user` and `password`, or JSON with `token`.
pub(super) async fn dav(store: &Store, secrets: &Secrets) -> Result<Auth, Problem> {
    #[derive(Deserialize)]
    struct Json {
        user: Option<String>,
        #[serde(default)]
        password: String,
        token: Option<String>,
    }
    match place(store, "WEBDAV_", secrets).await? {
        From::Env { prefix, must } => {
            let name = |what: &str| format!("{prefix}{what}");
            let read = |what: &str| secrets.secret_env(&name(what));
            match (secrets.env(&name("USER")), read("TOKEN")) {
                (Some(user), _) => pair(&user, &read("PASSWORD").unwrap_or_default(), store),
                (None, Some(token)) => Ok(Auth::Bearer(Secret::new(plain(token.trim(), store)?))),
                (None, None) => not_set(store, &[name("USER"), name("TOKEN")], must),
            }
        }
        From::Given(secret) => {
            let bad =
                || missing(store, "they are neither user:password nor JSON with user and password, or token");
            let text = secret.expose_str().ok_or_else(bad)?;
            if text.trim_start().starts_with('{') {
                let json: Json = serde_json::from_str(text).map_err(|_| bad())?;
                return match (json.user, json.token) {
                    (Some(user), _) => pair(&user, &json.password, store),
                    (None, Some(token)) => Ok(Auth::Bearer(Secret::new(plain(&token, store)?))),
                    (None, None) => Err(bad()),
                };
            }
            let (user, password) = text.split_once(':').ok_or_else(bad)?;
            pair(user, password, store)
        }
    }
}

fn pair(user: &str, password: &str, store: &Store) -> Result<Auth, Problem> {
    match user.contains(':') {
        true => Err(missing(store, "a user's name cannot hold a colon")),
        false => Ok(Auth::Basic(Secret::new(format!("{user}:{password}")))),
    }
}
