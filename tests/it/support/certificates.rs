//! Certificates made for one test: an authority, and a server's certificate for loopback.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

/// An authority and what it signed, as files in a folder.
pub(crate) struct Certificates {
    /// The authority, PEM.
    pub(crate) authority: String,
    /// `tls` of a door.
    pub(crate) door: Value,
    /// `ca` of a client.
    pub(crate) ca: Value,
}

impl Certificates {
    /// Makes them, and writes them into `folder`.
    pub(crate) fn issue(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = DnType::CommonName;
        params.distinguished_name.push(name, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = params.signed_by(&key, &authority).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            json!({ "file": path })
        };
        let certificate = write("server.crt", &server.pem());
        let key = write("server.key", &key.serialize_pem());
        Self {
            door: json!({ "certificate": certificate, "key": key }),
            ca: write("ca.crt", &authority.pem()),
            authority: authority.pem(),
        }
    }
}
