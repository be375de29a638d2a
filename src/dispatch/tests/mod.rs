//! The send story, told to scripted providers and a ledger in memory, on a clock that moves when everybody waits.

mod attempts;
mod copies;
mod endings;
mod house;
mod moody;
mod recording;
mod recovery;
mod scripted;
