//! `cargo xtask valgrind`: the wrapper around foreign memory, run where every access to memory is checked.
//!
//! Runs the unit tests of `scan/hyperscan.rs`, each of which provokes one hazard of the library: a stream that outlives its
//! rule set, is dropped unclosed, is terminated and then dropped, scratch shared by databases. A read of freed memory or a
//! lost block fails the run even where the test itself sees nothing. It judges nothing else of the scanner.

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::e2e::{self, Kind};
use crate::suite::{self, Count};
use crate::workspace;

/// The tests; of these, one counts the memory of the process, which is not what it is under valgrind, and takes minutes.
const TESTS: &str = "scan::hyperscan::";
const NOT_HERE: &str = "dropping_streams_gives_their_memory_back";

/// Builds the tests and runs them under valgrind.
///
/// # Errors
/// When valgrind is missing, or finds something.
pub(crate) fn valgrind() -> Result<()> {
    if !is_installed() {
        bail!("valgrind is not installed: apt-get install valgrind, or cargo xtask install-deps");
    }
    let count = run()?;
    if count.failed > 0 || count.passed == 0 {
        bail!("valgrind: {count}");
    }
    Ok(())
}

/// Whether the program is there.
pub(crate) fn is_installed() -> bool {
    workspace::find_program("valgrind").is_some()
}

/// The same, counted: as one skip when valgrind is missing, and that is a failure where `PIPELOCK_REQUIRE` asks for all.
///
/// # Errors
/// When the tests do not build.
pub(crate) fn run_or_skip() -> Result<Count> {
    if is_installed() {
        return run();
    }
    let required = std::env::var_os("PIPELOCK_REQUIRE").is_some_and(|required| required == "all");
    println!("\n==> valgrind is missing: the tests of the Hyperscan wrapper under it are SKIPPED");
    Ok(Count { skipped: u64::from(!required), failed: u64::from(required), ..Count::default() })
}

fn run() -> Result<Count> {
    let tests = e2e::build_binary("pipelock-gateway", Kind::Lib("pipelock_gateway"), &["--features", "testing"])?;
    // One thread: valgrind runs them one after the other anyway, and its reports are easier to read.
    let checks = ["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"];
    let cmd = Cmd::new("valgrind").args(checks).args(["--show-leak-kinds=definite"]).arg(tests);
    suite::run(&cmd.args([TESTS, "--skip", NOT_HERE, "--test-threads=1"]))
}
