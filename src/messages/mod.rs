//! What a message says: its wording for eyes and ears, and how many SMS it takes.

pub mod catalog;
pub mod languages;
pub mod review;
pub mod segments;
