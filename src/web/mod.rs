//! What all doors share: accepting connections, TLS, time limits on slow clients, and a drain that ends.

pub mod serve;
pub mod tls;
