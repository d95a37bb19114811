//! From a store's `credentials` to what signs its requests.

use lifeboat_core::model::{Code, Credentials, Problem, Store};
use object_store::aws::AwsCredential;
use serde::Deserialize;

use crate::net::{Secret, Secrets};

/// `None`: requests go unsigned, as for a public bucket. Errors: LB-SECRET-001.
pub(super) async fn resolve(store: &Store, secrets: &Secrets) -> Result<Option<AwsCredential>, Problem> {
    let credential = match &store.credentials {
        None => match from_env("AWS_", secrets) {
            Ok(credential) => credential,
            Err(_) => return Ok(None),
        },
        Some(Credentials::Ambient) => from_env("AWS_", secrets)?,
        Some(Credentials::EnvPrefix(prefix)) => from_env(prefix, secrets)?,
        Some(Credentials::Profile(name)) => from_profile(name, secrets).await?,
        Some(Credentials::Reference(reference)) => from_json(&secrets.resolve(reference).await?, store)?,
    };
    let parts = [Some(&credential.key_id), Some(&credential.secret_key), credential.token.as_ref()];
    [Some(&credential.secret_key), credential.token.as_ref()]
        .into_iter()
        .flatten()
        .for_each(|s| secrets.learn(s));
    // they become headers, where a line end would be another header
    let plain = parts.into_iter().flatten().all(|part| part.bytes().all(|b| b.is_ascii_graphic()));
    match plain {
        true => Ok(Some(credential)),
        false => {
            Err(missing(&store.id, "the credentials hold characters that cannot be part of credentials"))
        }
    }
}

fn from_env(prefix: &str, secrets: &Secrets) -> Result<AwsCredential, Problem> {
    let read = |name: &str| secrets.env(&format!("{prefix}{name}"));
    let need =
        |name: &str| read(name).ok_or_else(|| missing(format!("${prefix}{name}"), "the variable is not set"));
    Ok(AwsCredential {
        key_id: need("ACCESS_KEY_ID")?,
        secret_key: need("SECRET_ACCESS_KEY")?,
        token: read("SESSION_TOKEN"),
    })
}

async fn from_profile(name: &str, secrets: &Secrets) -> Result<AwsCredential, Problem> {
    let home = || secrets.env("HOME").map(|home| format!("{home}/.aws/credentials"));
    let path = secrets.env("AWS_SHARED_CREDENTIALS_FILE").or_else(home);
    let path =
        path.ok_or_else(|| missing(name, "there is no home directory to look for .aws/credentials"))?;
    let bytes = tokio::fs::read(&path).await.map_err(|e| missing(&path, e))?;
    let text = Secret::new(bytes);
    let text = text.expose_str().ok_or_else(|| missing(&path, "it is no text"))?;
    static_keys(text, name).ok_or_else(|| missing(&path, format!("no static keys in its section [{name}]")))
}

/// Format: the shared credentials file of the AWS tools.
fn static_keys(text: &str, profile: &str) -> Option<AwsCredential> {
    let (mut key_id, mut secret_key, mut token) = (None, None, None);
    let mut here = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            here = section.trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| here && !line.starts_with('#')) {
            let value = Some(value.trim().to_owned());
            match key.trim() {
                "aws_access_key_id" => key_id = value,
                "aws_secret_access_key" => secret_key = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(AwsCredential { key_id: key_id?, secret_key: secret_key?, token })
}

/// What the SDKs' `credential_process` says is understood as well.
#[derive(Deserialize)]
struct Json {
    #[serde(alias = "AccessKeyId")]
    access_key_id: String,
    #[serde(alias = "SecretAccessKey")]
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    session_token: Option<String>,
}

fn from_json(secret: &Secret, store: &Store) -> Result<AwsCredential, Problem> {
    // serde's message could quote what it read
    let json: Json = serde_json::from_slice(secret.expose()).map_err(|_| {
        missing(&store.id, "its credentials are no JSON object with access_key_id and secret_access_key")
    })?;
    Ok(AwsCredential {
        key_id: json.access_key_id,
        secret_key: json.secret_access_key,
        token: json.session_token,
    })
}

fn missing(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::SECRET_MISSING, subject).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_keys_of_one_profile_are_found() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n\
                    [dr-readonly]\n# note\naws_access_key_id=C\naws_secret_access_key = D=\naws_session_token=E\n";
        let found = static_keys(text, "dr-readonly").unwrap();
        assert_eq!((&*found.key_id, &*found.secret_key, found.token.as_deref()), ("C", "D=", Some("E")));
        assert!(static_keys(text, "absent").is_none());
        assert!(!format!("{found:?}").contains("D="), "a credential does not print its secret");
    }
}
