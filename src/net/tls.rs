//! TLS for what is not HTTP: certificates are checked as the HTTP client checks
//! them, against the system's authorities and those of a `ca`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use super::NetError;

/// One configuration for each set of authorities, made at first use.
#[derive(Debug, Default)]
pub struct Tls(Mutex<HashMap<Vec<u8>, Arc<ClientConfig>>>);

impl Tls {
    /// `ca`: authorities (PEM) trusted besides the system's. Errors: those of TLS.
    pub async fn config(&self, ca: Option<&[u8]>) -> Result<Arc<ClientConfig>, NetError> {
        let pem = ca.unwrap_or_default().to_vec();
        let known = |all: &Self| all.0.lock().unwrap_or_else(PoisonError::into_inner).get(&pem).cloned();
        if let Some(config) = known(self) {
            return Ok(config);
        }
        let own = pem.clone();
        // reading the system's certificates takes tens of milliseconds
        let built = tokio::task::spawn_blocking(move || build(&own)).await;
        let config = Arc::new(built.unwrap_or_else(|e| Err(NetError::Tls(e.to_string())))?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pem, Arc::clone(&config));
        Ok(config)
    }
}

fn build(pem: &[u8]) -> Result<ClientConfig, NetError> {
    let bad =
        |e: &dyn std::fmt::Display| NetError::Tls(format!("no connection with these certificates: {e}"));
    let extra: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|e| bad(&e))?;
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|e| bad(&e))?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| bad(&e))?.dangerous();
    Ok(config.with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}
