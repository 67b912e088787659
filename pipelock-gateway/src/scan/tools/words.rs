//! Names taken apart into words: `readFile`, `read_file` and `read-file` say the same.
//!
//! Does not know what the words mean; `definitions`, `arguments` and `chain` do.

/// Longest name that is taken apart, in bytes. Names of real tools stay below 128; the rest of a longer one is ignored.
const MAX_NAME: usize = 512;

/// The words of a name in lower case: parts between other characters than letters and digits, and the humps of camel case.
pub(super) fn split(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    let characters: Vec<char> = name.chars().take(MAX_NAME).collect();
    for (place, &character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            flush(&mut word, &mut words);
            before = None;
            continue;
        }
        let lower_next = characters.get(place + 1).is_some_and(|next| next.is_lowercase());
        let hump = character.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || (before.is_uppercase() && lower_next));
        if hump {
            flush(&mut word, &mut words);
        }
        word.extend(character.to_lowercase());
        before = Some(character);
    }
    flush(&mut word, &mut words);
    words
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_join_words_is_undone() {
        for (name, words) in [
            ("read_file", "read file"),
            ("readFile", "read file"),
            ("read-file.now", "read file now"),
            ("HTTPRequest", "http request"),
            ("mcp__shell__runCommand", "mcp shell run command"),
            ("fetch_content_v1", "fetch content v1"),
            ("getURL", "get url"),
            ("", ""),
            ("___", ""),
        ] {
            assert_eq!(split(name).join(" "), words, "{name}");
        }
    }
}
