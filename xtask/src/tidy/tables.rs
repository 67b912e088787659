//! Tables in ARCHITECTURE.md that must say the same as the code.
//!
//! A table stands between `<!-- tidy:NAME -->` and `<!-- /tidy:NAME -->`; the first cell of a row holds its key in backticks.
//! Each table here has a function that reads the same keys from the sources, and the two sets must be equal: a metric that
//! nobody documented is as wrong as a documented one that nobody counts. What a row *says* is for reviewers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Problem;
use super::source::Source;

/// The document that holds the tables.
const DOCUMENT: &str = "ARCHITECTURE.md";

/// A key and where it was seen: the problem is shown there when the other side lacks it.
type Keys = BTreeMap<String, Place>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    line: usize,
}

/// A table by its marker, and how to read its keys from the code.
struct Table {
    name: &'static str,
    keys: fn(&Source) -> Vec<(usize, String)>,
}

const TABLES: &[Table] = &[
    Table { name: "metrics", keys: metrics },
    Table { name: "ports", keys: ports },
    Table { name: "programs", keys: programs },
    Table { name: "maps", keys: maps },
];

/// Compares each table with the code.
pub(super) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Problem>> {
    let path = root.join(DOCUMENT);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(TABLES.iter().flat_map(|table| compare(table, &text, sources)).collect())
}

fn compare(table: &Table, document: &str, sources: &[Source]) -> Vec<Problem> {
    let Some(documented) = rows(table.name, document) else {
        let text = format!("no table between `<!-- tidy:{0} -->` and `<!-- /tidy:{0} -->`", table.name);
        return vec![Problem { file: DOCUMENT.into(), line: 1, text }];
    };
    let mut coded = Keys::new();
    for source in sources.iter().filter(|source| !source.is_test_file()) {
        for (offset, key) in (table.keys)(source) {
            let Problem { file, line, .. } = source.problem(offset, "");
            coded.entry(key).or_insert(Place { file, line });
        }
    }
    let missing = |from: &Keys, other: &Keys, text: fn(&str, &str) -> String| -> Vec<Problem> {
        let only_here = from.iter().filter(|(key, _)| !other.contains_key(*key));
        only_here
            .map(|(key, at)| Problem { file: at.file.clone(), line: at.line, text: text(key, table.name) })
            .collect()
    };
    let mut problems =
        missing(&coded, &documented, |key, table| format!("`{key}` is not in the {table} table of {DOCUMENT}"));
    problems.extend(missing(&documented, &coded, |key, table| {
        format!("the {table} table names `{key}`, which the code does not have")
    }));
    problems
}

/// The keys of a table, `None` when its markers are missing.
fn rows(name: &str, document: &str) -> Option<Keys> {
    let start = format!("<!-- tidy:{name} -->");
    let end = format!("<!-- /tidy:{name} -->");
    let mut inside = false;
    let mut closed = false;
    let mut keys = Keys::new();
    for (index, line) in document.lines().enumerate() {
        if line.trim() == start {
            inside = true;
        } else if line.trim() == end {
            closed = inside;
            inside = false;
        } else if inside && let Some(key) = first_key(line) {
            keys.insert(key, Place { file: DOCUMENT.into(), line: index + 1 });
        }
    }
    closed.then_some(keys)
}

/// ``| `key` … |``: what the first backticks of the first cell hold. Header and rule have none.
fn first_key(line: &str) -> Option<String> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?;
    let (key, _) = cell.trim().strip_prefix('`')?.split_once('`')?;
    Some(key.to_owned())
}

/// Names of metrics: string literals below `report` that are nothing but such a name.
fn metrics(source: &Source) -> Vec<(usize, String)> {
    if !is_below(source, "pipelock-gateway/src/report") {
        return Vec::new();
    }
    let is_name = |text: &str| {
        text.strip_prefix("pipelock_")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
    };
    source.strings().filter(|(_, text)| is_name(text)).map(|(offset, text)| (offset, text.to_owned())).collect()
}

/// Port numbers of the gateway and of what it shares with the kernel side: constants with the word `PORT` or `LISTEN` in
/// their name, and addresses made with a literal port. Port 0, the kernel's choice, is none.
fn ports(source: &Source) -> Vec<(usize, String)> {
    if !is_below(source, "pipelock-gateway/src") && !is_below(source, "pipelock-common/src") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (offset, _) in source.code().match_indices("const ") {
        // The value is read from the text, because an address is often a string literal.
        let Some((name, value)) = constant(&source.text()[offset + "const ".len()..]) else { continue };
        if name.split('_').any(|word| ["PORT", "LISTEN"].contains(&word)) {
            found.extend(last_number(value).map(|port| (offset, port)));
        }
    }
    for (offset, made) in source.code().match_indices("SocketAddr::new(") {
        found.extend(last_argument(&source.code()[offset + made.len()..]).map(|port| (offset, port.to_owned())));
    }
    found.retain(|(_, port)| port != "0");
    found.sort();
    // A constant that is made of such an address was found twice.
    found.dedup_by(|later, earlier| later.1 == earlier.1);
    found
}

/// The last argument of a call whose opening parenthesis is already behind, when it is a number.
fn last_argument(rest: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let end = rest.find(|c| {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        false
    })?;
    let last = rest[..end].trim_end().trim_end_matches(',').rsplit(',').next()?.trim();
    (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())).then_some(last)
}

/// `NAME: TYPE = VALUE;`
fn constant(rest: &str) -> Option<(&str, &str)> {
    let (head, tail) = rest.split_once('=')?;
    let (name, _) = head.split_once(':')?;
    let is_constant = name.trim().chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let (value, _) = tail.split_once(';')?;
    is_constant.then(|| (name.trim(), value))
}

/// The last run of digits: the port in `8888`, `"127.0.0.1:8888"` and `SocketAddr::new(LOCALHOST, 8888)` alike.
fn last_number(value: &str) -> Option<String> {
    let digits = value.replace('_', "");
    let number = digits.split(|c: char| !c.is_ascii_digit()).rfind(|run| !run.is_empty())?;
    Some(number.to_owned())
}

/// Kernel programs: the function after a hook attribute.
fn programs(source: &Source) -> Vec<(usize, String)> {
    const HOOKS: [&str; 6] =
        ["#[cgroup_sock_addr", "#[cgroup_sock(", "#[cgroup_sock]", "#[sock_ops", "#[cgroup_skb", "#[classifier"];
    if !is_below(source, "pipelock-ebpf/src") {
        return Vec::new();
    }
    let hooks = HOOKS.iter().flat_map(|hook| source.code().match_indices(hook));
    hooks.filter_map(|(offset, _)| Some((offset, named(&source.code()[offset..], "fn ")?))).collect()
}

/// Kernel maps: the static after a `#[map]` or `#[btf_map]` attribute.
fn maps(source: &Source) -> Vec<(usize, String)> {
    if !is_below(source, "pipelock-ebpf/src") {
        return Vec::new();
    }
    let attributes = ["#[map]", "#[map(", "#[btf_map]", "#[btf_map("]
        .into_iter()
        .flat_map(|attribute| source.code().match_indices(attribute));
    attributes.filter_map(|(offset, _)| Some((offset, named(&source.code()[offset..], "static ")?))).collect()
}

/// The identifier after the first `keyword`.
fn named(rest: &str, keyword: &str) -> Option<String> {
    let (_, rest) = rest.split_once(keyword)?;
    let rest = rest.trim_start().trim_start_matches("mut ");
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Whether the file is `path.rs` or stands below `path/`.
fn is_below(source: &Source, path: &str) -> bool {
    source.file().starts_with(path) || source.file() == Path::new(path).with_extension("rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: &str = "# A\n<!-- tidy:metrics -->\n| metric | what |\n| --- | --- |\n| `pipelock_a_total` {side} | x |\n| `pipelock_gone` | y |\n<!-- /tidy:metrics -->\n";

    fn table(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).unwrap()
    }

    fn keys(name: &str, file: &str, text: &str) -> Vec<String> {
        (table(name).keys)(&Source::parse(Path::new(file), text)).into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn both_an_undocumented_and_a_vanished_metric_are_caught() {
        let code = "//! x\nfn f() { counter(\"pipelock_a_total\"); counter(\"pipelock_new_total\"); }";
        let sources = [Source::parse(Path::new("pipelock-gateway/src/report/metrics.rs"), code)];
        let found: Vec<_> = compare(table("metrics"), DOC, &sources).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "pipelock-gateway/src/report/metrics.rs:2: `pipelock_new_total` is not in the metrics table of ARCHITECTURE.md",
                "ARCHITECTURE.md:6: the metrics table names `pipelock_gone`, which the code does not have",
            ]
        );
    }

    #[test]
    fn a_table_whose_markers_are_missing_is_a_problem_and_not_an_empty_table() {
        let found = compare(table("ports"), DOC, &[]);
        assert!(found[0].text.contains("no table between"), "{found:?}");
        assert!(rows("metrics", "<!-- tidy:metrics -->\n| `a` |\n").is_none());
    }

    #[test]
    fn metric_names_are_whole_literals_below_report() {
        let code = "f(\"pipelock_a_total\"); g(\"pipelock_ but prose\"); h(\"other\");";
        assert_eq!(keys("metrics", "pipelock-gateway/src/report.rs", code), ["pipelock_a_total"]);
        assert_eq!(keys("metrics", "pipelock-gateway/src/http.rs", code), [""; 0]);
    }

    #[test]
    fn ports_are_read_from_constants_of_every_shape() {
        let code = "const ADMIN_PORT: u16 = 8_888;\npub const DEFAULT_LISTEN: &str = \"127.0.0.1:9999\";\nconst L: u16 = 5;\nconst X_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7777);\nconst fn f_PORT() {}\nconst SUPPORTED_VERSIONS: u16 = 43;";
        assert_eq!(keys("ports", "pipelock-gateway/src/admin.rs", code), ["8888", "9999", "7777"]);
    }

    #[test]
    fn ports_are_read_from_addresses_made_in_place() {
        let code = "fn f() { Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8888) }; SocketAddr::new(ip(1, 2), 0); SocketAddr::new(\n a,\n 7,\n); SocketAddr::new(ip, port) }";
        assert_eq!(keys("ports", "pipelock-gateway/src/config/fetch_proxy.rs", code), ["8888", "7"]);
        assert_eq!(
            keys(
                "ports",
                "pipelock-gateway/src/x.rs",
                "#[cfg(test)]\nmod tests { fn f() { SocketAddr::new(ip, 443); } }"
            ),
            [""; 0]
        );
    }

    #[test]
    fn programs_and_maps_are_read_from_their_attributes() {
        let code = "#[map]\nstatic OLD: A = x();\n#[btf_map]\npub(crate) static FLOWS: HashMap<A, B> = x();\n#[cgroup_sock_addr(connect4)]\npub fn connect4(ctx: C) -> i32 {}\n#[sock_ops]\nfn sockops() {}\nfn helper() {}\nstatic mut OTHER: u8 = 1;";
        let mut programs = keys("programs", "pipelock-ebpf/src/main.rs", code);
        programs.sort();
        assert_eq!(programs, ["connect4", "sockops"]);
        assert_eq!(keys("maps", "pipelock-ebpf/src/maps.rs", code), ["OLD", "FLOWS"]);
    }
}
