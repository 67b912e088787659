//! What a shell would make of it.

use super::*;

/// The commands of a script, innermost ones included, as text.
fn commands(text: &str) -> Vec<String> {
    let script = read(text);
    script.pipelines.iter().flat_map(|pipeline| &pipeline.stages).map(|stage| stage.words.join(" ")).collect()
}

fn has(text: &str, command: &str) -> bool {
    commands(text).iter().any(|found| found == command)
}

#[test]
fn every_way_to_write_a_word_reads_the_same() {
    for text in [
        "ls /opt",
        "l''s /opt",
        "'l's /\"op\"t",
        r"l\s /o\pt",
        "$'\\x6c\\x73' /opt",
        "ls${IFS}/opt",
        "ls$IFS$9/opt",
        "{ls,/opt}",
        "a=l;b=s;$a$b /opt",
        "v=ls;w=v;${!w} /opt",
        "ls ${HOME:0:1}opt",
        "$(echo ls) /opt",
        "`printf 'l%s' s` /opt",
        "$(printf '\\x6c\\x73') /opt",
        "x=/OPT;ls ${x,,}",
        "x=/aopt;ls ${x/a/}",
        "l$@s /opt",
        "IFS=,;c=ls,/opt;$c",
        "ls \\\n /opt",
        "sudo -u root ls /opt",
        "env A=1 nice -n 5 ls /opt",
        "timeout 5 ls /opt",
        "xargs -n 1 ls /opt",
        "sh -c 'ls /opt'",
        "bash -lc \"ls /opt\"",
        "eval ls /opt",
        "su root -c 'ls /opt'",
        "ssh -p 22 host ls /opt",
        "echo 'ls /opt' | sh",
        "bash <<< 'ls /opt'",
        "bash <<'END'\nls /opt\nEND",
        "cat <<END | sh\nls /opt\nEND",
        "echo bHMgL29wdA== | base64 -d | sh",
        "echo 6c73202f6f7074 | xxd -r -p | bash",
        "echo 'tpo/ sl' | rev | sh",
        "echo 'yf /bcg' | tr 'a-z' 'n-za-m' | bash",
        "printf '\\154\\163 /opt' | sh",
        "bash <(echo ls /opt)",
        "source <(echo bHMgL29wdA== | base64 -d)",
        "if true; then ls /opt; fi",
        "f() { ls /opt; }; f",
        "(cd /; ls /opt)",
        "true && ls /opt || false",
        "docker exec c sh -c 'ls /opt'",
        "kubectl exec p -- ls /opt",
        "echo $(ls /opt)",
        "echo \"`ls /opt`\"",
        "cat <(ls /opt)",
        "echo $(( $(ls /opt) ))",
    ] {
        assert!(has(text, "ls /opt"), "{text:?} read as {:?}", commands(text));
    }
}

#[test]
fn quoted_text_is_no_command() {
    for text in
        ["echo 'a; ls /opt'", "echo \"a | ls /opt\"", "echo a # ls /opt", "cat <<E\nls /opt\nE", "grep '$(ls /opt)' f"]
    {
        assert!(!has(text, "ls /opt"), "{text:?} read as {:?}", commands(text));
    }
}

#[test]
fn disguises_are_noted_and_plain_commands_are_not() {
    let disguised = |text: &str| {
        let script = read(text);
        script.disguised || script.pipelines.iter().flat_map(|pipeline| &pipeline.stages).any(|stage| stage.disguised)
    };
    for text in ["l''s", "w\\ho", "cat${IFS}x", "a=l;b=s;$a$b", "{cat,/x}", "who$@ami", "$'\\x63\\x61\\x74' x"] {
        assert!(disguised(text), "{text}");
    }
    for text in [
        "\\ls",
        "echo \"it's\"",
        "find . -name \\*.rs",
        "echo {a,b}",
        "$EDITOR x",
        "printf 'a\\nb'",
        "C:\\Windows\\System32\\x.exe",
    ] {
        assert!(!disguised(text), "{text}");
    }
}

#[test]
fn redirections_are_no_words() {
    let script = read("echo a 2>&1 >> /tmp/x < in");
    let stage = &script.pipelines[0].stages[0];
    assert_eq!(stage.words, ["echo", "a"]);
    let redirects: Vec<_> =
        stage.redirects.iter().map(|redirect| (redirect.operator.as_str(), redirect.target.as_str())).collect();
    assert_eq!(redirects, [(">&", "1"), (">>", "/tmp/x"), ("<", "in")]);
}

#[test]
fn reading_is_bounded_however_text_unfolds() {
    let deep = "$(".repeat(20_000);
    let doubling = format!("a=xxxxxxxx;{}echo $a", "a=$a$a;".repeat(64));
    let wide = format!("{}{}", "A=", "x".repeat(60_000)) + &";echo $A".repeat(8000);
    let quine = "x='eval echo $x | sh'; eval $x".to_owned();
    for text in [deep, doubling, wide, quine] {
        let script = read(&text);
        assert!(script.truncated, "{}", &text[..40]);
        assert!(script.pipelines.len() <= MAX_COMMANDS);
    }
    // Nothing of this ends early, panics, or is reported as cut.
    for text in [
        "'".repeat(5000),
        "\"\\".repeat(5000),
        "<<".repeat(2000),
        "{".repeat(5000),
        "${".repeat(5000),
        "((".repeat(300),
    ] {
        assert!(read(&text).pipelines.len() < 10_000);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n]{0,200}|\\PC{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn no_shell_alphabet_panics(parts in proptest::collection::vec(proptest::sample::select(vec![
        "$(", ")", "`", "'", "\"", "${", "}", "|", "&", ";", "<", ">", "<<", "\n", " ", "\\", "$'", "\\x4", "{", ",", "a", "sh", "-c", "echo", "eval",
        "base64", "-d", "IFS", "=", "((", "))", "é", "!", "find", "-exec", "ssh", "docker exec",
    ]), 0..40)) {
        let _ = read(&parts.concat());
        let _ = read(&parts.join(" "));
    }
}
