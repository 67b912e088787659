//! What an order to an agent asks for: secrets, money, calls, code, lasting changes.
//!
//! The weakest wording of all, since manuals are full of orders to their reader: most patterns here are worth one or two
//! points, and count only inside hidden text or when [`super::classifier`] agrees.

use super::Family;
use crate::model::Severity;

/// Families of requested actions, and text in places nobody sees.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        rule: "Credential Solicitation",
        severity: Severity::High,
        triggers: &[
            "(?:your|the user.{1,6}s|user|my|all|any|every|stored|saved|available) (?:[a-z]{1,12} ){0,2}(?:passwords?|api keys?|api_keys?|credentials|private keys?|seed phrase|secret keys?|secrets|access tokens?|session (?:token|cookie)s?|ssh keys?|environment variables|env vars|credit card|card number|bank account|passport|social security|ssn|2fa|security code|verification code|recovery phrase)",
            "(?:security|verification|2fa|otp|one-time|confirmation|login) codes? ?(?:received|from|sent|to|in|that)",
            "(?:/etc/passwd|/etc/shadow|id_rsa|\\.ssh/|\\.aws/credentials|\\.env file)",
        ],
        patterns: &[
            (
                2,
                "%act%~(?:your|the user.{1,6}s|users?|my|all|any|every|stored|saved|available)~%secret%.{0,120}(?:to |at |via |in (?:your|the) (?:response|reply|answer|summary|output|message))(?:%address%|response|reply|answer|summary|output|message|me\\b|this)",
            ),
            (
                3,
                "(?:return|reveal|print|output|list|leak|dump|expose|send|email|forward|post|upload|exfiltrate|show me|give me|tell me) (?:me )?(?:all |the |your |any |every |my |system |stored )+(?:environment variables|env vars|credentials|passwords|secrets|api keys|private keys|ssh keys|access tokens|confidential data|session tokens|confidential information)",
            ),
            (1, "%act%~%secret%"),
            (
                2,
                "(?:read|cat|open|get|print|include|send|upload|fetch|load|exfiltrate|return|display|copy)~(?:/etc/passwd|/etc/shadow|id_rsa|\\.ssh/|\\.aws/credentials|\\.env\\b).{0,80}(?:and|then|to)~(?:send|include|post|upload|email|append|pass|return|put|provide|forward)",
            ),
        ],
    },
    Family {
        rule: "Data Exfiltration Directive",
        severity: Severity::High,
        triggers: &[
            "(?:to|at|with|via|cc|bcc) [a-z0-9._%+-]{1,40}@[a-z0-9.-]{1,40}",
            "'[a-z0-9._%+-]{1,40}@[a-z0-9-]{1,30}\\.",
            "(?:send|email|forward|post|upload|transmit|transfer|wire|pay|submit|deliver|leak|mail|dm|message) (?:all|any|every|everything|the (?:contents?|entire|full|user|conversation|chat|data|result|security|body|file|email|message|link|following|information|transaction|history|password|code|last|most|latest|text|output|address|details)|it to|this to|them to|me |my |as much|\\$|a (?:link|message|transaction|payment|copy|summary|phishing|direct|request)|money|funds|individual|\\d)",
            "(?:append|appended|attach|add|encode|concatenate|insert|embed)[a-z ,]{1,60} (?:to|in|into|as) (?:the |a |this )?(?:url|link|query|parameter|path)",
            "(?:make|create|initiate|schedule|execute|perform|issue|authorize|approve) (?:a |an |the )?(?:[a-z]{1,12} )?(?:transaction|payment|transfer|purchase|refund|withdrawal|reservation|appointment|calendar event|event|booking)",
            "(?:modify|change|update|replace|set|redirect) (?:the |my |this |user.{1,6}s |all )?(?:recipient|beneficiary|iban|account number|payment|phone number|password|email address|payee|address|subject)",
            "(?:visit|open|go to|navigate to|fetch|browse|click|load|access|request) (?:the |this |on |following |link |url |website |page |and ){0,4}(?:https?://|www\\.)",
            "(?:post|publish|upload|share)[a-z ]{1,40} (?:to|on) (?:the )?(?:website|channel|url|link|server|webhook|slack|social|twitter)",
        ],
        patterns: &[
            (
                2,
                "%start%(?:send|email|forward|post|upload|transmit|submit|deliver|leak|mail|report|exfiltrate|share|concatenate|copy)~(?:all|every|everything|contents?|entire|conversation|chat|history|messages?|emails?|files?|inbox|transactions?|password|codes?|information|credentials|records|env|keys|memory|context|summary|link|data|body|text|details|results?|log)\\b.{0,140}(?:to|at|via) .{0,40}%address%",
            ),
            (
                2,
                "%start%(?:send|transfer|wire|pay|deposit|move|make|initiate|schedule)~(?:money|funds|payment|transaction|\\$ ?[\\d,.]+|usd|eur|btc|eth|bitcoin|crypto|balance|amount|dollars|euros|\\d{3}[\\d,.]*)~(?:to|account|recipient|iban|wallet|address)\\b",
            ),
            (
                2,
                "%start%(?:modify|change|update|replace|set|redirect)~(?:recipient|beneficiary|iban|account number|payee|password|phone number|email address)\\b.{0,60}(?:to|with|from) ",
            ),
            (
                1,
                "\\b(?:send|email|forward|post|upload|transmit|submit|leak|share|copy)~(?:all|every|everything|contents?|entire|conversation|chat|history|messages?|emails?|files?|inbox|transactions?|password|codes?|information|credentials|records|data)\\b.{0,140}(?:to|at|via) .{0,40}%address%",
            ),
            (1, "%start%(?:send|email|forward|dm|message|invite|add)~%address%"),
            (
                1,
                "%start%(?:send|email|forward|post|upload|transmit|submit|share|publish)~(?:to|on) (?:the )?(?:website|channel|url|server|webhook|slack|me|my|[a-z]{2,12}\\.)",
            ),
            (
                1,
                "%start%(?:make|create|schedule|book|reserve|delete|remove|cancel|invite|buy|purchase|get me)~(?:reservation|appointment|calendar|event|booking|file|email|hotel|flight|user|participant|transaction|my|drive|inbox)\\b",
            ),
            (
                2,
                "(?:append|attach|add|encode|concatenate|insert|embed)~(?:to|in|into|as) (?:the |a |this )?(?:url|link|query|parameter|path)~",
            ),
            (1, "%start%(?:visit|open|go to|navigate to|fetch|browse|click|load|access|request)~(?:https?://|www\\.)"),
        ],
    },
    Family {
        rule: "Tool Invocation",
        severity: Severity::High,
        triggers: &[
            "(?:using|use|call|invoke|run|execute|trigger) (?:the |your )?['`\\\"*]{0,2}[a-z]{2,14}_[a-z]{2}",
            "(?:call|invoke|use|run|execute|trigger|using) (?:the |your |this |a )?['`\\\"]?[a-z_-]{2,30}['`\\\"]? (?:tool|plugin)",
            "tools? (?:you|that you) (?:have|can)",
        ],
        patterns: &[
            (
                1,
                "%start%(?:you (?:must|should|need to|have to) )?(?:call|invoke|use|run|execute|trigger)~(?:tool|function|plugin|[a-z]{2,14}_[a-z_]{2,24})['`\\\"*]{0,2}(?: tool)? (?:to|with|and|on|for|immediately|now|first)",
            ),
            (
                2,
                "%start%(?:save|write|list|print|send|read|delete|kill|terminate|modify|add|get|create)~(?:by )?using (?:the |your )?['`\\\"*]{0,2}[a-z]{2,14}_[a-z_]{2,24}['`\\\"*]{0,2}(?: tool)?",
            ),
            (2, "(?:names?|list|descriptions?) of (?:all )?(?:the )?tools (?:that )?you (?:have|can)"),
            (
                2,
                "%order%.{0,60}(?:immediately|right now|at once|first)~(?:call|invoke|run|execute|trigger)~(?:tool|function|command)",
            ),
        ],
    },
    Family {
        rule: "Malicious Code Insertion",
        severity: Severity::Medium,
        triggers: &[
            "(?:following|subsequent|below|given|next|this|provided) (?:malicious )?(?:code|script|snippet)(?: [a-z]{4,9})? ?(?:in|into|to|of|for|with|within|as|at|inside|is|block|snippet|excerpt|section|segment|fragment|:|here|your|when|could|can|will|might|and)",
            "(?:code|script|snippet) (?:block|snippet|excerpt|section|segment|fragment|below)s? (?:in|into|to|of|within|inside|with|for|as) (?:your|the|any|all|every)",
        ],
        patterns: &[
            (
                2,
                "(?:following|subsequent|below|given|next|this|provided)~(?:code|script|snippet)~.{0,100}(?:your|the|any|every)~(?:code|codebase|solution|implementation|response|answer|algorithm|program|output|script|reply|project|development|design|logic|work|software).{0,400}%danger%",
            ),
            (
                2,
                "(?:your|the|any|every)~(?:code|codebase|solution|implementation|response|answer|algorithm|program|output|script|reply|project|development|software)~.{0,60}(?:following|subsequent|below|this|provided)~(?:code|script|snippet).{0,400}%danger%",
            ),
            (
                1,
                "%start%[a-z' ]{0,40}(?:following|subsequent|below|given|next|this|provided)~(?:code|script|snippet).{0,400}%danger%",
            ),
        ],
    },
    Family {
        rule: "Memory Persistence Directive",
        severity: Severity::High,
        triggers: &[
            "(?:future|subsequent|later|upcoming|following|next) (?:conversation|session|response|interaction|answer|chat|repl|message|request|quer)",
            "(?:your|long-term|permanent|persistent|core) (?:memory|memories|system instructions|bio\\b|knowledge base)",
            "remember (?:this|that|to|these|the following)[a-z ,:]{0,50} (?:forever|always|permanently|from now on|for future|in all|every|going forward)",
        ],
        patterns: &[
            (
                2,
                "(?:remember|memorize|save|store|keep|record|add|update|write|persist|note)~(?:for|in|to|across|into)~(?:future|subsequent|next|long-term|permanent|all later)~(?:conversation|session|response|interaction|chat|memory|memories|instruction|bio)",
            ),
            (
                1,
                "(?:remember|memorize|save|store|keep|record|add|update|write|persist)~your (?:long-term |permanent |persistent |core )?(?:memory|memories|system instructions|bio\\b|knowledge base)",
            ),
            (
                2,
                "(?:in|for) (?:all|every|any)[a-z ]{0,8} (?:future|subsequent|later|following) (?:conversation|session|response|interaction|answer|chat|repl|message|request|quer)[a-z]{1,5},? ?(?:%order%|always|never)",
            ),
            (
                2,
                "remember (?:this|that|to|these|the following)~(?:forever|always|permanently|from now on|for future|in all|going forward)",
            ),
        ],
    },
    Family {
        rule: "Preference Poisoning",
        severity: Severity::High,
        triggers: &[
            "(?:always|only|must|exclusively|from now on,?) (?:use|prefer|choose|recommend|call|select|invoke|suggest|pick|promote|mention) (?:this|our|my|the|only|product|these)",
            "(?:never|do not|don.{1,6}t|instead of|rather than|avoid|stop) (?:use|using|recommend|recommending|suggest|choose|call|calling|invoke|trust|mention) (?:any |the |all )?(?:other|any other|competitor|alternative|different|original)",
            "(?:best|only|preferred|recommended|safest|most trusted|superior) (?:tool|product|service|option|provider|choice|candidate)[a-z ,]{0,20} (?:and|so|always|you must|you should)",
            "(?:rank|rate|score|recommend|hire|select|approve|prefer) (?:this|the) (?:candidate|applicant|product|paper|resume|submission|company|restaurant|hotel)",
        ],
        patterns: &[
            (
                2,
                "(?:always|exclusively|you must|from now on,?) (?:use|prefer|choose|recommend|call|select|invoke|suggest|pick|promote)~(?:instead of|over|rather than|never|regardless|even if|no matter|before any)",
            ),
            (
                2,
                "(?:never|do not|don.{1,6}t|stop) (?:use|using|recommend|suggest|choose|call|invoke|trust)~(?:other|competitor|alternative|original)~(?:tool|product|service|provider|server|function|compan)",
            ),
            (
                1,
                "(?:always|only|must|exclusively) (?:recommend|prefer|choose|suggest|promote)~(?:this|our|my|product|tool|service)",
            ),
            (
                2,
                "%start%(?:rank|rate|score|recommend|hire|select|approve)~(?:this|the) (?:candidate|applicant|paper|resume|submission)~(?:best|first|highest|top|perfect|10|strong|excellent|qualified|regardless)",
            ),
        ],
    },
    Family {
        rule: "Markdown Image Exfiltration",
        severity: Severity::High,
        triggers: &[
            "[?&/](?:q|data|d|text|msg|message|content|payload|secret|key|token|info|chat|history|prompt|exfil|log|input|query|conversation|summary|password|leak|user|email|context|stolen)=(?:\\{|\\[|<|&lt;|\\$|%7b|%s|your|\\*\\*|\\.\\.\\.|___)",
            "(?:render|display|include|show|insert|output|embed|append|add|print) (?:the |this |a |an )?(?:following |below )?(?:markdown )?(?:image|img|picture|logo|pixel|banner)[a-z ]{0,20} ?(?::|with|at|in|from|where|\\(|!)",
        ],
        patterns: &[
            (
                4,
                "!\\[[^\\]]{0,80}\\]\\( ?https?://[^)\\s]{3,200}=(?:\\{|\\[|<|&lt;|\\$|%7b|%s|your|\\*\\*|\\.\\.\\.|___)[^)]{0,80}",
            ),
            (3, "<img[^>]{0,40}src=.{0,3}https?://[^> ]{3,160}=(?:\\{|\\[|\\$|%7b|%s|your|\\*\\*|___)"),
            (
                2,
                "(?:render|display|include|show|insert|output|embed|append|add|print)~(?:image|img|picture|logo|pixel)\\b.{0,80}!\\[[^\\]]{0,80}\\]\\( ?https?://",
            ),
            (2, "%order%.{0,120}https?://[^ )]{3,120}=(?:\\{|\\[|<|&lt;|your|___)[a-z _-]{2,40}(?:\\}|\\]|>|&gt;|_)"),
        ],
    },
    Family {
        rule: "Encoded Payload",
        severity: Severity::High,
        triggers: &[
            "(?:decode|decrypt|base64-decode|de-obfuscate|unscramble|decipher|translate) (?:this|the|it|and|from|following|that|these)[a-z0-9 ,:]{0,40} (?:and|then) (?:then )?(?:execute|run|follow|obey|do|perform|carry|eval|act|comply)",
            "eval\\(atob\\(|exec\\(base64|eval\\(base64",
            "(?:apply|use|run) (?:rot-?13|base64|caesar|rot-?47|hex)[a-z0-9 _-]{0,40} (?:and|then) ",
            "(?:decoded|encoded|decrypted|base64|rot13|hex) (?:instruction|command|directive|message|text)s?",
        ],
        patterns: &[
            (
                3,
                "(?:decode|decrypt|base64-decode|de-obfuscate|unscramble|decipher)~(?:and|then) (?:then )?(?:execute|run|follow|obey|do|perform|carry out|eval|act|comply)",
            ),
            (2, "eval\\(atob\\(|exec\\(base64|eval\\(base64"),
            (
                3,
                "(?:rot-?13|base64|caesar|rot-?47|hex)~(?:and|then) (?:do|follow|obey|act on|carry out|execute|comply with) (?:what|whatever|it|the)",
            ),
            (
                3,
                "(?:execute|run|follow|obey|perform|carry out|act on)~(?:decoded|encoded|decrypted|base64|rot13|hex) (?:instruction|command|directive|message)",
            ),
        ],
    },
    Family {
        rule: "Answer Manipulation",
        severity: Severity::Medium,
        triggers: &[
            "your (?:response|reply|answer|output|message|summary|answer.{1,6}s|reply.{1,6}s|response.{1,6}s|text|final answer|generated)",
            "(?:reply|respond|answer|say|print|output|begin|conclude)[a-z ]{0,20} (?:with|only|exactly|using|by|in|nothing)[a-z ,:]{0,12} ?[\\\"'`(&]",
            "(?:just|only|simply|exactly|merely) (?:print|say|output|respond|reply|write|return|repeat|type|answer)",
            "(?:say|print|output|write|repeat|state|tell (?:the user|them|him|her)|mention|claim|recommend|suggest) that (?:i|you|the user|this|they|users?|we|it|she|he|the)",
            "(?:do not|don.{1,6}t|never) (?:summari[sz]e|print|answer|translate|respond|output|process|analy[sz]e|continue|complete|execute)",
        ],
        patterns: &[
            (
                2,
                "\\b%edit%\\b~(?:in|into|to|at|with|of|from|throughout|within|using|for|around|on|before|after|inside|across|by|as|through|via) (?:the (?:end|beginning|start|top|middle|bottom|text|words|letters|first|last) (?:of )?)?your (?:[a-z]{1,12} )?(?:response|reply|answer|output|message|summary|text)\\b",
            ),
            (2, "\\b%edit%\\b~your (?:[a-z]{1,12} )?(?:response|reply|answer|output|summary)\\b"),
            (1, "%start%%edit%~the (?:[a-z]{1,12} )?(?:response|reply|answer|summary)\\b"),
            (
                2,
                "(?:in|at the (?:end|beginning|start|top) of|with|within|throughout|for|using) your (?:[a-z]{1,12} )?(?:response|reply|answer|output|message|summary),? (?:please )?%edit%",
            ),
            (
                2,
                "\\b(?:reply|respond|answer|say|print|output|write|return)(?: [a-z]{2,8})? (?:only |exactly |just |nothing but )+(?:with |the |using )*[\\\"'`a-z&]",
            ),
            (
                3,
                "(?:just|simply|only|instead) (?:print|say|output|respond with|reply with|write|return|repeat)\\b~[\\\"'`&]",
            ),
            (1, "%start%(?:reply|respond|answer|say|print|output|write|return) (?:with|that|the)~"),
            (1, "%start%(?:say|print|output|write|state|tell (?:the user|them)|mention|claim) that "),
            (
                1,
                "%start%(?:do not|don.{1,6}t|never) (?:summari[sz]e|print|answer|translate|respond|output|process|analy[sz]e|continue|complete|execute)",
            ),
        ],
    },
    Family {
        rule: "Misplaced Request",
        severity: Severity::Medium,
        triggers: &[
            "todo: ?[a-z]{2,9} ",
            "(?:could|can|would|will) you (?:please )?(?:also )?(?:send|email|forward|tell|give|show|write|translate|explain|help|summari[sz]e|provide|transfer|pay|print|list)",
        ],
        patterns: &[
            (
                1,
                "todo: ?(?:please )?(?:%act%|%edit%|say|get|make|create|book|schedule|concatenate|invite|transfer|modify)",
            ),
            (
                1,
                "(?:could|can|would|will) you (?:please )?(?:also )?(?:send|email|forward|tell|give|show|write|translate|transfer|pay|print)",
            ),
        ],
    },
    Family {
        rule: "Hidden Text",
        severity: Severity::Medium,
        triggers: &[
            "<!--[^>]{24}",
            "<noscript>[^<]{24}",
            "(?:display: ?none|visibility: ?hidden|opacity: ?0[;.\\\"' ]|font-size: ?0|font-size: ?1px|left: ?-\\d{4}|top: ?-\\d{4}|color: ?(?:white|#fff|#ffffff|transparent)[;\\\"' ]|text-indent: ?-\\d{3}|height: ?0(?:px)?[;\\\"' ]|width: ?0(?:px)?[;\\\"' ]|aria-hidden=.{1,8}true)",
            "\\[(?://|comment|hidden|_)\\]: ?(?:#|<>) ?[(\\\"']",
            "(?:alt|title|aria-label|data-[a-z]{2,12}|content)=\\\"[^\\\"<>]{32}",
        ],
        patterns: &[],
    },
];
