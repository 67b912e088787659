//! `pipelock generate`: configurations to begin with, and what is made from the tables of the configuration's reader.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use super::{Cli, GenerateCommand, Preset};
use crate::config::schema;

/// Writes what was asked for to `out`, or to a file that does not exist yet; exit code 1 when it cannot be written.
pub fn generate(command: &GenerateCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let written = match command {
        GenerateCommand::Config { preset, output, json: false } => {
            write(preset.text().as_bytes(), output.as_deref(), out)
        }
        GenerateCommand::Config { preset, output, json: true } => {
            let written = output.as_deref().map_or(Ok(()), |path| write(preset.text().as_bytes(), Some(path), out));
            let answer = serde_json::json!({ "preset": preset.name(), "text": preset.text(), "written": output });
            written.and_then(|()| write(format!("{answer}\n").as_bytes(), None, out))
        }
        GenerateCommand::Schema => write(schema::json_schema().as_bytes(), None, out),
        GenerateCommand::Reference { json: false } => write(schema::reference().as_bytes(), None, out),
        GenerateCommand::Reference { json: true } => write(schema::reference_json().as_bytes(), None, out),
        GenerateCommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pipelock", &mut text);
            write(&text, None, out)
        }
        GenerateCommand::Man { directory, json } => {
            let made = clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), directory);
            made.and_then(|()| if *json { list(directory, out) } else { Ok(()) })
        }
    };
    match written {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "pipelock: cannot write: {error}");
            1
        }
    }
}

/// The manual pages in a directory, as JSON.
fn list(directory: &Path, out: &mut impl Write) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "1") {
            names.push(path);
        }
    }
    names.sort();
    write(format!("{}\n", serde_json::json!(names)).as_bytes(), None, out)
}

fn write(text: &[u8], path: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    match path {
        // Never over a file that somebody may have changed.
        Some(path) => std::fs::File::create_new(path)?.write_all(text),
        None => out.write_all(text).and_then(|()| out.flush()),
    }
}

impl Preset {
    fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Balanced => "balanced",
            Self::Audit => "audit",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Strict => include_str!("generate/strict.yaml"),
            Self::Balanced => include_str!("generate/balanced.yaml"),
            Self::Audit => include_str!("generate/audit.yaml"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::Mode;

    fn printed(command: &GenerateCommand) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(generate(command, &mut out, &mut err), 0, "{}", String::from_utf8_lossy(&err));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_preset_is_valid_without_warnings_and_has_its_mode() {
        for (preset, mode) in
            [(Preset::Strict, Mode::Strict), (Preset::Balanced, Mode::Balanced), (Preset::Audit, Mode::Audit)]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pipelock.yaml");
            let command = GenerateCommand::Config { preset, output: Some(path.clone()), json: false };
            assert_eq!(printed(&command), "");
            let (config, warnings) = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((config.effective_mode(), warnings), (mode, Vec::new()));
            let (mut out, mut err) = (Vec::new(), Vec::new());
            assert_eq!(generate(&command, &mut out, &mut err), 1, "a file that is there is not overwritten");
        }
    }

    /// The files in the repository are what the tables give. To renew them: `pipelock generate schema > FILE`.
    #[test]
    fn shipped_schema_and_reference_are_current() {
        for (file, command) in [
            ("pipelock.schema.json", GenerateCommand::Schema),
            ("configuration.md", GenerateCommand::Reference { json: false }),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let shipped = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                shipped == printed(&command),
                "{file} is not what `pipelock generate` prints; write it there again"
            );
        }
    }

    #[test]
    fn as_json_the_reference_lists_every_key_and_a_preset_its_text() {
        let keys: Vec<serde_json::Value> =
            serde_json::from_str(&printed(&GenerateCommand::Reference { json: true })).unwrap();
        let reference = schema::reference();
        for key in &keys {
            let name = key["path"].as_str().unwrap().rsplit('.').next().unwrap();
            assert!(reference.contains(name) && key["doc"].is_string(), "{key}");
        }
        assert!(keys.len() > 300, "{}", keys.len());
        assert!(keys.iter().any(|key| key["path"] == "no_proxy.from_workload" && key["default"] == "false"));
        assert!(keys.iter().any(|key| key["in_force"] == false && key["instead"].is_string()));
        let command = GenerateCommand::Config { preset: Preset::Strict, output: None, json: true };
        let preset: serde_json::Value = serde_json::from_str(&printed(&command)).unwrap();
        assert!(preset["preset"] == "strict" && preset["text"].as_str().unwrap().contains("mode: strict"));
    }

    #[test]
    fn completions_and_manual_pages_know_every_command() {
        let bash = printed(&GenerateCommand::Completions { shell: clap_complete::Shell::Bash });
        let folder = tempfile::tempdir().unwrap();
        let listed = printed(&GenerateCommand::Man { directory: folder.path().to_owned(), json: true });
        let listed: Vec<std::path::PathBuf> = serde_json::from_str(&listed).unwrap();
        assert!(listed.iter().all(|page| page.exists()) && listed.len() > 20, "{listed:?}");
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(bash.contains(command.get_name()), "{}", command.get_name());
            assert!(
                folder.path().join(format!("pipelock-{}.1", command.get_name())).exists(),
                "{}",
                command.get_name()
            );
        }
    }
}
