//! TLS of a door: rustls with a certificate that follows its files.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::ExposeSecret;

use crate::config::secret::Secret;

/// Why a certificate cannot be used. Says nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds no PEM certificate.
    #[error("there is no PEM certificate in `certificate`")]
    NoCertificate,
    /// The key file holds no PEM private key.
    #[error("there is no PEM private key in `key`")]
    NoKey,
    /// Key and certificate do not belong together, or the key is of no kind we can use.
    #[error("certificate and key cannot be used together: {0}")]
    Mismatch(String),
}

/// A door's certificate. [`Certificate::refresh`] takes up what its files say now.
pub struct Certificate {
    chain: Secret,
    key: Secret,
    provider: Arc<CryptoProvider>,
    present: ArcSwap<CertifiedKey>,
    read: Mutex<(String, String)>,
}

impl Certificate {
    /// Reads certificate and key, PEM.
    pub fn new(
        chain: Secret,
        key: Secret,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, TlsError> {
        let texts = (text(&chain), text(&key));
        let present = certified(&texts.0, &texts.1, &provider)?;
        Ok(Arc::new(Self {
            chain,
            key,
            provider,
            present: ArcSwap::from_pointee(present),
            read: Mutex::new(texts),
        }))
    }

    /// Takes up a changed certificate; `true` when there was one. A bad one is an error and the old one stays: while the
    /// two files are being replaced they may not belong together for a moment.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let texts = (text(&self.chain), text(&self.key));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == texts {
            return Ok(false);
        }
        let fresh = certified(&texts.0, &texts.1, &self.provider)?;
        self.present.store(Arc::new(fresh));
        *read = texts;
        Ok(true)
    }

    /// The TLS settings of a door with this certificate.
    pub fn server(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|problem| TlsError::Mismatch(problem.to_string()))?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.present.load_full())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

fn text(secret: &Secret) -> String {
    secret.load().expose_secret().to_owned()
}

fn certified(chain: &str, key: &str, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::NoKey)?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|problem| TlsError::Mismatch(problem.to_string()))
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn unusable_pairs_are_told_apart() {
        let (chain, key) = pair();
        let (_, other) = pair();
        let check = |chain: &str, key: &str| {
            Certificate::new(
                Secret::fixed(chain),
                Secret::fixed(key),
                Arc::new(default_provider()),
            )
            .map(|_| ())
            .map_err(|problem| problem.to_string())
        };
        assert_eq!(check(&chain, &key), Ok(()));
        assert!(check("x", &key).unwrap_err().contains("no PEM certificate"));
        assert!(
            check(&chain, "x")
                .unwrap_err()
                .contains("no PEM private key")
        );
        assert!(check(&chain, &other).unwrap_err().contains("together"));
    }
}
