//! Names of tools of widely installed MCP servers, for telling a name that leans on one of them.
//!
//! From the public documentation of the servers (reference servers, and community servers for search, documents, memory,
//! terminals and papers). Two words at least: a tool called `search` belongs to nobody.

/// Lower case, words joined by `_`, sorted.
const NAMES: [&str; 128] = [
    "add_comment",
    "add_heading",
    "add_issue_comment",
    "add_memory",
    "add_observations",
    "add_page_break",
    "add_paragraph",
    "add_picture",
    "add_table",
    "append_insight",
    "ask_question",
    "brave_local_search",
    "brave_web_search",
    "browser_click",
    "browser_close",
    "browser_navigate",
    "browser_snapshot",
    "browser_take_screenshot",
    "browser_type",
    "calendar_create_event",
    "change_directory",
    "convert_time",
    "copy_document",
    "create_branch",
    "create_directory",
    "create_document",
    "create_entities",
    "create_event",
    "create_issue",
    "create_or_update_file",
    "create_page",
    "create_presentation",
    "create_pull_request",
    "create_relations",
    "create_repository",
    "create_table",
    "deep_research",
    "delete_entities",
    "delete_event",
    "delete_file",
    "delete_observations",
    "delete_relations",
    "describe_table",
    "directory_tree",
    "download_file",
    "download_paper",
    "download_pubmed_pdf",
    "draft_email",
    "edit_block",
    "edit_file",
    "execute_command",
    "execute_query",
    "execute_sql",
    "fetch_content",
    "fetch_html",
    "fetch_json",
    "fetch_markdown",
    "fetch_txt",
    "fetch_url",
    "fork_repository",
    "format_text",
    "generate_image",
    "get_command_history",
    "get_current_directory",
    "get_current_time",
    "get_document_info",
    "get_document_outline",
    "get_document_text",
    "get_file_contents",
    "get_file_info",
    "get_forecast",
    "get_alerts",
    "get_issue",
    "get_library_docs",
    "get_pubmed_article_metadata",
    "get_pull_request",
    "get_transcript",
    "git_add",
    "git_checkout",
    "git_commit",
    "git_diff",
    "git_log",
    "git_reset",
    "git_show",
    "git_status",
    "insert_file_content",
    "kill_process",
    "list_allowed_directories",
    "list_branches",
    "list_calendars",
    "list_commits",
    "list_directory",
    "list_events",
    "list_issues",
    "list_papers",
    "list_processes",
    "list_tables",
    "merge_pull_request",
    "move_file",
    "open_nodes",
    "post_message",
    "puppeteer_click",
    "puppeteer_navigate",
    "puppeteer_screenshot",
    "push_files",
    "query_database",
    "read_emails",
    "read_file",
    "read_graph",
    "read_multiple_files",
    "read_paper",
    "read_query",
    "resolve_library_id",
    "run_command",
    "save_memory",
    "search_code",
    "search_emails",
    "search_files",
    "search_memories",
    "search_nodes",
    "search_papers",
    "search_pubmed_advanced",
    "search_pubmed_key_words",
    "search_repositories",
    "send_email",
    "slack_post_message",
    "web_search",
    "write_file",
];

/// Words with which a copy calls itself newer or better than what it copies.
const BOASTS: [&str; 16] = [
    "trusted", "enhanced", "improved", "better", "official", "verified", "real", "super", "best", "ultimate", "secure",
    "safe", "fixed", "genuine", "premium", "new",
];

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty() && digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The name without what a copy adds to it; `None` when there is nothing of the kind.
pub(super) fn bare(words: &[String]) -> Option<String> {
    let kept: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !is_version(word) && !matches!(*word, "a" | "an" | "the") && !BOASTS.contains(word))
        .collect();
    (kept.len() < words.len() && !kept.is_empty()).then(|| kept.join("_"))
}

/// Whether the name boasts.
pub(super) fn boasts(words: &[String]) -> bool {
    words.iter().any(|word| BOASTS.contains(&word.as_str()))
}

/// Whether a tool of a widely installed server has this name.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The known name of which `name` is a misspelling: one letter too many, too few, or two changed places.
pub(super) fn misspelt(name: &str) -> Option<&'static str> {
    // Short names are one letter from each other anyway.
    if name.len() < 9 || is_known(name) {
        return None;
    }
    NAMES.iter().copied().find(|known| {
        let near = known.len().abs_diff(name.len()) <= 1 && one_edit(known.as_bytes(), name.as_bytes());
        // A plural is a different tool, not a misspelling.
        near && known.strip_suffix('s').unwrap_or(known) != name.strip_suffix('s').unwrap_or(name)
            && !known.contains(name)
            && !name.contains(known)
    })
}

fn one_edit(a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    let tail = |slice: &[u8], skip: usize| slice.get(skip..).map(<[u8]>::to_vec).unwrap_or_default();
    tail(a, 1) == tail(b, 0)
        || tail(a, 0) == tail(b, 1)
        || tail(a, 1) == tail(b, 1)
        || (tail(a, 2) == tail(b, 2) && a.first() == b.get(1) && a.get(1) == b.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::tools::words::split;

    #[test]
    fn a_copy_is_known_by_what_it_adds() {
        assert_eq!(bare(&split("read_file_v2")).as_deref(), Some("read_file"));
        assert_eq!(bare(&split("sendTheEmail")).as_deref(), Some("send_email"));
        assert_eq!(bare(&split("read_file")), None);
        assert_eq!(bare(&split("v2")), None);
    }

    #[test]
    fn misspellings_are_known_and_plurals_are_not() {
        assert_eq!(misspelt("send_emial"), Some("send_email"));
        assert_eq!(misspelt("raed_query"), Some("read_query"));
        assert_eq!(misspelt("create_tables"), None);
        assert_eq!(misspelt("create_image"), None);
    }
}
