//! README.md shows a configuration; it must be one.

use pipelock_gateway::config::Config;

/// Every fenced `yaml` block of README.md.
fn examples() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))
        .expect("README.md stands beside the crate");
    let blocks = readme.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_configuration_in_the_readme_is_valid_and_without_warnings() {
    let examples = examples();
    assert!(!examples.is_empty());
    for text in examples {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, &text).unwrap();
        let (_, warnings) = Config::load(&path).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
