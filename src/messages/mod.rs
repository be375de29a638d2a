//! What a message says: its wording for eyes and ears, and how many SMS it takes.

pub mod segments;
pub mod text;
