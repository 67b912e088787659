//! Where a credential belongs: in its own header, on its way to its own provider.
//!
//! `Authorization: Bearer sk-…` to api.openai.com is what a workload is for; the same key in a prompt, in another header
//! or on its way to another host is a leak. So a finding is expected only where rule, header and host all agree. The
//! table holds what each provider documents for its own keys. It knows nothing of body or query placements yet.

/// One kind of credential and where it may travel.
struct Placement {
    /// Rule names, as findings carry them.
    rules: &'static [&'static str],
    /// Lower-case header field names.
    headers: &'static [&'static str],
    /// Lower-case hosts; one with a leading dot stands for every host below it.
    hosts: Hosts,
}

enum Hosts {
    /// The provider's own.
    Own(&'static [&'static str]),
    /// Any: the format belongs to no provider, or is self-hosted as a rule.
    Any,
}

const BEARER: &[&str] = &["authorization"];

const PLACEMENTS: &[Placement] = &[
    Placement {
        rules: &["OpenAI API Key", "OpenAI Service Key", "OpenAI Legacy Key"],
        headers: BEARER,
        hosts: Hosts::Own(&["api.openai.com"]),
    },
    Placement {
        rules: &["Anthropic API Key"],
        headers: &["x-api-key", "authorization"],
        hosts: Hosts::Own(&["api.anthropic.com"]),
    },
    Placement { rules: &["Groq API Key"], headers: BEARER, hosts: Hosts::Own(&["api.groq.com"]) },
    Placement { rules: &["xAI API Key"], headers: BEARER, hosts: Hosts::Own(&["api.x.ai"]) },
    Placement { rules: &["Google API Key"], headers: &["x-goog-api-key"], hosts: Hosts::Own(&[".googleapis.com"]) },
    Placement { rules: &["Google OAuth Token"], headers: BEARER, hosts: Hosts::Own(&[".googleapis.com"]) },
    Placement {
        rules: &["GitHub Token", "GitHub Fine-Grained PAT"],
        headers: BEARER,
        hosts: Hosts::Own(&["api.github.com", "github.com", "uploads.github.com", "raw.githubusercontent.com"]),
    },
    Placement {
        rules: &["GitLab PAT"],
        headers: &["authorization", "private-token"],
        hosts: Hosts::Own(&["gitlab.com"]),
    },
    Placement {
        rules: &["Slack Token", "Slack App Token"],
        headers: BEARER,
        hosts: Hosts::Own(&["slack.com", ".slack.com"]),
    },
    Placement { rules: &["Stripe Key"], headers: BEARER, hosts: Hosts::Own(&["api.stripe.com", "files.stripe.com"]) },
    Placement { rules: &["SendGrid API Key"], headers: BEARER, hosts: Hosts::Own(&["api.sendgrid.com"]) },
    Placement {
        rules: &["Hugging Face Token"],
        headers: BEARER,
        hosts: Hosts::Own(&["huggingface.co", ".huggingface.co"]),
    },
    Placement { rules: &["DigitalOcean Token"], headers: BEARER, hosts: Hosts::Own(&["api.digitalocean.com"]) },
    Placement { rules: &["Notion API Key"], headers: BEARER, hosts: Hosts::Own(&["api.notion.com"]) },
    Placement { rules: &["Linear API Key"], headers: BEARER, hosts: Hosts::Own(&["api.linear.app"]) },
    Placement { rules: &["Sentry Auth Token"], headers: BEARER, hosts: Hosts::Own(&["sentry.io", ".sentry.io"]) },
    // Workspaces have hosts of their own in three clouds.
    Placement {
        rules: &["Databricks Token"],
        headers: BEARER,
        hosts: Hosts::Own(&[".cloud.databricks.com", ".azuredatabricks.net", ".gcp.databricks.com"]),
    },
    // Vault is self-hosted.
    Placement { rules: &["HashiCorp Vault Token"], headers: &["x-vault-token", "authorization"], hosts: Hosts::Any },
    Placement {
        rules: &["Supabase Service Key"],
        headers: &["apikey", "authorization"],
        hosts: Hosts::Own(&[".supabase.co"]),
    },
    // A signed token in Authorization is how OAuth works; nothing in it says which host it is for.
    Placement { rules: &["JWT Token"], headers: BEARER, hosts: Hosts::Any },
    // The id of an AWS key is part of every SigV4 signature, also towards S3 look-alikes; the secret never is.
    Placement { rules: &["AWS Access ID"], headers: BEARER, hosts: Hosts::Any },
];

/// The names of all rules the table speaks of, for a test that each exists.
#[cfg(test)]
pub(crate) fn rules_with_a_placement() -> impl Iterator<Item = &'static str> {
    PLACEMENTS.iter().flat_map(|placement| placement.rules).copied()
}

/// Whether a credential found in a request header is on its way to its own provider, in that provider's own header.
///
/// `header` and `host` are lower case; `host` is the verified name of the session, without a port.
#[must_use]
pub fn is_expected(rule: &str, header: &str, host: &str) -> bool {
    PLACEMENTS.iter().any(|placement| {
        placement.rules.contains(&rule)
            && placement.headers.contains(&header)
            && match placement.hosts {
                Hosts::Any => true,
                Hosts::Own(hosts) => hosts.iter().any(|own| host_matches(own, host)),
            }
    })
}

fn host_matches(own: &str, host: &str) -> bool {
    if own.starts_with('.') { host.len() > own.len() && host.ends_with(own) } else { host == own }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_expected_only_in_its_own_header_to_its_own_provider() {
        for (rule, header, host, expected) in [
            ("OpenAI API Key", "authorization", "api.openai.com", true),
            ("OpenAI API Key", "authorization", "api.openai.com.evil.test", false),
            ("OpenAI API Key", "authorization", "evilapi.openai.com", false),
            ("OpenAI API Key", "x-debug", "api.openai.com", false),
            ("OpenAI API Key", "authorization", "api.anthropic.com", false),
            ("Anthropic API Key", "x-api-key", "api.anthropic.com", true),
            ("Google API Key", "x-goog-api-key", "storage.googleapis.com", true),
            ("Google API Key", "x-goog-api-key", "googleapis.com.evil.test", false),
            ("JWT Token", "authorization", "anything.example.test", true),
            ("JWT Token", "cookie", "anything.example.test", false),
            ("AWS Secret Key", "authorization", "s3.amazonaws.com", false),
            ("A user's own rule", "authorization", "api.openai.com", false),
        ] {
            assert_eq!(is_expected(rule, header, host), expected, "{rule} in {header} to {host}");
        }
    }
}
