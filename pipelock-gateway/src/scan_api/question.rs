//! What is asked: one JSON object, read strictly where a slip would leave something unjudged.
//!
//! Members that nobody knows are left alone, as in the reference; a member that belongs to another kind is refused, because
//! whoever sends it takes it for judged.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Settings;
use super::answer::Failure;

/// Longest `request_id`, `session_id` and `agent_name`; longer ones are no names.
const MAX_NAME: usize = 256;
/// Longest name of a tool.
const MAX_TOOL: usize = 1024;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A URL that is to be called.
    Url,
    /// A text that is to leave.
    Dlp,
    /// A text that a model is to read.
    PromptInjection,
    /// A tool call.
    ToolCall,
}

impl Kind {
    /// All of them, in the order of [`Settings::kinds`] and of the members of `field_limits`.
    pub const ALL: [Self; 4] = [Self::Url, Self::Dlp, Self::PromptInjection, Self::ToolCall];

    /// The name in questions, answers and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Dlp => "dlp",
            Self::PromptInjection => "prompt_injection",
            Self::ToolCall => "tool_call",
        }
    }

    /// Its place in arrays of settings.
    fn place(self) -> usize {
        match self {
            Self::Url => 0,
            Self::Dlp => 1,
            Self::PromptInjection => 2,
            Self::ToolCall => 3,
        }
    }
}

/// What is to be judged.
#[derive(Clone, PartialEq)]
pub enum Ask {
    /// A URL.
    Url(String),
    /// A text that is to leave.
    Text(String),
    /// A text that a model is to read.
    Content(String),
    /// A tool call.
    ToolCall {
        /// The tool.
        name: String,
        /// Its arguments; null when there are none.
        arguments: Value,
    },
}

impl Ask {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Url(_) => Kind::Url,
            Self::Text(_) => Kind::Dlp,
            Self::Content(_) => Kind::PromptInjection,
            Self::ToolCall { .. } => Kind::ToolCall,
        }
    }
}

impl fmt::Debug for Ask {
    /// Never the content: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is to be judged.
    pub ask: Ask,
    /// The asker's name for it; comes back in the answer.
    pub request_id: Option<String>,
    /// Whose session it is, as the asker says.
    pub session_id: Option<String>,
    /// Which agent, as the asker says.
    pub agent_name: Option<String>,
}

/// Why there is no question, with what is known of it all the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) kind: Option<Kind>,
    pub(super) request_id: Option<String>,
    pub(super) failure: Failure,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<Input<'a>>,
    #[serde(borrow, default)]
    context: Option<Context<'a>>,
    #[serde(default)]
    options: Option<Options>,
}

#[derive(Default, Deserialize)]
struct Input<'a> {
    url: Option<String>,
    text: Option<String>,
    content: Option<String>,
    tool_name: Option<String>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    agent_name: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Options {
    include_evidence: Option<bool>,
}

impl Question {
    /// Reads a question; also whether evidence is wanted.
    pub(super) fn parse(bytes: &[u8], settings: &Settings) -> Result<(Self, bool), Refused> {
        let raw: Raw<'_> = serde_json::from_slice(bytes).map_err(|error| {
            // The parser's message may quote the text; its place says enough.
            let failure = Failure::InvalidJson { line: error.line(), column: error.column() };
            Refused { kind: None, request_id: None, failure }
        })?;
        let context = raw.context.unwrap_or_default();
        let [request_id, session_id, agent_name] =
            [context.request_id, context.session_id, context.agent_name].map(|name| name.map(Cow::into_owned));
        let named = raw.kind.as_deref().unwrap_or_default();
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == named) else {
            return Err(Refused { kind: None, request_id, failure: Failure::InvalidKind });
        };
        let refuse = |failure| Refused { kind: Some(kind), request_id: request_id.clone(), failure };
        if !settings.kinds.get(kind.place()).is_some_and(|allowed| *allowed) {
            return Err(refuse(Failure::KindDisabled));
        }
        for (name, value) in [("request_id", &request_id), ("session_id", &session_id), ("agent_name", &agent_name)] {
            if value.as_ref().is_some_and(|value| value.len() > MAX_NAME) {
                return Err(refuse(Failure::InvalidInput(format!("context.{name} is longer than {MAX_NAME} bytes"))));
            }
        }
        let most = settings.max_field_bytes.get(kind.place()).copied().unwrap_or_default();
        let ask =
            ask(kind, raw.input.unwrap_or_default(), most).map_err(|problem| refuse(Failure::InvalidInput(problem)))?;
        let evidence = raw.options.and_then(|options| options.include_evidence).unwrap_or(false);
        Ok((Self { ask, request_id, session_id, agent_name }, evidence))
    }
}

fn ask(kind: Kind, input: Input<'_>, most: usize) -> Result<Ask, String> {
    let Input { url, text, content, tool_name, arguments } = input;
    let given = [
        ("url", url.is_some(), Kind::Url),
        ("text", text.is_some(), Kind::Dlp),
        ("content", content.is_some(), Kind::PromptInjection),
        ("tool_name", tool_name.is_some(), Kind::ToolCall),
        ("arguments", arguments.is_some(), Kind::ToolCall),
    ];
    if let Some((name, ..)) = given.iter().find(|(_, there, belongs)| *there && *belongs != kind) {
        return Err(format!("input.{name} does not belong to kind {}", kind.as_str()));
    }
    let fits = |name: &str, text: Option<String>| match text {
        None => Err(format!("input.{name} is missing")),
        Some(text) if text.trim().is_empty() => Err(format!("input.{name} is empty")),
        Some(text) if text.len() > most => Err(format!("input.{name} is longer than {most} bytes")),
        Some(text) => Ok(text),
    };
    match kind {
        Kind::Url => fits("url", url).map(Ask::Url),
        Kind::Dlp => fits("text", text).map(Ask::Text),
        Kind::PromptInjection => fits("content", content).map(Ask::Content),
        Kind::ToolCall => {
            let name = tool_name.filter(|name| !name.trim().is_empty()).ok_or("input.tool_name is missing")?;
            if name.len() > MAX_TOOL {
                return Err(format!("input.tool_name is longer than {MAX_TOOL} bytes"));
            }
            if arguments.is_some_and(|arguments| arguments.get().len() > most) {
                return Err(format!("input.arguments are longer than {most} bytes"));
            }
            let arguments = arguments.map_or(Ok(Value::Null), |arguments| serde_json::from_str(arguments.get()));
            let arguments = arguments.map_err(|_| "input.arguments are no JSON that can be read".to_owned())?;
            match arguments {
                // As text, which some clients send: judged as what it is.
                Value::Object(_) | Value::Null => Ok(Ask::ToolCall { name, arguments }),
                Value::String(text) => {
                    let arguments = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    Ok(Ask::ToolCall { name, arguments })
                }
                _ => Err("input.arguments must be an object".to_owned()),
            }
        }
    }
}
