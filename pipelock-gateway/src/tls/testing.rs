//! What the tests of this module share: files, and `openssl` as an independent judge.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// A fixed instant, so that dates in assertions do not depend on when a test runs: 2030-01-01T00:00:00Z.
pub(super) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000)
}

/// Runs `openssl` in `directory` and returns what it printed, standard output and error together.
///
/// These tests need the `openssl` command (Debian package `openssl`): it is the judge that is not rustls. Missing, they fail.
pub(super) fn openssl(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    openssl_with(directory, arguments, &[])
}

/// The same, with bytes on its standard input.
pub(super) fn openssl_with(directory: &Path, arguments: &[&str], input: &[u8]) -> Result<String, String> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the `openssl` command is required by this test; install the package openssl");
    // A command that does not read its input closes the pipe; what it answers is judged below.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("openssl ended");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(text) }
}
