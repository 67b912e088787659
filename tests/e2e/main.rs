//! End-to-end cases.
use std::process::ExitCode;
fn main() -> ExitCode {
    pipelock_tests::harness::main(vec![])
}
