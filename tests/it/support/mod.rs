//! What the tests stand on: gateways as one starts them, and the world around them.

pub(crate) mod authority;
pub(crate) mod cable;
pub(crate) mod caller;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod echo;
pub(crate) mod gateway;
pub(crate) mod hook;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod mode;
pub(crate) mod part;
pub(crate) mod patience;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod secrets;
pub(crate) mod users;
pub(crate) mod vendor;
