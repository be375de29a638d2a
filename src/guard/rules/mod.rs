//! The guard's rules, one per file, each a pure function of what it is given.

pub mod country;
pub mod number_type;
