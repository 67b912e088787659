//! Values that the operator names (`redaction`) are replaced in what clients send, before anything is judged: what is judged is
//! then the new message, and it is that one which goes on.
//!
//! What cannot be rewritten does not go. Files in calls of upload tools stay as they are when nothing would be replaced in them.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::era::{self, Era};
use super::exchange::{Exchange, Forwarded};
use super::jsonrpc::{Content, Message};
use super::received::apart;
use super::sent::Judged;
use super::{NotReplaced, upload};
use crate::model::{Action, BlockReason, Verdict};
use std::sync::Arc;

impl Exchange {
    /// The messages with values replaced, and their bytes; `None` when there is nothing to replace.
    pub(super) async fn replaced(
        &mut self,
        request: &Forwarded,
        content: &Content,
        bytes: &Bytes,
    ) -> Result<Option<(Content, Bytes)>, NotReplaced> {
        let (judge, uploads) = (Arc::clone(&self.shared.judge), self.is_upload(content));
        let (content, batch) = (content.clone(), matches!(content, Content::Batch(_)));
        let look = move || {
            let mut values: Vec<Value> = content.messages().iter().map(|message| message.value.clone()).collect();
            let files = match values.as_mut_slice() {
                [call] if uploads => take_files(call),
                _ => Vec::new(),
            };
            // In a file that is text, there is nothing to hold a placeholder.
            if files.iter().any(|(_, _, text)| text.as_ref().is_some_and(|text| judge.holds_replaced(text))) {
                return Err(NotReplaced);
            }
            let whole = if batch { Value::Array(values) } else { values.pop().ok_or(NotReplaced)? };
            let Some(mut new) = judge.replaced(&whole)? else { return Ok(None) };
            give_back(&mut new, files);
            let bytes = Bytes::from(new.to_string());
            // As strictly as what came: two names that were replaced by one are one too many.
            let content = Content::read(&bytes).map_err(|_| NotReplaced)?;
            Ok(Some((content, bytes)))
        };
        let new = apart(bytes.len(), look).await.unwrap_or(Err(NotReplaced))?;
        let Some((content, bytes)) = new else { return Ok(None) };
        // What a header field repeats of it must not go either.
        let first = content.messages().first();
        let differs = |message: &Message| era::agree(&request.head.headers, message).is_err();
        if self.era == Era::Stateless && first.is_some_and(differs) {
            return Err(NotReplaced);
        }
        self.log.judged_part(Verdict { action: Action::Redact, ..Verdict::default() });
        Ok(Some((content, bytes)))
    }

    /// The answer to what cannot be rewritten.
    pub(super) fn not_replaced(&self) -> Judged {
        let words = "pipelock: request holds what must be replaced, and cannot be rewritten";
        self.refuse(StatusCode::OK, -32001, words, BlockReason::Unredactable)
    }
}

/// A file of a call: its argument, its coded text, and what it says when it is text.
type File = (String, Value, Option<String>);

/// Takes files out of the arguments of a call.
fn take_files(call: &mut Value) -> Vec<File> {
    let Some(arguments) = call.pointer_mut("/params/arguments").and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for (name, value) in arguments {
        let Some(file) = value.as_str().and_then(upload::file) else { continue };
        let text = upload::is_text(&file).then(|| String::from_utf8_lossy(&file).into_owned());
        files.push((name.clone(), std::mem::replace(value, Value::String(String::new())), text));
    }
    files
}

fn give_back(call: &mut Value, files: Vec<File>) {
    for (name, value, _) in files {
        if let Some(place) = call.pointer_mut("/params/arguments").and_then(|arguments| arguments.get_mut(&name)) {
            *place = value;
        }
    }
}
