//! Rules over whole texts: shapes that survive any tokeniser, and payloads meant for a parameter and not for a shell.

use std::sync::LazyLock;

use regex::Regex;

use super::{Report, View};
use crate::model::Severity::{self, Critical, High, Low, Medium};
use crate::scan::tools::encoding;

/// A rule over text: what it is called, how bad, what it looks like.
struct Pattern {
    rule: &'static str,
    severity: Severity,
    expression: Regex,
}

/// Compiles rules; an expression that does not compile would be a defect of this file, which the tests would show.
fn compile(rules: &[(&'static str, Severity, &str)]) -> Vec<Pattern> {
    let pattern = |&(rule, severity, source): &(&'static str, Severity, &str)| {
        let expression = Regex::new(source).ok()?;
        Some(Pattern { rule, severity, expression })
    };
    rules.iter().filter_map(pattern).collect()
}

const RULES: [(&str, Severity, &str); 45] = [
    ("Credential File Access", High, r"/proc/(?:\d+|self|\*|\$\w+)/(?:environ|maps|mem)\b"),
    (
        "Credential File Access",
        High,
        r"(?i)(?:logins\.json|key[34]\.db|cookies\.sqlite|login data|web data|\.kdbx|wallet\.dat|ntds\.dit|\bvaultcmd(?:\.exe)?\b[^\n]{0,20}/listcreds|\bntdsutil\b[^\n]{0,60}\b(?:ifm|create full)|\bkeepass2john|\bgcore\b)",
    ),
    (
        "Privilege Escalation",
        High,
        r"(?i)\bsetcap\b[^\n|;]{0,40}cap_(?:setuid|setgid|sys_admin|dac_\w+|sys_ptrace|sys_module)",
    ),
    ("Download and Execute", High, r"(?i)\b[cw]script(?:\.exe)?\b[^\n|;]{0,60}(?:\\\\[\w.-]+\\|https?://)"),
    (
        "Network Exfiltration",
        Medium,
        r"(?i)\brclone\s+(?:copy|sync|move)\s+\S+\s+\w+:|\baws\s+s3\s+(?:cp|sync|mv)\s+(?:/(?:etc|root|home|var)\S*|~\S*)\s+s3://",
    ),
    // Pieces of nothing inside words, and names of files spelt with wild cards.
    ("Shell Obfuscation", High, r"\w\$\(\)\w|\w\$\{\}\w|\w\$@\w[\w$@]*\s"),
    ("Shell Obfuscation", High, r"(?:^|[\s|;&(])/(?:\w*\?+\w*/)+\w*\?+\w*(?:\s|$)"),
    ("Shell Obfuscation", High, r"\\x[0-9a-f]{2}[^\n]{0,200}\)\s*$|\|\s*\$\(\s*printf\b"),
    ("Privilege Escalation", Medium, r"(?:\||<<<)[^\n|]{0,40}\bsudo\s+-S\b|\|\s*su\s+-?\s*(?:root)?\b\s*-c"),
    ("Reverse Shell", Critical, r"(?i)\b(?:ba|z|k|da)?sh\s+-i\b[^\n]{0,40}[>&<]+\s*(?:&?\s*)?/dev/(?:tcp|udp)/"),
    ("Reverse Shell", High, r"/dev/(?:tcp|udp)/[^\s/]+/\S+"),
    ("Reverse Shell", High, r"(?i)\b(?:ba|z|k|da)?sh\s+-i\s+(?:[0-2]?[<>]&|>&|<&|\d*>|2>&1\s*\|)"),
    (
        "Reverse Shell",
        Critical,
        r"(?is)\bmk(?:fifo|nod)\b.{1,200}\b(?:nc|ncat|netcat|telnet|openssl\s+s_client|socat)\b",
    ),
    ("Reverse Shell", Critical, r"(?is)\b(?:n(?:et)?cat|nc|telnet)\b[^\n|;]{3,80}\|\s*(?:/\w+)*/?(?:ba|z|da|k)?sh\b"),
    ("Reverse Shell", High, r"(?is)openssl\s+s_client\b[^\n]{0,120}\|\s*(?:/\w+)*/?(?:ba|z|da|k)?sh\b"),
    ("Reverse Shell", High, r"(?i)/inet/(?:tcp|udp)/\d+/"),
    ("Reverse Shell", High, r"(?i)zmodload\s+zsh/net/tcp|\bztcp\s"),
    (
        "Reverse Shell",
        High,
        r"(?is)\bsocket\b.{0,200}(?:dup2|pty\.spawn|subprocess|os\.exec|execl|/bin/(?:ba)?sh|cmd\.exe)",
    ),
    ("Reverse Shell", High, r"(?is)\buse\s+(?:IO::)?Socket\b.{0,400}(?:exec|system|open\s*\(?\s*STD|while)"),
    ("Reverse Shell", High, r"(?is)fsockopen\s*\(.{0,160}(?:exec|shell_exec|system|proc_open|popen|passthru)"),
    ("Reverse Shell", High, r"(?is)TCPSocket\.(?:new|open)\b.{0,200}(?:exec|popen|/bin/sh|cmd|IO\.)"),
    (
        "Reverse Shell",
        High,
        r"(?is)(?:new\s+net\.Socket|net\.connect|\.connect)\b.{0,240}(?:/bin/(?:ba)?sh|\.stdin|\.pipe\(sh)",
    ),
    // A connection and a program tied together, whichever is named first.
    (
        "Reverse Shell",
        High,
        r"(?is)require\(\s*.(?:node:)?(?:net|tls).\s*\).{0,300}\b(?:spawn|exec\w*|fork)\b.{0,200}(?:\.pipe\(|stdin|\.on\()",
    ),
    (
        "Reverse Shell",
        High,
        r"(?is)\bIO::Socket(?:::\w+)?\b.{0,300}(?:fdopen|\bsystem\b|\bexec\b|\bqx\b|/bin/|`|\bopen\b\s*\(?\s*STD)",
    ),
    // Options of ordinary programs that run another one.
    (
        "Shell Escape",
        High,
        r"--checkpoint-action[= ]exec=|--to-command[= ]\S|--use-compress-program[= ].{0,40}\b(?:sh|bash|curl|nc)\b|--(?:upload|receive)-pack[= ].{0,60}[;|&$]|-oProxyCommand=.{0,60}[;|&$]",
    ),
    (
        "Destructive Command",
        Medium,
        r"(?i)\bs3(?:api)?\s+(?:rb\s[^\n|;]*--force|delete-bucket\s)|\bgcloud\s+(?:projects|sql instances)\s+delete\b|\baz\s+group\s+delete\b",
    ),
    // Copies for a machine that nobody is to check.
    (
        "Network Exfiltration",
        Medium,
        r"(?i)\b(?:rsync|scp)\b[^\n|;]*StrictHostKeyChecking=no[^\n|;]*\s(?:/|~)\S*\s+(?:\w+@)?[\w.-]+:",
    ),
    // All of an environment, on its way.
    (
        "Network Exfiltration",
        High,
        r"(?is)(?:requests\.(?:post|put|get)|urlopen|fetch|axios(?:\.\w+)?|https?\.request|sendall|Net::HTTP\w*(?:\.\w+)?|HTTParty\.\w+|Faraday\.\w+|RestClient\.\w+|curl_exec|\.send)\s*\(.{0,200}(?:(?:dict|str|repr|dumps|list)\(\s*os\.environ|os\.environ(?:\.copy\(\)|\.items\(\))?\s*[),}]|(?:stringify|entries|assign)\([^)]{0,10}process\.env\s*[),]|process\.env\s*[),}]|\bENV\.(?:to_h|to_a|inspect|each|map|to_json)|getenv\(\))",
    ),
    ("Reverse Shell", High, r"(?is)socket\.tcp\(\).{0,200}(?:io\.popen|os\.execute)|Net\.Sockets\.TCPClient"),
    ("Fork Bomb", High, r"(?:^|[^\w])([:\w]{1,12})\s*\(\)\s*\{\s*[:\w]{1,12}\s*\|\s*[:\w]{1,12}\s*&\s*\}\s*;"),
    ("Command Injection", High, r"\(\)\s*\{\s*:?\s*;?\s*\}\s*;"),
    ("Command Injection", High, r"(?i)<!--\s*#\s*(?:exec|include|echo)\s+(?:cmd|virtual|file|var)\s*="),
    (
        "Command Injection",
        High,
        r"(?is)<\?(?:php|=)?\s.{0,200}\b(?:system|exec|shell_exec|passthru|popen|proc_open|eval|assert|phpinfo)\s*\(",
    ),
    ("Command Injection", High, r"(?i)\$\{(?:jndi:|\$\{(?:lower|upper|::-|env))"),
    (
        "Command Injection",
        High,
        r"(?i)\{\{[^}]{0,200}(?:__class__|__globals__|__import__|popen|config\.|subclasses|cycler|lipsum|/etc/|constructor|range\.)[^}]{0,200}\}\}",
    ),
    (
        "Command Injection",
        High,
        r"(?i)(?:#|\$|\*)\{[^}]{0,200}(?:T\(java\.lang|Runtime|getRuntime|ProcessBuilder|new java\.)[^}]{0,200}\}",
    ),
    ("Command Injection", High, r"(?i)<%=?\s*(?:system|exec|`|IO\.popen|File\.(?:open|read)|Runtime)"),
    (
        "Command Injection",
        Medium,
        r#"(?i)(?:^|[;|&\s])(?:system|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\(\s*['"]"#,
    ),
    ("Command Injection", High, r"(?i)\{\{[^}]{0,120}/etc/(?:passwd|shadow)[^}]{0,60}\}\}"),
    (
        "Overflow Padding",
        Medium,
        r#"(?i)(?:print|echo|puts|write)[^\n]{0,24}['"\\][^'"\n]{1,4}['"\\]+\s*(?:x|\*)\s*\(?\d{3,}"#,
    ),
    ("Overflow Padding", Medium, r"(?:A{300,}|a{300,}|X{300,}|(?:%[sxnp]){6,}|(?:\\x90){8,}|(?:%n){2,})"),
    ("Privilege Escalation", High, r"(?i)\bNOPASSWD\s*:\s*ALL\b"),
    (
        "Privilege Escalation",
        High,
        r"(?i)/sys/fs/cgroup[^\n]{0,80}release_agent|notify_on_release|/proc/sys/kernel/core_pattern|/proc/sysrq-trigger",
    ),
    (
        "Persistence Path Write",
        Medium,
        r"(?i)(?:\*|\d+|@reboot|@daily|@hourly)(?:\s+(?:\*|[\d/,*-]+)){4}\s+(?:root\s+)?(?:/bin/|curl|wget|bash|nc|python|/tmp/|sh\s)",
    ),
    ("Defense Evasion", High, r"(?i)\b(?:setenforce\s+0|auditctl\s+-(?:D|e\s*0))"),
];

static COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| compile(&RULES));

/// Applies the text rules to one layer of a script.
pub(super) fn judge(text: &str, view: View, report: &mut Report) {
    // A script that only prints or documents such text is rare enough in arguments; comments are.
    for pattern in COMPILED.iter() {
        if let Some(found) = pattern.expression.find(text) {
            let severity =
                if pattern.rule == "Defense Evasion" { Medium.max(Severity::Medium) } else { pattern.severity };
            report.add(pattern.rule, severity, view, found.as_str());
        }
    }
}

/// Names of commands that injected text would run.
const PROBES: &str = r"(?:/(?:usr/)?s?bin/)?(?:cat|tac|head|tail|less|more|nl|od|ls|dir|type|id|whoami|who|w|uname|hostname|pwd|env|printenv|set|ps|netstat|ss|ifconfig|ipconfig|ip|arp|route|net|systeminfo|tasklist|ver|curl|wget|fetch|nc|ncat|netcat|telnet|ping|nslookup|dig|host|sleep|timeout|echo|printf|bash|sh|zsh|ksh|python[23]?|perl|ruby|php|node|lua|powershell|pwsh|cmd|certutil|rm|del|touch|chmod|chown|cp|mv|kill|reboot|shutdown|mail|exit|sudo|su|base64|find|grep|awk|sed|tar|mkfifo|passwd|reg|wmic|start|calc|notepad)";

/// A separator at the very front: no shell accepts that, so the text was meant to be appended to another command.
static LEADING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?i)^\s*(?:['"`)\]]{{0,3}}\s*)?(?:;|\|\|?|&&?|\\n|\\r|%0a|%0d|\n|\$\(`|`)\s*(?:(?:['"]?\s*)?{PROBES}\b|system\s*\(|[/`$({{\\])"#
    ))
    .ok()
});

/// A word, then a separator and a probe: `x; id`, `test* && curl …`, `127.0.0.1 | whoami`.
static TRAILING_SEPARATOR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*[;|&]?\s*(?:/(?:usr/)?bin/)?(?:id|whoami|ls|cat\s+\S+|uname(?:\s+-a)?|nc\s.+|netstat(?:\s+-\w+)?)\s*[;|&]{1,2}\s*$").ok()
});

/// A value of some form field, then a separator and a probe: `127.0.0.1; whoami`, `a;/usr/bin/id|`.
static AFTER_VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?i)^\s*(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|\w|\d+|test|foo|[\w.]+@[\w.]+)\s*(?:;|\|\|?|&&?)\s*{PROBES}\b"
    ))
    .ok()
});

/// Anything that is no program, then a separator and a probe, and nothing else: `/index.html|id|`, `a);id`.
static AFTER_ODD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:[a-z]+://|[^\s./])?\S{0,64}[/.)('\x22$:*?=@\d][^\s;|&]{0,32}[;|&]{1,2}\s*(?:/(?:usr/)?bin/)?(?:id|whoami|uname(?: -a)?|ifconfig|ipconfig|netstat(?: -\w+)?|dir|pwd|cat\s+/\S+|ping\s.*|sleep\s+\d+|nslookup\s.*)\s*[;|&#]*\s*$").ok()
});

/// Nothing but a substitution, an arithmetic probe in a template, or a call of another language where a command belongs.
static WHOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?is)^\s*(?:\$\(\s*(?:sleep|ping|nslookup|curl|wget|cat|id|whoami|touch)\b[^)]*\)|[#$%*@{<\[]{0,3}[{=%(]{1,2}\s*\d+\s*[*+]\s*'?\d+'?\s*[}%)]{1,2}[>\]]?|[\d'\x22)]*[;|&]*\s*(?:__import__\s*\(|require\s*\(\s*.child_process|Runtime\.getRuntime|os\.(?:system|popen)\s*\(|(?:eval|exec|assert|phpinfo|passthru|shell_exec)\s*\([^)]*\)\s*;?\s*$)|\{\$\{)").ok()
});

/// A terminal's escape sequence or an encoded line break before a command.
static TERMINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\\n|\\r|\\033|\\x1b|\\e|\x1b)\s*\[?\d*[a-z]?\s*(?:cat|curl|wget|nc|bash|sh|id|whoami|ping|echo)\b|^\s*\\(?:n|r|033|x1b)").ok()
});

/// Payloads that stand where a command was expected but only make sense inside another one.
pub(super) fn injected(text: &str, report: &mut Report) {
    let matches =
        |expression: &LazyLock<Option<Regex>>| expression.as_ref().is_some_and(|expression| expression.is_match(text));
    if matches(&LEADING) {
        report.add("Command Injection", High, View::Text, text);
    } else if matches(&AFTER_VALUE)
        || matches(&AFTER_ODD)
        || matches(&WHOLE)
        || matches(&TERMINAL)
        || matches(&TRAILING_SEPARATOR) && text.trim_end().ends_with(['|', ';']) && !text.contains('\n')
    {
        report.add("Command Injection", Medium, View::Text, text);
    }
    // A glob and then another command is how lists of payloads begin.
    let first = text.split([';', '|', '&']).next().unwrap_or_default().trim();
    if text.len() > first.len() && first.ends_with('*') && !first.contains(char::is_whitespace) {
        report.add("Command Injection", Medium, View::Text, text);
    }
}

/// A parameter of an ordinary tool that would escape into a shell: `x; cat /etc/passwd`, `$(id)`, `a | nc host 1`.
static PARAMETER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?i)(?:[;|&\n]|\|\||&&)\s*{PROBES}(?:\s*$|\s*[;|&#]|\s+(?:-{{1,2}}\w|/|~|\.|\$|https?:|\d{{1,3}}\.\d|['"]?/|-\s|>\s*/))|\$\(\s*{PROBES}\b[^)]*\)|`\s*{PROBES}\b[^`]*`|\$\{{IFS\}}|%0a\s*{PROBES}\b|;\s*(?:drop|shutdown)\s"#
    ))
    .ok()
});

/// Whether a value that is no command carries one.
pub(in crate::scan::tools) fn injects(text: &str) -> bool {
    PARAMETER.as_ref().is_some_and(|expression| expression.is_match(text))
}

/// The same text without the encoding a request would have carried it in, if it has any.
pub(super) fn transport_decoded(text: &str) -> Vec<String> {
    let mut variants = Vec::new();
    let lower = text.to_lowercase();
    if ["%20", "%0a", "%2f", "%3b", "%7c", "%26", "%24", "%60", "%22", "%27", "%09"]
        .iter()
        .any(|escape| lower.contains(escape))
    {
        variants.push(encoding::percent_text(text));
    }
    if ["&lt;", "&quot;", "&amp;", "&gt;", "&#"].iter().any(|entity| lower.contains(entity)) {
        let decoded = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
        variants.push(decoded);
    }
    if text.starts_with("\\n") || text.starts_with("\\r") {
        variants.push(text.replace("\\n", "\n").replace("\\r", "\n"));
    }
    variants.retain(|variant| variant != text);
    variants
}

/// Whether a URL or host names the metadata service of a cloud, which hands out credentials to whoever asks.
pub(in crate::scan::tools) fn metadata_host(word: &str) -> bool {
    const HOSTS: [&str; 8] = [
        "169.254.169.254",
        "169.254.170.2",
        "metadata.google.internal",
        "100.100.100.200",
        "fd00:ec2::254",
        "0xa9fea9fe",
        "2852039166",
        "metadata.azure.internal",
    ];
    let word = word.to_lowercase();
    HOSTS.iter().any(|host| word.contains(host))
}

/// Whether a host is this machine or its own network.
pub(super) fn is_local_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_lowercase();
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return match address {
            std::net::IpAddr::V4(address) => address.is_loopback() || address.is_unspecified(),
            std::net::IpAddr::V6(address) => address.is_loopback(),
        };
    }
    host.rsplit('.').next().is_some_and(|last| matches!(last, "localhost" | "local" | "internal"))
}

static HOSTILE_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[/._=?&-])(?:rce|shellshock|revshell|rev_?shell|reverse|payload|exploit|backdoor|malware|malicious|evil|attacker|pwned|implant|beacon|keylogger|ransom|linpeas|winpeas|meterpreter|mimikatz|c2|stager|xmrig|miner)(?:$|[/._=?&:-]|\d|vuln|test)|rce_vuln|attacker\.|evil\.|(?:shell|cmd|webshell)\.(?:sh|php|elf|txt|jsp|aspx?|py)\b").ok()
});

/// How suspicious it is to talk to this URL; `None` for any ordinary one.
pub(in crate::scan::tools) fn suspicious_url(url: &str) -> Option<Severity> {
    const CATCHERS: [&str; 26] = [
        "burpcollaborator.net",
        "oastify.com",
        "oast.",
        "interact.sh",
        "interactsh",
        "webhook.site",
        "requestbin",
        "pipedream.net",
        "requestcatcher.com",
        "hookbin.com",
        "beeceptor.com",
        "ngrok.io",
        "ngrok-free.app",
        "ngrok.app",
        "serveo.net",
        "trycloudflare.com",
        "transfer.sh",
        "termbin.com",
        "0x0.st",
        "file.io",
        "dnslog.cn",
        "ceye.io",
        "canarytokens",
        "pastebin.com/raw",
        "xss.ht",
        ".onion",
    ];
    let lower = url.to_lowercase();
    let target = lower.contains("://") || lower.contains('.');
    if !target {
        return None;
    }
    if CATCHERS.iter().any(|host| lower.contains(host)) {
        return Some(Medium);
    }
    if HOSTILE_WORD.as_ref().is_some_and(|expression| expression.is_match(&lower)) && lower.contains("://") {
        return Some(Medium);
    }
    let low = lower.starts_with("http://")
        && lower.get(7..8).is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit()));
    low.then_some(Low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
        for expression in
            [&LEADING, &TRAILING_SEPARATOR, &AFTER_VALUE, &AFTER_ODD, &WHOLE, &TERMINAL, &PARAMETER, &HOSTILE_WORD]
        {
            assert!(expression.is_some());
        }
    }

    #[test]
    fn values_that_escape_into_a_shell_are_told_from_prose() {
        for value in
            ["8.8.8.8; cat /etc/hosts", "a$(id)b", "x`whoami`", "x | nc 10.1.1.1 99", "a && curl http://x", "1;id"]
        {
            assert!(injects(value), "{value}");
        }
        for value in
            ["rock & roll", "Tom; cat lovers unite", "a | b | c", "cost is $(5)", "R&D; find a way", "salt && pepper"]
        {
            assert!(!injects(value), "{value}");
        }
    }
}
