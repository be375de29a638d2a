//! The doors as the configuration has them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    config::tls::Tls,
    lanes::Lanes,
    outbound::crypto,
    web::{serve::Door, tls::Certificate},
};

use super::{Shared, start::StartError};

/// A door that stands by itself, not yet bound, and no lanes.
pub(super) fn door(
    name: &'static str,
    tls: Option<&Arc<Certificate>>,
    read_timeout: Duration,
    shared: &Shared,
) -> Result<Door, StartError> {
    let tls = tls.map(Certificate::server).transpose();
    let tls = tls.map_err(|problem| StartError::Tls {
        door: name,
        problem: problem.to_string(),
    })?;
    Ok(Door {
        name,
        tls,
        read_timeout,
        stop: shared.closing.clone(),
        tracker: shared.connections.clone(),
        lanes: Lanes::default(),
    })
}

/// What is said of a port that cannot be had.
pub(super) fn no_port(
    door: &'static str,
    address: SocketAddr,
) -> impl Fn(std::io::Error) -> StartError {
    move |problem| StartError::Listen {
        door,
        address,
        problem: problem.to_string(),
    }
}

/// The certificate of a door.
pub(super) fn certificate(
    door: &'static str,
    tls: &Tls,
    shared: &Shared,
) -> Result<Arc<Certificate>, StartError> {
    let path = |part: &str| format!("{door}.tls.{part}");
    let resolve = |part, from| {
        let resolved = shared.secrets.resolve(from);
        resolved.map_err(|problem| StartError::one(path(part), &problem))
    };
    let chain = resolve("certificate", &tls.certificate)?;
    let key = resolve("key", &tls.key)?;
    Certificate::new(chain, key, crypto()).map_err(|problem| StartError::Tls {
        door,
        problem: problem.to_string(),
    })
}
