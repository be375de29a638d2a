//! Tollgate from the outside: the whole gateway over real sockets, against simulated vendors.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bad_input;
mod bodies;
mod credentials;
mod drain;
mod duplicates;
mod gateway_away;
mod grpc_callers;
mod grpc_deliveries;
mod grpc_requests;
mod grpc_tools;
mod guard;
mod guard_lists;
mod guard_verdicts;
mod hang_up;
mod lanes;
mod ledger_away;
mod messages;
mod mounted;
mod outcomes;
mod overload;
mod preferences;
mod profiles;
mod provider_faults;
mod provider_time;
mod reload;
mod tls;

mod process_guard;
mod process_health;
mod process_import;
mod process_kill;
mod process_leaks;
mod process_life;
mod process_people;
mod process_plugin;
mod process_python;
mod process_sandbox;
mod process_split;
mod process_start;
mod process_tls;
mod support;
