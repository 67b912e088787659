//! What `exec` needs from the user who runs it, and the way there: sudo, or a message that says what is missing.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Set for ourselves when sudo runs us again; keeps a sudo that grants nothing from becoming a loop, and tells that the
/// command is to run as the user who called, not as root.
const REEXECUTED: &str = "PIPELOCK_REEXECUTED";

/// Variables of ours and of sudo's that the command must not see as if it had been run by sudo itself.
pub(super) const HIDDEN_VARIABLES: [&str; 5] = [REEXECUTED, "SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND"];

/// The user and group to run the command as; `None` to stay who we are.
///
/// # Errors
/// When sudo ran us for somebody and does not say for whom: the command must not become root's by accident.
pub(super) fn calling_user() -> anyhow::Result<Option<(u32, u32)>> {
    if std::env::var_os(REEXECUTED).is_none() {
        return Ok(None);
    }
    let id = |name| std::env::var(name).ok()?.parse().ok();
    let user = id("SUDO_UID").zip(id("SUDO_GID"));
    anyhow::ensure!(user.is_some(), "sudo did not say who called (SUDO_UID, SUDO_GID); run as root instead");
    Ok(user)
}

/// Runs this very command line again under sudo, if that can help. Returns only if it cannot, with the reason.
pub(super) fn try_sudo() -> &'static str {
    if rustix::process::geteuid().is_root() {
        return "already root; add the capability to this container or service";
    }
    if std::env::var_os(REEXECUTED).is_some() {
        return "sudo was tried and did not grant it";
    }
    if !sudo_works() {
        return "sudo is not installed or wants a password without a terminal; run as root, or grant the capability";
    }
    let Ok(own) = std::env::current_exe() else { return "the path of this program is unknown" };
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // Returns only on failure.
    let error = Command::new("sudo")
        .arg("--preserve-env")
        .arg("--")
        .arg("env")
        .arg(format!("{REEXECUTED}=1"))
        .arg(own)
        .args(arguments)
        .exec();
    tracing::debug!(%error, "running sudo");
    "sudo could not be run"
}

/// With a terminal sudo may ask; without one it must not need to.
fn sudo_works() -> bool {
    let quiet = |args: &[&OsStr]| {
        Command::new("sudo")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if std::io::stdin().is_terminal() {
        quiet(&["--version".as_ref()])
    } else {
        quiet(&["--non-interactive".as_ref(), "true".as_ref()])
    }
}
