//! A program to run that can be printed the way a person would type it.
//!
//! Every task runs other programs through [`Cmd`], so that a failure can always name the line to repeat. It adds no
//! retries and no timeouts: those belong to whoever plans the steps.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead as _, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// One program, its arguments and the variables it gets beside the inherited ones.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    /// Where it runs: the workspace root, unless the program belongs where the person stands.
    dir: Option<PathBuf>,
}

impl Cmd {
    /// A program that runs in the workspace root.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let dir = Some(workspace::root().to_owned());
        Self { program: program.as_ref().to_owned(), args: Vec::new(), env: Vec::new(), dir }
    }

    /// `cargo` with the words of `line` as arguments; no word may hold a space.
    pub(crate) fn cargo(line: &str) -> Self {
        Self::new("cargo").args(line.split_whitespace())
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs where the person stands instead of in the workspace root.
    pub(crate) fn in_current_dir(mut self) -> Self {
        self.dir = None;
        self
    }

    /// Runs in a directory of its own choice.
    pub(crate) fn in_dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// The same command under `sudo -E`. Variables are named on sudo's line too, because a `secure_path` or an
    /// `env_reset` in sudoers would drop them, and `PATH` with them.
    pub(crate) fn under_sudo(self) -> Self {
        let mut line =
            Self { program: "sudo".into(), args: vec!["-E".into(), "env".into()], env: Vec::new(), dir: self.dir };
        let path = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
        for (name, value) in path.into_iter().chain(self.env) {
            let mut pair = name;
            pair.push("=");
            pair.push(value);
            line.args.push(pair);
        }
        line.arg(self.program).args(self.args)
    }

    fn std(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    /// Runs to the end, output where ours goes.
    ///
    /// # Errors
    /// When it cannot start or does not exit with 0; the message holds the command line.
    pub(crate) fn run(&self) -> Result<()> {
        let status = self.std().status().with_context(|| format!("starting `{self}`"))?;
        if !status.success() {
            bail!("`{self}` failed: {status}");
        }
        Ok(())
    }

    /// Runs with all output discarded; false also when it cannot start.
    pub(crate) fn succeeds(&self) -> bool {
        let mut command = self.std();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Runs with its standard output collected; standard error goes where ours goes.
    ///
    /// # Errors
    /// When it cannot start, fails, or prints something that is not UTF-8.
    pub(crate) fn stdout(&self) -> Result<String> {
        let output = self.std().stderr(Stdio::inherit()).output().with_context(|| format!("starting `{self}`"))?;
        if !output.status.success() {
            bail!("`{self}` failed: {}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("output of `{self}`"))
    }

    /// Runs with both outputs collected; its own failure is in the returned status.
    ///
    /// # Errors
    /// When it cannot start.
    pub(crate) fn output(&self) -> Result<Output> {
        self.std().stdin(Stdio::null()).output().with_context(|| format!("starting `{self}`"))
    }

    /// Runs with each line of its standard output copied to `out` at once and shown to `on_line`.
    ///
    /// # Errors
    /// When it cannot start or its output cannot be read; its own failure is in the returned status.
    pub(crate) fn tee(&self, out: &mut impl Write, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        let mut child = self.std().stdout(Stdio::piped()).spawn().with_context(|| format!("starting `{self}`"))?;
        let output = child.stdout.take().context("standard output was asked to be a pipe")?;
        for line in BufReader::new(output).split(b'\n') {
            // Bytes, not `lines()`: a test that prints something that is not UTF-8 must not break the count.
            let line = line.with_context(|| format!("reading the output of `{self}`"))?;
            out.write_all(&line)
                .and_then(|()| out.write_all(b"\n"))
                .with_context(|| format!("copying the output of `{self}`"))?;
            on_line(&String::from_utf8_lossy(&line));
        }
        child.wait().with_context(|| format!("waiting for `{self}`"))
    }

    /// Starts it as a filter, with pipes at both ends; standard error goes where ours goes.
    ///
    /// # Errors
    /// When it cannot start.
    pub(crate) fn spawn_filter(&self) -> Result<Child> {
        let child = self.std().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.with_context(|| format!("starting `{self}`"))
    }

    /// Becomes the program: signals, terminal and exit code are then its own. Returns only when it cannot start.
    pub(crate) fn exec(&self) -> anyhow::Error {
        anyhow::Error::new(self.std().exec()).context(format!("starting `{self}`"))
    }
}

/// The line a person would type in the workspace root.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{}={} ", name.to_string_lossy(), quoted(value))?;
        }
        write!(f, "{}", quoted(shorten(&self.program)))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

/// A program inside the workspace is told by its relative path.
fn shorten(program: &OsStr) -> &OsStr {
    Path::new(program).strip_prefix(workspace::root()).map_or(program, Path::as_os_str)
}

/// Single quotes where a shell would split or expand the word.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_as_a_person_would_type_it() {
        let cmd = Cmd::cargo("doc --no-deps").env("RUSTDOCFLAGS", "-D warnings").arg("it's");
        assert_eq!(cmd.to_string(), r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'");
    }

    #[test]
    fn the_printed_line_means_the_same_to_a_shell() {
        let words = ["plain", "two words", "it's", "$HOME `id`", "", "a\\b", "*"];
        let printed = Cmd::new("printf").arg(r"%s\0").args(words).to_string();
        let seen = Cmd::new("sh").args(["-c", &printed]).stdout().unwrap();
        assert_eq!(seen.split_terminator('\0').collect::<Vec<_>>(), words);
    }

    #[test]
    fn sudo_line_carries_the_variables_it_would_otherwise_drop() {
        let line = Cmd::new("/x/e2e").env("PIPELOCK_BIN", "/x/pipelock").arg("name").under_sudo().to_string();
        assert!(line.starts_with("sudo -E env PATH="), "{line}");
        assert!(line.ends_with("PIPELOCK_BIN=/x/pipelock /x/e2e name"), "{line}");
    }

    #[test]
    fn tee_shows_every_line_and_keeps_the_exit_status() {
        let (mut seen, mut copy) = (Vec::new(), Vec::new());
        let status = Cmd::new("sh")
            .args(["-c", r"printf 'one\ntw\377o\nthree'; exit 3"])
            .tee(&mut copy, |line| seen.push(line.to_owned()))
            .unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(seen, ["one", "tw\u{fffd}o", "three"]);
        assert_eq!(copy, b"one\ntw\xffo\nthree\n");
    }

    #[test]
    fn a_failure_names_the_command_line() {
        let error = Cmd::new("false").run().unwrap_err();
        assert!(format!("{error:#}").contains("`false` failed"), "{error:#}");
        let error = Cmd::new("no-such-program").run().unwrap_err();
        assert!(format!("{error:#}").contains("starting `no-such-program`"), "{error:#}");
    }
}
