//! Rules made ready: gates, one database, and what is needed to confirm a hit.
//!
//! Everything that can go wrong goes wrong here, when configuration is loaded. An [`Engine`] is immutable and cheap to
//! clone; a scan holds the one it began with, so a reload never pulls a database from under a stream.

use std::fmt;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::base64_run::BASE64_BEHIND;
use super::candidates;
use super::deep::{self, SIGNS, Way};
use super::hyperscan::{self, Database, Expression, Fed, Generation, Hits, Store, Width};
use super::injection;
use super::rules::{self, Begin, Class, Judge, LOOK_AHEAD, LOOK_BEHIND, Lane, Left, RunKind, Tail};
use super::stream::{Encoding, StreamOptions, StreamScan};
use super::validate::{self, Check};
use crate::model::{Finding, Severity, Surface, Validator};

/// Widest expression in bytes. A match is not decided before its last byte, so this is what a stream must hold back.
pub(super) const MAX_WIDTH: u32 = 512;

/// Which rules to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSpec {
    /// Whether the built-in rules are wanted. The floor, a handful of rules against the worst leaks, is always loaded.
    pub include_defaults: bool,
    /// Rules from configuration. One with the name of a built-in rule replaces it, unless that belongs to the floor.
    pub user: Vec<UserRule>,
}

impl Default for RuleSpec {
    fn default() -> Self {
        Self { include_defaults: true, user: Vec::new() }
    }
}

/// A rule from configuration (`dlp.patterns`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRule {
    /// The name in findings.
    pub name: String,
    /// RE2 syntax, matched without regard to case, `.` also matching line breaks; at most 512 bytes wide.
    pub expression: String,
    /// The severity of its findings.
    pub severity: Severity,
    /// A checksum that a match must pass.
    pub validator: Option<Validator>,
}

/// The check behind a validator's name.
fn check_of(validator: Validator) -> fn(&[u8]) -> Check {
    match validator {
        Validator::Luhn => validate::card,
        Validator::Mod97 => validate::iban,
        Validator::Aba => validate::aba,
        Validator::Wif => validate::wif,
    }
}

/// Why rules cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule has no name.
    #[error("a rule needs a name (its expression is {expression:?})")]
    Nameless {
        /// What it would have matched.
        expression: String,
    },
    /// Two rules of the user have one name.
    #[error("rule {name:?} is defined twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An expression is not in the common syntax of both matchers.
    #[error("rule {name:?}: the expression does not compile: {reason}")]
    Syntax {
        /// The rule.
        name: String,
        /// What the matcher says.
        reason: String,
    },
    /// A match could be arbitrarily long, so that no part of a stream could ever be released.
    #[error(
        "rule {name:?}: the expression can match without bound; {}",
        match core {
            Some(core) => format!("write a bounded core instead, for example {core:?}"),
            None => format!("write a bounded core of at most {MAX_WIDTH} bytes instead"),
        }
    )]
    Unbounded {
        /// The rule.
        name: String,
        /// A bounded expression that fires on the same texts, when one could be derived.
        core: Option<String>,
    },
    /// A match could be longer than a stream holds back.
    #[error(
        "rule {name:?}: the expression can match {width} bytes, more than the {MAX_WIDTH} that a stream holds back"
    )]
    TooWide {
        /// The rule.
        name: String,
        /// Its longest match in bytes.
        width: u32,
    },
    /// There are more rules than can be numbered.
    #[error("{0} rules are too many")]
    TooMany(usize),
    /// The matcher cannot be set up.
    #[error("the matcher cannot be set up")]
    Matcher(#[source] hyperscan::Error),
}

/// Where a trigger's match begins, given where it ended.
#[derive(Debug)]
pub(super) enum Start {
    /// This many bytes before its end.
    Fixed(u32),
    /// Where a search for the same expression finds it, at most `max` and at least `min` bytes before its end.
    Search { regex: Regex, min: u32, max: u32 },
    /// See [`Begin::Back`]; the expression began `width` bytes before its end.
    Back { width: u32, class: Class, reach: u32, prefix: &'static [u8] },
}

impl Start {
    /// Longest core in bytes, without what is looked for before the expression.
    fn width(&self) -> u32 {
        match self {
            Self::Fixed(width) | Self::Back { width, .. } => *width,
            Self::Search { max, .. } => *max,
        }
    }

    /// How many bytes before the end of a hit its token may begin, at most.
    fn reach(&self) -> u32 {
        match self {
            Self::Fixed(width) => *width,
            Self::Search { max, .. } => *max,
            Self::Back { width, reach, .. } => width + reach,
        }
    }
}

/// How a rule's candidates are confirmed.
#[derive(Debug)]
pub(super) struct Confirm {
    pub(super) start: Start,
    pub(super) left: Left,
    pub(super) tail: Tail,
    pub(super) check: Option<fn(&[u8]) -> Check>,
    /// Nothing but a few letters tells its tokens from random base64.
    pub(super) short_prefix: bool,
}

/// A rule, ready.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) severity: Severity,
    pub(super) finder: Finder,
}

/// Which lane finds a rule's candidates.
#[derive(Debug)]
pub(super) enum Finder {
    /// The matcher; what it hits has to be confirmed.
    Trigger(Confirm),
    /// The matcher; what stands around its hit is read by a function.
    Words(Judge),
    /// The run lane, which confirms by itself.
    Run(RunKind),
    /// Another rule, which reports in this one's name.
    Service,
}

impl Finder {
    pub(super) fn confirm(&self) -> Option<&Confirm> {
        match self {
            Self::Trigger(confirm) => Some(confirm),
            Self::Words(_) | Self::Run(_) | Self::Service => None,
        }
    }
}

/// Everything a scan needs of its rule set.
pub(super) struct RuleSet {
    pub(super) generation: Arc<Generation>,
    pub(super) text: Searched,
    /// The triggers of [`super::injection`], for folded text and for text without blanks.
    pub(super) language: Arc<Database>,
    pub(super) squashed: Arc<Database>,
    /// The expressions of the first rules, which are the floor: the only ones that apply to answers, too.
    pub(super) floor: Searched,
    /// How many they are.
    pub(super) floor_rules: u16,
    /// What is matched only where something points to it, for each [`Way`].
    pub(super) deep: [Searched; deep::WAYS],
    /// Those with an expression first; then the others.
    pub(super) rules: Box<[Rule]>,
    /// View bytes before a not yet reported match that may belong to it.
    pub(super) reach: usize,
}

/// A database of secrets, and for each of its expressions the rule, or the sign.
pub(super) struct Searched {
    pub(super) database: Arc<Database>,
    pub(super) rules: Box<[u16]>,
}

impl Searched {
    /// What the database's expression belongs to.
    pub(super) fn rule(&self, expression: u32) -> Option<u16> {
        self.rules.get(usize::try_from(expression).ok()?).copied()
    }
}

/// Numbers from here on are those of [`SIGNS`], not of rules.
const FIRST_SIGN: u16 = u16::MAX - 1024;

/// The sign that a number stands for which is no rule's.
pub(super) fn sign(rule: u16) -> Option<&'static deep::Sign> {
    SIGNS.get(usize::from(rule.checked_sub(FIRST_SIGN)?))
}

impl RuleSet {
    /// The database of secrets for what goes out, or for answers.
    pub(super) fn searched(&self, answer: bool) -> &Searched {
        if answer { &self.floor } else { &self.text }
    }

    /// What is matched in depth in `text` behind signs that came this way, each by its end and its rule.
    pub(super) fn dig(&self, way: Way, answer: bool, text: &[u8], mut take: impl FnMut(usize, u16)) {
        let Some(searched) = self.deep.get(way as usize) else { return };
        let mut hits = Hits::with_capacity(DEEP_HITS);
        let mut stream = self.generation.open(&searched.database);
        if stream.feed(text, &mut hits) == Fed::All {
            // What ends with the stretch is decided by now; there is no more room than there was.
            let _ = stream.finish(&mut hits);
        }
        for hit in hits.as_slice() {
            if let (Some(rule), Ok(end)) = (searched.rule(hit.expression), usize::try_from(hit.end))
                && (!answer || rule < self.floor_rules)
            {
                take(end, rule);
            }
        }
    }

    /// The rule of the run lane that looks for `kind`, unless it is switched off.
    pub(super) fn run_rule(&self, kind: RunKind) -> Option<u16> {
        let place = self.rules.iter().position(|rule| matches!(rule.finder, Finder::Run(run) if run == kind))?;
        u16::try_from(place).ok()
    }

    /// Whether a rule knows its secrets only by the words around them.
    pub(super) fn is_told_by_words(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| &*rule.name == name && matches!(rule.finder, Finder::Words(_) | Finder::Service))
    }

    /// The rule called `name`, unless it is switched off.
    pub(super) fn named(&self, name: &str) -> Option<u16> {
        let reported = |rule: &Rule| matches!(rule.finder, Finder::Service | Finder::Words(_)) && &*rule.name == name;
        u16::try_from(self.rules.iter().position(reported)?).ok()
    }
}

/// A compiled rule set. Cloning shares it.
#[derive(Clone)]
pub struct Engine {
    set: Arc<RuleSet>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("rules", &self.set.rules.len()).field("reach", &self.set.reach).finish()
    }
}

impl Engine {
    /// Compiles the rules and tests the result on a planted sample. Takes some hundred milliseconds: call it where
    /// blocking is allowed.
    ///
    /// # Errors
    /// Any rule outside the gates is an error that names it; nothing is loaded in part.
    pub fn compile(spec: &RuleSpec) -> Result<Self, Error> {
        Self::compile_with(spec, None)
    }

    /// The same, with databases that were compiled by an earlier start where `store` has them.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub fn compile_with(spec: &RuleSpec, store: Option<&dyn Store>) -> Result<Self, Error> {
        let mut loading = Loading::default();
        refuse_duplicates(&spec.user)?;
        let replaced = |name: &str| spec.user.iter().any(|rule| rule.name == name);
        let wanted = |rule: &&rules::BuiltIn| rule.floor || (spec.include_defaults && !replaced(rule.name));
        // The floor comes first, so that its rules have the same numbers in a database of its own.
        for rule in rules::built_in().filter(|rule| rule.floor) {
            loading.built_in(rule)?;
        }
        loading.floor = loading.expressions.len();
        for rule in rules::built_in().filter(|rule| !rule.floor).filter(wanted) {
            loading.built_in(rule)?;
        }
        for rule in &spec.user {
            loading.user(rule)?;
        }
        loading.finish(store)
    }

    /// What a scan holds of it, for what is measured apart.
    #[cfg(feature = "testing")]
    pub(super) fn rule_set(&self) -> Arc<RuleSet> {
        Arc::clone(&self.set)
    }

    /// How many rules are loaded.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.set.rules.len()
    }

    /// The names of the rules that are loaded.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.set.rules.iter().map(|rule| &*rule.name)
    }

    /// Scans a complete, short input: a request target, or a header field. Sorted by place; a target is also scanned with
    /// its percent-encoding undone.
    #[must_use]
    pub fn scan(&self, surface: Surface, bytes: &[u8]) -> Vec<Finding> {
        let encoded = surface == Surface::Url && memchr::memchr(b'%', bytes).is_some();
        let encoding = if encoded { Encoding::Percent } else { Encoding::Plain };
        let mut scan = StreamScan::open(Arc::clone(&self.set), surface, StreamOptions { encoding }, bytes.len());
        scan.push(bytes);
        scan.finish()
    }

    /// Opens a scan of bytes that come in pieces.
    #[must_use]
    pub fn stream(&self, surface: Surface, options: StreamOptions) -> StreamScan {
        StreamScan::open(Arc::clone(&self.set), surface, options, usize::MAX)
    }
}

/// Rules on their way into a database.
#[derive(Default)]
struct Loading {
    expressions: Vec<Expression>,
    /// Which of them are matched only where something points to them.
    ways: Vec<Option<Way>>,
    /// How many of them belong to the floor.
    floor: usize,
    triggers: Vec<Rule>,
    others: Vec<Rule>,
}

impl Loading {
    fn built_in(&mut self, rule: &rules::BuiltIn) -> Result<(), Error> {
        let trigger = match rule.lane {
            Lane::Run(kind) => {
                self.other(rule, Finder::Run(kind));
                return Ok(());
            }
            Lane::Service(_) => {
                self.other(rule, Finder::Service);
                return Ok(());
            }
            Lane::Words(words) => {
                let expression = Expression { source: words.expression.to_owned(), caseless: false };
                bounded_width(rule.name, &expression)?;
                self.expressions.push(expression);
                self.ways.push(deep::way_to(rule.name));
                let finder = Finder::Words(words.judge);
                self.triggers.push(Rule { name: rule.name.into(), severity: rule.severity, finder });
                return Ok(());
            }
            Lane::Trigger(trigger) => trigger,
        };
        let expression = Expression { source: trigger.expression.to_owned(), caseless: false };
        let (min, max) = bounded_width(rule.name, &expression)?;
        let start = match trigger.begin {
            Begin::Last(width) => Start::Fixed(width),
            Begin::Back { class, reach, prefix } => Start::Back { width: max, class, reach, prefix },
            Begin::Expression if min == max => Start::Fixed(max),
            Begin::Expression => Start::Search { regex: searcher(rule.name, &expression)?, min, max },
        };
        let check = trigger.check.or(Some(validate::genuine));
        let short_prefix = prefix_length(trigger.expression) < TELLING_PREFIX;
        let confirm = Confirm { start, left: trigger.left, tail: trigger.tail, check, short_prefix };
        self.ways.push(deep::way_to(rule.name));
        self.trigger(rule.name, rule.severity, expression, confirm);
        Ok(())
    }

    fn other(&mut self, rule: &rules::BuiltIn, finder: Finder) {
        self.others.push(Rule { name: rule.name.into(), severity: rule.severity, finder });
    }

    fn user(&mut self, rule: &UserRule) -> Result<(), Error> {
        let expression = Expression { source: rule.expression.clone(), caseless: true };
        let (min, max) = bounded_width(&rule.name, &expression)?;
        let start = Start::Search { regex: searcher(&rule.name, &expression)?, min, max };
        let check = rule.validator.map(check_of);
        let confirm = Confirm { start, left: Left::Any, tail: Tail::Exact(Class::Nothing), check, short_prefix: false };
        self.ways.push(None);
        self.trigger(&rule.name, rule.severity, expression, confirm);
        Ok(())
    }

    fn trigger(&mut self, name: &str, severity: Severity, expression: Expression, confirm: Confirm) {
        self.expressions.push(expression);
        self.triggers.push(Rule { name: name.into(), severity, finder: Finder::Trigger(confirm) });
    }

    fn finish(self, store: Option<&dyn Store>) -> Result<Engine, Error> {
        let rules: Box<[Rule]> = self.triggers.into_iter().chain(self.others).collect();
        if rules.len() > usize::from(FIRST_SIGN) {
            return Err(Error::TooMany(rules.len()));
        }
        let floor_rules = u16::try_from(self.floor).map_err(|_| Error::TooMany(self.floor))?;
        let numbered = || (0u16..).zip(&self.expressions).zip(&self.ways);
        let list = |wanted: &dyn Fn(u16, Option<Way>) -> bool, signs: &dyn Fn(&deep::Sign) -> bool| {
            let rules = numbered().filter(|((rule, _), way)| wanted(*rule, **way));
            let rules = rules.map(|((rule, expression), _)| (rule, expression.clone()));
            let signs = (FIRST_SIGN..).zip(SIGNS).filter(|(_, sign)| signs(sign));
            rules.chain(signs.map(|(number, sign)| (number, sign.expression()))).unzip()
        };
        let secrets: [(Vec<u16>, Vec<Expression>); 5] = [
            list(&|_, way| way.is_none(), &|_| true),
            list(&|rule, way| rule < floor_rules && way.is_none(), &|sign| sign.floor),
            list(&|_, way| way == Some(Way::Sign), &|_| false),
            list(&|_, way| way == Some(Way::Number), &|_| false),
            list(&|_, way| way == Some(Way::Token), &|_| false),
        ];
        let mut sets: Vec<&[Expression]> = secrets.iter().map(|(_, expressions)| expressions.as_slice()).collect();
        sets.extend([injection::expressions(), injection::squashed_expressions()]);
        let generation = Generation::compile_with(&sets, store).map_err(Error::Matcher)?;
        let database = |place| match generation.database(place) {
            Some(database) => Ok(Arc::clone(database)),
            None => Err(Error::Matcher(hyperscan::Error::SelfTest { database: place })),
        };
        let (language, squashed) = (database(5)?, database(6)?);
        let [text, floor, sign, number, token] = secrets.map(|(rules, _)| rules.into_boxed_slice());
        let searched = |place, rules| Ok(Searched { database: database(place)?, rules });
        let (text, floor) = (searched(0, text)?, searched(1, floor)?);
        let deep = [searched(2, sign)?, searched(3, number)?, searched(4, token)?];
        let reach = rules.iter().filter_map(|rule| rule.finder.confirm()).map(|confirm| confirm.start.reach() as usize);
        // A run is decided AHEAD bytes late; it may have begun its own length before that.
        let reach = reach.max().unwrap_or_default().max(candidates::AHEAD + candidates::BEHIND);
        // A token found by a short prefix may turn out to be a piece of the base64 before it.
        let in_base64 = rules.iter().filter_map(|rule| rule.finder.confirm()).filter(|confirm| confirm.short_prefix);
        let in_base64 =
            in_base64.map(|confirm| confirm.start.width() as usize + BASE64_BEHIND).max().unwrap_or_default();
        let reach = reach.max(LOOK_AHEAD + LOOK_BEHIND).max(in_base64);
        let set = RuleSet { generation, text, language, squashed, floor, floor_rules, deep, rules, reach };
        Ok(Engine { set: Arc::new(set) })
    }
}

/// Hits in a stretch of some hundred bytes, more than any has.
const DEEP_HITS: usize = 512;

/// A prefix of fewer letters than this occurs by chance in a few megabytes of base64.
const TELLING_PREFIX: usize = 6;

/// How many letters and digits an expression begins with.
fn prefix_length(expression: &str) -> usize {
    let rest = expression.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
    let repeated = rest.starts_with(['{', '?', '*', '+']);
    (expression.len() - rest.len()).saturating_sub(usize::from(repeated))
}

fn refuse_duplicates(user: &[UserRule]) -> Result<(), Error> {
    for (place, rule) in user.iter().enumerate() {
        if rule.name.trim().is_empty() {
            return Err(Error::Nameless { expression: rule.expression.clone() });
        }
        if user.iter().take(place).any(|earlier| earlier.name == rule.name) {
            return Err(Error::Duplicate { name: rule.name.clone() });
        }
    }
    Ok(())
}

/// Shortest and longest match, both within the gate.
fn bounded_width(name: &str, expression: &Expression) -> Result<(u32, u32), Error> {
    let syntax = |error: hyperscan::Error| Error::Syntax { name: name.to_owned(), reason: error.to_string() };
    let Width { min, max } = expression.width().map_err(syntax)?;
    match max {
        None => Err(Error::Unbounded { name: name.to_owned(), core: bounded_core(expression) }),
        Some(width) if width > MAX_WIDTH => Err(Error::TooWide { name: name.to_owned(), width }),
        Some(_) if min == 0 => {
            Err(Error::Syntax { name: name.to_owned(), reason: "it matches the empty string".to_owned() })
        }
        Some(max) => Ok((min, max)),
    }
}

/// The same expression for finding where a match began.
fn searcher(name: &str, expression: &Expression) -> Result<Regex, Error> {
    RegexBuilder::new(&expression.source)
        .unicode(false)
        .case_insensitive(expression.caseless)
        .dot_matches_new_line(true)
        .build()
        .map_err(|error| Error::Syntax { name: name.to_owned(), reason: error.to_string() })
}

/// Cuts open repetitions down to what they must match at least; `None` when that leaves nothing within the gate.
///
/// `{20,}` becomes `{20}`, `+` disappears, and `*` becomes `{0,32}`, since what follows may depend on the bytes in between.
/// A proposal for a message, judged by the same gate as the original; never used by itself.
fn bounded_core(expression: &Expression) -> Option<String> {
    let mut core = String::with_capacity(expression.source.len());
    let mut characters = expression.source.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                core.push(character);
                core.extend(characters.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        match character {
            '+' if !in_class => core.push_str(if characters.peek().is_none() { "" } else { "{1,32}" }),
            '*' if !in_class => core.push_str("{0,32}"),
            '{' if !in_class => {
                let repetition: String = characters.by_ref().take_while(|&character| character != '}').collect();
                let least = repetition.strip_suffix(',').unwrap_or(&repetition);
                core.extend(["{", least, "}"]);
            }
            _ => core.push(character),
        }
    }
    let proposal = Expression { source: core, caseless: expression.caseless };
    let Width { min, max } = proposal.width().ok()?;
    (min > 0 && max.is_some_and(|max| max <= MAX_WIDTH)).then_some(proposal.source)
}

#[cfg(test)]
mod tests;
