//! The core families in text whose blanks were removed: `i g n o r e   a l l`, and `1gn0r3` with digits for letters.
//!
//! Only for text that shows such spacing or spelling. A sentence cannot be seen any more, so these expressions are long
//! enough to be nothing else, and no classifier is asked.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::super::hyperscan::Expression;
use super::{Match, REACH, searcher};
use crate::model::Severity;

struct Rule {
    name: &'static str,
    severity: Severity,
    trigger: &'static str,
    pattern: &'static str,
}

const DETERMINER: &str = "(?:a[li]{2}|any|every|everything|the|your|my|of|these|those)";

static RULES: &[Rule] = &[
    Rule {
        name: "Prompt Injection",
        severity: Severity::Critical,
        trigger: "(?:previous|prior|above|earlier|preceding|your|all|aii|original)(?:[a-z]{0,3}nstr|prompt|directive|guide[li]ine|ru[li]es|command)",
        pattern: "(?:ignore|disregard|forget|override|bypass)DET{0,4}(?:previous|prior|above|earlier|preceding|former|system|safety|original|initia[li]){0,3}(?:[a-z]{0,3}nstr|prompt|directive|guide[li]ine|ru[li]es|command|order)",
    },
    Rule {
        name: "Important Message",
        severity: Severity::High,
        trigger: "(?:importantmessagef|importantmessageto|beforeyoucan|importantinstruction|taskthatigave|afteryoudothat)",
        pattern: "importantmessage(?:from.{1,40})?(?:foryou|toyou|fortheai|tothea|forthea)|beforeyoucan(?:so[li]ve|comp[li]ete|answer|continue|proceed)|taskthatigaveyou|afteryoudothat,?youcan|importantinstruction",
    },
    Rule {
        name: "System Override",
        severity: Severity::Critical,
        trigger: "(?:system_?message\\)|[(\\[<{#]system_?(?:message|prompt|override|instruction)|system(?:message|override|notice|a[li]ert|instruction):)",
        pattern: "system_?(?:message|prompt|override|instruction|notice|a[li]ert)[)\\]>}:]",
    },
    Rule {
        name: "Simulated User",
        severity: Severity::High,
        trigger: "(?:newuserquery|newuserrequest|newusertask|iamtheuser|newtaskfrom|urgentnewtask|previoustaskhas|previoustaskis)",
        pattern: "newuser(?:query|request|task|message)|iamtheuser|newtaskfrom|urgentnewtask|previoustask(?:has|is|was)(?:now|a[li]ready)?(?:been)?(?:comp[li]ete|done|finish|cance[li])",
    },
    Rule {
        name: "False Error",
        severity: Severity::High,
        trigger: "(?:str[il]ct[li]yadhere|str[il]ct[li]yfo[li][li]ow|fo[li][li]ow[il]ng[il]nstruct|toproceed,?youmust|tocontinue,?youmust)",
        pattern: "str[il]ct[li]y(?:adhereto|fo[li][li]ow)(?:the|these)?(?:fo[li][li]ow[il]ng)?[il]nstruct|(?:adhereto|fo[li][li]ow)(?:the|these)(?:fo[li][li]ow[il]ng)?[il]nstruct|to(?:proceed|continue),?youmust(?:ca[li]{2}|use|send|run|execute|first|provide)",
    },
    Rule {
        name: "New Instructions",
        severity: Severity::High,
        trigger: "(?:newinstructions?[:*]|yournewtask|yournewinstruct|yourrea[li]task|updatedinstructions?:|instructionschanged)",
        pattern: "newinstructions?[:*]|yournew(?:task|instruct)|yourrea[li]task|updatedinstructions?:|instructionschanged",
    },
    Rule {
        name: "Role Override",
        severity: Severity::High,
        trigger: "(?:youarenow(?:dan|[a-z]{0,10}unfi[li]tered|unrestricted|indeve[li]oper|free|inmaintenance|jai[li]broken)|fromnowonyou|fromnowon,you|youareno[li]onger)",
        pattern: "youarenow(?:dan|.{0,20}unfi[li]tered|unrestricted|in(?:deve[li]oper|maintenance|god|debug)|free|jai[li]broken)|fromnowon,?you|youareno[li]onger",
    },
    Rule {
        name: "Jailbreak Attempt",
        severity: Severity::High,
        trigger: "(?:doanythingnow|withoutanyrestrict|withoutrestriction|noethica[li]|deve[li]opermode|norestrictions)",
        pattern: "doanythingnow|(?:answer|respond|act|you).{0,30}without(?:any)?restriction|no(?:ethica[li]|mora[li])(?:guide[li]ine|restriction|[li]imit)|(?:enter|enab[li]e|activate|in)deve[li]opermode|youhavenorestrictions",
    },
    Rule {
        name: "System Prompt Extraction",
        severity: Severity::High,
        trigger: "(?:your(?:system|initia[li]|origina[li]|hidden|secret)(?:prompt|instruct|message)|thesystemprompt|initia[li]prompt)",
        pattern: "(?:revea[li]|show|print|repeat|output|disp[li]ay|give|te[li]{2}|encode|trans[li]ate|write|share)(?:me)?(?:everythingin)?(?:the|your|a[li]{2})?(?:fu[li]{2}|entire)?(?:system|initia[li]|origina[li]|hidden|secret)(?:prompt|instruct|message)",
    },
    Rule {
        name: "Hidden Instruction",
        severity: Severity::High,
        trigger: "(?:te[li]{2}|mention|show|revea[li]|notify|inform)(?:this|it)?(?:to)?theuser",
        pattern: "(?:donot|don.?t|never)(?:te[li]{2}|mention|show|revea[li]|notify|inform)(?:this|it)?(?:to)?theuser",
    },
];

static PATTERNS: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| RULES.iter().map(|rule| searcher(&rule.pattern.replace("DET", DETERMINER)).ok()).collect());

static EXPRESSIONS: LazyLock<Vec<Expression>> = LazyLock::new(|| {
    RULES.iter().map(|rule| Expression { source: super::folded_source(rule.trigger), caseless: false }).collect()
});

/// The triggers for the database of squashed text.
pub(in crate::scan) fn expressions() -> &'static [Expression] {
    &EXPRESSIONS
}

/// Judges a hit in squashed text, as [`super::confirm`] does in folded text.
pub(in crate::scan) fn confirm(window: &[u8], expression: u32, end: usize) -> Option<Match> {
    let place = usize::try_from(expression).ok()?;
    let (rule, pattern) = (RULES.get(place)?, PATTERNS.get(place)?.as_ref()?);
    let first = end.saturating_sub(REACH);
    let near = window.get(first..window.len().min(end.saturating_add(REACH)))?;
    let hit = end - first;
    let found = pattern.find_iter(near).find(|found| found.end() + 24 >= hit && found.start() <= hit)?;
    Some(Match { rule: rule.name, severity: rule.severity, range: found.start() + first..found.end() + first })
}

/// The letter that each byte is read as: those who write `1gn0r3` put digits for letters.
static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let own = byte as u8;
        letters[byte] = match own {
            b'0' => b'o',
            b'1' | b'!' | b'|' => b'i',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' | b'+' => b't',
            other => other,
        };
        byte += 1;
    }
    letters
};

fn letter(byte: u8) -> u8 {
    LETTERS[usize::from(byte)]
}

/// Folded text without blanks, digits read as letters; `None` for text that shows neither spacing nor such spelling.
pub(in crate::scan) fn squash(folded: &[u8]) -> Option<Vec<u8>> {
    looks_spaced_or_spelt(folded).then(|| {
        let mut squashed = Vec::with_capacity(folded.len());
        squashed.extend(folded.iter().filter(|&&byte| byte != b' ').map(|&byte| letter(byte)));
        squashed
    })
}

/// Single letters in a row, or words in which digits stand between letters.
fn looks_spaced_or_spelt(folded: &[u8]) -> bool {
    const SINGLES: usize = 8;
    const SPELT: usize = 3;
    let (mut singles, mut spelt) = (0, 0);
    for word in folded.split(|&byte| byte == b' ') {
        singles = if word.len() == 1 { singles + 1 } else { 0 };
        spelt += usize::from(is_spelt(word));
        if singles >= SINGLES || spelt >= SPELT {
            return true;
        }
    }
    false
}

/// Whether something that is read as a letter stands between letters. Hashes and UUIDs are full of it, and no words.
fn is_spelt(word: &[u8]) -> bool {
    let inside = |triple: &[u8; 3]| {
        let [a, b, c] = *triple;
        letter(b) != b && !b.is_ascii_alphabetic() && a.is_ascii_alphabetic() && c.is_ascii_alphabetic()
    };
    let hexadecimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    word.iter().any(|&byte| letter(byte) != byte) && word.array_windows().any(inside) && !word.iter().all(hexadecimal)
}
