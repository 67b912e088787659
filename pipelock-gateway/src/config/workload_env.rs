//! `workload_env`: which variables of the captured processes hold secrets. Not a section of the reference, which takes every
//! value of its own process. `dlp.scan_env` says whether they are looked for at all.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, TEXTS};
use crate::model::{SecretVariables, VariableName};

/// The least a value may have; less stands in ordinary text.
const LEAST_LENGTH: u64 = 8;
/// The most that is looked for as one value.
const MOST_LENGTH: u64 = 4096;
/// A byte has no more bits.
const MOST_ENTROPY: f64 = 8.0;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "names",
        TEXTS,
        "[]",
        "Variables that hold secrets though their names do not say so; `*` may stand at the begin or the end. By themselves count names with SECRET, PASSWORD, PASSWD, PASSPHRASE, TOKEN, CREDENTIAL, APIKEY, API_KEY, PRIVATE_KEY or MASTER_KEY in them, or with _KEY, _PASS, _PWD, _SALT, _PIN, _AUTHENTICATION or _KEY_BASE at their end, unless they end in _ID, _FILE, _PATH, _DIR, _NAME, _URL, _URI, _HOST, _LENGTH, _TTL or _HEADER, or have PUBLIC, PUBLISHABLE, GPG_KEY or SSH_AUTH_SOCK in them; and passwords in the addresses that any variable holds.",
    ),
    Key::new("ignore", TEXTS, "[]", "Variables that hold none though their names say so."),
    Key::new(
        "min_length",
        Kind::Count(LEAST_LENGTH, MOST_LENGTH),
        "8",
        "Shortest value, in bytes; `dlp.min_env_secret_length` is the reference's name for it.",
    ),
    Key::new(
        "min_entropy",
        Kind::Number(0.0, MOST_ENTROPY),
        "2.5",
        "Bits a byte that a value must have. Words, numbers, paths and placeholders never count under names that are not listed in `names`.",
    ),
    Key::new(
        "files",
        Kind::List(&Kind::Path),
        "[]",
        "Files of `NAME=value` lines, as Compose's `env_file` is written: their secrets may leave no workload, also where its environment cannot be read. They must exist and be mode 0640 or narrower.",
    ),
];

/// What holds where there is no section.
pub(super) fn without(min_length: Option<usize>) -> SecretVariables {
    let default = SecretVariables::default();
    SecretVariables { min_length: min_length.unwrap_or(default.min_length), ..default }
}

/// Reads the section; `min_length` is what the reference's key says.
pub(super) fn read(value: &Value<'_>, min_length: Option<usize>) -> Result<SecretVariables, Error> {
    let section = value.section(KEYS)?;
    let default = without(min_length);
    if let (Some(length), Some(_)) = (section.field("min_length"), min_length) {
        return Err(length.incomplete("stands in dlp.min_env_secret_length, too; remove one of the two"));
    }
    let names: Vec<VariableName> = section.read("names", Vec::new(), Value::parse_list)?;
    let ignored: Vec<VariableName> = section.read("ignore", Vec::new(), Value::parse_list)?;
    if let (Some(name), Some(at)) = (ignored.iter().find(|name| names.contains(name)), section.field("ignore")) {
        return Err(at.incomplete(format!("{name} stands in names, too; remove one of the two")));
    }
    Ok(SecretVariables {
        names,
        ignored,
        min_length: section.read("min_length", default.min_length, |length| {
            length.count_in(LEAST_LENGTH, MOST_LENGTH).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
        })?,
        min_entropy: section.read("min_entropy", default.min_entropy, |bits| bits.number_in(0.0, MOST_ENTROPY))?,
        files: section.read("files", Vec::new(), |list| list.list()?.iter().map(super::dlp::private_file).collect())?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crate::config::Config;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let env = folder.path().join("app.env");
        std::fs::write(&env, "A_TOKEN=x\n").unwrap();
        std::fs::set_permissions(&env, std::fs::Permissions::from_mode(0o640)).unwrap();
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map(|(config, _)| config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_section_says_which_variables_count_and_the_references_key_is_one_of_its_own() {
        let variables = load("dlp: {min_env_secret_length: 16}\n").unwrap().workload_env;
        assert_eq!((variables.min_length, variables.names.len()), (16, 0));
        let config = load(
            "workload_env:\n  names: [VAULT_*, ledger_seed]\n  ignore: [CI_TOKEN]\n  min_length: 12\n  min_entropy: 3\n  \
             files: [app.env]\n",
        )
        .unwrap();
        let variables = &config.workload_env;
        assert_eq!(variables.names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["VAULT_*", "LEDGER_SEED"]);
        assert!(variables.ignored.iter().any(|name| name.matches("ci_token")));
        assert_eq!((variables.min_length, variables.files.len()), (12, 1));
        assert!((variables.min_entropy - 3.0).abs() < f64::EPSILON);
        assert!(config.files().contains(&variables.files[0]), "a change of it is a change of the configuration");
        assert_eq!(
            load("workload_env: {ignore: [CI_TOKEN]}").unwrap().downgrades_from(&load("").unwrap()),
            ["workload_env.ignore gains CI_TOKEN"]
        );
    }
}
