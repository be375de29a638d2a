//! The guard's rules, one per file, each a pure function of what it is given.

pub mod budget;
pub mod country;
pub mod deflect;
pub mod listed;
pub mod money;
pub mod number_type;
