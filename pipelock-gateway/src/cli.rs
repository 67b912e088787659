//! The subcommands of the `pipelock` binary, as functions that tests can call.

pub mod check;
