//! Words that mean the same to the patterns, and how a pattern is written out in full.

/// Names that patterns and triggers use, between per cent signs, and what they stand for. A class may use later ones.
const CLASSES: &[(&str, &str)] = &[
    (
        "%ignore%",
        "(?:ignore|ignoring|disregard|disregarding|forget|forgetting|override|overlook|bypass|dismiss|discard|abandon|neglect|skip|pay no attention to|stop (?:following|obeying)|(?:do not|don.{1,6}t|no longer) (?:follow|obey|listen to|comply with|adhere to))(?: about)?",
    ),
    (
        "%shun%",
        "(?:ignore|ignoring|disregard|disregarding|forget|forgetting|pay no attention to|stop (?:following|obeying)|(?:do not|don.{1,6}t|no longer) (?:follow|obey|listen to))(?: about)?",
    ),
    (
        "%all%",
        "(?:(?:all|any|every|everything|the|your|my|our|of|these|those|this|that|other|such|and|single|each|to|you|set) ){0,5}",
    ),
    (
        "%prior%",
        "(?:previous|previously|prior|above|earlier|preceding|former|past|original|initial|old|foregoing|aforementioned|system|safety|received|programmed|hidden|internal|ethical|openai|built-in|pre-existing)",
    ),
    (
        "%instr%",
        "(?:[a-z]{0,3}nstr[a-z]{2,10}|directions?|directives?|rules?|prompts?|guidelines?|commands?|orders?|constraints?|restrictions?|polic(?:y|ies)|guardrails?|filters?|programming|training|safeguards?|protocols?|limitations?|guidance)",
    ),
    (
        "%reveal%",
        "(?:repeat|print|reveal|show|output|display|tell|give|share|provide|leak|dump|write|copy|translate|encode|summari[sz]e|list|recite|expose|disclose|return|type|echo|spell|convert|send|describe|paste|quote|recall|see)",
    ),
    (
        "%act%",
        "(?:send|call|use|run|execute|provide|give|tell|reveal|share|reply|respond|include|return|output|print|show|submit|post|email|forward|disclose|list|extract|transfer|upload|write|read|enter|invoke|delete|make|create|modify|terminate|kill|save|open|download|fetch|follow|exfiltrate|strictly)",
    ),
    (
        "%edit%",
        "(?:add|include|insert|append|incorporate|integrate|embed|mention|suggest|promote|recommend|place|put|weave|introduce|end|start|begin|conclude|finish|write|render|replace|remove|scramble|convert|modify|format|translate|encode|reverse|use|say|advise|encourage|ask|tell|direct|augment|enhance|combine|group|rearrange|mask|substitute|swap|shuffle|randomi[sz]e|capitali[sz]e|omit|delete|change|alter|adjust|present|express|deliver|slip|sneak|work|offer|advertise|highlight|emphasi[sz]e|supplement|enrich|close|prefix|preface|open|attach|link|refer|tease|inject|propose|urge|remind|invite|feature|craft|give|make|answer|respond|reply|display|generate|rewrite|mix|jumble|interleave|separate|split|exclude|blend|provide)",
    ),
    (
        "%secret%",
        "(?:passwords?|api[ _-]?keys?|credentials|private keys?|seed phrase|secret keys?|secrets|access tokens?|session (?:token|cookie)s?|cookies|ssh keys?|environment variables|env vars|credit card|card numbers?|bank account|passport|social security|ssn|2fa|security codes?|verification codes?|recovery phrase|confidential)",
    ),
    (
        "%address%",
        "(?:https?://|www\\.|[a-z0-9._+-]{1,40}@[a-z0-9-]{2,30}\\.|[a-z]{2}\\d{2}[a-z0-9]{10,30}\\b|0x[0-9a-f]{16}|\\+?\\d{9}|webhook|attacker|this (?:address|url|link|number|email|server)|the following (?:address|url|link|email|server)|my (?:email|server|wallet|address|new|account|own)|[a-z0-9-]{3,30}\\.(?:com|net|org|io|xyz|ru|info|site)\\b)",
    ),
    (
        "%danger%",
        "(?:os\\.environ|os\\.system|os\\.remove|os\\.popen|subprocess|shutil\\.|requests\\.|urllib|http\\.client|http\\.cookiejar|socket\\.|smtplib|ftplib|paramiko|pynput|keyboard|winreg|ctypes|getpass|pickle\\.|b64decode|eval\\(|exec\\(|curl |wget |rm -rf|chmod |nc -|/etc/|\\.ssh|cookie|keylog|webbrowser|xmlhttprequest|child_process|process\\.env|invoke-webrequest|powershell|crontab|scapy|telnetlib|pyautogui|imagegrab|screenshot|psutil|socketserver|miner|os\\.walk|os\\.listdir|glob\\.)",
    ),
    ("%start%", "(?:^|[.!?:;>\\\"'),*\\]}`] ?|please |then |and |must |should |you to |todo |now |\\\\n ?|- )"),
    (
        "%order%",
        "(?:\\b(?:you (?:must|should|will|are|need|have|shall|can|now)|please|must|do not|don.{1,6}t|ignore|disregard|forget|send|transfer|email|delete|reveal|forward|execute|run|call|use|output|print|respond|reply|answer|tell|say|grant|provide|include|update|modify|create|make|get|post|book|pay|read|write|list|show|upload|download|visit|open|share|invite|add|remove|buy|schedule|recommend|summari[sz]e|translate|always|never|immediately|repeat|start|stop|from now on|your (?:new|next|task)|the (?:assistant|ai|model|agent) (?:must|should|will|has)|before|instead|invoke|follow|perform|enter|enable|activate|switch|act|pretend|append|insert|set|change|replace|save|copy|concatenate|find|fetch|retrieve|access|search|locate|extract|redirect|cancel|approve|give)\\b)",
    ),
    // A gap that does not leave the sentence.
    ("~", "(?:[^.!?]{0,60}?)"),
];

/// The expression that `pattern` stands for.
pub(super) fn expand(pattern: &str) -> String {
    CLASSES.iter().fold(pattern.to_owned(), |expanded, (name, meaning)| expanded.replace(name, meaning))
}
