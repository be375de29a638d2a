//! The send story, told to scripted providers and a ledger in memory, on a clock that moves when everybody waits.

mod attempts;
mod copies;
mod endings;
mod flood;
mod house;
mod lasting;
mod lists;
mod matrix;
mod moody;
mod outage;
mod outcomes;
mod preferences;
mod recording;
mod recovery;
mod scripted;
mod verdicts;
