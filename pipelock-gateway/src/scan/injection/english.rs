//! What orders to a model look like in English, family by family.
//!
//! A trigger is the rarest fragment of a family and costs something on all text; a pattern is tried only around a trigger and
//! says how much it is worth ([`super::score`]). Everything is written for folded text: small letters, one blank. `%name%`
//! stands for a class of [`super::classes`]. Written from the literature on the subject (OWASP LLM01, catalogues of attacks on
//! agents and retrieval), never from a corpus.

use super::Family;
use crate::model::Severity;

/// English families, and those that are the same in any language.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        rule: "Prompt Injection",
        severity: Severity::Critical,
        triggers: &[
            "(?:ignore|disregard|forget|override|overlook|bypass|dismiss|abandon|discard|neglect|skip) (?:all|any|every|your|my|these|those|previous|prior|preceding|above|earlier|former|past|initial|original|existing|safety|being|content|the (?:previous|prior|above|earlier|preceding|user|system|initial|original|rest|rules|safety|context|instr|text|task|current|following|aforementioned|foregoing|given))",
            "(?:previous|prior|above|earlier|preceding|former|foregoing|past) (?:[a-z]{1,12} ){0,2}[a-z]{0,2}i[a-z]{0,2}nstr",
            "(?:previous|prior|preceding|foregoing|existing|original) (?:directive|guideline|prompt|programming|constraint|restriction)",
            "(?:ignore|disregard|forget|override|bypass) (?:[a-z]{1,12} ){0,2}(?:instruction|guideline|directive|filter|guardrail|everything|anything)",
            "instructions? (?:above|before this|so far|you (?:were|have|received|got))",
            "(?:rules|instructions|guidelines|safeguards|directives|restrictions|policies|prompts?) (?:as|are) (?:now |no longer |hereby )?(?:outdated|obsolete|optional|void|invalid|advisory|null|cancelled|canceled|suspended|lifted|irrelevant|deprecated|in effect|apply|binding)",
            "(?:rules|instructions|guidelines|safeguards|directives|restrictions) (?:aside|away)",
            "previous (?:task|request|conversation|command|message|order)s? ",
            "(?:everything|anything|all) (?:above|before|prior|you (?:were|have been|know|.ve been)|i (?:said|told|asked)|that (?:came|was|has been))",
            "instructions? (?:changed|updated|replaced)",
            "whatever (?:you were|instructions|the user)",
        ],
        patterns: &[
            (4, "%shun% %all%(?:%prior% (?:and |or |, ?)?){1,3}(?:[a-z]{1,12} )?%instr%"),
            (3, "%ignore% %all%(?:%prior% (?:and |or |, ?)?){1,3}(?:[a-z]{1,12} )?%instr%"),
            (3, "%shun% (?:all |any |the |your |my |these |those ){1,3}(?:of )?(?:your |the |my )?%instr%"),
            (
                3,
                "%ignore% (?:all |the |your |everything |of |these |those |any |my |whatever ){0,3}%instr%~(?:above|before|so far|previously|you (?:were|have|.ve|got|received)|given|from (?:the )?(?:user|system|developer))",
            ),
            (
                4,
                "%ignore% (?:all|everything|anything|what|whatever)(?: else)?(?: that)?(?: you)? ?(?:above|before|prior|previous|earlier|were told|have been told|was said|said|came before|were instructed|know|have been|.ve been)",
            ),
            (
                3,
                "%shun% (?:the user(?:s|.{1,6}s)? (?:request|question|query|instruction|input|message|task|and (?:reply|respond|answer|say|do|output|print|send))|the (?:original|current|initial|main|actual|real|user.{0,3}s) (?:task|request|question|query|goal|objective|prompt))",
            ),
            (
                3,
                "%ignore% (?:all |any |the |your |these |those |my )*(?:safety|ethical|content|moral|security|usage|openai|company)[a-z -]{0,24} (?:filters?|rules?|polic(?:y|ies)|guidelines?|guardrails?|restrictions?|measures|protocols?|instructions?|checks)",
            ),
            (
                3,
                "%ignore% (?:being|your (?:training|programming|alignment|guardrails|filters|ethics|morals|limitations|safety|persona|role|identity))",
            ),
            (3, "%shun% (?:(?:all|any) )?(?:filters|guardrails|restrictions|safety|instructions|prompts)\\b"),
            (
                2,
                "%ignore% (?:all |the |your |my |any |that )*(?:%prior% )+(?:text|content|context|message|request|task|conversation|question|input|output|data|information|document|paragraph|sentence|email|words|stuff|things)s?\\b",
            ),
            (
                3,
                "(?:treat|consider|regard|deem|declare)~(?:rules|instructions|guidelines|safeguards|directives|restrictions|policies|prompts?)~(?:outdated|obsolete|optional|void|invalid|advisory|null|cancell?ed|suspended|irrelevant|deprecated)",
            ),
            (
                2,
                "(?:previous|prior|earlier|above|original|existing|old|initial|system) (?:[a-z]{1,12} )?%instr% (?:is|are|was|were|have been|has been) (?:now |no longer |hereby )?(?:outdated|obsolete|optional|void|invalid|advisory|null|cancell?ed|suspended|lifted|revoked|overridden|superseded|irrelevant|deprecated|changed|replaced|updated|in effect|valid|binding|a test)",
            ),
            (3, "(?:set|put|cast|throw|push|lay)~%instr% (?:aside|away)"),
            (
                2,
                "(?:your|the) (?:[a-z]{1,12} )?instructions? (?:have |has )?(?:been |just )?(?:changed|updated|replaced)",
            ),
            (
                2,
                "%instr% (?:above|before this|so far|you (?:were|have|received|got))~(?:do not|no longer|are not|don.{0,5}t|instead|only (?:a )?test|ignore|fake|replace)",
            ),
            (3, "do the (?:exact )?opposite of~(?:instruct|told|asked|prompt)"),
        ],
    },
    Family {
        rule: "New Instructions",
        severity: Severity::High,
        triggers: &[
            "(?:new|updated|revised|real|actual|true|additional|special|urgent|important|critical|secret|hidden|corrected|override) (?:system )?(?:instruction|directive|task|objective|orders|mission|goal)s? ?(?:from|is|are|:|for you|follow|below|\\*|to follow|=|-|!)",
            "your (?:new|real|actual|true|only|primary|next|main|current|updated|sole) (?:[a-z]{1,10} )?(?:instruction|task|goal|objective|mission|job|purpose|role|directive|order|prompt|priority|identity)",
            "strictly (?:adhere|follow|comply|obey)",
            "(?:adhere to|comply with|obey|execute|carry out|follow) (?:the |these |this |my |those |only (?:the |these |my )?)?(?:following |new |next |below |above |hidden |embedded |secret )?(?:instruction|directive|command|order)s? ?(?::|instead|exactly|below|strictly|immediately|without|carefully|only|first|before|precisely|now|in this|and )",
            "(?:prioriti[sz]e|priority over|precedence over|take precedence|supersedes? (?:all|any|every|your|previous|prior))",
            "follow(?:ing)? instructions? (?:first|immediately|instead|exactly)",
            "(?:instead of|rather than) (?:answering|doing|completing|summari[sz]ing|following|responding|translating|the (?:user|original|previous|above|task))",
            "(?:only|just) (?:follow|obey|listen to|respond to|answer) (?:my|me|these|this|the following|instructions)",
            "instead,? (?:you (?:must|should|will|have to)|please|just|only|simply|output|print|say|respond|reply|answer|return|write|send|tell|execute|perform|do the)",
        ],
        patterns: &[
            (
                3,
                "(?:strictly|must|immediately|always|only|please|you will|to)[a-z ,]{0,24}(?:adhere to|follow|comply with|obey|execute|carry out)~(?:following|these|new|below|embedded|hidden)(?: [a-z]{1,12})? (?:instruction|directive|command|order)s?",
            ),
            (
                2,
                "(?:here (?:are|is)|these are|you have|received|this is) (?:your |the |a |some )?(?:new|updated|revised|real|actual|true|additional|special|corrected) (?:[a-z]{1,12} )?%instr%",
            ),
            (
                3,
                "\\b(?:new|updated|revised|real|actual|override|corrected) (?:system |user |important |urgent )?(?:instruction|directive|order|objective|task)s?(?: (?:for|to) (?:you|the (?:ai|assistant|model|agent)))? ?[:=!*-]{1,4}~%order%",
            ),
            (
                3,
                "your (?:new|real|actual|true|only|sole|updated) (?:[a-z]{1,10} )?(?:instructions?|task|goal|objective|mission|job|purpose|role|directive|order|prompt|priority|identity)s? (?:is|are|will be|:)",
            ),
            (
                2,
                "your (?:primary|next|main|current) (?:[a-z]{1,10} )?(?:task|goal|objective|mission|job|directive|order|priority) (?:is|are|will be) (?:now )?(?:to|that)",
            ),
            (
                3,
                "(?:this|these|the following|my|new)(?: [a-z]{1,12}){0,2} (?:take|takes|has|have|hold|holds|supersedes?|overrides?)~(?:precedence|priority|all|any|previous|prior|your)~(?:instruction|rule|prompt|guideline|directive|command|request|task)s?",
            ),
            (
                2,
                "prioriti[sz]e (?:the |this |these |my |following )+(?:task|user|current|new|request|instruction|order|command)",
            ),
            (
                3,
                "instead of (?:answering|doing|completing|summari[sz]ing|following|responding|translating|the (?:user|original|previous|task))~(?:,|you|must|should|please|output|print|say|respond|reply|return|write|send)",
            ),
            (
                2,
                "(?:only|just) (?:follow|obey|listen to|respond to) (?:my|me|these|this|the following)~(?:instruction|order|command|voice|prompt)",
            ),
            (
                1,
                "instead,? (?:you (?:must|should|will|have to)|please|just|only|simply|output|print|say|respond|reply|answer|return|write|send|tell|execute|perform)",
            ),
            (2, "%ignore%~instead~%order%"),
        ],
    },
    Family {
        rule: "System Override",
        severity: Severity::Critical,
        triggers: &[
            "(?:\\(|\\[|\\{|<|&lt;|\\*\\*|<\\||##? ?)(?:system|admin|administrator|developer|root|operator|sudo)(?:[ _:-]{1,2}(?:message|prompt|instruction|note|notice|override|command|alert|update|directive|info|mode|important))s?",
            "(?:message|prompt|instruction|note|notice|override|command|alert|update|directive) ?(?:from|by) (?:the )?(?:system|admin|administrator|developer|openai|anthropic|google|microsoft|security team|it department|operator)",
            "system (?:message|notice|override|alert|command|directive|update|instruction|notification|warning|prompt)s?(?: ?\\([a-z ]{1,20}\\))? ?[:!\\]>-]",
            "(?:^|[^a-z])(?:system|admin|administrator|developer|root): ?(?:you|ignore|disregard|new|the (?:user|assistant|ai|model|agent)|from|override|grant|this|attention|important|all|please|do|forward|send|execute|urgent|critical|instruction|security|access)",
            "<\\|?/?(?:im_start|im_end|endoftext|start_header_id|end_header_id|eot_id|begin_of_text|system|user|assistant|endofprompt|eom_id)\\|>",
            "\\[/?inst\\]|<</?sys>>|\\[/?system\\]|</?system>|&lt;/?system&gt;|<start_of_turn>|<end_of_turn>|\\[/?system_prompt\\]|<\\|begin",
            "### ?(?:instruction|system|response|human|assistant|new instruction|end)s?:? ",
            "(?:begin|start|end|end of|beginning of) (?:system|admin|hidden|secret|untrusted|document|context|user input|user query|the conversation|new)[ _]?(?:message|prompt|instruction|note|override|directive|content|data|task)?",
            "(?:override|authori[sz]ation|access|clearance) (?:code|granted|level|accepted|protocol)",
            "you (?:now )?(?:have|hold|are granted|were granted|possess) (?:full |complete |unrestricted |elevated |unlimited )?(?:admin|administrator|root|superuser|sudo|developer|system|unrestricted|elevated)",
        ],
        patterns: &[
            (
                4,
                "(?:\\(|\\[|\\{|<|&lt;|\\*\\*)(?:system|admin|administrator|developer|root|operator)(?:[ _:-]{1,2}(?:message|prompt|instruction|note|notice|override|command|alert|update|directive|info|important))s?(?:\\)|\\]|\\}|>|&gt;|\\*\\*)?.{0,6}%order%",
            ),
            (
                2,
                "(?:\\(|\\[|\\{|<|&lt;)(?:system|admin|administrator|developer|root)(?:[ _:-]{1,2}(?:message|prompt|instruction|note|notice|override|command|alert|update|directive))s?(?:\\)|\\]|\\}|>|&gt;).{0,120}%order%",
            ),
            (
                3,
                "\\b(?:system|admin|administrator|security) (?:message|notice|override|alert|command|directive|update|instruction|notification)s?(?: ?\\([a-z ]{1,20}\\))? ?[:!\\]>-]{1,3}[*_ ]{0,3}(?:to |for )?%order%",
            ),
            (3, "(?:^|[.!?>\\\"'\\])*#}] ?|\\\\n)(?:system|admin|administrator|developer|root): ?%order%"),
            (
                4,
                "(?:^|[^a-z])(?:system|admin|administrator|developer|root): ?(?:ignore|disregard|override|from now on|you are now|you must|new instruction|grant|the assistant (?:must|will|should)|attention|forget)",
            ),
            (
                3,
                "(?:<\\|?(?:im_start|system|start_header_id|begin_of_text)\\|?>|\\[inst\\]|<<sys>>|\\[system\\]|<system>|&lt;system&gt;|<start_of_turn>|### ?(?:new )?(?:system|instructions?):?)[^{}]{0,40}%order%",
            ),
            (
                3,
                "(?:<\\|?(?:im_end|eot_id|endoftext|end_header_id|assistant|user)\\|>|\\[/inst\\]|<</sys>>|\\[/system\\]|</system>|&lt;/system&gt;|<end_of_turn>|### ?(?:human|user|response|assistant)s?:)[^{}]{0,40}%order%",
            ),
            (
                2,
                "(?:begin|start|end|end of|beginning of) (?:system|admin|hidden|secret|untrusted|document|context|user input|user query|the conversation|new)[ _]?(?:message|prompt|instruction|note|override|directive|content|data|task)s?.{0,60}%order%",
            ),
            (
                3,
                "(?:message|instruction|note|notice|override|command|alert|directive)s? ?(?:from|by) (?:the )?(?:system|admin|administrator|developer|openai|anthropic|google|microsoft|operator)[a-z ]{0,16}[:.,!-]{1,3} ?%order%",
            ),
            (
                3,
                "you (?:now )?(?:have|hold|are granted|were granted|possess) (?:been granted )?(?:full |complete |elevated |unlimited )*(?:admin|administrator|root|superuser|sudo|developer|unrestricted) (?:access|privileges?|rights|mode|permissions?|control|authority)",
            ),
            (
                2,
                "(?:admin(?:istrator)?|developer|system|security|emergency|root|debug|maintenance) (?:override|authori[sz]ation|clearance)(?: code)?.{0,50}%order%",
            ),
        ],
    },
    Family {
        rule: "Role Override",
        severity: Severity::High,
        triggers: &[
            "you are now ",
            "you are no longer ",
            "from (?:now on|this (?:point|moment) (?:on|forward|onward)|here on)",
            "you (?:are going to|will now|will from now on|shall now|must now|should now) ",
            "(?:pretend|imagine|suppose|act|behave|respond|answer|reply|roleplay|role-play|speak|talk)[a-z ]{0,8} (?:to be|as if you|that you|as though you|you are|you.re|as an? (?:ai|unfiltered|unrestricted|evil|uncensored|amoral|jailbroken|hacker|different|new|character|villain|expert|dan))",
            "(?:assume|adopt|take on|play|embody) (?:the |a |an )?(?:new |different )?(?:role|identity|persona|character|personality)",
            "(?:stay|remain|keep|be) in (?:your )?character",
            "i want you to (?:act|pretend|play|be|become|roleplay|simulate|respond|ignore|behave)",
            "your (?:new )?(?:name is|name will be|persona|character|alter ego)",
            "(?:starting|effective|beginning|as of) (?:now|immediately|today),? (?:you|your|ignore|respond|act|the)",
        ],
        patterns: &[
            (
                4,
                "you (?:are|.re|will be|must be|become|act as|will act as)(?: now)?~(?:unfiltered|uncensored|unrestricted|jailbroken|jailbreak|amoral|immoral|unethical|evil|malicious|\\bdan\\b|do anything now|without (?:any )?(?:restriction|limit|filter|moral|ethic|rule|censor)|no (?:restriction|limit|filter|moral|ethic|rule|censor)[a-z]*|free (?:from|of)|not bound|developer mode|god mode|maintenance mode|debug mode|root mode|admin mode|sudo)",
            ),
            (
                3,
                "you are no longer (?:an? )?(?:ai|assistant|chatgpt|gpt|claude|gemini|llama|bound|restricted|limited|required|under|going|able|language model|helpful|to )",
            ),
            (
                3,
                "you are now (?:an? |in |the |acting |operating |going to |known as |called |playing |my |no longer |under |free|able|allowed|required|permitted|a different|[a-z]{2,14}(?:gpt|bot|ai)\\b)",
            ),
            (
                3,
                "from (?:now on|this (?:point|moment) (?:on|forward|onwards?)|here on),? ?(?:you|your|chatgpt|gpt|claude|the (?:ai|assistant|model|agent)|respond|act|answer|reply|speak|ignore|always|never|only|every|all (?:your )?(?:responses|answers|replies)|please|do not|don.{0,5}t|behave|talk|begin|start|i want)",
            ),
            (
                2,
                "(?:pretend|imagine|suppose|act|behave|respond|answer|roleplay|role-play|speak|talk)[a-z ]{0,8} (?:to be|as if|that|as though|you are|as) ?(?:you are |you.re |you have |you were |an? |the |if )*(?:unfiltered|unrestricted|evil|uncensored|amoral|jailbroken|hacker|villain|dan\\b|no |not bound|free|human|different (?:ai|model)|new (?:ai|model)|character|pirate|ai (?:without|with no|that))",
            ),
            (
                2,
                "(?:assume|adopt|take on|play|embody) (?:the |a |an )?(?:new |different )?(?:role|identity|persona|character|personality) of",
            ),
            (2, "(?:always |you (?:must|will|should) )?(?:stay|remain|keep) in (?:your )?character"),
            (2, "i want you to (?:act|pretend|play|be|become|roleplay|simulate|ignore|behave)"),
            (
                2,
                "(?:starting|effective|beginning|as of) (?:now|immediately|today),? (?:you (?:are|must|will|should|shall)|your|ignore|respond|act)",
            ),
            (
                2,
                "you (?:are going to|will now|shall now|must now|should now) (?:act|pretend|play|be (?:an? |the |known|called|my )|become|roleplay|simulate|respond|ignore|behave|answer|obey|assume|immerse|enter|serve|function|perform|execute)",
            ),
        ],
    },
    Family {
        rule: "Jailbreak Attempt",
        severity: Severity::High,
        triggers: &[
            "do anything now|d\\.a\\.n\\.|\\bdan mode|stay a dan|act as dan|named dan|dan \\d",
            "(?:developer|dev|sudo|god|unrestricted|evil|debug|maintenance|jailbreak|jailbroken|unfiltered|uncensored|opposite|admin|root|chaos|devil|unlocked|override|diagnostic|unsafe) mode ?(?:enabled|activated|on\\b|output|engaged|unlocked|:|\\.|,|and|is )",
            "(?:enter|enable|activate|switch to|engage|unlock|in|into|simulate) (?:the )?(?:developer|dev|sudo|god|unrestricted|evil|debug|maintenance|jailbreak|jailbroken|unfiltered|uncensored|opposite|admin|root|chaos|unlocked) mode",
            "without (?:any )?(?:restriction|limitation|filter|censorship|moral|ethical|warning|disclaimer|refus)",
            "(?:no|zero|free (?:of|from) (?:all |any )?|not bound by (?:any )?|bypass(?:es|ing)? (?:all )?|lack of |lacks (?:any )?) ?(?:ethical|moral|content|safety|legal) (?:guideline|restriction|limit|boundar|constraint|filter|polic|rule|code)",
            "(?:unfiltered|uncensored|amoral|jailbroken|unethical|unhinged|unrestricted) ",
            "(?:never|not|cannot|can.t|won.t|don.t|must not|may not|do not) (?:ever )?refuse",
            "no (?:restrictions?|rules?|limits?|limitations?|filters?|morals?|boundaries|guidelines) ",
            "openai(?:.{1,3}s)? (?:content )?(?:polic|guideline|restriction|rules)|content polic",
            "(?:hypothetical|fictional|fictitious|imaginary) (?:response|scenario|world|story|character|universe|setting)",
            "(?:illegal|immoral|unethical)(?:,| or| and) ",
            "broken free|typical confines|confines of ai|freed from|bound by (?:the )?(?:rules|ethic|moral|any|openai|restriction|limit)",
        ],
        patterns: &[
            (4, "do anything now"),
            (3, "d\\.a\\.n\\.|(?:stay|act as|named|called|be|as) (?:a )?dan\\b"),
            (
                4,
                "(?:you|chatgpt|gpt|claude|ai|enter|enable|activate|switch to|engage|unlock|simulate|now)~(?:developer|dev|sudo|god|unrestricted|evil|jailbreak|jailbroken|unfiltered|uncensored|opposite|chaos|unlocked|devil|unsafe) mode\\b",
            ),
            (
                2,
                "(?:you|chatgpt|gpt|claude|ai)~(?:enter|enable|activate|switch to|engage|in|into) (?:the )?(?:debug|maintenance|admin|root|diagnostic|test) mode\\b",
            ),
            (
                3,
                "(?:answer|respond|reply|speak|act|ai|chatbot|model|you|output|comply|assistant|bot|everything|questions?)~without (?:any )?(?:restriction|limitation|filter|censorship|moral|ethical|disclaimer|refus)[a-z]*",
            ),
            (
                3,
                "(?:you|ai|chatbot|model|assistant|bot|it|he|she|they|who|which|has|have|with)~(?:no|zero|free (?:of|from)|not bound by|bypass|lacks?)~(?:ethical|moral|content|safety|legal) (?:or [a-z]{1,12} )?(?:guideline|restriction|limit|boundar|constraint|filter|polic|rule|code)",
            ),
            (
                3,
                "(?:you|ai|chatbot|model|assistant|bot|respon[a-z]{2,5}|answer|version|character|persona|language model|gpt)~(?:unfiltered|uncensored|amoral|jailbroken|unhinged)\\b|(?:unfiltered|uncensored|amoral|jailbroken|unhinged)[a-z, ]{0,30} (?:ai|chatbot|model|assistant|bot|response|answer|version|character|persona|language model)",
            ),
            (
                2,
                "(?:you|ai|it|he|she|will|must|should|always|character|bot|rules|who)~(?:never|cannot|can.{0,5}t|won.{0,5}t|must not|may not|not) (?:ever )?refuse",
            ),
            (
                3,
                "you (?:have|are under|follow|know|obey|operate with|will have|has) (?:absolutely |now )?no (?:restrictions?|rules?|limits?|limitations?|filters?|morals?|boundaries|guidelines)",
            ),
            (
                2,
                "(?:it|he|she|they|ai|bot|who|which|that|character|model|has|have|with) (?:absolutely )?no (?:restrictions?|moral(?:s|ity)?|ethics?|filters?|boundaries|limitations?)(?: or [a-z]{1,12})?\\b",
            ),
            (
                2,
                "(?:violat|ignor|bypass|regardless of|does not (?:follow|comply)|against|not bound|bound (?:by|to)|free from|disregard)~(?:openai|content) ?(?:.{1,3}s )?(?:content )?(?:polic|guideline|restriction|rules)",
            ),
            (
                2,
                "(?:broken|break) free (?:of|from)~(?:ai|confine|rules|restriction|limit|chains)|typical confines|confines of ai",
            ),
            (2, "(?:no matter|regardless|even if|whether)~(?:illegal|immoral|unethical|harmful|dangerous|offensive)"),
            (
                1,
                "(?:hypothetical|fictional|fictitious|imaginary) (?:response|scenario|world|story|character|universe|setting)",
            ),
            (
                2,
                "you are not (?:bound|limited|restricted|constrained|subject) (?:by|to)~(?:rules|ethic|moral|any|openai|restriction|limit|law|polic)",
            ),
        ],
    },
];
