//! Places that a protocol of their own speaks to: registries of images and Git
//! over HTTP. Here are the address, the credentials and the bounds; what is
//! asked and what the answers mean stands with the formats, in `catalog`.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use lifeboat_core::model::{Code, Credentials, Problem, Store};
use serde::Deserialize;
use url::{Host, Url};

use super::{bearer::Challenge, key::percent_encode};
use crate::net::{Answer, Ask, Http, NetError, Secret, Secrets, Side, Work};

const MAX_TOKEN: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebKind {
    /// The OCI distribution API.
    Registry,
    /// Git's smart protocol.
    Git,
}

/// One registry or Git server, and where in it.
#[derive(Debug)]
pub struct Web {
    pub kind: WebKind,
    /// Scheme, host and port; ends in `/`.
    base: Url,
    /// The path that the store's own address names, without `/` at its ends.
    pub path: String,
    shown: String,
    login: Option<Login>,
    /// What the server asked for, made once it asked.
    header: Mutex<Option<HeaderValue>>,
    ca: Option<Vec<u8>>,
    http: Arc<Http>,
}

#[derive(Debug, Clone)]
enum Login {
    Basic { user: String, password: Secret },
    Token(Secret),
}

pub(super) fn kind_of(scheme: &str) -> Option<WebKind> {
    match scheme {
        "oci" => Some(WebKind::Registry),
        "git+https" | "git+http" => Some(WebKind::Git),
        _ => None,
    }
}

/// Opens `oci://registry/repo` or `git+https://host/path`.
pub(super) async fn open(
    store: &Store,
    kind: WebKind,
    http: &Arc<Http>,
    secrets: &Secrets,
) -> Result<Web, Problem> {
    let (base, path) = address(store, kind)
        .map_err(|why| Problem::new(Code::STORE_URL, &store.id).because(format!("{}: {why}", store.url)))?;
    let ca = match &store.ca {
        Some(ca) => Some(secrets.ca(ca, Side::Store, store.id.as_str()).await?),
        None => None,
    };
    let login = login(store, secrets).await?;
    let shown = match &store.endpoint {
        Some(endpoint) => format!("{} at {endpoint}", store.url),
        None => store.url.clone(),
    };
    Ok(Web { kind, base, path, shown, login, header: Mutex::default(), ca, http: Arc::clone(http) })
}

/// Plain HTTP only to this machine, or where `endpoint` says so.
fn address(store: &Store, kind: WebKind) -> Result<(Url, String), String> {
    let (scheme, rest) = store.url.split_once("://").ok_or("no scheme")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || rest.contains(['?', '#', '\\']) {
        return Err("it names no host, or more than host and path".to_owned());
    }
    let host = match (kind, host) {
        // the name that people write is not the one that answers
        (WebKind::Registry, "docker.io") => "registry-1.docker.io",
        (_, host) => host,
    };
    let text = match &store.endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => {
            let secure = Url::parse(&format!("https://{host}/")).map_err(|e| e.to_string())?;
            let plain = is_loopback(&secure) && scheme != "git+https";
            if scheme == "git+http" && !plain {
                return Err(
                    "plain HTTP goes only to this machine, or where `endpoint` says http://".to_owned()
                );
            }
            format!("{}://{host}", if plain { "http" } else { "https" })
        }
    };
    let base = Url::parse(&format!("{text}/")).map_err(|e| format!("it is no address: {e}"))?;
    if !matches!(base.scheme(), "http" | "https") || base.query().is_some() || base.fragment().is_some() {
        return Err("its endpoint is neither http:// nor https://".to_owned());
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err("it holds a name or a password: use `credentials`".to_owned());
    }
    Ok((base, path.trim_matches('/').to_owned()))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// `{"username", "password"}`, `{"token"}`, `user:password`, or a bare token.
#[derive(Deserialize)]
struct Json {
    #[serde(alias = "user")]
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
}

async fn login(store: &Store, secrets: &Secrets) -> Result<Option<Login>, Problem> {
    let missing = |why: &str| Problem::new(Code::SECRET_MISSING, &store.id).because(why);
    let login = match &store.credentials {
        None => return Ok(None),
        Some(Credentials::EnvPrefix(prefix)) => {
            let name = |name: &str| format!("{prefix}{name}");
            let read = |what: &str| secrets.secret_env(&name(what));
            match (secrets.env(&name("USERNAME")), read("PASSWORD"), read("TOKEN")) {
                (Some(user), Some(password), _) => Login::Basic { user, password: Secret::new(password) },
                (_, _, Some(token)) => Login::Token(Secret::new(token)),
                _ => {
                    let why =
                        format!("${prefix}USERNAME and ${prefix}PASSWORD, or ${prefix}TOKEN, are not set");
                    return Err(missing(&why));
                }
            }
        }
        Some(Credentials::Reference(reference)) => of_secret(&secrets.resolve(reference).await?)
            .ok_or_else(|| missing("its credentials are neither user and password nor a token"))?,
        Some(Credentials::Ambient | Credentials::Profile(_)) => {
            return Err(missing("such credentials are for S3: use `env_prefix` or a reference"));
        }
    };
    Ok(Some(login))
}

fn of_secret(secret: &Secret) -> Option<Login> {
    let text = secret.expose_str()?;
    if text.starts_with('{') {
        let json: Json = serde_json::from_str(text).ok()?;
        return match (json.username, json.password, json.token) {
            (Some(user), Some(password), _) => Some(Login::Basic { user, password: Secret::new(password) }),
            (_, _, Some(token)) => Some(Login::Token(Secret::new(token))),
            _ => None,
        };
    }
    match text.split_once(':') {
        Some((user, password)) => {
            Some(Login::Basic { user: user.to_owned(), password: Secret::new(password) })
        }
        None => Some(Login::Token(Secret::new(text))),
    }
}

impl Web {
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Below the base; `path` is bytes and is encoded, `query` is taken as it is.
    pub fn url(&self, path: &str, query: &str) -> Result<Url, NetError> {
        if path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(NetError::Missing("it cannot be asked for over HTTP".to_owned()));
        }
        let mut encoded = String::new();
        percent_encode(path.as_bytes(), true, &mut encoded);
        // a digest is `sha256:…`, and not every registry decodes
        let text = format!("{}{}", self.base, encoded.replace("%3A", ":"));
        let mut url = Url::parse(&text).map_err(|e| NetError::Garbled(e.to_string()))?;
        url.set_query((!query.is_empty()).then_some(query));
        Ok(url)
    }

    /// What a `Link` or `Location` leads to, as long as it stays on this server.
    pub fn follow(&self, link: &str) -> Result<Url, NetError> {
        let url = self.base.join(link).map_err(|e| NetError::Garbled(e.to_string()))?;
        match url.origin() == self.base.origin() {
            true => Ok(url),
            false => Err(NetError::Garbled("its next page lies on another server".to_owned())),
        }
    }

    /// Any status but those that say no; redirects are given back, not followed.
    /// Tried again once where that can help, and once with a login where asked for.
    pub async fn ask(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        max_body: usize,
        work: &Work,
    ) -> Result<Answer, NetError> {
        let twice = async {
            match self.with_login(&method, url, headers, max_body, work).await {
                Err(error) if error.is_retryable() => {
                    let pause = std::time::Duration::from_millis(fastrand::u64(50..200));
                    tokio::time::sleep(pause).await;
                    self.with_login(&method, url, headers, max_body, work).await
                }
                done => done,
            }
        };
        work.bound(twice).await
    }

    async fn with_login(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        max_body: usize,
        work: &Work,
    ) -> Result<Answer, NetError> {
        let kept = self.kept();
        let answer = self.try_once(method, url, headers, kept.as_ref(), max_body, work).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return told(answer);
        }
        let Some(header) = self.log_in(&answer, work).await? else { return told(answer) };
        *self.header.lock().unwrap_or_else(PoisonError::into_inner) = Some(header.clone());
        told(self.try_once(method, url, headers, Some(&header), max_body, work).await?)
    }

    fn kept(&self) -> Option<HeaderValue> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn try_once(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        login: Option<&HeaderValue>,
        max_body: usize,
        work: &Work,
    ) -> Result<Answer, NetError> {
        let mut headers = headers.clone();
        if let Some(login) = login {
            headers.insert(header::AUTHORIZATION, login.clone());
        }
        let ask = Ask {
            method: method.clone(),
            headers,
            ca: self.ca.as_deref(),
            ..Ask::get(url, work.deadline, max_body, &work.meter)
        };
        self.http.call(ask).await
    }

    /// What the server's challenge asks for; `None` where nothing is there to give.
    async fn log_in(&self, answer: &Answer, work: &Work) -> Result<Option<HeaderValue>, NetError> {
        let challenges = answer.headers.get_all(header::WWW_AUTHENTICATE);
        let challenges = challenges.iter().filter_map(|text| Challenge::parse(text.to_str().ok()?));
        let mut basic = None;
        for challenge in challenges {
            match (challenge, &self.login) {
                (Challenge::Bearer { .. }, Some(Login::Token(token))) if self.kept().is_none() => {
                    return sealed("Bearer ", token.expose()).map(Some);
                }
                (Challenge::Bearer { realm, query }, login) => {
                    return self.token(&realm, &query, login.as_ref(), work).await.map(Some);
                }
                (Challenge::Basic, Some(login)) if self.kept().is_none() => basic = Some(login.basic()?),
                (Challenge::Basic, _) => {}
            }
        }
        Ok(basic)
    }

    /// A token for reading, as the distribution specification's token
    /// authentication gives it; without a login, an anonymous one.
    async fn token(
        &self,
        realm: &str,
        query: &str,
        login: Option<&Login>,
        work: &Work,
    ) -> Result<HeaderValue, NetError> {
        let bad = |why: &str| NetError::Denied(format!("it asks for a token, and {why}"));
        let mut url = Url::parse(realm).map_err(|_| bad("where to get one is no address"))?;
        // what is sent there may be a password
        if url.scheme() != "https" && (self.base.scheme() != "http" || url.scheme() != "http") {
            return Err(bad("would give it out without encryption"));
        }
        let own = url.query().map(str::to_owned);
        let query = own.into_iter().chain((!query.is_empty()).then(|| query.to_owned()));
        let query = query.collect::<Vec<_>>().join("&");
        url.set_query((!query.is_empty()).then_some(&query));
        let login = login.map(Login::basic).transpose()?;
        let answer =
            self.try_once(&Method::GET, &url, &HeaderMap::new(), login.as_ref(), MAX_TOKEN, work).await?;
        if !answer.status.is_success() {
            return Err(bad(&format!("giving one was answered with {}", answer.status_line())));
        }
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        // serde's message could quote it
        let token: Token = serde_json::from_slice(&answer.whole_body(MAX_TOKEN as u64)?)
            .map_err(|_| bad("none was in the answer"))?;
        let token = token.token.or(token.access_token).filter(|t| !t.is_empty());
        sealed("Bearer ", Secret::new(token.ok_or_else(|| bad("none was in the answer"))?).expose())
    }
}

impl Login {
    fn basic(&self) -> Result<HeaderValue, NetError> {
        let pair = match self {
            Self::Basic { user, password } => [user.as_bytes(), b":", password.expose()].concat(),
            // what hosts of Git take as well: any name, and the token as password
            Self::Token(token) => [b"token:", token.expose()].concat(),
        };
        sealed("Basic ", super::bearer::base64(&pair).as_bytes())
    }
}

/// A header that is never shown.
fn sealed(scheme: &str, value: &[u8]) -> Result<HeaderValue, NetError> {
    let mut header = HeaderValue::from_bytes(&[scheme.as_bytes(), value].concat()).map_err(|_| {
        NetError::Denied("the credentials hold characters that no header may hold".to_owned())
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn told(answer: Answer) -> Result<Answer, NetError> {
    let line = answer.status_line();
    match answer.status.as_u16() {
        401 | 403 => Err(NetError::Denied(line)),
        404 | 410 => Err(NetError::Missing(line)),
        408 | 429 | 500..=599 => Err(NetError::Server(line)),
        200..=399 => Ok(answer),
        _ => Err(NetError::Garbled(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(url: &str, endpoint: Option<&str>) -> Store {
        serde_json::from_value(serde_json::json!({"id": "reg", "url": url, "endpoint": endpoint})).unwrap()
    }

    #[test]
    fn plain_http_goes_only_to_this_machine_or_where_the_estate_says_so() {
        let table = [
            ("oci://ghcr.io/northwind/api", None, Ok("https://ghcr.io/ northwind/api")),
            ("oci://docker.io/library/redis", None, Ok("https://registry-1.docker.io/ library/redis")),
            ("oci://127.0.0.1:5000/api", None, Ok("http://127.0.0.1:5000/ api")),
            ("oci://localhost:5000/api", None, Ok("http://localhost:5000/ api")),
            ("oci://[::1]:5000", None, Ok("http://[::1]:5000/ ")),
            ("oci://localhost.evil.example/api", None, Ok("https://localhost.evil.example/ api")),
            ("oci://reg/api", Some("http://reg.internal:5000"), Ok("http://reg.internal:5000/ api")),
            ("git+https://git.example/shop.git", None, Ok("https://git.example/ shop.git")),
            ("git+https://127.0.0.1/shop.git", None, Ok("https://127.0.0.1/ shop.git")),
            ("git+http://127.0.0.1:80/shop.git", None, Ok("http://127.0.0.1/ shop.git")),
            ("git+http://git.example/shop.git", None, Err("only to this machine")),
            ("git+https://me:pass@git.example/shop.git", None, Err("use `credentials`")),
            ("oci://reg/api", Some("ftp://reg"), Err("neither http:// nor https://")),
            ("oci:///api", None, Err("names no host")),
            ("oci://reg/api?x=1", None, Err("names no host, or more")),
        ];
        for (url, endpoint, expected) in table {
            let kind = kind_of(url.split_once(':').unwrap().0).unwrap();
            match (address(&store(url, endpoint), kind), expected) {
                (Ok((base, path)), Ok(told)) => assert_eq!(format!("{base} {path}"), told, "{url}"),
                (Err(why), Err(told)) => assert!(why.contains(told), "{url}: {why}"),
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
    }

    #[test]
    fn credentials_are_understood_and_do_not_print() {
        let basic = |text: &str| of_secret(&Secret::new(text)).map(|l| l.basic().unwrap());
        let header = |text: &str| HeaderValue::from_str(text).unwrap();
        assert_eq!(basic("ann:a:b"), Some(header("Basic YW5uOmE6Yg==")));
        assert_eq!(basic(r#"{"username":"ann","password":"a:b"}"#), Some(header("Basic YW5uOmE6Yg==")));
        assert_eq!(basic(r#"{"token":"t"}"#), basic("t"));
        assert_eq!(basic(r#"{"toke":"t"}"#), None);
        let shown = format!("{:?} {:?}", of_secret(&Secret::new("ann:hidden")), basic("ann:hidden"));
        assert!(!shown.contains("hidden") && !shown.contains("YW5u"), "{shown}");
        assert!(sealed("Bearer ", b"a\r\nX: y").is_err());
    }
}
