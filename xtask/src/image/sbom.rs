//! What is inside the image, as `CycloneDX` 1.5: the crates that the binary is linked from, and the Debian packages its
//! libraries are of. Asks cargo and dpkg on this machine, nobody else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::command::Cmd;

/// The list.
///
/// # Errors
/// When cargo cannot tell the crates; a library that no package owns is listed as a file.
pub(super) fn list(libraries: &[PathBuf]) -> Result<Value> {
    let mut components = crates()?;
    components.extend(packages(libraries)?);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "pipelock-ebpf", "version": env!("CARGO_PKG_VERSION")}},
        "components": components,
    }))
}

/// Crates on the path from the gateway to its last dependency, build scripts and tests left out.
fn crates() -> Result<Vec<Value>> {
    let line = "tree --locked --package pipelock-gateway --edges normal --prefix none --format {p}|{l}";
    let tree = Cmd::cargo(line).stdout()?;
    let lines: BTreeSet<_> = tree.lines().filter(|line| !line.is_empty()).collect();
    Ok(lines.into_iter().filter_map(component).collect())
}

/// `name v1.2.3 (where)|licence (*)`. Source: `cargo help tree`.
fn component(line: &str) -> Option<Value> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split_whitespace();
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let licence = licence.trim_end_matches(" (*)").trim();
    // What stands behind is a path of ours, or says that it is a macro.
    let ours = package.contains("(/");
    let mut found = json!({"type": "library", "name": name, "version": version});
    if !ours {
        found["purl"] = json!(format!("pkg:cargo/{name}@{version}"));
    }
    if !licence.is_empty() {
        found["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    Some(found)
}

fn packages(libraries: &[PathBuf]) -> Result<Vec<Value>> {
    let mut found = BTreeSet::new();
    let mut files = Vec::new();
    let roots = Path::new(super::ROOTS);
    for library in libraries {
        match owner(library)? {
            Some(package) => {
                found.insert(package);
            }
            None => files.push(json!({"type": "file", "name": library.display().to_string()})),
        }
    }
    // Its bundle is made at installation and belongs to no package's list.
    if roots.exists() {
        found.insert("ca-certificates".to_owned());
    }
    let described = found.iter().map(|package| {
        let query =
            Cmd::new("dpkg-query").args(["-W", "-f=${Package} ${Version} ${Architecture}", package]).stdout()?;
        let mut words = query.split_whitespace();
        let (name, version) = (words.next().context("no name")?, words.next().context("no version")?);
        let arch = words.next().unwrap_or("all");
        let purl = format!("pkg:deb/debian/{name}@{version}?arch={arch}");
        Ok(json!({"type": "library", "name": name, "version": version, "purl": purl}))
    });
    described.chain(files.into_iter().map(Ok)).collect()
}

/// The Debian package of a file, which dpkg may know by its place before or after `/usr` was merged.
fn owner(file: &Path) -> Result<Option<String>> {
    let real = file.canonicalize().with_context(|| format!("finding {}", file.display()))?;
    let unmerged = real.strip_prefix("/usr").map(|rest| Path::new("/").join(rest)).unwrap_or_default();
    for path in [file.to_owned(), real, unmerged] {
        let output = Cmd::new("dpkg-query").arg("-S").arg(&path).output();
        let Ok(output) = output else { return Ok(None) };
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.success()
            && let Some((package, _)) = text.split_once(": ")
        {
            return Ok(Some(package.split(',').next().unwrap_or(package).to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_a_component_and_ours_have_no_address() {
        let foreign = component("anyhow v1.0.1|MIT OR Apache-2.0 (*)").unwrap();
        assert_eq!(foreign["purl"], "pkg:cargo/anyhow@1.0.1");
        assert_eq!(foreign["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let ours = component("pipelock-common v0.1.0 (/src/pipelock-common)|Apache-2.0").unwrap();
        assert!(ours.get("purl").is_none());
        assert!(component("nonsense").is_none());
    }

    #[test]
    fn the_gateway_is_listed_with_its_crates_and_the_library_of_its_c() {
        let list = list(&["/lib/x86_64-linux-gnu/libc.so.6".into()]).unwrap();
        let names: Vec<_> =
            list["components"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        for wanted in ["hyper", "rustls", "libc6"] {
            assert!(names.contains(&wanted), "{wanted}: {names:?}");
        }
        assert!(!names.contains(&"insta"), "what only tests use is not in the image");
    }
}
