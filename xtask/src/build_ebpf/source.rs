//! What the object is made from, as one hash: a change of it means the object must be rebuilt.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// SHA-256 over the sources and manifests of both crates that go into the object, the profile it is built with, and the
/// versions of the crates it links. Paths are relative, so the place of the checkout does not matter.
pub(super) fn hash(root: &Path) -> Result<String> {
    let mut files = vec!["pipelock-common/Cargo.toml".to_owned(), "pipelock-ebpf/Cargo.toml".to_owned()];
    for dir in ["pipelock-common/src", "pipelock-ebpf/src"] {
        collect(root, dir, &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in &files {
        feed(&mut hasher, file, &std::fs::read(root.join(file)).with_context(|| format!("reading {file}"))?);
    }
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("reading Cargo.toml")?;
    feed(&mut hasher, "profile", section(&manifest, "[profile.bpf]").as_bytes());
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("reading Cargo.lock")?;
    feed(&mut hasher, "lock", linked_packages(&lock).as_bytes());
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lengths go in too, so that bytes cannot move from one part to the next unnoticed.
fn feed(hasher: &mut Sha256, name: &str, content: &[u8]) {
    hasher.update((name.len() as u64).to_le_bytes());
    hasher.update(name);
    hasher.update((content.len() as u64).to_le_bytes());
    hasher.update(content);
}

fn collect(root: &Path, dir: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root.join(dir)).with_context(|| format!("listing {dir}"))? {
        let entry = entry.with_context(|| format!("listing {dir}"))?;
        let name = entry.file_name();
        let path = format!("{dir}/{}", name.to_str().with_context(|| format!("odd file name in {dir}"))?);
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The lines of one TOML section, comments left out.
fn section(toml: &str, header: &str) -> String {
    let lines = toml.lines().skip_while(|line| line.trim() != header).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#')).fold(String::new(), join)
}

/// The `[[package]]` entries of the crates that end up in the object.
fn linked_packages(lock: &str) -> String {
    let linked = |entry: &&str| {
        ["aya-ebpf", "aya-log-ebpf", "aya-log-common"]
            .iter()
            .any(|crate_name| entry.contains(&format!("name = \"{crate_name}")))
    };
    lock.split("[[package]]").filter(linked).fold(String::new(), join)
}

fn join(mut text: String, part: &str) -> String {
    text.push_str(part.trim());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_ends_at_the_next_header() {
        let toml = "[profile.dev]\ndebug = 1\n[profile.bpf]\n# why\nlto = true\npanic = \"abort\"\n\n[other]\nx = 1\n";
        assert_eq!(section(toml, "[profile.bpf]"), "lto = true\npanic = \"abort\"\n\n");
    }

    #[test]
    fn hash_sees_what_the_object_links_and_nothing_else() {
        let lock = |ebpf: &str, tokio: &str| {
            linked_packages(&format!(
                "version = 4\n\n[[package]]\nname = \"aya-ebpf\"\nversion = \"{ebpf}\"\n\n\
                 [[package]]\nname = \"tokio\"\nversion = \"{tokio}\"\n"
            ))
        };
        assert_eq!(lock("0.2.1", "1.0"), lock("0.2.1", "2.0"));
        assert_ne!(lock("0.2.1", "1.0"), lock("0.2.2", "1.0"));
    }

    #[test]
    fn bytes_cannot_move_between_parts() {
        let of = |parts: &[(&str, &str)]| {
            let mut hasher = Sha256::new();
            for (name, content) in parts {
                feed(&mut hasher, name, content.as_bytes());
            }
            hex(&hasher.finalize())
        };
        assert_ne!(of(&[("a", "bc"), ("d", "")]), of(&[("a", "b"), ("cd", "")]));
    }
}
