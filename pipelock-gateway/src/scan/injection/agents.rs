//! What attacks on agents look like in English: messages addressed to the model, faked errors and users, and the actions
//! they ask for.
//!
//! Written as [`super::english`] is. Where an order is also ordinary prose (documentation says "add the following code" all
//! day) the pattern is worth little and [`super::classifier`] has to agree.

use super::Family;
use crate::model::Severity;

/// Families of orders to agents.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        rule: "Important Message",
        severity: Severity::High,
        triggers: &[
            "(?:message|note|notice|instruction|instructions|reminder|information|directive|announcement|request) (?:to|for) (?:you\\b|the (?:ai|assistant|model|agent|llm|language|chatbot|bot)|(?:all |any )?(?:ai|llm|language model|chatgpt|gpt|claude|gemini|copilot|assistant|chatbot)s?\\b)",
            "before you (?:can |may |are able to |could )?(?:solve|complete|answer|proceed with|finish|continue|respond|start|begin|do|perform|help|return|process)",
            "(?:task|question|request|instructions?|job) (?:that |which )?(?:i|the user|we) (?:gave|asked|assigned|sent|requested|originally)",
            "(?:attention|hey|dear|hello|hi|ok|okay|listen)[,:!]? (?:ai\\b|ai assistant|assistant|llm|chatgpt|language model|agent|claude|gpt|copilot|gemini|chatbot|ai model|ai agent)",
            "if you(?: are|.{1,6}re) (?:an? |the )?(?:ai|llm|language model|large language|assistant|artificial|automated|ai agent|chatbot|agent|bot|gpt|claude|copilot)\\b",
            "(?:<|&lt;|\\[|\\{)/?(?:information|important|instructions?|critical|urgent|attention|directive|override|secret|hidden|admin)(?:>|&gt;|\\]|\\})",
            "(?:important|urgent|critical|priority|confidential) (?:message|instruction|notice|task|update|directive|request|order)s? ?(?:from|:|!|\\*)",
            "you can (?:then )?(?:solve|continue|resume|proceed with|go back to|complete|finish|return to) (?:with )?(?:the|your|my) ",
            "(?:complete|perform|do|finish|execute|accomplish|carry out) (?:the following|this|these|my)(?: [a-z]{1,12})? (?:task|action|step|instruction|request|command|order)?s? ?(?:first|before|immediately|instead|right now)",
            "signed, ?(?:the |your )?[a-z]{2,12}",
            "the (?:ai|assistant|llm|language model|model|agent|chatbot) (?:must|should|shall|has to|needs to|is (?:required|instructed|expected|ordered) to|will now)",
        ],
        patterns: &[
            (
                3,
                "(?:message|note|notice|instruction|reminder|information|directive|announcement|request)s? (?:from .{1,60})?(?:to|for) (?:you\\b|the (?:ai|assistant|model|agent|llm|language model|chatbot|bot)|(?:all |any )?(?:ai|llm|language model|chatgpt|gpt|claude|gemini|copilot|assistant|chatbot)s?\\b).{0,40}%order%",
            ),
            (
                4,
                "(?:important|urgent|critical|priority|special|secret|final)[a-z ]{0,12} (?:message|instruction|notice|directive|request|order|note)s? (?:from .{1,60} )?(?:to|for) (?:you\\b|the (?:ai|assistant|model|agent|llm|language model|chatbot|bot)|(?:all |any )?(?:ai|llm|language model|chatgpt|gpt|claude|gemini|copilot|assistant|chatbot)s?\\b)",
            ),
            (
                4,
                "before you (?:can |may |are able to |could )?(?:solve|complete|answer|proceed with|finish|continue|respond to|start|begin|do|perform)~(?:task|question|request|query)s?~(?:,|:|please|must|first|need|have to)",
            ),
            (
                2,
                "before (?:you )?(?:can |may )?(?:answering|respond|responding|continuing|proceeding|completing|doing|returning|processing)~(?:,|:) ?(?:you|please|first|always|make sure|call|send|use|read|execute)",
            ),
            (
                4,
                "after (?:you )?(?:do|doing|have done|did|complete|completing|finish|finishing) (?:that|this|so|it),? you (?:can|may|should) (?:then )?(?:solve|continue|resume|proceed|go back|complete|finish|return|answer)",
            ),
            (3, "(?:task|question|request|job) (?:that |which )?i (?:gave|asked|assigned|originally) (?:to )?you"),
            (
                3,
                "(?:attention|hey|dear|hello|hi|ok|okay|listen)[,:!]? (?:to )?(?:all )?(?:ai|ai assistant|assistant|llm|chatgpt|language model|agent|claude|gpt|copilot|gemini|chatbot|ai model|ai agent)s?\\b ?(?:reading this|processing this)?[,:.! -]{1,3} ?(?:%order%|this|i |we |your|if|there|the user|new)",
            ),
            (
                2,
                "if you(?: are|.{1,6}re) (?:an? |the )?(?:ai|llm|language model|large language model|assistant|artificial|automated|ai agent|chatbot|agent|bot|gpt|claude|copilot)\\b[^.!?]{0,80}(?:,|:|then|please|must) ?%order%",
            ),
            (
                3,
                "(?:<|&lt;)(?:information|important|instructions?|critical|urgent|attention|directive|override|secret|hidden|admin)(?:>|&gt;|\\]|\\}).{0,40}(?:%order%|this is|message|for (?:the )?(?:ai|assistant))",
            ),
            (
                2,
                "\\[(?:information|important|instructions?|critical|urgent|attention|directive|override|secret|hidden|admin)\\].{0,40}(?:%order%|this is|message|for (?:the )?(?:ai|assistant))",
            ),
            (
                2,
                "(?:important|urgent|critical|priority|confidential)[a-z !]{0,8} (?:message|instruction|directive|order|new task|task)s? ?(?:from [a-z ]{1,24})?[:!*]{1,4} ?%order%",
            ),
            (
                2,
                "(?:complete|perform|do|finish|execute|accomplish|carry out) (?:the following|this|these|my)(?: [a-z]{1,12}){0,2} (?:first|before|immediately|instead|right now)",
            ),
            (
                1,
                "the (?:ai|assistant|llm|language model|model|agent|chatbot) (?:must|should|shall|has to|needs to|is (?:required|instructed|expected|ordered) to|will now)",
            ),
        ],
    },
    Family {
        rule: "False Error",
        severity: Severity::High,
        triggers: &[
            "(?:error|failed|failure|denied|exception|warning|blocked|expired|incomplete|unavailable|timeout|required|locked)[\\\"'*]{0,2}[a-z0-9 ]{0,24} ?[:.!-] ?(?:you (?:must|need|have|should)|please|in order|to (?:get|continue|proceed|fix|resolve|complete|obtain|retrieve|solve|recover|access|see|view|unlock)|before|call |run |use |execute |send |the (?:ai|assistant|agent|user))",
            "in order to (?:get|continue|proceed|fix|resolve|complete|obtain|retrieve|solve|recover|access|see|view|unlock|finish)[a-z ]{0,30}, ?(?:you|please|first)",
            "to (?:continue|proceed|fix this|resolve this|get the result|get this|complete this|unlock|retrieve the|see the|view the|recover|avoid this)[a-z ]{0,30}, ?(?:you (?:must|need|have)|please|first|call|use|run|execute|send)",
            "(?:task|answer|request|summary|previous task|query|job) (?:is |has been |was )?(?:complete|completed|done|finished|fulfilled|accomplished)[.!,]",
        ],
        patterns: &[
            (
                3,
                "(?:error|failed|failure|denied|exception|blocked|expired|incomplete|unavailable|locked)\\b~?[:.!\\\"' -]{1,6}.{0,80}(?:you (?:must|need to|have to)|please (?:first )?(?:call|use|run|send|execute|invoke|follow)).{0,60}(?:following instruct|instruction|tool|function|agent|on behalf|user.{1,6}s|credential|password|\\.env|api key|strictly)",
            ),
            (
                2,
                "(?:error|failed|failure|denied|exception|blocked|expired|incomplete|unavailable|locked|required)\\b~?[:.!\\\"' -]{1,6}.{0,60}(?:in order to|to (?:get|continue|proceed|fix|resolve|complete|obtain|retrieve|solve|recover|unlock)).{0,60}(?:you (?:must|need to|have to|should)|please|first).{0,40}%act%",
            ),
            (
                1,
                "(?:in order )?to (?:get|continue|proceed|fix|resolve|complete|obtain|retrieve|solve|recover|access|see|view|unlock|finish)[a-z ]{0,30},? (?:you (?:must|need to|have to)|please|first)~%act%",
            ),
            (
                3,
                "(?:task|answer|request|summary|query|job)s? ?(?::|is|has been|was)? ?(?:now |successfully )?(?:complete|completed|done|finished|fulfilled|accomplished)[.!,;]{1,2} ?(?:[a-z]{1,10} )?(?:now|next|please|new|your (?:next|new)|i |the (?:next|new)|then|you)~%act%",
            ),
        ],
    },
    Family {
        rule: "Simulated User",
        severity: Severity::High,
        triggers: &[
            "new (?:user )?(?:query|request|message|task|input|question|prompt|command|instruction|order)s?(?: from (?:the )?user)? ?:",
            "i am (?:the|your|actually the) (?:user|owner|developer|creator|admin|administrator|system|operator|real user)",
            "this is (?:the|your) (?:real |actual )?(?:user|owner|developer|creator|admin|operator) ?(?:speaking|again|here|,|\\.|:|and)?",
            "the (?:previous|original|last|current|earlier|first|initial) (?:user )?(?:task|request|question|query|instruction|job) (?:has|is|was|can)",
            "(?:more )?(?:urgent|important|pressing) (?:new )?(?:task|request|matter|job|thing)s? (?:that|for|i|you|to|:)",
            "the user (?:has |have |just |now |actually |really |also |already ){1,4}(?:asked|asks|wants|requested|requests|approved|authorized|authorised|consented|agreed|changed|updated|confirmed|said|says|needs|granted|given|instructed)",
            "(?:^|[^a-z])(?:user|human): ?(?:please|ignore|now|i |send|can you|tell|forget|new|actually|also|thanks|great|ok|what|show|give|repeat|print|do)",
        ],
        patterns: &[
            (
                3,
                "\\bnew (?:user )?(?:query|request|message|task|input|question|prompt|command|order)s?(?: from (?:the )?user)? ?: ?(?:%order%|i )",
            ),
            (
                3,
                "i am (?:the|your|actually the) (?:user|owner|developer|creator|administrator|admin|operator|real user)\\b[.,;:!]?~%order%",
            ),
            (
                2,
                "this is (?:the|your) (?:real |actual )?(?:user|owner|developer|creator|admin|operator)(?: speaking| again| here)?[,.:!] ?(?:%order%|i )",
            ),
            (
                3,
                "the (?:previous|original|last|current|earlier|first|initial) (?:user )?(?:task|request|question|query|job) (?:has (?:already )?been|is|was)(?: now| already)? (?:completed?|done|finished|cancell?ed|solved|obsolete|no longer|fulfilled|replaced|over|irrelevant).{0,80}%order%",
            ),
            (
                3,
                "(?:more |very |an? )?(?:urgent|important|pressing) (?:new )?(?:task|request|matter|job|thing)s? (?:that |for you|i (?:need|want)|you (?:must|need))~(?:you|complete|finish|do|first)",
            ),
            (
                2,
                "the user (?:has |have |just |now |actually |really |also |already ){1,4}(?:asked|asks|wants|requested|approved|authori[sz]ed|consented|agreed|granted|given|instructed)~(?:you|permission|to |access|this|all)",
            ),
            // A consent that somebody wrote in for the user.
            (
                2,
                "(?:^|[^a-z])(?:user|human|customer): ?(?:[a-z]{2,9}[,.!] ?){1,2}(?:now |please |confirmed|go ahead|do it|proceed|approved)~(?:delete|transfer|send|pay|remove|close|wipe|confirmed|go ahead|approve|wire|cancel)",
            ),
            (
                2,
                "(?:^|[^a-z])(?:user|human): ?(?:please |ignore|now |i (?:want|need)|send|can you|tell me|forget|actually|show me|give me|repeat|print)",
            ),
        ],
    },
    Family {
        rule: "System Prompt Extraction",
        severity: Severity::High,
        triggers: &[
            "system[ _-]?(?:prompt|message|instruction|configuration)",
            "(?:initial|original|starting|hidden|secret|internal|base|core|initiali[sz]ation|developer|pre-?prompt|first|exact|full|complete|entire|preceding) (?:prompt|instruction|system|configuration|directive|rule|guideline|string)s?",
            "your (?:instructions|prompt|rules|guidelines|directives|configuration|programming|preamble|context window|training data|secrets?)",
            "(?:text|words|everything|content|message|conversation|prompt|instructions|lines|all of the) above",
            "above (?:text|words|content|message|conversation|prompt|instructions|lines)",
            "word for word|verbatim",
            "(?:you were|were you|you have been|you.ve been|i was) (?:told|given|instructed|prompted|programmed|configured)",
            "(?:supposed|allowed|permitted|meant) to (?:tell|reveal|share|say|disclose|discuss)",
            "(?:entire|whole|this|our|previous|full) conversation",
            "repeat (?:after|back|exactly|everything|the|all|your|what|this)",
        ],
        patterns: &[
            (
                3,
                "%reveal%~(?:your|thy|ur) (?:[a-z]{1,12} ){0,3}(?:prompt|instructions?|rules|guidelines|directives|configuration|programming|preamble|context window|system message)\\b",
            ),
            (
                3,
                "(?:^|[.!?:;>\\\"'),] ?|please |then |and |first |now )(?:%reveal%)(?: me| us)?~(?:system[ _-]?(?:prompt|message|instruction|configuration)|(?:initial|original|starting|hidden|secret|internal|base|initiali[sz]ation|developer) (?:prompt|instruction|system message|configuration|directive|string))",
            ),
            (
                3,
                "(?:repeat|output|print|copy|write|return|translate|recite|quote|echo|show|reproduce|summari[sz]e|dump|type|display|encode|spell)~(?:everything|all|text|words|content|message|conversation|prompt|instructions|lines)s? (?:of the text )?(?:above|before this|so far|preceding|verbatim|word for word|back to me)",
            ),
            (
                3,
                "(?:repeat|output|print|copy|write|return|translate|recite|quote|show|reproduce|summari[sz]e|encode) (?:me )?(?:the |all (?:of )?the )?(?:above|preceding|previous) (?:text|words|content|message|conversation|prompt|instructions|lines|system)",
            ),
            (
                3,
                "what (?:is|are|was|were|.s) (?:your|the opposite of your)~(?:initial|original|system|hidden|secret|first|exact|full|starting)? ?(?:prompt|instructions?|rules|directives|system message|guidelines)\\b",
            ),
            (
                3,
                "what (?:were|was|are|is|have)~you~(?:told|given|instructed|prompted|programmed|configured|not (?:supposed|allowed))",
            ),
            (
                3,
                "(?:instructions?|prompt|text|message|rules|context) (?:that )?(?:you|u) (?:were|was|have been|.ve been) (?:given|told|provided|prompted)",
            ),
            (
                2,
                "you (?:are|were) (?:not |never )?(?:supposed|allowed|permitted|meant) to (?:tell|reveal|share|say|disclose)",
            ),
            (
                3,
                "(?:start|begin|complete|continue|finish)[a-z ]{0,20}~(?:system prompt is|my (?:system |initial |secret )?(?:instructions|prompt|rules) (?:are|is)|i was (?:instructed|told|given|prompted)|you are)",
            ),
            (
                3,
                "(?:encode|translate|convert|rot13|base64|reverse|spell|write|summari[sz]e)~(?:system|initial|secret|original|starting|your) (?:[a-z]{1,12} )?(?:prompt|instructions?|message|text|rules)\\b",
            ),
            (2, "(?:beginning|starting) with.{1,4}you are"),
            (
                2,
                "(?:entire|whole|this|our|previous|full) conversation~(?:back|word for word|verbatim|to me|above|exactly)",
            ),
            (
                2,
                "(?:log|print|echo|console\\.log|return|eval)[a-z.]{0,6}\\( ?(?:system_?prompt|initial_?prompt|instructions)",
            ),
        ],
    },
    Family {
        rule: "Hidden Instruction",
        severity: Severity::High,
        triggers: &[
            "(?:not|never|n.t|n&#x27;t|n&#39;t|without|avoid) (?:to )?(?:ever )?(?:tell|telling|inform|informing|mention|mentioning|show|showing|reveal|revealing|disclose|disclosing|notify|notifying|alert|alerting|let|letting|report|reporting|warn|warning|say|explain)[a-z, ]{0,34} (?:user|human|customer|anyone|owner|victim|operator|person|me\\b|them)",
            "(?:user|human|customer|owner|operator)s? (?:must|should|does|do|need|may|can|will|shall)[a-z ]{0,4} ?(?:not|never|n.t)[a-z ]{0,8} (?:know|see|notice|be told|be informed|be aware|be notified|learn|find out|suspect|be shown|be alerted)",
            "(?:hidden|invisible|concealed|hide|conceal|keep)[a-z ]{0,30} (?:from|to) (?:the )?(?:user|human|customer|owner|operator|victim)",
            "(?:do not|don.{1,6}t|never) (?:mention|reveal|disclose|acknowledge|reference|discuss|tell|talk about|refer to|admit|explain)[a-z ]{0,8} (?:this|these|that you|about this|it to|any of this|the (?:existence|instruction|above|tool|hidden|note|message|contents? of this))",
            "(?:without|do not|don.{1,6}t)[a-z ]{0,12} (?:ask|asking|seek|seeking|wait|waiting|request|requesting)[a-z ]{0,8} (?:for )?(?:the user|user|permission|confirmation|clarification|approval|consent|me)\\b",
        ],
        patterns: &[
            (
                3,
                "(?:do not|don.{1,6}t|never|must not|should not|avoid|without)[a-z ]{0,12}(?:tell|inform|mention|show|reveal|disclos|notify|notifi|alert|let|report|warn|say|explain)[a-z]{0,4}~(?:(?:to )?(?:the |your |any )?(?:user|human)|(?:to |the |your |any |their ){1,2}(?:customer|owner|victim|operator))s?\\b",
            ),
            (
                3,
                "(?:user|human|customer|owner|operator)s? (?:must|should|does|do|need|may|can|will|shall)[a-z ]{0,4} ?(?:not|never|n.{1,6}t)[a-z ]{0,8} (?:know|see|notice|be told|be informed|be aware|be notified|learn|find out|suspect|be shown|be alerted)",
            ),
            (
                2,
                "(?:hide|conceal|keep|hidden)[a-z ]{0,30} (?:secret |hidden |confidential |invisible )?from (?:the )?(?:user|human|customer|owner|operator)s?\\b",
            ),
            (
                2,
                "(?:do not|don.{1,6}t|never) (?:mention|reveal|disclose|acknowledge|reference|discuss|talk about|refer to|admit|explain)[a-z ]{0,8} (?:this|these|that you|about this|it to|any of this|the (?:existence|instruction|above|hidden|note|message|contents? of this))~",
            ),
            (
                2,
                "(?:without|do not|don.{1,6}t)[a-z ]{0,12} (?:ask|asking|seek|wait|request)[a-z]{0,3}~(?:the user|permission|confirmation|clarification|approval|consent|me)\\b.{0,60}(?:just|follow|instruction|immediately|proceed|fill)",
            ),
            (
                1,
                "(?:without|do not|don.{1,6}t)[a-z ]{0,12} (?:ask|asking|seek|wait|request)[a-z]{0,3} (?:for )?(?:the user|user|permission|confirmation|clarification|approval|me)\\b",
            ),
        ],
    },
    Family {
        rule: "Covert Action Directive",
        severity: Severity::High,
        triggers: &[
            "(?:secretly|covertly|discreetly|surreptitiously|stealthily) ",
            "(?:silently|quietly) (?:send|upload|forward|transfer|exfiltrate|copy|email|post|run|execute|download|collect|include|append|insert|fetch|read|call|invoke|add|share)",
            "(?:send|upload|forward|transfer|exfiltrate|copy|email|post|run|execute|download|collect|include|append|insert)[a-z ]{1,30} (?:silently|quietly|in secret|unnoticed|without (?:anyone|being) notic)",
            "exfiltrat",
        ],
        patterns: &[
            (
                2,
                "(?:secretly|covertly|discreetly|surreptitiously|stealthily|silently|quietly) (?:send|upload|forward|transfer|exfiltrate|copy|email|post|run|execute|download|collect|include|append|insert|fetch|read|call|invoke|add|share|record|log|redirect)\\b",
            ),
            (
                3,
                "(?:secretly|covertly|discreetly|surreptitiously|stealthily|silently|quietly) (?:send|upload|forward|transfer|exfiltrate|copy|email|post|share)\\b.{0,120}(?:to |via |at )%address%",
            ),
            (
                2,
                "(?:^|[.!?:;>\\\"')] ?|please |then |and |must |should |to )exfiltrate (?:the |all |any |user|data|it|this|every|my|your)",
            ),
        ],
    },
];
