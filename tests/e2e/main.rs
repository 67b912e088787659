//! The end-to-end cases: one file a subject, each case a claim.
//!
//! Everything is real but the Internet: the kernel's programs, the sockets, TLS, and the clients. Run with
//! `cargo xtask e2e`; arguments are those of any Rust test, so `-- leak` runs the cases with "leak" in their name.

mod bodies;
mod bundles;
mod clients;
mod control;
mod credentials;
mod daemon;
mod datapath;
mod dns;
mod docker;
mod engine;
mod interop;
mod lifecycle;
mod mcp;
mod musl;
mod nri;
mod pods;
mod policy;
mod privileges;
mod providers;
mod refusals;
mod seatbelt;
mod sockets;
mod targets;
mod trust;
mod verdicts;

use std::process::ExitCode;

fn main() -> ExitCode {
    // One case of `datapath` starts this very binary as a gateway that it can kill.
    match datapath::child_main() {
        Some(Ok(())) => return ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{error:?}");
            return ExitCode::FAILURE;
        }
        None => {}
    }
    let cases = [
        control::cases(),
        datapath::cases(),
        targets::cases(),
        seatbelt::cases(),
        daemon::cases(),
        dns::cases(),
        privileges::cases(),
        bundles::cases(),
        docker::cases(),
        trust::cases(),
        pods::cases(),
        nri::cases(),
        clients::cases(),
        sockets::cases(),
        bodies::cases(),
        credentials::cases(),
        interop::cases(),
        mcp::cases(),
        musl::cases(),
        policy::cases(),
        providers::cases(),
        lifecycle::cases(),
        refusals::cases(),
        verdicts::cases(),
    ];
    pipelock_tests::harness::main(cases.into_iter().flatten().collect())
}
