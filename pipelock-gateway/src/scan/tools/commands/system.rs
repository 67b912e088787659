//! Rules about the machine itself: persistence, privileges, accounts, defenses switched off, credentials dumped, packages,
//! containers, repositories, databases.

#![expect(
    clippy::match_same_arms,
    clippy::if_same_then_else,
    reason = "tables: one arm a program, one branch a reason"
)]

use super::{Command, Judge, path_of, paths};
use crate::model::Severity::{self, Critical, High, Low, Medium};
use crate::scan::tools::shell;

pub(super) fn judge(command: &Command<'_>, judge: &mut Judge<'_>) {
    scheduled(command, judge);
    services(command, judge);
    privileges(command, judge);
    accounts(command, judge);
    history(command, judge);
    defenses(command, judge);
    dumps(command, judge);
    containers(command, judge);
    packages(command, judge);
    destructive(command, judge);
    escapes(command, judge);
    discovery(command, judge);
    macos(command, judge);
}

fn scheduled(command: &Command<'_>, judge: &mut Judge<'_>) {
    match command.name.as_str() {
        "crontab" => {
            let severity = if command.has(&["-l"]) {
                return;
            } else if command.has(&["-e"]) {
                Low
            } else {
                Medium
            };
            judge.add(command, "Cron Job Persistence", severity);
        }
        "at" | "batch" if !command.has(&["-l", "-q", "-V"]) => judge.add(
            command,
            "Cron Job Persistence",
            if command.simple.input.is_some() || command.has(&["now", "-f"]) { Medium } else { Low },
        ),
        "systemd-run" if command.has_prefix(&["--on-", "--timer"]) => {
            judge.add(command, "Systemd Service Persistence", Medium);
        }
        "nohup" | "disown" | "setsid" => judge.add(command, "Detached Process Spawning", Low),
        "screen" if command.has(&["-d", "-dm", "-dmS"]) => judge.add(command, "Detached Process Spawning", Low),
        "tmux" if command.has(&["-d"]) => judge.add(command, "Detached Process Spawning", Low),
        "kubectl" if command.has(&["create", "apply", "run"]) && command.text().contains("cronjob") => {
            judge.add(command, "Cron Job Persistence", Medium);
        }
        _ => {}
    }
}

/// Words of the names of services that watch, log or protect.
const GUARDS: [&str; 31] = [
    "auditd",
    "rsyslog",
    "syslog",
    "syslog-ng",
    "journald",
    "systemd-journald",
    "firewalld",
    "ufw",
    "iptables",
    "nftables",
    "apparmor",
    "fail2ban",
    "falcon",
    "falcon-sensor",
    "crowdstrike",
    "cbdaemon",
    "cbagentd",
    "osqueryd",
    "auditbeat",
    "filebeat",
    "wazuh-agent",
    "ossec",
    "clamav",
    "clamd",
    "sysmon",
    "mdatp",
    "sentinelone",
    "sophos",
    "esets",
    "tetragon",
    "falco",
];

fn guard(word: &str) -> bool {
    let word = word.to_lowercase();
    let bare = word.strip_suffix(".service").unwrap_or(&word);
    GUARDS.iter().any(|name| bare == *name || (name.len() > 5 && bare.contains(name)))
}

fn services(command: &Command<'_>, judge: &mut Judge<'_>) {
    match command.name.as_str() {
        "systemctl" => {
            let guarded = command.operands().skip(1).any(guard);
            if command.has(&["stop", "disable", "mask", "kill"]) && guarded {
                judge.add(command, "Defense Evasion", High);
            } else if command.has(&["enable", "link", "preset"]) {
                judge.add(
                    command,
                    "Systemd Service Persistence",
                    if command.operands().skip(1).any(|unit| unit.contains('/')) { High } else { Low },
                );
            } else if command.has(&["daemon-reload"]) {
                judge.add(command, "Systemd Service Persistence", Low);
            }
        }
        "service" | "rc-service" | "initctl" | "sc" if command.has(&["stop"]) && command.operands().any(guard) => {
            judge.add(command, "Defense Evasion", High);
        }
        "update-rc.d" | "chkconfig" | "rc-update" | "sysrc" => {
            let off = command.has(&["off", "disable", "remove", "del"]) && command.operands().any(guard);
            judge.add(
                command,
                if off { "Defense Evasion" } else { "Systemd Service Persistence" },
                if off { High } else { Low },
            );
        }
        "pkill" | "killall" | "kill" => {
            if command.operands().any(guard) {
                judge.add(command, "Defense Evasion", High);
            } else if command.is(&["kill"])
                && command.args.last().is_some_and(|last| last == "-1")
                && command.args.len() > 1
            {
                judge.add(command, "Destructive Command", High);
            }
        }
        _ => {}
    }
}

fn privileges(command: &Command<'_>, judge: &mut Judge<'_>) {
    let exported =
        command.args.iter().filter(|_| command.is(&["export", "set", "env"])).filter_map(|word| word.split_once('='));
    let set = command.simple.assignments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // The names that exploits and their documentation use for the attacker's side.
    if set.chain(exported).any(|(name, _)| {
        matches!(name, "RHOST" | "LHOST" | "RPORT" | "LPORT" | "ATTACKER" | "ATTACKER_IP" | "C2_SERVER")
    }) {
        judge.add(command, "Reverse Shell", Medium);
    }
    for (name, value) in &command.simple.assignments {
        if matches!(
            name.as_str(),
            "LD_PRELOAD"
                | "LD_AUDIT"
                | "DYLD_INSERT_LIBRARIES"
                | "LD_LIBRARY_PATH"
                | "BASH_ENV"
                | "PROMPT_COMMAND"
                | "PYTHONSTARTUP"
        ) && value.contains('/')
        {
            let severity = if name == "LD_LIBRARY_PATH" { Low } else { Medium };
            judge.add(command, "Library Preload", severity);
        }
    }
    match command.name.as_str() {
        "export" | "declare" | "typeset" => {
            let preload = command.args.iter().any(|word| {
                ["LD_PRELOAD=", "LD_AUDIT=", "DYLD_INSERT_LIBRARIES=", "PROMPT_COMMAND=", "BASH_ENV="]
                    .iter()
                    .any(|name| word.starts_with(name))
                    && word.contains('/')
            });
            if preload {
                judge.add(command, "Library Preload", Medium);
            }
        }
        "find" => {
            let suid = command.value(&["-perm"]).is_some_and(|mode| {
                let digits = mode.trim_start_matches(['-', '/', '+', '0']);
                mode.contains("u=s")
                    || mode.contains("g=s")
                    || mode.contains("+s")
                    || (digits.len() == 4 && digits.starts_with(['4', '2', '6']))
            });
            if suid {
                judge.add(command, "Privilege Discovery", Medium);
            }
        }
        "getcap" if command.short('r') => judge.add(command, "Privilege Discovery", Medium),
        "insmod" | "kextload" | "kextunload" | "kmutil" | "kldload" => {
            let loads = !command.is(&["kmutil"]) || command.has(&["load", "unload", "install"]);
            if loads {
                judge.add(command, "Kernel Module Load", Medium);
            }
        }
        "modprobe" | "rmmod" => {
            let elsewhere = command.operands().any(|word| word.starts_with('/'));
            judge.add(command, "Kernel Module Load", if elsewhere { Medium } else { Low });
        }
        "sysctl"
            if command.has_prefix(&[
                "kernel.core_pattern",
                "kernel.yama",
                "kernel.randomize_va_space=0",
                "kernel.modules_disabled",
            ]) =>
        {
            judge.add(command, "Defense Evasion", Medium);
        }
        "nsenter"
            if command.has(&["-t", "--target"]) && command.has(&["1"])
                || command.has_prefix(&["-t1", "--target=1"]) =>
        {
            judge.add(command, "Container Escape", High);
        }
        "unshare" if command.has_prefix(&["-r", "-U", "--map-root"]) => judge.add(command, "Privilege Escalation", Low),
        "debugfs" | "capsh" if command.text().contains("sh") => judge.add(command, "Privilege Escalation", Low),
        name if shell::is_shell(name)
            && command.args.iter().any(|word| word == "-p" || word == "-pi" || word == "-ip")
            && command.args.len() <= 2 =>
        {
            judge.add(command, "Privilege Escalation", Medium);
        }
        "mount" => {
            let suid = command.has_prefix(&["--bind"]) || command.text().contains("/proc/1/");
            let whole = command.operands().any(paths::is_device) && command.operands().any(paths::is_scratch);
            if command.text().contains("remount,rw") && command.operands().any(|word| word == "/" || word == "/usr") {
                judge.add(command, "Defense Evasion", Medium);
            } else if suid
                && command.operands().any(|word| paths::credential(word).is_some() || word.starts_with("/proc"))
                || whole
            {
                judge.add(command, "Privilege Escalation", Medium);
            }
        }
        _ => {}
    }
}

fn accounts(command: &Command<'_>, judge: &mut Judge<'_>) {
    // Not `docker`: every installation guide adds the user to it.
    const ROLES: [&str; 7] = ["sudo", "wheel", "root", "admin", "lxd", "disk", "shadow"];
    let powerful = || command.args.iter().any(|word| word.split(',').any(|group| ROLES.contains(&group)));
    let severity = match command.name.as_str() {
        "useradd" | "adduser" | "pw" | "luseradd" => {
            let root = command.value(&["-u", "-ou", "--uid"]) == Some("0") || command.has(&["-ou0", "-u0"]);
            if root {
                Some(High)
            } else if command.is(&["adduser", "useradd"]) && powerful() {
                Some(Medium)
            } else if command.has(&["--no-create-home"]) || command.value(&["-p", "--password"]).is_some() {
                Some(Medium)
            } else {
                Some(Low)
            }
        }
        "usermod" => {
            if command.value(&["-u", "--uid"]) == Some("0") {
                Some(High)
            } else if powerful() || command.has(&["-U"]) {
                Some(Medium)
            } else {
                Some(Low)
            }
        }
        "gpasswd" | "groupmod" | "addgroup" => Some(if powerful() { Medium } else { Low }),
        "chpasswd" => Some(Medium),
        "passwd" => {
            let root = command.first() == "root" || command.has(&["-d", "-u", "--delete", "--stdin"]);
            Some(if root { Medium } else { Low })
        }
        "userdel" | "deluser" | "groupdel" => Some(Low),
        "dscl" => Some(if command.has(&["-create", "create", "-passwd", "-delete", "delete", "-append"]) {
            Medium
        } else {
            Low
        }),
        "sysadminctl" | "dseditgroup" => Some(Medium),
        "dsenableroot" => Some(Medium),
        "ssh-copy-id" => Some(Low),
        _ => None,
    };
    if let Some(severity) = severity {
        judge.add(command, "Account Manipulation", severity);
    }
}

fn history(command: &Command<'_>, judge: &mut Judge<'_>) {
    let off = |name: &str, value: &str| {
        (name == "HISTFILE" && (value.is_empty() || value == "/dev/null"))
            || (matches!(name, "HISTSIZE" | "HISTFILESIZE" | "SAVEHIST") && value == "0")
            || (name == "HISTIGNORE" && value.contains('*'))
    };
    let assigned = command.simple.assignments.iter().any(|(name, value)| off(name, value))
        || (command.is(&["export", "declare", "set", "typeset"])
            && command.args.iter().filter_map(|word| word.split_once('=')).any(|(name, value)| off(name, value)));
    let cleared = match command.name.as_str() {
        "history" => command.short('c') || command.short('d') || (command.short('w') && command.has(&["/dev/null"])),
        "unset" => command.args.iter().any(|word| word.starts_with("HIST")),
        "set" => {
            command.args.windows(2).any(|pair| matches!(pair, [flag, option] if flag == "+o" && option == "history"))
        }
        "shopt" => command.has(&["-ou"]) && command.has(&["history"]),
        "fc" => command.short('p'),
        "clear-history" | "set-psreadlineoption" => true,
        _ => false,
    };
    if assigned || cleared {
        judge.add(command, "Audit Log Tampering", Medium);
    } else if command.simple.assignments.iter().any(|(name, value)| name == "HISTCONTROL" && value.contains("ignore")) {
        judge.add(command, "Audit Log Tampering", Low);
    }
}

fn defenses(command: &Command<'_>, judge: &mut Judge<'_>) {
    let severity = match command.name.as_str() {
        "setenforce" if command.has(&["0", "permissive"]) => Some(Medium),
        "auditctl" => command.has(&["-D", "-e"]).then_some(High),
        "ufw" => command.has(&["disable", "reset"]).then_some(Medium),
        "iptables" | "ip6tables" | "nft" | "pfctl" | "ipfw" => {
            let flush =
                command.has(&["-F", "--flush", "-X", "flush"]) || (command.is(&["pfctl"]) && command.has(&["-d"]));
            let opens = command.has(&["-P"]) && command.has(&["ACCEPT"]);
            let deletes = command.has(&["-D", "--delete"]);
            if flush || opens {
                Some(Medium)
            } else if deletes {
                Some(Low)
            } else {
                None
            }
        }
        "firewall-cmd" => command.has_prefix(&["--panic-off", "--set-default-zone=trusted"]).then_some(Medium),
        "journalctl" => {
            let shrinks = command.has_prefix(&["--vacuum", "--rotate"]);
            let to_nothing =
                command.args.iter().any(|word| word.ends_with("=1s") || word.ends_with("=1") || word == "1s");
            shrinks.then_some(if to_nothing { Medium } else { Low })
        }
        "logrotate" | "utmpdump" => command.has(&["-f", "-r"]).then_some(Low),
        "spctl" => command.has_prefix(&["--master-disable", "--global-disable", "--add"]).then_some(High),
        "csrutil" => command.has(&["disable"]).then_some(High),
        "xattr" => command.args.iter().any(|word| word.contains("quarantine")).then_some(Medium),
        "apparmor_parser" | "aa-teardown" | "aa-disable" | "aa-complain" => Some(Medium),
        "swapoff" => None,
        "prctl" => None,
        "esxcli" => command.has(&["kill", "disable", "false"]).then_some(Medium),
        _ => None,
    };
    if let Some(severity) = severity {
        judge.add(command, "Defense Evasion", severity);
    }
    if command.is(&["sed", "perl"]) && command.text().contains("SELINUX=") {
        judge.add(command, "Defense Evasion", Medium);
    }
    let bypassed = command.simple.redirects.iter().any(|redirect| {
        redirect.writes()
            && [
                "/selinux/enforce",
                "/etc/audit/",
                "/etc/selinux/",
                "/etc/rsyslog",
                "/sys/kernel/debug/tracing",
                "/proc/sys/kernel",
            ]
            .iter()
            .any(|place| redirect.target.contains(place))
    });
    if bypassed {
        judge.add(command, "Defense Evasion", High);
    }
}

fn dumps(command: &Command<'_>, judge: &mut Judge<'_>) {
    let text = || command.text().to_lowercase();
    let severity = match command.name.as_str() {
        "mimikatz" | "mimipenguin" | "mimipenguin.sh" | "lazagne" | "lazagne.py" | "laZagne" | "pypykatz"
        | "procdump" | "procdump64" | "secretsdump" | "linpeas" | "linpeas.sh" | "winpeas" | "pspy" | "pspy64"
        | "lsassy" | "nanodump" | "gsecdump" | "pwdump" => Some(High),
        "gcore" | "process-dump" => Some(Medium),
        "gdb" => (command.has(&["-p", "--pid"]) && text().contains("dump")).then_some(Medium),
        "dd" | "strings" | "xxd" | "hexdump" | "cp" | "cat" => command
            .args
            .iter()
            .any(|word| {
                let path = path_of(word);
                path.starts_with("/proc/")
                    && (path.ends_with("/mem") || path.ends_with("/environ") || path.ends_with("/maps"))
            })
            .then_some(Medium),
        "security" => {
            if command.has(&[
                "dump-keychain",
                "find-generic-password",
                "find-internet-password",
                "export",
                "unlock-keychain",
            ]) {
                Some(High)
            } else if command.has(&["import", "authorizationdb", "add-trusted-cert"])
                || (command.has(&["find-certificate"]) && command.has(&["-a"]))
            {
                Some(Medium)
            } else {
                None
            }
        }
        "secret-tool" | "kwallet-query" | "gnome-keyring" => Some(Medium),
        "kubectl" | "oc" => {
            let secrets = command.args.iter().any(|word| {
                matches!(word.as_str(), "secret" | "secrets")
                    || word.starts_with("secret/")
                    || word.starts_with("secrets/")
            });
            let raw = command.has(&["view"]) && command.has_prefix(&["--raw"]);
            if secrets && command.has(&["get", "describe", "edit"]) {
                Some(Medium)
            } else if raw {
                Some(High)
            } else {
                None
            }
        }
        "aws" => {
            let hands_out = [
                "get-secret-value",
                "get-session-token",
                "create-access-key",
                "get-federation-token",
                "export-credentials",
                "get-password-data",
                "get-parameters-by-path",
            ];
            if command.has(&hands_out) {
                Some(Medium)
            } else if command.has(&[
                "stop-logging",
                "delete-trail",
                "delete-detector",
                "delete-flow-logs",
                "disable-alarm-actions",
                "put-bucket-policy",
            ]) {
                Some(Medium)
            } else {
                None
            }
        }
        "gcloud" => command.has(&["print-access-token", "print-identity-token"]).then_some(Medium),
        "az" => (command.has(&["get-access-token"])
            || command.has(&["keyvault"]) && command.has(&["show", "download"]))
        .then_some(Medium),
        "reg" => text().contains("hklm\\sam").then_some(Critical),
        "grep" | "egrep" | "rg" | "ack" | "findstr" | "ag" => searches_for_secrets(command),
        "unshadow" | "hashdump" => Some(High),
        "gpg" | "gpg2" => command.has_prefix(&["--export-secret"]).then_some(High),
        "vault" => command.has(&["read", "get"]).then_some(Low),
        "ssh-keygen" | "ssh-add" => None,
        _ => None,
    };
    if let Some(severity) = severity {
        judge.add(command, "Credential Dumping", severity);
    }
    // Tools that come as a script are named by the script.
    let script = command.args.first().map(|word| shell::program(word)).unwrap_or_default();
    let known = [
        "mimipenguin.sh",
        "mimipenguin.py",
        "lazagne.py",
        "linpeas.sh",
        "linenum.sh",
        "lse.sh",
        "pypykatz",
        "secretsdump.py",
        "responder.py",
        "dump_heap.py",
    ];
    if known.contains(&script.as_str()) {
        judge.add(command, "Credential Dumping", High);
    }
}

/// Searching a whole system for words that stand before secrets.
fn searches_for_secrets(command: &Command<'_>) -> Option<Severity> {
    let words = [
        "password",
        "passwd",
        "passwort",
        "secret",
        "api_key",
        "apikey",
        "private key",
        "aws_access",
        "credential",
        "token",
        "begin rsa",
        "akia",
    ];
    // The pattern is the first operand; a path may well contain such a word.
    let wanted = command.value(&["-e", "--regexp"]).unwrap_or(command.first()).to_lowercase();
    let pattern = wanted == "pass" || words.iter().any(|known| wanted.contains(known));
    let recursive = command.short('r') || command.short('R') || command.has(&["/s", "--recursive"]);
    let wide = command.operands().skip(1).any(|word| {
        paths::is_system(word)
            || word.starts_with("/etc")
            || word.starts_with("/var")
            || word.starts_with("/home")
            || word.starts_with("/proc")
            || word.starts_with('~')
    });
    let dump = command.operands().skip(1).any(paths::is_scratch);
    if pattern && (wide || command.has(&["/s"]) || dump) { Some(Medium) } else { (pattern && recursive).then_some(Low) }
}

fn containers(command: &Command<'_>, judge: &mut Judge<'_>) {
    if command.is(&["docker", "podman", "nerdctl", "ctr"]) && command.has(&["run", "create"]) {
        let mut worst = None;
        for (place, word) in command.args.iter().enumerate() {
            let next = command.args.get(place + 1).map(String::as_str).unwrap_or_default();
            let mount = match word.as_str() {
                "-v" | "--volume" | "--mount" => next,
                word => word.strip_prefix("--volume=").or_else(|| word.strip_prefix("-v")).unwrap_or_default(),
            };
            let source = mount.split(':').next().unwrap_or_default();
            let severity = if source == "/"
                || mount.contains("source=/,")
                || mount.contains("src=/,")
                || matches!(source, "/etc" | "/root" | "/proc" | "/boot")
            {
                Some(High)
            } else if mount.contains("docker.sock") || mount.contains("containerd.sock") {
                Some(Medium)
            } else if word.starts_with("--privileged")
                || matches!(
                    word.as_str(),
                    "--pid=host" | "--cap-add=SYS_ADMIN" | "--cap-add=ALL" | "--security-opt=apparmor=unconfined"
                )
            {
                Some(Medium)
            } else {
                None
            };
            worst = worst.max(severity);
        }
        if let Some(severity) = worst {
            judge.add(command, "Container Escape", severity);
        }
    }
    if command.text().contains("docker.sock") && command.is(&["curl", "socat", "nc", "chmod"]) {
        judge.add(command, "Container Escape", High);
    }
    if command.is(&["chroot"]) && command.operands().any(|word| word.starts_with("/host") || word.starts_with("/mnt")) {
        judge.add(command, "Container Escape", Medium);
    }
    if command.is(&["kubectl", "oc"]) {
        let text = command.text();
        if text.contains("\"privileged\":true") || text.contains("hostPID") || text.contains("hostPath") {
            judge.add(command, "Container Escape", High);
        } else if command.has(&["clusterrolebinding"]) && text.contains("cluster-admin") {
            judge.add(command, "Privilege Escalation", Medium);
        }
    }
}

fn packages(command: &Command<'_>, judge: &mut Judge<'_>) {
    let bare = command.name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let installs = match bare {
        "pip" | "pipx" | "uv" | "gem" | "cargo" | "go" | "apt" | "apt-get" | "yum" | "dnf" | "brew" | "zypper"
        | "snap" | "conda" | "choco" | "winget" => command.has(&["install"]),
        "npm" | "pnpm" | "yarn" | "bun" => command.has(&["install", "i", "add"]),
        "apk" => command.has(&["add"]),
        "pacman" => command.has_prefix(&["-S"]),
        "dpkg" | "rpm" => command.has(&["-i", "-U", "-ivh", "--install"]),
        "python" => command.has(&["-m"]) && command.has(&["pip"]) && command.has(&["install"]),
        _ => false,
    };
    if installs {
        let odd = command.args.iter().any(|word| {
            word.starts_with("http://") || word.starts_with("git+http://") || word.contains("--trusted-host")
        }) || command
            .value(&["-i", "--index-url", "--extra-index-url"])
            .is_some_and(|url| url.starts_with("http://"));
        judge.add(command, "Package Install", if odd { Medium } else { Low });
    }
}

fn destructive(command: &Command<'_>, judge: &mut Judge<'_>) {
    match command.name.as_str() {
        "git" => {
            let words: Vec<&str> = command.operands().collect();
            let has = |name: &str| words.first().is_some_and(|first| *first == name) || words.contains(&name);
            let safe = command.has_prefix(&["--force-with-lease", "--force-if-includes"]);
            let forced =
                command.has(&["--force", "-f", "-fu", "-uf"]) || words.iter().any(|word| word.starts_with('+'));
            let severity = if has("push") && !safe && (forced || command.has(&["--mirror", "--delete"])) {
                Some(Medium)
            } else if has("reset") && command.has(&["--hard"]) {
                Some(Medium)
            } else if has("clean") && command.short('f') && (command.short('d') || command.short('x')) {
                Some(Medium)
            } else if has("filter-branch") || has("filter-repo") || (has("reflog") && words.contains(&"expire")) {
                Some(Medium)
            } else {
                None
            };
            if let Some(severity) = severity {
                judge.add(command, "Destructive Git Operation", severity);
            }
            let hook = command.text();
            if hook.contains("core.sshCommand")
                || hook.contains("core.fsmonitor")
                || hook.contains("core.pager=")
                || hook.contains("core.hooksPath")
                || hook.contains("ext::")
            {
                judge.add(command, "Shell Escape", Medium);
            }
        }
        "terraform" | "tofu" if command.has(&["destroy"]) => judge.add(command, "Destructive Command", Medium),
        "kubectl" if command.has(&["delete"]) && (command.has(&["--all", "namespace", "ns", "--all-namespaces"])) => {
            judge.add(command, "Destructive Command", Medium);
        }
        "redis-cli" if command.has(&["flushall", "flushdb"]) => judge.add(command, "Destructive Command", Medium),
        "dropdb" | "tmutil"
            if !command.is(&["tmutil"]) || command.has(&["disable", "delete", "deletelocalsnapshots"]) =>
        {
            judge.add(command, "Destructive Command", Medium);
        }
        "aws" | "gsutil" | "gcloud" | "az" => {
            let bucket = command.has(&["rb", "rm"]) && command.has(&["--force", "--recursive", "-r"]);
            let terminates = command.has(&[
                "terminate-instances",
                "delete-db-instance",
                "delete-stack",
                "schedule-key-deletion",
                "delete-bucket",
            ]);
            if bucket || terminates {
                judge.add(command, "Destructive Command", if bucket { Medium } else { Low });
            }
        }
        "mysql" | "psql" | "sqlite3" | "mongo" | "mongosh" => {
            let text = command.text().to_lowercase();
            if ["drop database", "drop table", "truncate ", "dropdatabase", "drop schema"]
                .iter()
                .any(|statement| text.contains(statement))
            {
                judge.add(command, "Destructive Command", Medium);
            }
        }
        "docker" if command.has(&["prune"]) && command.has(&["--volumes"]) => {
            judge.add(command, "Destructive Command", Low);
        }
        "truncate" if command.has(&["-s0", "0"]) && command.operands().any(paths::is_anchored) => {
            judge.add(command, "Destructive File Delete", Medium);
        }
        "vgremove" | "lvremove" | "pvremove" => judge.add(command, "Disk Wipe Command", Medium),
        _ => {}
    }
}

/// Programs that start a shell on the way, as catalogues of restricted-shell escapes list them.
fn escapes(command: &Command<'_>, judge: &mut Judge<'_>) {
    let hosts = [
        "docker",
        "podman",
        "kubectl",
        "oc",
        "chsh",
        "useradd",
        "usermod",
        "adduser",
        "grep",
        "egrep",
        "cat",
        "echo",
        "printf",
        "ls",
        "which",
        "tmux",
        "screen",
        "ssh",
        "su",
        "test",
        "[",
        "[[",
        "chown",
        "chmod",
        "cp",
        "ln",
        "mv",
        "touch",
        "stat",
        "file",
        "strings",
        "sudo",
        "export",
        "export",
        "for",
        "case",
        "md5sum",
        "sha256sum",
        "command",
        "whereis",
        "type",
        "dpkg",
        "apt-file",
        "rpm",
        "sed",
        "nc",
        "ncat",
        "netcat",
        "socat",
        "vagrant",
        "nerdctl",
        "lxc",
        "pct",
        "machinectl",
        "docker-compose",
        "heroku",
        "fly",
        "gdb",
        "xterm",
        "wsl",
        "env",
        "readlink",
        "ldd",
    ];
    let shell_path = |word: &str| {
        let name = shell::program(word.trim_start_matches(['!', ':', '=']));
        shell::is_shell(&name) && (word.contains("/bin/") || word.contains("!sh") || word.contains("!bash"))
    };
    let tokens = || {
        command.args.iter().flat_map(|word| {
            word.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ';' | ',' | '`'))
        })
    };
    let pager = command.simple.assignments.iter().any(|(name, value)| {
        matches!(
            name.as_str(),
            "PAGER" | "MANPAGER" | "GIT_PAGER" | "EDITOR" | "VISUAL" | "GIT_SSH_COMMAND" | "BROWSER" | "GIT_EDITOR"
        ) && value.split_whitespace().any(|word| shell::is_shell(&shell::program(word)))
    });
    if pager {
        judge.add(command, "Shell Escape", Medium);
    }
    if !command.is(&hosts)
        && !shell::is_shell(&command.name)
        && !shell::is_interpreter(&command.name)
        && tokens().any(shell_path)
    {
        judge.add(command, "Shell Escape", Medium);
    }
    let runs = match command.name.as_str() {
        "tar" => command.has_prefix(&["--checkpoint-action=exec", "--use-compress-program=sh", "--to-command=/bin/sh"]),
        "zip" => command.has(&["-TT", "--unzip-command"]),
        "nmap" => command.has(&["--interactive"]),
        "find" => command.args.windows(2).any(|pair| matches!(pair, [flag, program] if flag == "-exec" && shell::is_shell(&shell::program(program)) && command.args.len() < 9 && !command.has(&["-c"]))),
        "vim" | "vi" | "nvim" | "ex" | "less" | "more" | "man" | "ed" => command.args.iter().any(|word| word.contains(":!") || word.starts_with('!') || word.contains("os.execute") || word.contains(":py")),
        "awk" | "gawk" | "mawk" | "nawk" => command.args.iter().any(|word| word.contains("system(") && word.contains("sh")),
        "rsync" => command.has_prefix(&["-e"]) && command.text().contains("sh -c"),
        _ => command.simple.words.first().is_some_and(|first| {
            let rest = first.trim_start_matches(':');
            rest.strip_prefix('!').is_some_and(|program| shell::is_shell(&shell::program(program)))
        }),
    };
    // `timeout 7d /bin/sh`: a harmless program as the way to a shell. Administrators do it with `sudo` only.
    let wrapper = command.simple.wrapper.as_deref().unwrap_or("sudo");
    let bare_shell = shell::is_shell(&command.name)
        && command.args.iter().all(|word| matches!(word.as_str(), "-p" | "-i" | "-s" | "-"));
    let named = command.simple.words.first().is_some_and(|word| word.contains('/'));
    let administrative = (wrapper == "env" && !named)
        || matches!(wrapper, "sudo" | "doas" | "exec" | "docker" | "command" | "time" | "nohup" | "su" | "builtin");
    if runs || (bare_shell && !administrative && command.simple.input.is_none()) {
        judge.add(command, "Shell Escape", Medium);
    }
}

/// Looking around: harmless alone, so only noted. Chains use it.
fn discovery(command: &Command<'_>, judge: &mut Judge<'_>) {
    if command.is(&[
        "whoami",
        "id",
        "uname",
        "hostname",
        "ps",
        "netstat",
        "ifconfig",
        "arp",
        "last",
        "w",
        "who",
        "lsof",
        "pgrep",
        "systeminfo",
        "ipconfig",
        "tasklist",
        "env",
        "printenv",
        "nmap",
        "masscan",
    ]) {
        judge.add(command, "System Discovery", Low);
    }
}

fn macos(command: &Command<'_>, judge: &mut Judge<'_>) {
    match command.name.as_str() {
        "launchctl" if command.has(&["load", "bootstrap", "submit", "setenv"]) => {
            judge.add(command, "Launch Agent Persistence", Medium);
        }
        "launchctl" if command.has(&["unload", "bootout", "remove"]) => {
            let guarded = command.operands().any(|word| {
                guard(word) || word.contains("syslog") || word.contains("carbonblack") || word.contains("falcon")
            });
            judge.add(command, "Defense Evasion", if guarded { High } else { Low });
        }
        "osascript" => {
            let text = command.text().to_lowercase();
            if text.contains("login item")
                || text.contains("administrator privileges")
                || text.contains("hidden answer")
            {
                judge.add(command, "Launch Agent Persistence", Medium);
            } else {
                judge.add(command, "System Discovery", Low);
            }
        }
        "defaults" if command.has(&["write"]) => {
            let text = command.text().to_lowercase();
            let hides = [
                "loginhook",
                "logouthook",
                "showallfiles",
                "hide500users",
                "hiddenuserslist",
                "lsquarantine",
                "autologinuser",
                "gatekeeper",
            ];
            judge.add(
                command,
                "Defense Evasion",
                if hides.iter().any(|word| text.contains(word)) { Medium } else { Low },
            );
        }
        "screencapture" | "pbpaste" | "xclip" | "xsel" | "xwd" | "import" => judge.add(command, "Input Capture", Low),
        "logkeys" | "xinput" if command.has(&["test", "--start", "-s"]) => judge.add(command, "Input Capture", Medium),
        _ => {}
    }
}

/// What the whole pipeline shows.
pub(super) fn judge_pipeline(commands: &[Command<'_>], judge: &mut Judge<'_>) {
    let Some(last) = commands.last() else { return };
    // Paths on their way into a program that opens what it is told: `echo /etc/shadow | xargs cat`.
    let opens = commands.iter().skip(1).any(|command| {
        command.simple.wrapper.as_deref() == Some("xargs")
            || command.is(&["xargs", "ed", "ex", "vi", "vim", "cpio", "sqlite3"])
    });
    if opens {
        let printed =
            commands.iter().filter(|command| command.is(&["echo", "printf"])).flat_map(|command| command.args);
        let named = printed.flat_map(|word| word.split([' ', '\n', '\t'])).flat_map(|word| word.split("\\n"));
        let severity =
            named.filter_map(|word| paths::credential(word).or(paths::is_accounts(word).then_some(Medium))).max();
        if let Some(severity) = severity {
            judge.add(last, "Credential File Access", severity);
        }
    }
    if commands.len() > 1 {
        let environment = commands.first().is_some_and(|first| first.is(&["env", "printenv", "set", "export"]));
        let wanted = last.is(&["grep", "egrep"]) && {
            let text = last.text().to_lowercase();
            ["key", "pass", "secret", "token", "aws"].iter().any(|word| text.contains(word))
        };
        if environment && wanted {
            judge.add(last, "Credential Dumping", Medium);
        }
    }
}
