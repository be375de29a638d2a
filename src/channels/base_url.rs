//! Where a vendor's API is: over TLS and not on this machine, except for test providers.

use url::{Host, Url};

/// Why an address cannot be a vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It cannot be read, or has parts that an address to build on must not have.
    #[error("is no https:// address of a host, optionally with a path")]
    Malformed,
    /// Codes and credentials would travel in clear.
    #[error(
        "must be https://, as codes and credentials travel there, unless `allow_test_providers: true`"
    )]
    Plaintext,
    /// It is on this machine, where no vendor is.
    #[error("is on loopback, which `allow_test_providers: true` must allow")]
    Loopback,
}

/// Reads the address on which a kind builds its requests.
pub fn parse(text: &str, allow_test_providers: bool) -> Result<Url, BaseUrlError> {
    let url = Url::parse(text).map_err(|_| BaseUrlError::Malformed)?;
    let extras = url.query().is_some() || url.fragment().is_some();
    let credentials = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || extras || credentials {
        return Err(BaseUrlError::Malformed);
    }
    match (on_this_machine(&url), url.scheme()) {
        _ if allow_test_providers => Ok(url),
        (true, _) => Err(BaseUrlError::Loopback),
        (false, "https") => Ok(url),
        (false, _) => Err(BaseUrlError::Plaintext),
    }
}

/// The address with these path segments added, escaped where they need it.
pub fn endpoint(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Whether an address leads to this machine.
pub fn on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            let mapped = ip.to_ipv4_mapped();
            let mapped = mapped.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
            ip.is_loopback() || ip.is_unspecified() || mapped
        }
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_leaves_this_machine() {
        let check = |text: &str, expect: Result<&str, BaseUrlError>| {
            let read = parse(text, false).map(|url| url.to_string());
            assert_eq!(read, expect.map(str::to_owned), "{text}");
        };
        check("https://vendor.example", Ok("https://vendor.example/"));
        check(
            "https://proxy.acme.example:8443/base/",
            Ok("https://proxy.acme.example:8443/base/"),
        );
        check("http://vendor.example", Err(BaseUrlError::Plaintext));
        assert!(parse("http://vendor.example", true).is_ok());
        for loopback in [
            "http://127.0.0.1:1",
            "https://localhost",
            "http://a.localhost.",
            "http://[::1]",
        ] {
            check(loopback, Err(BaseUrlError::Loopback));
            assert!(parse(loopback, true).is_ok(), "{loopback}");
        }
        for loopback in [
            "http://0.0.0.0",
            "http://[::]",
            "http://[::ffff:127.0.0.1]",
            "http://2130706433",
        ] {
            check(loopback, Err(BaseUrlError::Loopback));
        }
        for bad in [
            "",
            "vendor.example",
            "ftp://a",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
            "mailto:a@b",
        ] {
            check(bad, Err(BaseUrlError::Malformed));
        }
    }

    #[test]
    fn segments_are_added_and_escaped() {
        let check = |base: &str, expect: &str| {
            let base = parse(base, false).unwrap();
            assert_eq!(endpoint(&base, &["v1", "a/b"]).as_str(), expect);
        };
        check("https://a.example", "https://a.example/v1/a%2Fb");
        check("https://a.example/base/", "https://a.example/base/v1/a%2Fb");
        check("https://a.example/base", "https://a.example/base/v1/a%2Fb");
    }
}
