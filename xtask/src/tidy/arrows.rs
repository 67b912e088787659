//! Who may import whom in `pipelock-gateway/src`, and which foreign crates each module may name.
//!
//! Modules stand in the order a byte travels; an import goes to `model` or to the left. The table is stricter than that
//! order and is the authority: a new arrow is a line here, in review, with its reason. Tests are not bound by it.

use super::Problem;
use super::source::Source;

/// Where the tree starts.
const TREE: &str = "pipelock-gateway/src";

/// A module and the modules it may import. In the order a byte travels.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    // Files that the operator names; a process without privileges has them opened by its helper.
    ("files", &[]),
    ("config", &["model", "files"]),
    // It opens for a proxy what the configuration names.
    ("capture", &["model", "files"]),
    // State across connections; asked by the pipeline alone.
    ("control", &["model"]),
    ("connection", &["model", "config", "capture"]),
    // Addresses of names, and names of addresses. The pipeline marks its sockets and asks it.
    ("names", &["model"]),
    // Whom a runtime runs; what is done about it is decided where it is started, in `cli`.
    ("discovery", &["model"]),
    // Pure: what the first bytes are. It stands before policy, because policy is asked about the name found here.
    ("sniff", &["model"]),
    // Pure: DNS messages of workloads, read strictly. Judged like any other request, so scan and verdict do not know it.
    ("dns", &["model"]),
    ("policy", &["model"]),
    ("tls", &["model", "files"]),
    ("http", &["model"]),
    ("scan", &["model"]),
    ("verdict", &["model"]),
    // Of capture only `Counters`, which are plain numbers: `/metrics` shows them.
    ("report", &["model", "files", "capture"]),
    ("mcp", &["model", "http"]),
    // It counts what never becomes a connection: requests for itself, refused and broken ones; of `names` only the trait.
    ("forward", &["model", "names", "http", "report"]),
    // It has no listener: it answers what forward hands it.
    ("admin", &["model", "report", "forward"]),
    // Its bounds are the section as it was checked; the judge is a trait of its own.
    ("scan_api", &["model", "config", "report"]),
    (
        "pipeline",
        &[
            "model",
            "files",
            "config",
            "capture",
            "control",
            "connection",
            "names",
            "sniff",
            "dns",
            "policy",
            "tls",
            "http",
            "scan",
            "verdict",
            "report",
            "mcp",
            "forward",
            "admin",
            "scan_api",
        ],
    ),
    ("cli", EVERYTHING),
    // Not in a release: the claims that fuzzing tries, for the crate in `pipelock-gateway/fuzz`.
    ("fuzzing", FUZZED),
];

/// The edge of the program: it starts the pipeline and turns errors into exit codes.
const EVERYTHING: &[&str] = &[
    "model",
    "files",
    "config",
    "capture",
    "control",
    "connection",
    "names",
    "discovery",
    "sniff",
    "dns",
    "policy",
    "tls",
    "http",
    "scan",
    "verdict",
    "report",
    "mcp",
    "forward",
    "admin",
    "scan_api",
    "pipeline",
];

/// What fuzzing reaches into: readers of hostile bytes.
const FUZZED: &[&str] = &["capture", "sniff", "dns", "scan", "http", "mcp", "cli"];

/// Modules that decide: no sockets, no runtime, no files, no clock.
const PURE: &[&str] = &["model", "sniff", "dns", "policy", "scan", "verdict"];

/// A crate or path that only some modules may name.
struct Foreign {
    path: &'static str,
    allowed: fn(&str) -> bool,
    why: &'static str,
}

const FOREIGN: &[Foreign] = &[
    Foreign { path: "aya", allowed: |m| m == "capture", why: "only capture names aya or a map" },
    Foreign { path: "aya_log", allowed: |m| m == "capture", why: "only capture names aya or a map" },
    Foreign {
        path: "pipelock_common",
        allowed: |m| m == "capture",
        why: "kernel records become model types in capture",
    },
    Foreign { path: "hyperscan", allowed: |m| m == "scan", why: "scan owns the only foreign memory" },
    Foreign { path: "tokio", allowed: not_pure, why: "pure modules know no runtime" },
    Foreign { path: "hyper", allowed: not_pure, why: "pure modules know no HTTP engine" },
    Foreign { path: "std::net::TcpStream", allowed: not_pure, why: "pure modules do no I/O" },
    Foreign { path: "std::fs", allowed: not_pure, why: "pure modules do no I/O" },
    Foreign { path: "SystemTime::now", allowed: not_pure, why: "pure modules get the time as an argument" },
];

fn not_pure(module: &str) -> bool {
    !PURE.contains(&module)
}

/// Checks one file; files outside the gateway's tree, the crate roots and test files have no arrows.
pub(super) fn check(source: &Source) -> Vec<Problem> {
    let Ok(inside) = source.file().strip_prefix(TREE) else { return Vec::new() };
    let path: Vec<String> = inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let Some(module) = path.first().map(String::as_str) else { return Vec::new() };
    if source.is_test_file() || (path.len() == 1 && ["lib", "main"].contains(&module)) {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![
            source.problem(0, format!("module `{module}` is not in the arrow table (xtask/src/tidy/arrows.rs)")),
        ];
    };
    let mut problems = Vec::new();
    for (offset, imported) in imports(source.code(), path.len()) {
        if imported != module && !allowed.contains(&imported.as_str()) {
            let text = if ARROWS.iter().any(|(name, _)| *name == imported) {
                format!("`{module}` may not know `{imported}`; it may know: {}", list(allowed))
            } else {
                format!("`crate::{imported}` is not a module of the arrow table (xtask/src/tidy/arrows.rs)")
            };
            problems.push(source.problem(offset, text));
        }
    }
    for foreign in FOREIGN {
        if !(foreign.allowed)(module) {
            for offset in mentions(source.code(), foreign.path) {
                let text = format!("`{module}` may not name `{}`: {}", foreign.path, foreign.why);
                problems.push(source.problem(offset, text));
            }
        }
    }
    problems
}

fn list(modules: &[&str]) -> String {
    if modules.is_empty() { "nothing of this crate".to_owned() } else { modules.join(", ") }
}

/// The top-level modules that `code` names, with offsets: through `crate::`, through `pipelock_gateway::` (the binary), and
/// through as many `super::` as climb from a file `depth` modules deep to the crate root.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let climb = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", "pipelock_gateway::", climb.as_str()] {
        for (offset, _) in code.match_indices(root) {
            // A longer climb would be counted again at its second `super`.
            if joins_before(code, offset) || code[..offset].ends_with("super::") {
                continue;
            }
            let after = offset + root.len();
            found.extend(first_segments(&code[after..]).into_iter().map(|name| (offset, name)));
        }
    }
    found.sort();
    found
}

/// `a::b` gives `a`; `{a::X, b::{c, d}}` gives `a` and `b`. Names with a capital are items of the root, not modules.
fn first_segments(rest: &str) -> Vec<String> {
    if !rest.starts_with('{') {
        return Vec::from_iter(identifier(rest));
    }
    let mut depth = 0_usize;
    let mut starts_here = false;
    let mut names = Vec::new();
    for (at, c) in rest.char_indices() {
        match c {
            '{' => {
                depth += 1;
                starts_here = depth == 1;
            }
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => starts_here = depth == 1,
            c if c.is_whitespace() => {}
            _ if starts_here => {
                names.extend(identifier(&rest[at..]));
                starts_here = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(rest: &str) -> Option<String> {
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}

/// Where `path` is named as a path of its own: not the tail of a longer one, not the head of a longer identifier.
fn mentions(code: &str, path: &str) -> Vec<usize> {
    let starts = code.match_indices(path).map(|(offset, _)| offset);
    let whole = starts.filter(|offset| {
        let after = &code[offset + path.len()..];
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        // A crate is named as `aya::…` or `use aya;`; a local variable of the same name is not.
        let used = path.contains("::") || after.starts_with("::") || code[..*offset].trim_end().ends_with("use");
        ends && used && !joins_before(code, *offset) && (path.contains("::") || !code[..*offset].ends_with("::"))
    });
    whole.collect()
}

fn joins_before(code: &str, offset: usize) -> bool {
    code[..offset].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn problems(file: &str, text: &str) -> Vec<String> {
        check(&Source::parse(&Path::new(TREE).join(file), text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_import_to_the_right_is_caught_with_its_line() {
        let found =
            problems("policy/names.rs", "//! Names.\n\nuse crate::model::Decision;\nuse crate::report::Audit;\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("pipelock-gateway/src/policy/names.rs:4: `policy` may not know `report`"),
            "{found:?}"
        );
    }

    #[test]
    fn every_way_to_spell_an_import_is_seen() {
        for text in [
            "use crate::report::Audit;",
            "use crate::{model::X, report::{self, Audit}};",
            "use crate::{\n    model::{X, Y},\n    report,\n};",
            "fn f() { crate::report::audit(); }",
            "pub(crate) use crate::report as r;",
            "use super::super::report::Audit;",
        ] {
            assert_eq!(problems("verdict/fold.rs", text).len(), 1, "{text}");
        }
        assert_eq!(problems("verdict.rs", "use super::report::Audit;").len(), 1);
    }

    #[test]
    fn own_module_model_and_left_neighbours_are_allowed() {
        let text = "use super::Error;\nuse crate::capture::{Datapath, Error as CaptureError};\nuse crate::connection::accept;\nuse crate::model::{self, X};";
        assert_eq!(problems("connection/dial.rs", text), [""; 0]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = "//! [`crate::report`]\nlet s = \"crate::report::x\";\n#[cfg(test)]\nmod tests { use crate::report::X; use tokio::time; }";
        assert_eq!(problems("policy.rs", text), [""; 0]);
        assert_eq!(problems("policy/tests.rs", "use crate::report::X;"), [""; 0]);
    }

    #[test]
    fn kernel_records_and_foreign_memory_stay_where_they_belong() {
        assert_eq!(problems("connection.rs", "use aya::Ebpf;").len(), 1);
        assert_eq!(problems("capture/maps.rs", "use aya::Ebpf;"), [""; 0]);
        assert_eq!(problems("tls/ca.rs", "fn f(x: pipelock_common::SkMeta) {}").len(), 1);
        assert_eq!(problems("http.rs", "use hyperscan::Database;").len(), 1);
        assert_eq!(problems("scan/hyperscan.rs", "use hyperscan::Database;"), [""; 0]);
        // Our own module of that name is not the crate.
        assert_eq!(problems("scan.rs", "mod hyperscan;\nuse self::hyperscan::Database;"), [""; 0]);
    }

    #[test]
    fn pure_modules_know_no_runtime_and_no_clock() {
        assert_eq!(problems("scan/engine.rs", "async fn f() { tokio::task::yield_now().await }").len(), 1);
        assert_eq!(problems("policy.rs", "let now = std::time::SystemTime::now();").len(), 1);
        assert_eq!(problems("sniff.rs", "fn f() { std::fs::read(\"x\"); }").len(), 1);
        assert_eq!(problems("connection.rs", "use tokio::net::TcpListener;"), [""; 0]);
        assert_eq!(problems("policy.rs", "let tokio_like = 1; let hyper = 2; f(hyper);"), [""; 0]);
    }

    #[test]
    fn a_module_missing_from_the_table_is_a_problem() {
        let found = problems("helpers.rs", "//! x");
        assert!(found[0].contains("`helpers` is not in the arrow table"), "{found:?}");
        assert_eq!(problems("http.rs", "use crate::helpers::x;").len(), 1);
    }

    #[test]
    fn arrows_go_to_the_left_or_are_explained() {
        let position = |name: &str| ARROWS.iter().position(|(module, _)| *module == name);
        for (index, (module, allowed)) in ARROWS.iter().enumerate() {
            for left in *allowed {
                assert!(position(left).is_some_and(|at| at < index), "{module} -> {left}");
            }
        }
    }
}
