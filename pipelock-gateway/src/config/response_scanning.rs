//! `response_scanning`: what becomes of answers that give orders to the model that would read them.

use std::num::NonZeroUsize;

use super::error::Error;
use super::reader::Value;
use super::schema::{COUNT, HOSTS, Key, Kind, POSITIVE, WARN_BLOCK};
use crate::model::DomainList;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether answers are looked into for orders to the model that would read them.",
    ),
    Key::new(
        "action",
        Kind::Words(&["block", "strip", "warn", "ask"]),
        "block",
        "What becomes of such an answer. `strip`: the texts that hold an order, a whole value of JSON or the lines, are replaced by `<pl:injection:N>`; where the answer is passed on before its end, it is stopped. There is nobody to `ask` in a gateway: it blocks. The reference's default is warn.",
    ),
    Key::new("exempt_domains", HOSTS, "[]", "Hosts whose answers are not looked into, once the name is proven."),
    Key::new("ask_timeout_seconds", POSITIVE, "30", "How long a person has to answer.")
        .never("there is no terminal to ask at; `ask` blocks"),
    Key::new("include_defaults", Kind::Bool, "true", "Whether the built-in patterns are in force.")
        .not_yet("they always are"),
    Key::new("patterns", Kind::List(&Kind::Map(PATTERN)), "[]", "Patterns of your own.")
        .not_yet("the built-in ones, which cover those of the reference, are in force"),
    Key::new("sse_streaming", Kind::Map(SSE), "", "Streams of events, which are released one by one."),
];

const PATTERN: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings are called. Required."),
    Key::new("regex", Kind::Regex, "", "What to look for. Required."),
];

const SSE: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether events are looked into."),
    Key::new("action", WARN_BLOCK, "block", "What becomes of a stream in which something is found."),
    Key::new(
        "max_event_bytes",
        COUNT,
        "1048576",
        "Largest event; a larger one is a finding. 0 means the default, which is 65536 in the reference.",
    ),
    Key::new(
        "mode",
        Kind::Words(&["event", "sentence", "buffer"]),
        "event",
        "`event`: each leaves once it was looked at, so that of a phrase over several events the first may be gone; `sentence`: also waits for the end of a sentence, 400 ms or 2 KiB; `buffer`: the whole answer is held. A key of ours.",
    ),
];

/// How answers are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseScanning {
    /// Whether they are looked into at all. The kinds of text that no model reads (images, archives) never are.
    pub enabled: bool,
    /// What becomes of an answer in which orders are found.
    pub on_orders: OnOrders,
    /// Hosts whose answers are not looked into.
    pub exempt_domains: DomainList,
    /// Streams of events.
    pub sse: SseStreaming,
}

/// How streams of events are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseStreaming {
    /// Whether they are looked into.
    pub enabled: bool,
    /// `action: warn`: what is found is reported and the stream goes on.
    pub warn_only: bool,
    /// Bytes of one event.
    pub max_event_bytes: NonZeroUsize,
    /// When events are let go.
    pub mode: SseMode,
}

/// When events that were looked at are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseMode {
    /// At once.
    Event,
    /// With the end of a sentence, after 400 ms, or with 2 KiB of it.
    Sentence,
    /// When the answer is complete.
    Buffer,
}

impl Default for SseStreaming {
    fn default() -> Self {
        Self { enabled: true, warn_only: false, max_event_bytes: DEFAULT_EVENT_BYTES, mode: SseMode::Event }
    }
}

/// A generated image comes as one event.
const DEFAULT_EVENT_BYTES: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 20) - 1);

impl SseStreaming {
    fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(SSE)?;
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            warn_only: section.read("action", false, |action| action.choice(&[("block", false), ("warn", true)]))?,
            max_event_bytes: section.read("max_event_bytes", DEFAULT_EVENT_BYTES, |value| {
                Ok(usize::try_from(value.count()?).ok().and_then(NonZeroUsize::new).unwrap_or(DEFAULT_EVENT_BYTES))
            })?,
            mode: section.read("mode", SseMode::Event, |mode| {
                let modes = [("event", SseMode::Event), ("sentence", SseMode::Sentence), ("buffer", SseMode::Buffer)];
                mode.choice(&modes)
            })?,
        })
    }
}

impl Default for ResponseScanning {
    fn default() -> Self {
        Self {
            enabled: true,
            on_orders: OnOrders::Block,
            exempt_domains: DomainList::default(),
            sse: SseStreaming::default(),
        }
    }
}

/// What becomes of an answer that gives orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOrders {
    /// It is stopped.
    Block,
    /// They are replaced.
    Strip,
    /// It is reported and passes.
    Warn,
}

impl ResponseScanning {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let on_orders = section.read("action", OnOrders::Block, |action| {
            if action.text()? == "ask" {
                action.warn("there is nobody to ask in a gateway; such answers are blocked");
            }
            action.choice(&[
                ("block", OnOrders::Block),
                ("strip", OnOrders::Strip),
                ("warn", OnOrders::Warn),
                ("ask", OnOrders::Block),
            ])
        })?;
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            on_orders,
            exempt_domains: section.read("exempt_domains", DomainList::default(), Value::parse_list)?,
            sse: section.read("sse_streaming", SseStreaming::default(), SseStreaming::read)?,
        })
    }
}
