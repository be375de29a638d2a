//! Which channels and providers are tried for a code, in what order, for how long, and what follows a failure. Pure:
//! `dispatch` holds the state and acts.

pub mod fallback;
pub mod health;
pub mod pick;
pub mod plan;
pub mod preference;
pub mod time;
