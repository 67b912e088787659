//! `pipelock generate`: configurations to begin with, and what is made from the tables of the configuration's reader.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use super::{Cli, GenerateCommand, Preset};
use crate::config::schema;

/// Writes what was asked for to `out`, or to a file that does not exist yet; exit code 1 when it cannot be written.
pub fn generate(command: &GenerateCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let written = match command {
        GenerateCommand::Config { preset, output } => write(preset.text().as_bytes(), output.as_deref(), out),
        GenerateCommand::Schema => write(schema::json_schema().as_bytes(), None, out),
        GenerateCommand::Reference => write(schema::reference().as_bytes(), None, out),
        GenerateCommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pipelock", &mut text);
            write(&text, None, out)
        }
        GenerateCommand::Man { directory } => {
            clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), directory)
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

fn write(text: &[u8], path: Option<&Path>, out: &mut impl Write) -> io::Result<()> {
    match path {
        // Never over a file that somebody may have changed.
        Some(path) => std::fs::File::create_new(path)?.write_all(text),
        None => out.write_all(text).and_then(|()| out.flush()),
    }
}

impl Preset {
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
            let command = GenerateCommand::Config { preset, output: Some(path.clone()) };
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
        for (file, command) in
            [("pipelock.schema.json", GenerateCommand::Schema), ("configuration.md", GenerateCommand::Reference)]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let shipped = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                shipped == printed(&command),
                "{file} is not what `pipelock generate` prints; write it there again"
            );
        }
    }

    #[test]
    fn completions_and_manual_pages_know_every_command() {
        let bash = printed(&GenerateCommand::Completions { shell: clap_complete::Shell::Bash });
        let folder = tempfile::tempdir().unwrap();
        printed(&GenerateCommand::Man { directory: folder.path().to_owned() });
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
