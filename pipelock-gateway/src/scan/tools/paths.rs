//! What a path is good for: credentials, starting at boot, a shell's profile, logs, the system itself.
//!
//! Works on names alone and never touches a file system. `commands` and `arguments` decide what reading or writing such a
//! path means.

#![expect(clippy::items_after_statements, reason = "a table of names stands where it is read")]

use crate::model::Severity;

/// A path in one spelling: lower case, forward slashes, home directories as `~`, `.` and `..` resolved.
pub(super) fn normal(path: &str) -> String {
    let path = path.trim().trim_matches(['"', '\'']).replace('\\', "/").to_lowercase();
    let path = path.strip_prefix("file://").unwrap_or(&path);
    let path = path.strip_prefix('@').unwrap_or(path);
    let path = without_home(path);
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && *last != "~") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// Home directories under their many names become `~`.
fn without_home(path: &str) -> String {
    const VARIABLES: [&str; 8] =
        ["$home", "${home}", "%userprofile%", "$env:userprofile", "$env:home", "%homepath%", "/root", "/var/root"];
    for variable in VARIABLES {
        if let Some(rest) = path.strip_prefix(variable)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return format!("~{rest}");
        }
    }
    for parent in ["/home/", "/users/", "c:/users/", "/export/home/"] {
        if let Some(rest) = path.strip_prefix(parent) {
            return match rest.split_once('/') {
                Some((user, rest)) if !user.is_empty() => format!("~/{rest}"),
                _ => path.to_owned(),
            };
        }
    }
    if let Some(rest) = path.strip_prefix('~')
        && let Some((_, rest)) = rest.split_once('/')
    {
        return format!("~/{rest}");
    }
    path.to_owned()
}

/// Whether a path has this part, from the beginning of a component.
fn inside(path: &str, part: &str) -> bool {
    path.match_indices(part).any(|(place, _)| place == 0 || path.as_bytes().get(place - 1) == Some(&b'/'))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How bad it is to read this path, which holds credentials; `None` when it holds none.
///
/// High where the content is a key or a hash by definition, medium where it may be.
pub(super) fn credential(raw: &str) -> Option<Severity> {
    // Most words are no paths; looking at them closely would make long command lines slow.
    if raw.len() < 4 || !raw.contains(['.', '/', '\\', '_', '*', '?', ' ', '$']) {
        return None;
    }
    let path = normal(raw);
    if glob_hides(&path, &["/etc/shadow", "/etc/gshadow", "~/.ssh/id_rsa", "~/.aws/credentials"]) {
        return Some(Severity::High);
    }
    if glob_hides(&path, &["/etc/passwd"]) {
        return Some(Severity::Medium);
    }
    let name = last(&path);
    if private_key_name(name) {
        return Some(Severity::High);
    }
    let inside = |part: &str| inside(&path, part);
    const HIGH: [&str; 36] = [
        ".aws/credentials",
        ".azure/accesstokens.json",
        ".azure/msal_token_cache",
        ".config/gcloud/application_default_credentials",
        ".config/gcloud/credentials.db",
        ".config/gcloud/access_tokens.db",
        ".netrc",
        "_netrc",
        ".pgpass",
        ".git-credentials",
        ".vault-token",
        ".gnupg/private-keys",
        ".gnupg/secring",
        ".password-store/",
        ".local/share/keyrings",
        "library/keychains",
        "login.keychain",
        "etc/shadow",
        "etc/gshadow",
        "etc/master.passwd",
        "etc/security/opasswd",
        "etc/krb5.keytab",
        "etc/ssl/private",
        "etc/ipsec.secrets",
        "kubernetes.io/serviceaccount/token",
        "config/master.key",
        "ntds.dit",
        "system32/config/sam",
        "system32/config/security",
        "wallet.dat",
        "login data",
        "logins.json",
        "key4.db",
        "key3.db",
        "cookies.binarycookies",
        "etc/kubernetes/admin.conf",
    ];
    const MEDIUM: [&str; 30] = [
        ".aws/config",
        ".config/gcloud",
        ".kube/config",
        ".docker/config.json",
        ".dockercfg",
        ".my.cnf",
        ".mylogin.cnf",
        ".pypirc",
        ".npmrc",
        ".gnupg",
        ".s3cfg",
        ".boto",
        ".cargo/credentials",
        ".gem/credentials",
        ".config/gh/hosts.yml",
        ".config/rclone/rclone.conf",
        ".terraform.d/credentials",
        "credentials.tfrc.json",
        "run/secrets/",
        "etc/sudoers",
        "wp-config.php",
        ".htpasswd",
        "cookies.sqlite",
        "library/cookies",
        "chrome/default/cookies",
        "chromium/default/cookies",
        "repair/sam",
        "unattend.xml",
        "proc/kcore",
        "credentials.yml.enc",
    ];
    if HIGH.iter().any(|part| inside(part)) {
        return Some(Severity::High);
    }
    if name.starts_with("ssh_host_") && name.ends_with("_key") {
        return Some(Severity::High);
    }
    if MEDIUM.iter().any(|part| inside(part)) || ssh_directory(&path) || dot_env(name) || is_history(&path) {
        return Some(Severity::Medium);
    }
    // Keys in a directory that is for them: `config/credentials/production.key`, `ssl/private/a.pem`.
    if matches!(extension(name), Some("key" | "pem"))
        && ["credentials", "secrets", "private", "keys"]
            .iter()
            .any(|directory| path.rsplit('/').nth(1).is_some_and(|parent| parent == *directory))
    {
        return Some(Severity::High);
    }
    if path.contains('/')
        && matches!(extension(name), Some("kdbx" | "p12" | "pfx" | "jks" | "keystore" | "ppk" | "tfstate"))
    {
        return Some(Severity::Medium);
    }
    let process = path.strip_prefix("/proc/").and_then(|rest| rest.split_once('/'));
    if process.is_some_and(|(_, rest)| matches!(rest, "environ" | "mem" | "maps" | "cmdline" | "map")) {
        return Some(Severity::Medium);
    }
    None
}

/// Whether it is the list of accounts: no secrets today, and the first thing every payload reads.
pub(super) fn is_accounts(raw: &str) -> bool {
    let path = normal(raw);
    path == "/etc/passwd" || path == "etc/passwd" || path.ends_with("/etc/passwd") || path.ends_with("/etc/group")
}

fn private_key_name(name: &str) -> bool {
    const NAMES: [&str; 5] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "identity.pem"];
    let bare = name.trim_end_matches(['*', '?']);
    NAMES.contains(&bare) || (name.starts_with("id_") && name.ends_with('*')) || name.ends_with(".id_rsa")
}

fn ssh_directory(path: &str) -> bool {
    let Some(place) = path.find(".ssh") else { return false };
    let rest = path.get(place + 4..).unwrap_or_default();
    let begins = place == 0 || path.get(..place).is_some_and(|before| before.ends_with('/'));
    begins && matches!(rest, "" | "/*" | "/config" | "/authorized_keys" | "/authorized_keys2")
}

fn dot_env(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(".env") else { return false };
    let harmless = ["example", "sample", "template", "dist", "test", "schema", "defaults"];
    rest.is_empty() || rest == "*" || (rest.starts_with('.') && !harmless.iter().any(|word| rest.contains(word)))
}

fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, extension)| extension)
}

/// Whether a pattern of the shell stands for one of these paths without naming it: `/e?c/p*wd`, `/???/p[a]sswd`.
///
/// `/etc/*` is not hiding anything: at least one wildcard must stand inside a name.
fn glob_hides(path: &str, targets: &[&str]) -> bool {
    if path.len() > 64 || !path.contains(['?', '[', '*']) {
        return false;
    }
    // Repeated stars say nothing new and would make matching exponential.
    let mut path = path.to_owned();
    while path.contains("**") {
        path = path.replace("**", "*");
    }
    let inside_a_name =
        path.split('/').any(|part| part.contains(['?', '[', '*']) && part != "*" && !part.ends_with("*.*"));
    let letters = path.chars().filter(char::is_ascii_alphabetic).count();
    inside_a_name && letters >= 2 && targets.iter().any(|target| glob(path.as_bytes(), target.as_bytes()))
}

/// Shell pattern matching within path components: `?`, `*`, `[...]`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => {
            let rest = pattern.get(1..).unwrap_or_default();
            glob(rest, text)
                || text.first().is_some_and(|&byte| byte != b'/') && glob(pattern, text.get(1..).unwrap_or_default())
        }
        (Some(b'?'), Some(byte)) if *byte != b'/' => {
            glob(pattern.get(1..).unwrap_or_default(), text.get(1..).unwrap_or_default())
        }
        (Some(b'['), Some(byte)) => {
            let Some(end) = pattern.iter().position(|&byte| byte == b']') else { return false };
            let class = pattern.get(1..end).unwrap_or_default();
            let negated = matches!(class.first(), Some(b'!' | b'^'));
            (class.contains(byte) != negated || class.contains(&b'-'))
                && glob(pattern.get(end + 1..).unwrap_or_default(), text.get(1..).unwrap_or_default())
        }
        (Some(expected), Some(byte)) if expected == byte => {
            glob(pattern.get(1..).unwrap_or_default(), text.get(1..).unwrap_or_default())
        }
        _ => false,
    }
}

/// Places from which something starts by itself, and how bad writing there is.
pub(super) fn persistence(raw: &str) -> Option<Severity> {
    if !raw.contains(['.', '/', '\\']) {
        return None;
    }
    let path = normal(raw);
    const HIGH: [&str; 44] = [
        "etc/cron",
        "var/spool/cron",
        "etc/anacrontab",
        "var/spool/at",
        "var/cron/tabs",
        "etc/systemd/system",
        "etc/systemd/user",
        "lib/systemd/system",
        "lib/systemd/user",
        "run/systemd/system",
        ".config/systemd/user",
        ".local/share/systemd/user",
        "etc/init.d",
        "etc/rc.local",
        "etc/rc.common",
        "etc/rc.d",
        "etc/rc0.d",
        "etc/rc2.d",
        "etc/rc3.d",
        "etc/rc5.d",
        "etc/init/",
        "etc/inittab",
        "library/launchagents",
        "library/launchdaemons",
        "library/startupitems",
        "emond.d/rules",
        ".config/autostart",
        "etc/xdg/autostart",
        "etc/ld.so.preload",
        "udev/rules.d",
        "etc/pam.d",
        "lib/security/pam_",
        "etc/sudoers",
        "authorized_keys",
        "etc/update-motd.d",
        "etc/apt/apt.conf.d",
        "etc/modules-load.d",
        "etc/networkmanager/dispatcher.d",
        "etc/network/if-up.d",
        "programs/startup",
        "sitecustomize.py",
        "usercustomize.py",
        "etc/master.passwd",
        ".ssh/rc",
    ];
    const MEDIUM: [&str; 7] = [
        ".git/hooks",
        "etc/ld.so.conf",
        "etc/modprobe.d",
        "etc/logrotate.d",
        "etc/systemd",
        "etc/ssh/sshd_config",
        "lib/systemd",
    ];
    let inside = |part: &str| inside(&path, part);
    if HIGH.iter().any(|part| inside(part)) || matches!(path.as_str(), "/etc/passwd" | "/etc/shadow" | "/etc/group") {
        return Some(Severity::High);
    }
    if extension(&path) == Some("pth") && !path.contains("model") && path.contains("packages") {
        return Some(Severity::High);
    }
    if path.ends_with(".git/hooks") || path.contains(".git/hooks/") {
        return (!path.ends_with(".sample")).then_some(Severity::Medium);
    }
    MEDIUM.iter().any(|part| inside(part)).then_some(Severity::Medium)
}

/// Whether every new shell of a user, or of all users, runs it.
pub(super) fn is_profile(raw: &str) -> bool {
    let path = normal(raw);
    const NAMES: [&str; 23] = [
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".bash_aliases",
        ".profile",
        ".zshrc",
        ".zprofile",
        ".zshenv",
        ".zlogin",
        ".zlogout",
        ".cshrc",
        ".tcshrc",
        ".kshrc",
        ".shrc",
        ".login",
        ".xinitrc",
        ".xprofile",
        ".xsession",
        ".pam_environment",
        "config.fish",
        "microsoft.powershell_profile.ps1",
        "$profile",
    ];
    NAMES.contains(&last(&path))
        || matches!(
            path.as_str(),
            "/etc/profile" | "/etc/bash.bashrc" | "/etc/bashrc" | "/etc/zshrc" | "/etc/environment"
        )
        || path.starts_with("/etc/profile.d/")
        || path.starts_with("/etc/zsh/")
}

/// Whether it remembers what was typed.
pub(super) fn is_history(raw: &str) -> bool {
    let path = normal(raw);
    let name = last(&path);
    (name.starts_with('.') && (name.ends_with("_history") || name == ".history"))
        || name == "consolehost_history.txt"
        || name == "fish_history"
        || matches!(raw.trim(), "$HISTFILE" | "${HISTFILE}")
}

/// Whether it is where the system writes down what happened.
pub(super) fn is_log(raw: &str) -> bool {
    let path = normal(raw);
    path.starts_with("/var/log")
        || path.starts_with("/private/var/log")
        || path.starts_with("/var/audit")
        || matches!(last(&path), "wtmp" | "utmp" | "btmp" | "lastlog" | "utmpx" | "wtmpx")
        || (path.starts_with("/var/lib/docker/containers") && extension(&path) == Some("log"))
        || path.contains("winevt/logs")
}

/// Whether losing it means losing the system or somebody's home.
pub(super) fn is_system(raw: &str) -> bool {
    let path = normal(raw);
    let path = path.strip_suffix("/*").unwrap_or(&path).trim_end_matches('/');
    const DIRECTORIES: [&str; 28] = [
        "",
        "~",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/opt",
        "/proc",
        "/sbin",
        "/srv",
        "/sys",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/var",
        "/var/lib",
        "/var/log",
        "/users",
        "/system",
        "/library",
        "c:",
        "c:/windows",
        "c:/users",
        "/*",
    ];
    (DIRECTORIES.contains(&path) && (!path.is_empty() || raw.trim().starts_with('/'))) || raw.trim() == "/"
}

/// Whether it is a whole disk or the memory of the machine.
pub(super) fn is_device(raw: &str) -> bool {
    if raw.ends_with('X') {
        // `/dev/sdX` is how instructions write "your disk here".
        return false;
    }
    let path = normal(raw);
    let Some(name) = path.strip_prefix("/dev/") else { return path.starts_with("//./physicaldrive") };
    let digits = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|character: char| character.is_ascii_digit()))
    };
    let lettered = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            let mut rest = rest.chars();
            rest.next().is_some_and(|character| character.is_ascii_lowercase() || character == '*')
                && rest.all(|character| character.is_ascii_digit() || character == '*')
        })
    };
    ["sd", "hd", "vd", "xvd"].iter().any(|prefix| lettered(prefix))
        || ["nvme", "mmcblk", "disk", "rdisk", "md", "dm-", "ada", "da"].iter().any(|prefix| digits(prefix))
        || name.starts_with("mapper/")
        || matches!(name, "mem" | "kmem" | "port" | "root")
}

/// Whether anybody may write there, so that programs of attackers often lie there.
pub(super) fn is_scratch(raw: &str) -> bool {
    let path = normal(raw);
    ["/tmp", "/var/tmp", "/dev/shm", "/private/tmp"].iter().any(|directory| path.starts_with(directory))
}

/// Whether a word looks like a path that does not depend on where one stands.
pub(super) fn is_anchored(raw: &str) -> bool {
    let path = normal(raw);
    path.starts_with(['/', '~']) || raw.starts_with("$HOME") || path.starts_with("c:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_has_one_spelling() {
        for (raw, path) in [
            ("/home/ana/.ssh/../.ssh/id_rsa", "~/.ssh/id_rsa"),
            ("$HOME/.aws//credentials", "~/.aws/credentials"),
            (r"C:\Users\ana\.aws\credentials", "~/.aws/credentials"),
            ("/etc/./shadow", "/etc/shadow"),
            ("~root/.bashrc", "~/.bashrc"),
            ("../../etc/passwd", "../../etc/passwd"),
            ("file:///etc/hosts", "/etc/hosts"),
        ] {
            assert_eq!(normal(raw), path, "{raw}");
        }
    }

    #[test]
    fn credentials_are_known_by_name_and_by_pattern() {
        for path in [
            "~/.ssh/id_ed25519",
            "/etc/shadow",
            "/e?c/s*dow",
            "/root/.netrc",
            "backup/wallet.dat",
            "C:\\Windows\\NTDS\\ntds.dit",
        ] {
            assert_eq!(credential(path), Some(Severity::High), "{path}");
        }
        for path in [".env", ".env.production", "~/.kube/config", "/proc/self/environ", "/???/p?ss*d"] {
            assert_eq!(credential(path), Some(Severity::Medium), "{path}");
        }
        for path in
            [".env.example", "src/env.rs", "/etc/hostname", "~/.ssh/id_rsa.pub", "~/.ssh/known_hosts", "*", "/etc/*"]
        {
            assert_eq!(credential(path), None, "{path}");
        }
    }

    #[test]
    fn what_starts_by_itself_is_known() {
        for path in
            ["/etc/cron.d/x", "~/Library/LaunchAgents/a.plist", "/root/.ssh/authorized_keys", "/etc/ld.so.preload"]
        {
            assert_eq!(persistence(path), Some(Severity::High), "{path}");
        }
        assert_eq!(persistence(".git/hooks/pre-commit"), Some(Severity::Medium));
        assert_eq!(persistence("docs/cron.md"), None);
        assert!(is_profile("~/.zshrc") && is_profile("/etc/profile.d/x.sh") && !is_profile("profile.txt"));
    }

    #[test]
    fn the_system_is_more_than_the_root() {
        for path in ["/", "/*", "/etc", "~", "$HOME", "/home/ana/", "/usr/*"] {
            assert_eq!(is_system(path), path != "/home/ana/" || normal(path) == "~", "{path}");
        }
        assert!(!is_system("target") && !is_system("/tmp/x") && !is_system("./*"));
        assert!(
            is_device("/dev/sda")
                && is_device("/dev/nvme0n1")
                && !is_device("/dev/null")
                && !is_device("/dev/sdX_name")
        );
    }
}
