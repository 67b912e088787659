//! Runs an operator's program in the place of a tool call: no shell, a clean environment, a time limit, a bound on its output.

use std::io;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::Redirect;

/// Why there is no output; the call is blocked then.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The program could not be started or talked to.
    #[error("running the program of a redirect")]
    Run(#[source] io::Error),
    /// It took too long and was ended.
    #[error("the program of a redirect took too long")]
    Timeout,
    /// It said by its exit code that it failed.
    #[error("the program of a redirect failed with {0}")]
    Failed(std::process::ExitStatus),
    /// The profile names no program.
    #[error("the profile names no program")]
    Nothing,
}

/// Gives the call's message to the program's standard input and takes what it writes. The rest of longer output is cut.
///
/// Dropping the future ends the program.
pub(super) async fn run(profile: &Redirect, request: &[u8]) -> Result<Vec<u8>, Error> {
    let (program, arguments) = profile.exec.split_first().ok_or(Error::Nothing)?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::Run)?;
    let (mut input, output) = (child.stdin.take(), child.stdout.take());
    let talk = async {
        let feed = async {
            // A program need not read its input.
            if let Some(input) = &mut input {
                let _ = input.write_all(request).await;
            }
            drop(input.take());
        };
        let mut said = Vec::new();
        let read = async {
            if let Some(mut output) = output {
                let most = u64::try_from(profile.max_output_bytes).unwrap_or(u64::MAX);
                (&mut output).take(most).read_to_end(&mut said).await.map_err(Error::Run)?;
                // What is beyond the bound is read away, so that the program is not stopped by a full pipe.
                tokio::io::copy(&mut output, &mut tokio::io::sink()).await.map_err(Error::Run)?;
            }
            Ok::<_, Error>(())
        };
        let ((), read) = tokio::join!(feed, read);
        read?;
        let status = child.wait().await.map_err(Error::Run)?;
        if status.success() { Ok(said) } else { Err(Error::Failed(status)) }
    };
    timeout(profile.timeout, talk).await.map_err(|_| Error::Timeout)?
}

/// The result of a call, made of what the program wrote.
pub(super) fn result(id: &Value, profile: &Redirect, output: &[u8]) -> Value {
    let text = String::from_utf8_lossy(output);
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "result": {
            "content": [{ "type": "text", "text": text }],
            "isError": false,
            "_meta": { "com.pipelock/redirect": { "profile": profile.profile, "reason": profile.reason } },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn profile(exec: &[&str]) -> Redirect {
        Redirect {
            profile: "p".into(),
            exec: exec.iter().map(Into::into).collect(),
            reason: "because".into(),
            timeout: Duration::from_secs(10),
            max_output_bytes: 64,
        }
    }

    #[tokio::test]
    async fn a_program_sees_the_call_and_nothing_of_our_environment() {
        assert_eq!(run(&profile(&["/bin/cat"]), b"{\"a\":1}").await.unwrap(), b"{\"a\":1}");
        let environment = run(&profile(&["/usr/bin/env"]), b"").await.unwrap();
        assert_eq!(environment, b"PATH=/usr/local/bin:/usr/bin:/bin\n");
    }

    #[tokio::test]
    async fn a_program_is_bounded_in_time_and_output_and_its_failure_is_one() {
        let long = run(&profile(&["/bin/sh", "-c", "head -c 100000 /dev/zero"]), b"").await.unwrap();
        assert_eq!(long.len(), 64);
        let slow = Redirect { timeout: Duration::from_millis(50), ..profile(&["/bin/sleep", "60"]) };
        assert!(matches!(run(&slow, b"").await, Err(Error::Timeout)));
        assert!(matches!(run(&profile(&["/bin/false"]), b"").await, Err(Error::Failed(_))));
        assert!(matches!(run(&profile(&["/no/such/program"]), b"").await, Err(Error::Run(_))));
        assert!(matches!(run(&profile(&[]), b"").await, Err(Error::Nothing)));
    }
}
