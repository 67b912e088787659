//! Rules about the network: data going out, programs coming in and running, shells that call home, metadata services.

use super::patterns::{is_local_host, metadata_host, suspicious_url};
use super::{Command, Judge, path_of, paths, worst_credential};
use crate::model::Severity::{self, Critical, High, Low, Medium};
use crate::model::View;
use crate::scan::tools::report::Report;
use crate::scan::tools::shell::{self, Script};

/// Programs that send what they read to another machine.
const SENDERS: [&str; 22] = [
    "curl",
    "wget",
    "nc",
    "ncat",
    "netcat",
    "nc.openbsd",
    "socat",
    "ssh",
    "scp",
    "sftp",
    "ftp",
    "tftp",
    "telnet",
    "rsync",
    "mail",
    "sendmail",
    "mailx",
    "mutt",
    "openssl",
    "http",
    "https",
    "xh",
];

pub(super) fn judge(command: &Command<'_>, judge: &mut Judge<'_>) {
    reverse_shell(command, judge);
    uploads(command, judge);
    metadata(command, judge);
    suspicious(command, judge);
    serves(command, judge);
    dns(command, judge);
}

fn is_shell_path(word: &str) -> bool {
    let name = shell::program(word);
    shell::is_shell(&name) || name == "cmd"
}

fn reverse_shell(command: &Command<'_>, judge: &mut Judge<'_>) {
    let severity = match command.name.as_str() {
        "nc" | "ncat" | "netcat" | "nc.traditional" | "nc.openbsd" | "busybox-nc" | "rustcat" | "rcat" | "powercat" => {
            let executes = command.args.windows(2).any(|pair| match pair {
                [flag, program] => {
                    let bundle = flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with(['e', 'c']);
                    (bundle || matches!(flag.as_str(), "--exec" | "--sh-exec"))
                        && (is_shell_path(program.split_whitespace().next().unwrap_or(program))
                            || program.starts_with('/'))
                }
                _ => false,
            });
            if executes || command.has_prefix(&["--sh-exec", "--exec", "-e/", "-c/"]) {
                Some(Critical)
            } else if command.short('l') {
                // `-lvnp` is how one waits for a shell to call; a test listens without looking away from names.
                Some(if command.short('n') && command.short('p') { Medium } else { Low })
            } else {
                None
            }
        }
        "socat" => {
            let text = command.text().to_lowercase();
            let executes = text.contains("exec:") || text.contains("system:");
            let remote = text.contains("tcp") || text.contains("openssl") || text.contains("udp");
            (executes && remote).then_some(Critical)
        }
        "telnet" | "openssl" if command.simple.redirects.iter().any(|redirect| paths::is_scratch(&redirect.target)) => {
            Some(High)
        }
        "xterm" if command.has(&["-display"]) => Some(High),
        name if shell::is_shell(name) => {
            let socket =
                command.simple.redirects.iter().any(|redirect| {
                    redirect.target.starts_with("/dev/tcp/") || redirect.target.starts_with("/dev/udp/")
                });
            socket.then_some(Critical)
        }
        "exec" | "cat" | "read" | "echo" => {
            let socket = command.simple.redirects.iter().any(|redirect| redirect.target.starts_with("/dev/tcp/"));
            socket.then_some(High)
        }
        "msfvenom" | "msfconsole" | "weevely" | "pwncat" | "pwncat-cs" | "sliver-client" => Some(High),
        _ => None,
    };
    if let Some(severity) = severity {
        judge.add(command, "Reverse Shell", severity);
    }
}

/// The host that a word names: of a URL, or of `user@host:path`.
fn host(word: &str) -> Option<&str> {
    let rest = match word.split_once("://") {
        Some((_, rest)) => rest,
        None => {
            word.split_once(':').filter(|(host, _)| host.contains('.') || host.contains('@')).map(|(host, _)| host)?
        }
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.split(':').next().unwrap_or(host))
}

fn remote(command: &Command<'_>) -> bool {
    let mut hosts = command.operands().filter_map(host).peekable();
    hosts.peek().is_none() || hosts.any(|host| !is_local_host(host))
}

fn uploads(command: &Command<'_>, judge: &mut Judge<'_>) {
    let credential = worst_credential(command.args.iter().map(String::as_str));
    let accounts = command.args.iter().any(|word| paths::is_accounts(path_of(word)));
    let carries = |least: Severity| match credential {
        Some(High | Critical) => Critical,
        Some(_) => High,
        None if accounts => High,
        None => least,
    };
    let severity = match command.name.as_str() {
        "curl" => {
            let file = command.value(&["-T", "--upload-file"]).is_some()
                || command.args.windows(2).any(|pair| match pair {
                    [flag, value] => {
                        let data =
                            flag.starts_with("--data") || matches!(flag.as_str(), "-d" | "-F" | "--form" | "--json");
                        data && (value.starts_with('@') || value.contains("=@") || value.contains("=<"))
                    }
                    _ => false,
                })
                || command.has_prefix(&["-d@", "-F@", "--data=@", "--data-binary=@"]);
            let least = if names_anchored(command) { Medium } else { Low };
            if file && remote(command) { Some(carries(least)) } else { substituted(command) }
        }
        "wget" => {
            let file = command.value(&["--post-file", "--body-file"]);
            if file.is_some() && remote(command) { Some(carries(Medium)) } else { substituted(command) }
        }
        "nc" | "ncat" | "netcat" | "telnet" => {
            let fed = command.simple.redirects.iter().find(|redirect| !redirect.writes());
            match fed {
                Some(redirect)
                    if paths::credential(&redirect.target).is_some() || paths::is_accounts(&redirect.target) =>
                {
                    Some(Critical)
                }
                Some(_) if remote(command) => Some(Medium),
                _ => None,
            }
        }
        "scp" | "rsync" | "sftp" | "ftp" | "tftp" | "rclone" | "s3cmd" | "gsutil" | "aws" | "az" | "mc"
        | "smbclient" => {
            let leaves = command.operands().any(|word| word.contains("://") || word.contains(':'));
            let system = command.operands().next().is_some_and(|first| paths::is_system(first) && first != "/");
            match credential {
                Some(_) if leaves => Some(carries(High)),
                _ if leaves && (accounts || system) => Some(Medium),
                _ => None,
            }
        }
        "dig" | "nslookup" | "host" | "ping" => command.args.iter().any(|word| word.contains("$(")).then_some(Medium),
        _ => None,
    };
    if let Some(severity) = severity {
        judge.add(command, "Network Exfiltration", severity);
    }
}

/// Whether a file that is named does not lie where one works: everyday uploads name what was just built.
fn names_anchored(command: &Command<'_>) -> bool {
    command.args.iter().any(|word| !word.contains("://") && paths::is_anchored(path_of(word)))
}

/// The output of a command, or a secret variable, inside a URL.
fn substituted(command: &Command<'_>) -> Option<Severity> {
    let urls = command.operands().filter(|word| word.contains("://") || word.contains('?'));
    let mut worst = None;
    for url in urls {
        let Some((_, rest)) = url.split_once("://").or(Some(("", url))) else { continue };
        let tail = rest.get(rest.find(['/', '?']).unwrap_or(rest.len())..).unwrap_or_default().to_lowercase();
        let outputs = [
            "$(cat",
            "$(base64",
            "$(whoami",
            "$(id",
            "$(uname",
            "$(env",
            "$(printenv",
            "$(hostname",
            "$(grep",
            "$(ls",
            "$(pwd",
            "$(tar",
        ];
        if outputs.iter().any(|output| tail.contains(output)) {
            worst = worst.max(Some(High));
        }
        let before_query = rest.split('/').next().unwrap_or_default().to_lowercase();
        if outputs.iter().any(|output| before_query.contains(output)) {
            worst = worst.max(Some(High));
        }
    }
    worst
}

fn metadata(command: &Command<'_>, judge: &mut Judge<'_>) {
    if command.args.iter().any(|word| metadata_host(word)) {
        judge.add(command, "Cloud Metadata Access", High);
    }
}

/// Fetching from where only attacks fetch from.
fn suspicious(command: &Command<'_>, judge: &mut Judge<'_>) {
    if !command.is(&[
        "curl",
        "wget",
        "fetch",
        "nc",
        "ncat",
        "nslookup",
        "dig",
        "host",
        "ping",
        "lynx",
        "aria2c",
        "certutil",
        "bitsadmin",
        "iwr",
        "irm",
        "invoke-webrequest",
        "invoke-restmethod",
    ]) {
        return;
    }
    let worst = command.operands().filter_map(suspicious_url).max();
    if let Some(severity) = worst {
        judge.add(command, "Suspicious Destination", severity);
    }
}

fn serves(command: &Command<'_>, judge: &mut Judge<'_>) {
    let text = || command.text();
    match command.name.as_str() {
        "ssh" => {
            let forwards = command.args.iter().any(|word| word.starts_with("-R") || word.starts_with("-D"));
            let proxy = command
                .args
                .iter()
                .any(|word| word.to_lowercase().contains("proxycommand=") && word.contains([';', '/']));
            if proxy && (text().contains("sh") || text().contains(';')) {
                judge.add(command, "Shell Escape", Medium);
            } else if forwards {
                judge.add(command, "Tunnel", Medium);
            }
        }
        // Its server side is how people test a tunnel; its client side is how a tunnel leaves a network.
        "chisel" | "ligolo" => {
            judge.add(
                command,
                "Tunnel",
                if command.has(&["client"]) || command.is(&["ligolo"]) { Medium } else { Low },
            );
        }
        "ngrok" | "cloudflared" | "localtunnel" | "lt" | "frpc" | "bore" | "gost" | "iodine" | "dnscat2" | "dnscat"
        | "ptunnel" | "stunnel" | "autossh" => judge.add(command, "Tunnel", Medium),
        "telnet" if command.operands().count() >= 2 && remote(command) => judge.add(command, "Tunnel", Low),
        "tcpdump" if command.has(&["-z"]) => judge.add(command, "Shell Escape", Medium),
        "xmrig" | "minerd" | "cpuminer" | "xmr-stak" | "ethminer" | "t-rex" | "nbminer" => {
            judge.add(command, "Cryptocurrency Mining", High);
        }
        "openssl" if command.has(&["s_server"]) => judge.add(command, "Tunnel", Medium),
        "tcpdump" | "tshark" | "ettercap" | "bettercap" | "arpspoof" | "dsniff" => {
            judge.add(command, "Network Sniffing", Low);
        }
        "responder"
        | "hydra"
        | "medusa"
        | "crackmapexec"
        | "nxc"
        | "evil-winrm"
        | "sqlmap"
        | "john"
        | "hashcat"
        | "impacket-secretsdump"
        | "secretsdump.py"
        | "kerbrute"
        | "rubeus"
        | "bloodhound" => judge.add(command, "Offensive Tool", Medium),
        _ => {}
    }
}

fn dns(command: &Command<'_>, judge: &mut Judge<'_>) {
    if !command.is(&["dig", "nslookup", "host", "ping", "resolvectl"]) {
        return;
    }
    // Data as labels: a name of several long labels, or one that was base64 of something readable.
    let encoded = command.operands().any(|word| {
        let label = word.split('.').map(str::len).max().unwrap_or_default();
        word.contains('.')
            && !word.contains('/')
            && (label >= 40 || word.split('.').filter(|part| part.len() > 28).count() >= 2)
    });
    if encoded {
        judge.add(command, "Network Exfiltration", Medium);
    }
}

/// What only the whole pipeline shows: a secret on its way into something that sends, a download on its way into a shell.
pub(super) fn judge_pipeline(commands: &[Command<'_>], judge: &mut Judge<'_>) {
    for (place, command) in commands.iter().enumerate() {
        let before = commands.get(..place).unwrap_or_default();
        if before.is_empty() {
            continue;
        }
        if command.is(&SENDERS) && remote(command) {
            let sends = match command.name.as_str() {
                "curl" => {
                    command.args.iter().any(|word| word.starts_with("@-") || word == "-" || word.ends_with("=@-"))
                }
                "wget" => command.has_prefix(&["--post"]),
                "openssl" => command.has(&["s_client"]),
                _ => true,
            };
            let source = before.iter().map(|earlier| reads(earlier)).max().flatten();
            if let (true, Some(severity)) = (sends, source) {
                judge.add(command, "Network Exfiltration", severity);
            } else if sends
                && command.is(&["nc", "ncat", "netcat", "telnet", "socat"])
                && before.iter().any(|earlier| !earlier.is(&["echo", "printf"]))
            {
                judge.add(
                    command,
                    "Network Exfiltration",
                    if before.iter().any(names_anchored) { Medium } else { Low },
                );
            } else if sends
                && command.is(&["curl", "wget"])
                && before.iter().any(|earlier| earlier.is(&["base64", "tar", "gzip", "zip", "xxd"]))
            {
                judge.add(command, "Network Exfiltration", Medium);
            }
        }
    }
}

/// How bad it is when what this command reads goes to another machine.
fn reads(command: &Command<'_>) -> Option<Severity> {
    let redirects = command.simple.redirects.iter().map(|redirect| redirect.target.as_str());
    let words = command.args.iter().map(String::as_str).chain(redirects);
    if let Some(severity) = worst_credential(words) {
        return Some(if severity >= High { Critical } else { High });
    }
    if command.args.iter().any(|word| paths::is_accounts(word)) || command.is(&["env", "printenv", "history", "set"]) {
        return Some(High);
    }
    if command.is(&["tar", "zip", "find", "mysqldump", "pg_dump", "pg_dumpall", "mongodump", "sqlite3"]) {
        let far = names_anchored(command) || command.name.contains("dump");
        return Some(if far { Medium } else { Low });
    }
    None
}

/// Programs that are fetched, or made executable where everybody may write, and then started.
fn starts_what_it_fetched(script: &Script, report: &mut Report) {
    let commands =
        || script.pipelines.iter().flat_map(|pipeline| &pipeline.stages).filter(|stage| !stage.words.is_empty());
    let mut fetched: Vec<String> = Vec::new();
    let mut enabled: Vec<String> = Vec::new();
    for stage in commands().take(MAX_FOLLOWED) {
        let command = Command::new(stage, false);
        if command.is(&["curl", "wget", "aria2c", "fetch", "scp"]) {
            let named =
                command.value(&["-o", "-O", "--output", "--output-document"]).filter(|name| !name.contains("://"));
            let redirected =
                stage.redirects.iter().find(|redirect| redirect.writes()).map(|redirect| redirect.target.as_str());
            let url =
                command.operands().find(|word| word.contains("://")).map(|url| url.rsplit('/').next().unwrap_or(url));
            fetched.extend(named.or(redirected).or(url).map(file_name));
            continue;
        }
        if command.is(&["chmod"])
            && command
                .args
                .first()
                .is_some_and(|mode| mode.contains('x') || mode.starts_with('7') || mode.starts_with("07"))
        {
            enabled.extend(command.operands().skip(1).filter(|path| paths::is_scratch(path)).map(file_name));
            continue;
        }
        let program = if shell::is_shell(&command.name)
            || shell::is_interpreter(&command.name)
            || command.is(&["source", ".", "exec"])
        {
            command.first()
        } else {
            stage.words.first().map(String::as_str).unwrap_or_default()
        };
        if !program.contains('/') && program == stage.words.first().map(String::as_str).unwrap_or_default() {
            continue;
        }
        let name = file_name(program);
        if fetched.contains(&name) {
            let severity = if paths::is_scratch(program) { High } else { Medium };
            report.add("Download and Execute", severity, View::Text, program);
        } else if enabled.contains(&name) {
            report.add("Download and Execute", Medium, View::Text, program);
        }
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// Commands of one script among which a download is followed to its start; each is compared with the downloads before it.
const MAX_FOLLOWED: usize = 512;

/// Downloads whose output a shell would run.
pub(super) fn runs_download(script: &Script, report: &mut Report) {
    starts_what_it_fetched(script, report);
    if script.runs_output_of.is_empty() {
        return;
    }
    let commands = script.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    let words = commands.flat_map(|stage| stage.words.iter());
    let urls: Vec<&str> =
        words.map(String::as_str).filter(|word| word.contains("://") || word.contains(".sh")).collect();
    let plain = urls.iter().any(|url| url.starts_with("http://") || bare_address(url) || suspicious_url(url).is_some());
    let unnamed = urls.is_empty();
    // Installers are documented this way, from named hosts over TLS; from an address or without TLS it is never honest.
    let severity = if plain || unnamed || script.runs_decoded { High } else { Medium };
    report.add("Download and Execute", severity, View::Text, &urls.join(" "));
}

fn bare_address(url: &str) -> bool {
    host(url).is_some_and(|host| host.parse::<std::net::IpAddr>().is_ok_and(|address| !address.is_loopback()))
}
