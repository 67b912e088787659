//! Claims about what names and values say.

use super::names::{Kind, kind, squash, words};
use super::values;
use super::*;

fn promised(name: &str) -> Option<Kind> {
    kind(name.as_bytes(), &squash(name.as_bytes()))
}

/// What a judge of assignments says about the last value of a line.
fn judged(name_and_joint: &str, value: &str) -> Option<&'static str> {
    let text = format!("{name_and_joint}{value}\"\n");
    value_at(text.as_bytes(), name_and_joint.len()).and_then(|claim| claim.rule)
}

#[test]
fn names_are_cut_into_words_wherever_a_writer_would() {
    for (name, expected) in [
        ("DB_PASSWORD", vec!["db", "password"]),
        ("dbPassword", vec!["db", "password"]),
        ("awsSecretAccessKey", vec!["aws", "secret", "access", "key"]),
        ("HTTPAuthToken", vec!["http", "auth", "token"]),
        ("sonar.login", vec!["sonar", "login"]),
    ] {
        let cut: Vec<String> =
            words(name.as_bytes()).into_iter().map(|word| String::from_utf8(word).unwrap()).collect();
        assert_eq!(cut, expected, "{name}");
    }
}

#[test]
fn a_name_promises_a_secret_or_does_not() {
    for name in
        ["API_KEY", "apiKey", "stripe.secret", "token", "SECRET_KEY_BASE", "client-secret", "encryption_primary_key"]
    {
        assert_eq!(promised(name), Some(Kind::Key), "{name}");
    }
    for name in ["password", "DB_PASS", "smtpPasswd", "ssh_passphrase"] {
        assert_eq!(promised(name), Some(Kind::Password), "{name}");
    }
    for name in [
        "max_tokens",
        "next_page_token",
        "primary_key",
        "cache_key",
        "public_key",
        "password_field",
        "token_count",
        "author",
        "keyboard",
        "secret_name",
        "csrf_token",
        "idempotency_key",
        "KeyMeshing",
    ] {
        assert_eq!(promised(name), None, "{name}");
    }
}

#[test]
fn references_and_placeholders_are_no_values() {
    for value in [
        "${TOKEN}",
        "process.env.KEY",
        "os.environ['X']",
        "get_secret('x')",
        "/run/secrets/db",
        "vault:secret/x",
        "my.module.name",
    ] {
        assert!(values::is_reference(value.as_bytes()), "{value}");
    }
    for value in ["your-api-key", "xxxxxxxxxxxx", "changeme", "1234567890", "abababababab", "aaaaaaaa", "EXAMPLEKEY"] {
        assert!(values::is_placeholder(value.as_bytes()), "{value}");
    }
    for value in ["k7Rq2VxLm9Tz0Bw4", "0f1e2d3c9b8a7768", "hT4!x9_Qz"] {
        assert!(!values::is_reference(value.as_bytes()) && !values::is_placeholder(value.as_bytes()), "{value}");
    }
}

#[test]
fn an_assignment_is_read_in_any_spelling_and_a_service_gives_it_its_name() {
    let random = "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp";
    for joint in [
        "internal_token=\"",
        "internalToken: \"",
        "'internal_token' => \"",
        "\\\"internal_token\\\": \"",
        "<add key=\"InternalToken\" value=\"",
    ] {
        assert_eq!(judged(joint, random), Some("Secret Assignment"), "{joint}");
    }
    assert_eq!(judged("datadog_api_key=\"", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"), Some("Datadog Key"));
    assert_eq!(judged("# datadog\napi_key = \"", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"), Some("Datadog Key"));
    assert_eq!(judged("https://x/?api_key=", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"), Some("Credential in URL"));
    assert_eq!(judged("password: \"", "hT4!x9_Qz"), Some("Password Assignment"));
    assert_eq!(judged("max_tokens: \"", random), None);
    assert_eq!(judged("internal_token=\"", "not a token at all"), None);
}
