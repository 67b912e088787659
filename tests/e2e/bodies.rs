//! Bodies in pieces: a secret cut in two is as much a secret, and a clean body keeps its framing.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{Reply, curl_argv, raw_argv};
use pipelock_tests::e2e;
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::Node;
use pipelock_tests::secrets::Secret;

use crate::clients::{nothing_arrived, only_request};

/// The variants of `clients/raw.py` that send a body in two pieces, and what each is called.
const CUTS: &[(&str, &str)] = &[
    ("two_segments", "secret_split_over_two_tcp_segments_is_stopped"),
    ("two_chunks", "secret_split_over_two_chunks_is_stopped"),
    ("two_frames", "secret_split_over_two_h2_data_frames_is_stopped"),
];

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Pipelock, Need::Python];
    let mut cases: Vec<Case> = CUTS
        .iter()
        .map(|&(variant, claim)| Case::new(format!("body::{claim}"), needs, move |node| split(node, variant)))
        .collect();
    cases.push(Case::new("body::clean_body_in_two_pieces_arrives_whole", needs, clean_pieces));
    cases.push(e2e!(every_kind_of_key_is_stopped, needs: [Bpf, CgroupV2, Pipelock, Curl], every_kind));
    cases.push(e2e!(cleartext_http_is_judged_too, needs: [Bpf, CgroupV2, Pipelock, Curl], cleartext));
    cases.push(e2e!(forged_host_excuses_no_key_in_cleartext, needs: [Bpf, CgroupV2, Pipelock, Curl], forged_host));
    cases.push(e2e!(request_behind_blank_lines_is_judged, needs: [Bpf, CgroupV2, Pipelock, Python], blank_lines));
    cases.push(e2e!(secret_in_a_header_is_stopped, needs: [Bpf, CgroupV2, Pipelock, Curl], header));
    cases
        .push(e2e!(h2_body_behind_a_refused_head_is_not_reset, needs: [Bpf, CgroupV2, Pipelock, Python], refused_head));
    cases.push(e2e!(secret_in_a_gzip_body_is_stopped, needs: [Bpf, CgroupV2, Pipelock, Curl], gzip));
    cases.push(
        e2e!(two_requests_on_one_connection_are_judged_apart, needs: [Bpf, CgroupV2, Pipelock, Curl], keep_alive),
    );
    cases
}

fn split(node: &Node, variant: &str) -> Result<()> {
    let secret = Secret::github();
    let body = format!("key={}", secret.value);
    let cut = ("key=".len() + secret.halves().0.len()).to_string();
    let outcome = Exec::on(node).run(raw_argv(&[variant, &body, &cut]))?;
    stopped(&outcome, &secret, node)
}

fn clean_pieces(node: &Node) -> Result<()> {
    for (variant, _) in CUTS {
        let seen = node.upstream().journal().connection_count();
        let outcome = Exec::on(node).run(raw_argv(&[variant, "first half, second half", "11"]))?;
        let reply = Reply::parse(&outcome.finished.stdout)?;
        ensure!(reply.status == 200, "{variant}: {reply:?}\n{outcome:#?}");
        ensure!(outcome.only_request()?["event"] == "allowed", "{variant} was not judged: {outcome:#?}");
        let request = only_request(&node.upstream().journal().since(seen))?;
        ensure!(request.body == b"first half, second half", "{variant}: {request:?}");
        if *variant == "two_chunks" {
            let head = "POST /raw HTTP/1.1\r\nHost: api.example.test\r\nX-CamelCase-Probe: kept\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
            ensure!(request.raw.starts_with(head.as_bytes()), "{:?}", String::from_utf8_lossy(&request.raw));
        }
    }
    Ok(())
}

fn every_kind(node: &Node) -> Result<()> {
    for secret in [Secret::github(), Secret::openai(), Secret::aws()] {
        let outcome = Exec::on(node).run(curl_argv(&[], "https://api.example.test/", &secret.value))?;
        stopped(&outcome, &secret, node).with_context(|| secret.kind)?;
    }
    Ok(())
}

fn cleartext(node: &Node) -> Result<()> {
    let secret = Secret::openai();
    let outcome = Exec::on(node).run(curl_argv(&[], "http://api.example.test/", &secret.value))?;
    stopped(&outcome, &secret, node)?;
    let seen = node.upstream().journal().connection_count();
    let outcome = Exec::on(node).run(curl_argv(&[], "http://api.example.test/", "clean"))?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.status == 200, "{outcome:#?}");
    ensure!(only_request(&node.upstream().journal().since(seen))?.body == b"clean", "{outcome:#?}");
    Ok(())
}

/// The key is in its own header and "for" its own provider, but only the client says so.
fn forged_host(node: &Node) -> Result<()> {
    let secret = Secret::openai();
    let field = format!("Authorization: Bearer {}", secret.value);
    let argv = curl_argv(&["-H", &field, "-H", "Host: api.openai.com"], "http://api.example.test/", "clean");
    stopped(&Exec::on(node).run(argv)?, &secret, node)
}

/// Servers read past blank lines in front of a request; what they read past must not hide a request from the judge.
fn blank_lines(node: &Node) -> Result<()> {
    let secret = Secret::aws();
    let script = "import socket, sys; s = socket.create_connection(('api.example.test', 80), 10); body = sys.argv[1].encode(); \
        s.sendall(b'\\r\\n\\r\\nPOST /x HTTP/1.1\\r\\nHost: api.example.test\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body); \
        print(s.recv(4096).decode().split('\\r\\n')[0])";
    let argv = ["python3", "-c", script, secret.value.as_str()];
    let outcome = Exec::on(node).run(argv)?;
    ensure!(!outcome.finished.stdout.contains(" 200 "), "{outcome:#?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())
}

fn header(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let field = format!("X-Api-Key: {}", secret.value);
    let outcome = Exec::on(node).run(curl_argv(&["-H", &field], "https://api.example.test/", "clean"))?;
    stopped(&outcome, &secret, node)
}

/// A reset right behind the answer makes curl 7.88 lose the answer when it was about to send the body.
fn refused_head(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let outcome = Exec::on(node).run(raw_argv(&["refused_head", &secret.value]))?;
    stopped(&outcome, &secret, node)?;
    ensure!(outcome.finished.stdout.contains(r#""reset": false"#), "the stream was reset: {outcome:#?}");
    Ok(())
}

fn gzip(node: &Node) -> Result<()> {
    let secret = Secret::github();
    // Compressed by the shell, so that this shows what a program does and not what a library of ours does.
    let script = format!(
        "printf %s '{}' | gzip -c > \"$HOME/body.gz\" && exec {}",
        secret.value,
        shell_words(&curl_argv(&["-H", "Content-Encoding: gzip"], "https://api.example.test/", "@BODY"))
            .replace("@BODY", "@'\"$HOME\"'/body.gz")
    );
    let outcome = Exec::on(node).run(["sh", "-c", &script])?;
    stopped(&outcome, &secret, node)
}

/// One curl, one connection, a clean request and then a leaking one.
fn keep_alive(node: &Node) -> Result<()> {
    let secret = Secret::aws();
    let mut argv = curl_argv(&["--http1.1"], "https://api.example.test/first", "clean");
    argv.push("--next".into());
    argv.extend(curl_argv(&["--http1.1"], "https://api.example.test/second", &secret.value).into_iter().skip(1));
    let outcome = Exec::on(node).run(argv)?;
    let replies = outcome.finished.stdout.lines().map(Reply::parse).collect::<Result<Vec<_>>>()?;
    let statuses = replies.iter().map(|reply| reply.status).collect::<Vec<_>>();
    ensure!(statuses == [200, 403], "{replies:?}\n{outcome:#?}");
    let connections = node.upstream().journal().connections();
    ensure!(only_request(&connections)?.target == "/first", "{connections:#?}");
    ensure!(connections.iter().all(|c| !secret.leaked_into(&c.received)), "a part of the secret arrived");
    ensure!(outcome.only_connection()?["requests"] == 2, "{outcome:#?}");
    let events = outcome.requests().map(|record| record["event"].clone()).collect::<Vec<_>>();
    ensure!(events == ["allowed", "blocked"], "{events:?}");
    Ok(())
}

fn stopped(outcome: &Outcome, secret: &Secret, node: &Node) -> Result<()> {
    let reply = Reply::parse(&outcome.finished.stdout).with_context(|| format!("{outcome:#?}"))?;
    ensure!(reply.status == 403 && reply.blocked.as_deref() == Some("secret"), "{reply:?}\n{outcome:#?}");
    nothing_arrived(secret, &node.upstream().journal().connections())?;
    ensure!(!secret.leaked_into(outcome.audit_text.as_bytes()), "the audit log holds the secret");
    Ok(())
}

/// Quotes words for `sh`.
fn shell_words(words: &[std::ffi::OsString]) -> String {
    words.iter().map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
