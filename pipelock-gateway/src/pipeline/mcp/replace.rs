//! Which parts of a message `redaction` may change: what a person or a model wrote, and not the names by which client and server
//! know each other's things.

use serde_json::{Map, Value};

use crate::mcp::NotReplaced;
use crate::verdict::redact::{Placeholders, Redactor};

/// Members of `params` and results that name something: a server that is told another name does something else.
const NAMES: [&str; 10] =
    ["_meta", "cursor", "level", "name", "progressToken", "protocolVersion", "ref", "requestId", "taskId", "uri"];

/// The messages, one or an array, with values replaced; `None` when there is nothing to replace. One value has one placeholder
/// in all of them.
///
/// # Errors
/// When a bound of `redaction.limits` is reached, or what comes out would be read in two ways.
pub(super) fn replaced(redactor: &Redactor, messages: &Value) -> Result<Option<Value>, NotReplaced> {
    let mut placeholders = Placeholders::default();
    let mut new = messages.clone();
    match &mut new {
        Value::Array(messages) => {
            for message in messages {
                in_message(redactor, message, &mut placeholders)?;
            }
        }
        message => in_message(redactor, message, &mut placeholders)?,
    }
    Ok((placeholders.given() > 0).then_some(new))
}

/// Whether something would be replaced in a text; a text that is too long for the bounds counts as one.
pub(super) fn holds(redactor: &Redactor, text: &str) -> bool {
    let mut placeholders = Placeholders::default();
    let quoted = Value::String(text.to_owned()).to_string();
    redactor.apply(quoted.as_bytes(), &mut placeholders).is_err() || placeholders.given() > 0
}

fn in_message(redactor: &Redactor, message: &mut Value, placeholders: &mut Placeholders) -> Result<(), NotReplaced> {
    for part in ["params", "result", "error"] {
        let Some(part) = message.get_mut(part) else { continue };
        let Value::Object(members) = part else {
            *part = rewritten(redactor, part, placeholders)?;
            continue;
        };
        let (names, written): (Map<String, Value>, Map<String, Value>) =
            std::mem::take(members).into_iter().partition(|(name, _)| NAMES.contains(&name.as_str()));
        let Value::Object(written) = rewritten(redactor, &Value::Object(written), placeholders)? else {
            return Err(NotReplaced);
        };
        *members = names;
        for (name, value) in written {
            if members.insert(name, value).is_some() {
                return Err(NotReplaced);
            }
        }
    }
    Ok(())
}

fn rewritten(redactor: &Redactor, value: &Value, placeholders: &mut Placeholders) -> Result<Value, NotReplaced> {
    let bytes = redactor.apply(value.to_string().as_bytes(), placeholders).map_err(|error| {
        tracing::debug!(%error, "a message of MCP was refused");
        NotReplaced
    })?;
    crate::mcp::read(&bytes).ok_or(NotReplaced)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verdict::redact::Limits;

    fn redactor(max_redactions: usize) -> Redactor {
        let limits = Limits { max_body_bytes: 10_000, max_redactions, max_depth: 32 };
        Redactor::new(&["email".to_owned(), "credit-card".to_owned()], &[], limits).unwrap()
    }

    #[test]
    fn what_was_written_is_replaced_and_names_stay() {
        let message = json!({"jsonrpc": "2.0", "id": "a@b.test", "method": "tools/call", "params": {
            "name": "mail@tool.test", "_meta": {"progressToken": 4_111_111_111_111_111_u64},
            "arguments": {"to": "ana@home.test", "cc": ["ben@home.test", "ana@home.test"], "n": 4_111_111_111_111_111_u64,
                          "clara@home.test": {"text": "plain"}}}});
        let new = replaced(&redactor(10), &message).unwrap().unwrap();
        let arguments = json!({"to": "<pl:email:2>", "cc": ["<pl:email:1>", "<pl:email:2>"], "n": "<pl:credit-card:1>",
                               "<pl:email:3>": {"text": "plain"}});
        let mut expected = message.clone();
        expected["params"]["arguments"] = arguments;
        assert_eq!(new, expected);
        let clean = json!([{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a@b.test"}}]);
        assert_eq!(replaced(&redactor(10), &clean), Ok(None));
        let answers = json!([{"jsonrpc": "2.0", "id": 1, "result": {"content": {"text": "ana@home.test"}}},
                             {"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "ana@home.test"}}]);
        let new = replaced(&redactor(10), &answers).unwrap().unwrap();
        assert_eq!(
            (&new[0]["result"]["content"]["text"], &new[1]["error"]["message"]),
            (&json!("<pl:email:1>"), &json!("<pl:email:1>"))
        );
    }

    #[test]
    fn what_cannot_be_rewritten_is_an_error() {
        let many = json!({"jsonrpc": "2.0", "method": "x", "params": {"a": ["a@b.test", "c@d.test"]}});
        assert_eq!(replaced(&redactor(1), &many), Err(NotReplaced));
        let mut deep = json!("a@b.test");
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert_eq!(
            replaced(&redactor(10), &json!({"jsonrpc": "2.0", "method": "x", "params": {"a": deep}})),
            Err(NotReplaced)
        );
        let alike = json!({"jsonrpc": "2.0", "method": "x", "params": {"a@b.test": 1, "<pl:email:1>": 2}});
        assert_eq!(replaced(&redactor(10), &alike), Err(NotReplaced), "two members would have one name");
        assert!(holds(&redactor(10), "date,to\n2026-11-28,ana@home.test\n") && !holds(&redactor(10), "date,to\n"));
        assert!(holds(&redactor(10), &"x".repeat(20_000)), "unknown is not nothing");
    }
}
