//! Beginning and end of `pipelock exec`: what it hands to its command, and that nothing of it stays.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{curl_argv, raw_argv};
use pipelock_tests::e2e;
use pipelock_tests::gateway::{Exec, Outcome, binary};
use pipelock_tests::harness::Case;
use pipelock_tests::node::{Node, TRUST_VARIABLES};
use pipelock_tests::process::DEADLINE;
use pipelock_tests::traces::Traces;
use rustix::process::Signal;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        e2e!(exit_code_of_the_command_is_handed_on, needs: [Bpf, CgroupV2, Pipelock], exit_codes),
        e2e!(standard_streams_belong_to_the_command, needs: [Bpf, CgroupV2, Pipelock], streams),
        e2e!(command_that_is_not_there_is_127, needs: [Bpf, CgroupV2, Pipelock], no_command).alone(),
        e2e!(trust_variables_name_a_bundle_with_old_and_new_roots, needs: [Bpf, CgroupV2, Pipelock], trust_variables),
        e2e!(java_trusts_every_entry_of_the_store, needs: [Bpf, CgroupV2, Pipelock, Keytool], java_store),
        e2e!(sigterm_reaches_the_command, needs: [Bpf, CgroupV2, Pipelock], sigterm),
        e2e!(health_and_metrics_answer_on_the_explicit_door, needs: [Bpf, CgroupV2, Pipelock, Curl], health),
        e2e!(no_trace_after_a_normal_end, needs: [Bpf, CgroupV2, Pipelock, Curl], normal_end).alone(),
        e2e!(no_trace_after_sigint, needs: [Bpf, CgroupV2, Pipelock], sigint).alone(),
        e2e!(killed_gateway_refuses_and_the_next_start_cleans, needs: [Bpf, CgroupV2, Pipelock, Python, Curl], killed)
            .alone(),
    ]
}

fn shell(script: &str) -> [&str; 3] {
    ["sh", "-c", script]
}

fn exit_codes(node: &Node) -> Result<()> {
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 128 + 9), ("kill -TERM $$", 128 + 15)] {
        let outcome = Exec::on(node).run(shell(script))?;
        ensure!(outcome.code() == Some(expected), "`{script}` became {:?}: {outcome:#?}", outcome.code());
    }
    Ok(())
}

fn streams(node: &Node) -> Result<()> {
    let mut session = Exec::on(node).start(["cat"])?;
    session.process.say("there and back")?;
    session.process.wait_for_output("there and back")?;
    let outcome = session.finish()?;
    ensure!(outcome.finished.stdout == "there and back\n", "standard output has more: {outcome:#?}");
    ensure!(outcome.code() == Some(0), "{outcome:#?}");
    Ok(())
}

fn no_command(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    let outcome = Exec::on(node).run(["there-is-no-such-command"])?;
    ensure!(outcome.code() == Some(127), "{outcome:#?}");
    ensure!(outcome.finished.stderr.contains("there-is-no-such-command"), "{outcome:#?}");
    before.expect_none_new()
}

fn trust_variables(node: &Node) -> Result<()> {
    for variable in TRUST_VARIABLES {
        let script = format!("grep -c 'BEGIN CERTIFICATE' \"${variable}\"");
        let outcome = Exec::on(node).run(shell(&script))?;
        let count: usize =
            outcome.finished.stdout.trim().parse().with_context(|| format!("{variable}: {outcome:#?}"))?;
        // NODE_EXTRA_CA_CERTS adds to the roots; the others replace them, so their bundle needs the old ones as well.
        let least = if *variable == "NODE_EXTRA_CA_CERTS" { 1 } else { 2 };
        ensure!(count >= least, "{variable} names a bundle of {count} certificates");
    }
    Ok(())
}

/// With and without a password, because Java versions differ in which they ask for.
fn java_store(node: &Node) -> Result<()> {
    let script = "store=${SSL_CERT_FILE%/*}/truststore.p12; grep -c 'BEGIN CERTIFICATE' \"$SSL_CERT_FILE\"; unset JAVA_TOOL_OPTIONS; \
         keytool -list -storetype PKCS12 -keystore \"$store\" </dev/null 2>/dev/null | grep -c trustedCertEntry; \
         keytool -list -storetype PKCS12 -keystore \"$store\" -storepass changeit 2>/dev/null | grep -c trustedCertEntry";
    let outcome = Exec::on(node).run(shell(script))?;
    let counts: Vec<&str> = outcome.finished.stdout.split_whitespace().collect();
    let [roots, without, with] = counts[..] else { anyhow::bail!("{outcome:#?}") };
    ensure!(roots != "0" && roots == without && roots == with, "of {roots} roots Java trusts {without} and {with}");
    Ok(())
}

fn sigterm(node: &Node) -> Result<()> {
    let session =
        Exec::on(node).start(shell("trap 'exit 42' TERM; echo ready; while :; do read line || exit 1; done"))?;
    session.process.wait_for_output("ready")?;
    session.process.signal(Signal::TERM)?;
    session.process.wait_exit(DEADLINE)?;
    let outcome = session.finish()?;
    ensure!(outcome.code() == Some(42), "the command's own handler did not run: {outcome:#?}");
    Ok(())
}

fn health(node: &Node) -> Result<()> {
    let script = format!(
        "curl -sS -o /dev/null https://api.example.test/ && curl -sS -w ' %{{http_code}}\\n' http://127.0.0.1:8888/health && curl -sS http://127.0.0.1:8888/metrics && \
         '{}' healthcheck --addr 127.0.0.1:8888 && echo healthy",
        binary().display()
    );
    let outcome = Exec::on(node).run(shell(&script))?;
    let said = &outcome.finished.stdout;
    ensure!(outcome.code() == Some(0) && said.contains("healthy"), "{outcome:#?}");
    ensure!(said.contains(" 200\n"), "/health: {said}");
    ensure!(said.lines().any(|line| line.starts_with("pipelock_connections_total")), "/metrics: {said}");
    Ok(())
}

fn normal_end(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    let outcome = Exec::on(node).run(curl_argv(&[], "https://api.example.test/", "clean"))?;
    ensure!(outcome.code() == Some(0), "{outcome:#?}");
    ensure!(outcome.only_connection()?["front_door"] == "captured", "nothing was attached: {outcome:#?}");
    before.expect_none_new()
}

fn sigint(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    let session = Exec::on(node).start(shell("echo ready; exec cat"))?;
    session.process.wait_for_output("ready")?;
    ensure!(!Traces::take()?.new_since(&before).is_empty(), "nothing is attached, so this case would show nothing");
    session.process.signal(Signal::INT)?;
    session.process.wait_exit(DEADLINE)?;
    let outcome = session.finish()?;
    ensure!(outcome.code() == Some(128 + 2), "{outcome:#?}");
    before.expect_none_new()
}

/// SIGKILL in the middle of a transfer. What the programs left in the kernel must refuse, not let through; the next
/// start must find the leftovers, remove them and work.
fn killed(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    let mut argv = vec!["sh".into(), "-c".into(), "\"$@\" & wait".into(), "sh".into()];
    argv.extend(raw_argv(&["hold", "203.0.113.10"]));
    let session = Exec::on(node).start(argv)?;
    session.process.wait_for_output("transferring")?;
    let journal = node.upstream().journal();
    let seen = journal.connection_count();
    session.process.signal(Signal::KILL)?;
    session.process.wait_for_output("after")?;
    let said = session.process.output();
    let after: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default())?;
    let attempts = after["attempts"].as_array().cloned().unwrap_or_default();
    ensure!(attempts.len() == 2, "{after}");
    for attempt in &attempts {
        ensure!(attempt == "ECONNREFUSED", "after the gateway was killed, connect() gave {attempt}: {after}");
    }
    let leaked = journal.since(seen);
    ensure!(leaked.is_empty(), "something went out directly: {leaked:#?}");
    // The held connection ended together with the gateway; nobody else kept it alive.
    journal.wait_for("the end of the transfer", DEADLINE, |all| all.iter().all(|c| c.closed.is_some()))?;
    session.process.wait_exit(Duration::from_secs(10))?;
    session.finish().ok();

    let outcome = works(node)?;
    before.expect_none_new().with_context(|| format!("the next start said: {}", outcome.finished.stderr))
}

fn works(node: &Node) -> Result<Outcome> {
    let seen = node.upstream().journal().connection_count();
    let outcome = Exec::on(node).run(curl_argv(&[], "https://api.example.test/", "clean"))?;
    ensure!(outcome.code() == Some(0) && outcome.finished.stdout.contains("200"), "{outcome:#?}");
    ensure!(node.upstream().journal().connection_count() == seen + 1, "{outcome:#?}");
    Ok(outcome)
}
