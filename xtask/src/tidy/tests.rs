//! Tidy on small trees made for the purpose, and on this workspace's own habits.

use super::*;

fn source(text: &str) -> Source {
    Source::parse(Path::new("xtask/src/x.rs"), text)
}

/// A tree with one gateway file and a document whose tables are empty.
fn tree(file: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let tables = ["metrics", "ports", "programs", "maps"];
    let document = tables.map(|name| format!("<!-- tidy:{name} -->\n<!-- /tidy:{name} -->\n")).concat();
    std::fs::write(dir.path().join("ARCHITECTURE.md"), document).unwrap();
    dir
}

#[test]
fn a_tree_in_order_has_no_problems() {
    let dir = tree("pipelock-gateway/src/policy.rs", "//! Decides.\nuse crate::model::X;\n");
    assert_eq!(inspect(dir.path()).unwrap().problems, []);
}

#[test]
fn a_bad_arrow_anywhere_in_the_tree_fails() {
    let dir = tree("pipelock-gateway/src/scan/window/deep.rs", "//! Deep.\nuse crate::http::Inspect;\n");
    let problems = inspect(dir.path()).unwrap().problems;
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].line, problems[0].file.ends_with("scan/window/deep.rs")), (2, true));
}

#[test]
fn an_undocumented_port_fails() {
    let dir = tree("pipelock-gateway/src/admin.rs", "//! Answers.\nconst ADMIN_PORT: u16 = 8888;\n");
    assert!(inspect(dir.path()).unwrap().problems[0].text.contains("`8888` is not in the ports table"));
}

#[test]
fn files_below_target_and_hidden_directories_are_not_read() {
    for skipped in ["xtask/target/debug/x.rs", "xtask/.cache/x.rs"] {
        assert_eq!(inspect(tree(skipped, "no docs").path()).unwrap().problems, [], "{skipped}");
    }
}

#[test]
fn a_file_without_an_opening_sentence_is_caught() {
    assert!(missing_file_docs(&source("use std::fmt;\n//! Late.")).is_some());
    assert!(missing_file_docs(&source("//!\nfn f() {}")).is_some());
    assert!(missing_file_docs(&source("")).is_some());
    assert!(missing_file_docs(&source("\n//! What for.\n")).is_none());
}

#[test]
fn a_todo_needs_an_issue_number() {
    let lines = |text: &str| bare_todos(&source(text)).iter().map(|problem| problem.line).collect::<Vec<_>>();
    assert_eq!(lines("// TODO: later\n/* x\n FIXME this */\n"), [1, 3]);
    assert_eq!(lines("// TODO(#12): later\n// FIXME, see #7\n"), [0; 0]);
    assert_eq!(lines("let s = \"TODO\"; // no `TODO` here, nor TODOS\n"), [0; 0]);
}

#[test]
fn long_files_warn_but_tests_at_the_foot_do_not_count() {
    let long = "fn f() {}\n".repeat(LONG_FILE_LINES + 1);
    assert!(too_long(&source(&long)).is_some());
    let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(too_long(&source(&tests)).is_none());
}
