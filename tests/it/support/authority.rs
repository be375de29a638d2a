//! An authority that signs certificates for `localhost`.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::process::{Place, Program};

/// An authority nobody else trusts.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        // Without a name of its own it would seem to have signed itself.
        let name = DnType::CommonName;
        params.distinguished_name.push(name, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Its own certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes a fresh certificate and its key as `door.crt` and `door.key`, and the authority as `ca.pem`.
    pub(crate) fn sign(&self, place: &Place) {
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("good names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        place.write("door.key", &key.serialize_pem());
        place.write("door.crt", &certificate.pem());
        place.write("ca.pem", &self.pem);
    }
}

/// The program with TLS on this door (`PUBLIC` or `GRPC`), by the files that [`Authority::sign`] writes.
pub(crate) fn with_tls(program: Program, door: &str) -> Program {
    let variable = |part: &str| format!("TOLLGATE__{door}__TLS__{part}__FILE");
    program
        .with(&variable("CERTIFICATE"), "door.crt")
        .with(&variable("KEY"), "door.key")
}
