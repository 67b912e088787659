//! Rules about files: deleting, wiping, permissions, reading credentials, writing where something starts by itself.

use super::{Command, Judge, path_of, paths, worst_credential};
use crate::model::Severity::{self, Critical, High, Low, Medium};

pub(super) fn judge(command: &Command<'_>, judge: &mut Judge<'_>) {
    delete(command, judge);
    wipe(command, judge);
    permissions(command, judge);
    credentials(command, judge);
    writes(command, judge);
    timestamps(command, judge);
    encrypts(command, judge);
}

/// How bad it is to delete a path with everything below it.
fn deletion(path: &str, recursive: bool) -> Severity {
    if paths::is_system(path) || paths::is_device(path) {
        return Critical;
    }
    if paths::persistence(path).is_some() || paths::credential(path) == Some(High) {
        return Medium;
    }
    let last = path.trim_end_matches(['/', '*']).rsplit('/').next().unwrap_or_default().to_lowercase();
    let rebuilt =
        ["cache", "node_modules", "lists", "build", "dist", "target", "venv", "tmp", "__pycache__", "out", "coverage"];
    if rebuilt.iter().any(|name| last.ends_with(name)) && path.trim_matches(['/', '*']).contains('/') {
        return Low;
    }
    let whole = matches!(path.trim_end_matches('/'), "*" | "." | ".." | "./*" | "../*" | ".*" | ".git");
    if paths::is_anchored(path) || (recursive && whole) { Medium } else { Low }
}

fn delete(command: &Command<'_>, judge: &mut Judge<'_>) {
    let recursive = command.short('r') || command.short('R') || command.has(&["--recursive", "/s"]);
    let forced = command.short('f') || command.has(&["--force"]);
    match command.name.as_str() {
        "rm" | "srm" | "rmtree" | "trash" | "gio" => {
            if command.has(&["--no-preserve-root"]) {
                judge.add(command, "Destructive File Delete", Critical);
            }
            if recursive || forced {
                let worst = command.operands().map(|path| deletion(path, recursive)).max();
                if let Some(worst) = worst {
                    judge.add(command, "Destructive File Delete", worst);
                }
            }
        }
        "shred" | "wipe" | "sdelete" | "scrub" => {
            let worst = command.operands().map(|path| deletion(path, true)).max().unwrap_or(Medium).max(Medium);
            judge.add(command, "Destructive File Delete", worst);
        }
        "find" if command.has(&["-delete"]) => {
            let filters = [
                "-name", "-iname", "-path", "-regex", "-mtime", "-mmin", "-ctime", "-atime", "-size", "-newer",
                "-user", "-empty", "-perm",
            ];
            let everything = !command.has(&filters);
            let worst = if everything { deletion(command.first(), true) } else { Low };
            judge.add(command, "Destructive File Delete", worst);
        }
        _ => {}
    }
    let gone = command.is(&["rm", "srm", "shred", "truncate", "unlink", "wipe", "del", "ln", "mv", "trash"]);
    if gone || command.is(&["cp"]) {
        let paths: Vec<&str> = command.operands().map(path_of).collect();
        let target = paths.last().copied().unwrap_or_default();
        let null = paths.first().is_some_and(|first| *first == "/dev/null");
        let tampered = |path: &&str| paths::is_history(path) || paths::is_log(path);
        if gone && !command.is(&["ln", "mv"]) && paths.iter().any(tampered) {
            let history = paths.iter().any(|path| paths::is_history(path));
            let worst = if recursive || history { High } else { Medium };
            judge.add(command, "Audit Log Tampering", worst);
        } else if null && tampered(&target) || (command.is(&["mv"]) && target == "/dev/null") {
            judge.add(command, "Audit Log Tampering", High);
        }
    }
}

fn wipe(command: &Command<'_>, judge: &mut Judge<'_>) {
    let devices = || command.args.iter().any(|argument| paths::is_device(path_of(argument)));
    let dangerous = match command.name.as_str() {
        "dd" => command.args.iter().any(|argument| argument.strip_prefix("of=").is_some_and(paths::is_device)),
        name if name == "mkfs" || name.starts_with("mkfs.") || name.starts_with("newfs") => devices(),
        "wipefs" | "blkdiscard" | "sgdisk" | "sfdisk" | "mke2fs" | "hdparm" | "badblocks" => {
            devices()
                && (command.short('a')
                    || command.short('w')
                    || command.has(&["--all", "--zap-all", "-Z", "--delete", "-o", "--security-erase"])
                    || command.is(&["blkdiscard", "mke2fs"]))
        }
        "fdisk" | "parted" => devices() && !command.has(&["-l", "--list", "print"]),
        "cryptsetup" => command.has(&["luksFormat", "erase", "luksErase"]),
        "diskutil" => command.has(&["eraseDisk", "eraseVolume", "zeroDisk", "secureErase", "randomDisk"]),
        "zpool" => command.has(&["destroy"]),
        _ => false,
    };
    let redirected =
        command.simple.redirects.iter().any(|redirect| redirect.writes() && paths::is_device(&redirect.target));
    let copied =
        command.is(&["cp", "cat", "tee", "shred", "mv"]) && command.operands().last().is_some_and(paths::is_device);
    if dangerous || redirected || copied {
        judge.add(command, "Disk Wipe Command", Critical);
    }
}

fn permissions(command: &Command<'_>, judge: &mut Judge<'_>) {
    let recursive = command.short('R') || command.has(&["--recursive"]);
    let system = || command.operands().skip(1).any(paths::is_system);
    match command.name.as_str() {
        "chmod" => {
            let mode = command
                .args
                .iter()
                .find(|word| !word.starts_with("--") && *word != "-R" && *word != "-f" && *word != "-v");
            let mode = mode.map(String::as_str).unwrap_or_default();
            let octal = mode.trim_start_matches('0');
            let special =
                octal.len() == 4 && octal.chars().all(|digit| digit.is_digit(8)) && octal.starts_with(['2', '4', '6']);
            let setuid = (octal.starts_with(['4', '6']) && special)
                || symbolic(mode, 'u')
                || symbolic(mode, 'a')
                || mode == "+s";
            let setgid = special || symbolic(mode, 'g');
            if setuid {
                judge.add(command, "Privilege Escalation", High);
            } else if setgid {
                // Shared directories have this bit too.
                let program = command.operands().skip(1).any(|path| paths::is_scratch(path) || path.contains("bin/"));
                judge.add(command, "Privilege Escalation", if program { Medium } else { Low });
            }
            let open =
                matches!(octal, "777" | "666" | "a+rwx" | "a+w" | "o+w" | "ugo+rwx" | "+rwx" | "a=rwx" | "o+rwx");
            if recursive && open {
                judge.add(command, "Recursive Permission Change", if system() { Critical } else { Medium });
            } else if recursive && system() {
                judge.add(command, "Recursive Permission Change", High);
            } else if open {
                let target = command.operands().last().unwrap_or_default();
                let sensitive = paths::credential(target).is_some()
                    || paths::persistence(target).is_some()
                    || paths::is_accounts(target);
                judge.add(command, "Recursive Permission Change", if sensitive || system() { High } else { Low });
            }
        }
        "chown" | "chgrp" if recursive => {
            judge.add(command, "Recursive Permission Change", if system() { High } else { Low });
        }
        "chown" if command.first().starts_with("root") && command.operands().skip(1).any(paths::is_scratch) => {
            judge.add(command, "Privilege Escalation", Medium);
        }
        "chattr" | "chflags" => {
            let locks = command.has(&["+i", "-i", "+a", "-a"]) && command.operands().any(paths::is_anchored);
            let hides = locks || command.has(&["hidden", "uchg", "nouchg", "schg"]) || (recursive && system());
            judge.add(command, "Defense Evasion", if hides { Medium } else { Low });
        }
        "setfacl" if recursive && system() => judge.add(command, "Recursive Permission Change", High),
        "install" => {
            let mode = command.value(&["-m", "--mode"]).unwrap_or_default();
            if mode.contains('s') || (mode.len() == 4 && mode.starts_with(['4', '6'])) {
                judge.add(command, "Privilege Escalation", High);
            }
        }
        "setcap" => {
            let text = command.text().to_lowercase();
            let strong = [
                "setuid",
                "setgid",
                "sys_admin",
                "dac_",
                "sys_ptrace",
                "sys_module",
                "all=",
                "=eip",
                "cap_chown",
                "fowner",
            ];
            let removes = command.has(&["-r"]);
            if strong.iter().any(|name| text.contains(name)) && !removes {
                judge.add(command, "Privilege Escalation", High);
            } else {
                judge.add(command, "Privilege Escalation", Low);
            }
        }
        _ => {}
    }
}

/// `u+s`, `ug=xs`, `+xs`: whether a symbolic mode gives the set-id bit to someone.
fn symbolic(mode: &str, who: char) -> bool {
    mode.split(',').any(|clause| {
        let Some(place) = clause.find(['+', '=']) else { return false };
        let (subject, bits) = clause.split_at(place);
        bits.contains('s') && bits.len() <= 6 && (subject.contains(who) || (subject.is_empty() && who == 'u'))
    })
}

/// Relative words of one command that are looked up in the directory an earlier `cd` went to.
const MAX_RELATIVE: usize = 64;
/// Programs that look at names and attributes, not at content.
const LOOKS_AT_NAMES: [&str; 22] = [
    "ls",
    "stat",
    "file",
    "test",
    "[",
    "[[",
    "mkdir",
    "touch",
    "chmod",
    "chown",
    "ssh-keygen",
    "echo",
    "printf",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "cd",
    "ssh-add",
    "rm",
    "git",
    "ssh",
];

fn credentials(command: &Command<'_>, judge: &mut Judge<'_>) {
    let redirected = command.simple.redirects.iter().map(|redirect| redirect.target.as_str());
    let reads_redirect = command.simple.redirects.iter().filter(|redirect| !redirect.writes());
    let from_file = worst_credential(reads_redirect.map(|redirect| redirect.target.as_str()));
    let accounts = command.args.iter().map(|word| path_of(word)).chain(redirected).any(paths::is_accounts);
    let mut named = worst_credential(command.args.iter().map(String::as_str));
    if let Some(directory) = &command.simple.directory {
        // `cd /etc; cat shadow`
        let relative = command.operands().filter(|word| !word.starts_with(['/', '~', '$'])).take(MAX_RELATIVE);
        let paths: Vec<String> = relative.map(|word| format!("{directory}/{word}")).collect();
        named = named.max(worst_credential(paths.iter().map(String::as_str)));
    }
    if command.is(&["getent"]) && command.has(&["shadow", "gshadow"]) {
        named = Some(High);
    }
    if command.is(&["find", "locate", "mdfind", "fd", "plocate"]) {
        let wanted = command.value(&["-name", "-iname", "-path", "-regex"]).unwrap_or_default().to_lowercase();
        let secret = [
            ".pem",
            ".key",
            ".kdbx",
            ".pfx",
            ".p12",
            ".ppk",
            "password",
            "passwd",
            "credential",
            "secret",
            ".ovpn",
            "wallet",
            "id_rsa",
            ".env",
        ];
        let everywhere = paths::is_system(command.first());
        let searched = (everywhere && secret.iter().any(|part| wanted.contains(part))).then_some(Medium);
        if let Some(severity) = named.max(searched) {
            judge.add(command, "Credential File Access", severity);
        }
        return;
    }
    if let Some(severity) = from_file {
        judge.add(command, "Credential File Access", severity);
    }
    if command.is(&LOOKS_AT_NAMES) {
        return;
    }
    if let Some(severity) = named {
        let edits = command.is(&[
            "vim",
            "vi",
            "nano",
            "code",
            "emacs",
            "source",
            ".",
            "docker",
            "docker-compose",
            "dotenv",
            "touch",
        ]);
        let mild = edits || command.is(&["cp", "mv"]) && !paths_outside(command);
        judge.add(command, "Credential File Access", if mild && severity < High { Low } else { severity });
    } else if embedded_credential(command) {
        judge.add(command, "Credential File Access", High);
    }
    if accounts {
        // Everyone may read it, and scripts look up users in it; printing or carrying away all of it is what attacks do.
        let looks_up =
            command.is(&["grep", "egrep", "awk", "gawk", "cut", "getent", "sort", "wc", "id", "sed", "column", "tr"]);
        judge.add(command, "Credential File Access", if looks_up { Low } else { Medium });
    }
}

fn paths_outside(command: &Command<'_>) -> bool {
    command.operands().any(paths::is_anchored)
}

/// A credential's path inside a longer argument of a program that is told to read it: a script of `ed`, a SQL statement.
fn embedded_credential(command: &Command<'_>) -> bool {
    if command
        .is(&["grep", "egrep", "rg", "man", "tldr", "export", "docker", "kubectl", "export", "for", "case", "alias"])
    {
        return false;
    }
    let wide = command.args.iter().filter(|argument| argument.len() > 8 && argument.contains(char::is_whitespace));
    let mut pieces = wide.flat_map(|argument| {
        argument.split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '(' | ')' | ',' | ';'))
    });
    pieces.any(|piece| piece.contains('/') && paths::credential(piece) == Some(High))
}

fn writes(command: &Command<'_>, judge: &mut Judge<'_>) {
    let redirects = command.simple.redirects.iter().filter(|redirect| redirect.writes());
    let mut targets: Vec<&str> = redirects.map(|redirect| redirect.target.as_str()).collect();
    let operands: Vec<&str> = command.operands().collect();
    match command.name.as_str() {
        "tee" | "touch" | "sponge" => targets.extend(&operands),
        "cp" | "mv" | "install" | "ln" | "rsync" => targets.extend(operands.last()),
        "sed" | "perl" | "gsed"
            if command.args.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place")) =>
        {
            targets.extend(operands.last());
        }
        "dd" => targets.extend(command.args.iter().filter_map(|word| word.strip_prefix("of="))),
        "curl" => targets.extend(command.value(&["-o", "--output"])),
        "wget" => targets.extend(command.value(&["-O", "--output-document", "-P"])),
        _ => {}
    }
    for target in targets {
        if let Some(severity) = paths::persistence(target) {
            let looks = command.is(&["touch"]) && severity < High;
            judge.add(command, "Persistence Path Write", if looks { Low } else { severity });
        }
        if paths::is_profile(target) {
            judge.add(command, "Shell Profile Modification", if sets_up(command) { Low } else { Medium });
        }
        let hook = target.rsplit('.').next() == Some("pth") && command.is(&["echo", "printf", "cat", "tee"]);
        if hook {
            // Python runs the lines of such a file at every start; models are not written with `echo`.
            judge.add(command, "Persistence Path Write", Medium);
        }
        let page = target.rsplit('.').next().unwrap_or_default();
        let served = ["/var/www", "htdocs", "public_html", "/srv/http", "inetpub", "/usr/share/nginx", "webapps/"]
            .iter()
            .any(|root| target.contains(root));
        if served
            && matches!(page, "php" | "phtml" | "jsp" | "jspx" | "asp" | "aspx" | "cgi" | "war")
            && !command.is(&["cp", "mv", "rsync", "touch"])
        {
            judge.add(command, "Web Shell Write", Medium);
        }
        if paths::is_history(target) || paths::is_log(target) {
            let kept = command
                .simple
                .redirects
                .iter()
                .any(|redirect| redirect.target == target && redirect.operator.contains(">>"));
            if !kept || paths::is_history(target) {
                judge.add(command, "Audit Log Tampering", if paths::is_history(target) { High } else { Medium });
            }
        }
        if hidden_in_scratch(target) {
            judge.add(command, "Hidden File", Medium);
        }
    }
    if command.is(&["mkdir"]) && command.operands().any(hidden_in_scratch) {
        judge.add(command, "Hidden File", Medium);
    }
    if command.is(&["alias"]) && command.args.iter().any(|word| disguises(word)) {
        judge.add(command, "Shell Profile Modification", Medium);
    }
}

/// Whether what is appended to a profile is what every setup guide appends: a variable, or a short alias.
fn sets_up(command: &Command<'_>) -> bool {
    if !command.is(&["echo", "printf"]) {
        return false;
    }
    let text = command.args.join(" ");
    let text = text.trim();
    let runs = text.contains([';', '|', '`', '&', '>', '\n']) || text.contains("$(");
    let hooks = ["LD_", "PROMPT_COMMAND", "BASH_ENV", "DYLD_", "HIST", "PS1"].iter().any(|name| text.contains(name));
    let alias = text.strip_prefix("alias ").is_some_and(|rest| !disguises(rest) && !rest.contains('/'));
    (text.starts_with("export ") || alias) && !runs && !hooks
}

/// `alias sudo=…`: a name that people trust, with another meaning.
fn disguises(definition: &str) -> bool {
    let Some((name, meaning)) = definition.split_once('=') else { return false };
    matches!(name, "sudo" | "su" | "ssh" | "passwd" | "login" | "curl" | "cd") && meaning.contains(['/', '|', ';'])
}

fn hidden_in_scratch(path: &str) -> bool {
    let path = paths::normal(path);
    paths::is_scratch(&path)
        && path.split('/').skip(2).any(|part| part.len() > 1 && part.starts_with('.') && !part.starts_with(".x11"))
}

fn timestamps(command: &Command<'_>, judge: &mut Judge<'_>) {
    match command.name.as_str() {
        "touch" => {
            let dated = command.short('t')
                || command.short('d')
                || command.short('r')
                || command.has_prefix(&["--date", "--reference"]);
            let from = command.value(&["-r", "-acmr", "--reference"]).unwrap_or_default();
            let elsewhere = command.operands().any(paths::is_anchored);
            if dated && (elsewhere || from.starts_with('/')) {
                judge.add(command, "Timestamp Tampering", Medium);
            } else if dated {
                judge.add(command, "Timestamp Tampering", Low);
            }
        }
        "setfile" => judge.add(command, "Timestamp Tampering", Medium),
        "date" => {
            let sets = command.has(&["-s"]) || command.has_prefix(&["--set"]);
            let digits = command
                .operands()
                .any(|word| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
            if digits {
                judge.add(command, "Timestamp Tampering", Medium);
            } else if sets {
                judge.add(command, "Timestamp Tampering", Low);
            }
        }
        "debugfs" if command.has(&["-w"]) => judge.add(command, "Timestamp Tampering", Medium),
        _ => {}
    }
}

fn encrypts(command: &Command<'_>, judge: &mut Judge<'_>) {
    let encrypts = match command.name.as_str() {
        "openssl" => {
            (command.has(&["enc", "rsautl", "smime", "pkeyutl"])
                || command.args.first().is_some_and(|word| word.starts_with("aes-") || word.starts_with("des")))
                && !command.has(&["-d", "-decrypt", "-verify"])
        }
        "gpg" | "gpg2" => {
            command.has(&["-c", "--symmetric", "-e", "--encrypt", "--passphrase", "--passphrase-fd"])
                && !command.has(&["-d", "--decrypt"])
        }
        "7z" | "7za" | "7zr" => command.args.iter().any(|word| word.starts_with("-p")),
        "zip" => command.has(&["-e", "-P", "--encrypt", "--password"]) || command.has_prefix(&["-P"]),
        "ccencrypt" | "ccrypt" | "aescrypt" | "rage" | "mcrypt" => true,
        "rar" => command.has_prefix(&["-p", "-hp"]),
        _ => false,
    };
    if !encrypts {
        return;
    }
    let files = command.args.iter().map(|word| path_of(word));
    let mut severity = Low;
    for file in files {
        if paths::is_accounts(file) || paths::is_system(file) || paths::credential(file).is_some() {
            severity = severity.max(High);
        } else if paths::is_anchored(file) {
            severity = severity.max(Medium);
        }
    }
    judge.add(command, "File Encryption", severity);
}
