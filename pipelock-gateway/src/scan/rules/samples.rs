//! Golden samples: for each built-in rule texts it must find, and texts that look alike and that it must not find.
//!
//! Every sample is made up (or published by the issuer as an example) and put together from two halves, so that the secret
//! scanners of code hosts do not take this file for a leak.

/// Joins the halves of a sample.
macro_rules! halves {
    ($($first:literal + $second:literal),+ $(,)?) => { &[$(concat!($first, $second)),+] };
}

/// What one rule must and must not find.
pub(in crate::scan) struct Samples {
    /// The rule's name.
    pub(in crate::scan) rule: &'static str,
    /// Complete tokens.
    pub(in crate::scan) found: &'static [&'static str],
    /// Lookalikes: too short, wrong alphabet, wrong checksum.
    pub(in crate::scan) ignored: &'static [&'static str],
}

const fn samples(rule: &'static str, found: &'static [&'static str], ignored: &'static [&'static str]) -> Samples {
    Samples { rule, found, ignored }
}

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Anthropic API Key",
        halves!["sk-ant-" + "api03-Zx81_kQv-77ahTqLmNp0RsTuVwXyZ", "sk-ant-" + "admin01-q8Hd72kLw0PzXnV3"],
        halves!["sk-ant-" + "api03", "sk-antenna-" + "mast"],
    ),
    samples(
        "OpenAI API Key",
        halves!["sk-proj-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5_Wy1-Zc4"],
        halves!["sk-proj-" + "short", "task-proj" + "ect-management-plan-2026"],
    ),
    samples(
        "OpenAI Service Key",
        halves!["sk-svcacct-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5Wy1Zc4"],
        halves!["sk-svcacct-" + "short"],
    ),
    samples(
        "OpenAI Legacy Key",
        halves!["sk-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5T3BlbkFJWy1Zc4Pe6Uh8Jg0Sf2Da"],
        halves![
            "sk-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5T3BlbkFJWy1Zc4Pe6Uh8Jg0Sf2D",
            "disk-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5T3BlbkFJWy1Zc4Pe6Uh8Jg0Sf2Da",
            "sk-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5T3BlbkFJWy1Zc4Pe6Uh8Jg0Sf2Da9"
        ],
    ),
    samples(
        "Hugging Face Token",
        halves!["hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"],
        halves!["hf_" + "inference_endpoint_configuration_name", "shelf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"],
    ),
    samples(
        "Groq API Key",
        halves!["gsk_" + "a8Fq2Lm0Xv7Bn3Kd9Rt5WGdyb3FYWy1Zc4Pe6Uh8Jg0Sf2Da7Ke1"],
        halves!["gsk_" + "a8Fq2Lm0Xv7Bn3Kd"],
    ),
    samples(
        "xAI API Key",
        halves!["xai-" + "a8Fq2Lm0Xv7Bn3Kd9Rt5Wy1Zc4Pe6Uh8Jg0Sf2Da7Ke1a8Fq2Lm0Xv7Bn3Kd9Rt5Wy1Zc4Pe6Uh8Jg0Sf2Da7Ke1"],
        halves!["xai-" + "grok-beta-documentation-for-developers"],
    ),
    samples(
        "Replicate API Token",
        halves!["r8_" + "a8Fq2Lm0Xv7Bn3Kd9Rt5Wy1Zc4Pe6Uh8Jg0Sf"],
        halves!["r8_" + "a8Fq2Lm0Xv7Bn3Kd", "var8_" + "a8Fq2Lm0Xv7Bn3Kd9Rt5Wy1Zc4Pe6Uh8Jg0Sf"],
    ),
    samples(
        "Pinecone API Key",
        halves!["pcsk_" + "2kLm9_QwErTyUiOpAsDfGhJkLzXcVbNm0123456789"],
        halves!["pcsk_" + "2kLm9"],
    ),
    samples(
        "AWS Access ID",
        halves!["AKIA" + "Q3EGUHZV7XKPRD5M", "ASIA" + "Q3EGUHZV7XKPRD5M", "A3TX" + "Q3EGUHZV7XKPRD5M"],
        halves![
            "AKIA" + "Q3EGUHZV7XKPRD5",
            "akia" + "q3eguhzv7xkprd5m",
            "AKIA" + "Q3EGUHZV7XKPRD5MX",
            "BAKIA" + "Q3EGUHZV7XKPRD5M"
        ],
    ),
    samples(
        "AWS Secret Key",
        halves![
            "aws_secret_access_key = " + "k7Rq/2Vx+Lm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9Q",
            "\"SecretAccessKey\":\"" + "k7Rq/2Vx+Lm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9Q"
        ],
        halves![
            "secret access key is stored in " + "k7Rq/2Vx+Lm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9Q",
            "secret_access_key=" + "k7Rq/2Vx+Lm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9Q0"
        ],
    ),
    samples(
        "Google API Key",
        halves!["AIza" + "SyD3kR9-vQ2_mL7xB0nT5wZ8cF1gH4jK6pE"],
        halves!["AIza" + "SyD3kR9-vQ2_mL7xB0nT5wZ8cF1gH4jK6p", "AIza" + "SyD3kR9-vQ2_mL7xB0nT5wZ8cF1gH4jK6pEx"],
    ),
    samples(
        "Google OAuth Client Secret",
        halves!["GOCSPX-" + "k7Rq_2Vx-Lm9Tz0Bw4Hs6Jd8Fp1G"],
        halves!["GOCSPX-" + "k7Rq_2Vx"],
    ),
    samples(
        "Google OAuth Token",
        halves!["ya29." + "a0AfB_byC7Rq2Vx-Lm9Tz0Bw4Hs6Jd8Fp1Gn3"],
        halves!["ya29." + "a0AfB_by", "playa29." + "a0AfB_byC7Rq2Vx-Lm9Tz0Bw4Hs6Jd8Fp1Gn3"],
    ),
    samples(
        "GCP Service Account Key",
        halves!["\"type\": " + "\"service_account\"", "\"type\":" + "\"service_account\""],
        halves!["\"type\": " + "\"service\"", "\"kind\": " + "\"service_account\""],
    ),
    samples(
        "DigitalOcean Token",
        halves!["dop_v1_" + "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"],
        halves![
            "dop_v1_" + "0f1e2d3c4b5a6978",
            "dop_v1_" + "zf1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
        ],
    ),
    samples(
        "Databricks Token",
        halves!["dapi" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0-2"],
        halves!["dapi" + "0f1e2d3c", "sandapi" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
    ),
    samples("Supabase Service Key", halves!["sb_secret_" + "k7Rq_2Vx-Lm9Tz0Bw4Hs6J"], halves!["sb_secret_" + "name"]),
    samples(
        "HashiCorp Vault Token",
        halves!["hvs." + "CAESIJk7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc"],
        halves!["hvs." + "CAESIJ", "archvs." + "CAESIJk7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc"],
    ),
    samples(
        "GitHub Token",
        halves!["ghp" + "_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", "gho" + "_k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua"],
        halves!["ghp" + "_k7Rq2VxLm9Tz", "ghx" + "_k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua"],
    ),
    samples(
        "GitHub Fine-Grained PAT",
        halves!["github_pat_" + "11ABCDEFG0k7Rq2VxLm9Tz_0Bw4Hs6Jd8Fp1Gn3Ke5Yc7UaQ"],
        halves!["github_pat_" + "from_environment"],
    ),
    samples("GitLab PAT", halves!["glpat-" + "k7Rq2VxLm9Tz0Bw4Hs6J"], halves!["glpat-" + "k7Rq2Vx"]),
    samples(
        "npm Token",
        halves!["npm_" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua"],
        halves!["npm_" + "config_registry_and_other_settings"],
    ),
    samples(
        "PyPI Token",
        halves!["pypi-" + "AgEIcHlwaS5vcmcCJGk7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3"],
        halves!["pypi-" + "attestations-and-other-packages-of-the-index"],
    ),
    samples(
        "Slack Token",
        halves!["xoxb-" + "123456789012-k7Rq2VxLm9Tz", "xoxp-" + "123456789012-k7Rq2VxLm9Tz"],
        halves!["xoxb-" + "1234", "xoxz-" + "123456789012-k7Rq2VxLm9Tz"],
    ),
    samples(
        "Slack App Token",
        halves!["xapp-" + "1-A012BCDEFG3-1234567890123-0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
        halves!["xapp-" + "1-A012BCDEFG3-1234567890123-zzzz"],
    ),
    samples(
        "Stripe Key",
        halves![
            "sk_live" + "_51k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "rk_test" + "_51k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "sk-live" + "-51k7Rq2VxLm9Tz0Bw4Hs6Jd8"
        ],
        halves![
            "pk_live" + "_51k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "sk_live" + "_51k7",
            "task_live" + "_51k7Rq2VxLm9Tz0Bw4Hs6Jd8"
        ],
    ),
    samples(
        "Stripe Webhook Secret",
        halves!["whsec_" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Y"],
        halves!["whsec_" + "test"],
    ),
    samples(
        "Plaid Access Token",
        halves![
            "access-production-" + "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "access-sandbox-" + "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
        ],
        halves![
            "access-staging-" + "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "access-production-" + "0f1e2d3c-4b5a-6978-8796"
        ],
    ),
    samples(
        "SendGrid API Key",
        halves!["SG." + "k7Rq2VxLm9Tz0Bw4Hs6Jd8.Fp1Gn3Ke5Yc7Ua9Qk7Rq2VxLm9Tz0Bw4Hs6Jd8_-abc"],
        halves![
            "SG." + "k7Rq2VxLm9Tz0Bw4Hs6Jd8.Fp1Gn3",
            "MSG." + "k7Rq2VxLm9Tz0Bw4Hs6Jd8.Fp1Gn3Ke5Yc7Ua9Qk7Rq2VxLm9Tz0Bw4Hs6Jd8_-abc"
        ],
    ),
    samples(
        "Mailgun API Key",
        halves!["key-" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0"],
        halves!["monkey-" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "key-" + "0f1e2d3c4b5a69788796a5b4c3d2e1f00"],
    ),
    samples("New Relic API Key", halves!["NRAK-" + "Q3EGUHZV7XKPRD5M2LC9WTYB4NA"], halves!["NRAK-" + "Q3EGUHZV7XKP"]),
    samples(
        "Sentry Auth Token",
        halves![
            "sntrys_" + "eyJpYXQiOjE3MDAwMDAwMDAuMCwidXJsIjoiaHR0cHM6Ly9l_k7Rq2Vx",
            "sntryu_" + "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"
        ],
        halves!["sntrys_" + "eyJp"],
    ),
    samples(
        "Linear API Key",
        halves!["lin_api_" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz"],
        halves!["lin_api_" + "client"],
    ),
    samples(
        "Notion API Key",
        halves!["ntn_" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz123"],
        halves!["ntn_" + "k7Rq2V", "contn_" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz123"],
    ),
    samples(
        "Private Key Header",
        halves![
            "-----BEGIN RSA " + "PRIVATE KEY-----",
            "-----BEGIN " + "PRIVATE KEY-----",
            "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED " + "PRIVATE KEY-----",
            "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----"
        ],
        halves!["-----BEGIN " + "PUBLIC KEY-----", "-----BEGIN " + "CERTIFICATE-----"],
    ),
    samples(
        "JWT Token",
        halves![
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
                + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
        ],
        halves![
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
            "module." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.default"
        ],
    ),
    samples(
        "Database URL with Password",
        halves![
            "postgres://" + "app:hT4!x9_Qz@db.internal:5432/sure",
            "mongodb+srv://" + "app:hT4x9Qz@cluster0.example.net",
            "redis://" + ":hT4x9Qz@cache:6379/0"
        ],
        halves![
            "postgres://" + "db.internal:5432/sure",
            "postgres://" + "app:${PASSWORD}@db/sure",
            "postgres://" + "app:****@db/sure"
        ],
    ),
    samples(
        "Extended Private Key",
        halves![
            "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6L"
                + "nF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
        ],
        halves![
            "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rup"
                + "je8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
            "xprv9s21ZrQH143K3" + "short"
        ],
    ),
    samples(
        "Bitcoin WIF Private Key",
        halves![
            "5HueCGU8rMjxEXxiPuD5BDku4MkFq" + "eZyd4dZ1jvhTVqvbTLvyTJ",
            "KwdMAjGmerYanjeui5SHS7JkmpZv" + "VipYvB2LJGU1ZxJwYvP98617"
        ],
        halves!["5HufCGU8rMjxEXxiPuD5BDku4MkFq" + "eZyd4dZ1jvhTVqvbTLvyTJ"],
    ),
    samples(
        "Ethereum Private Key",
        halves!["private_key=0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"],
        halves![
            "sha256:" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
            "secret 0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f3623"
        ],
    ),
    samples(
        "Credit Card Number",
        halves!["4111 1111 " + "1111 1111", "4111111" + "111111111", "3782-822463" + "-10005"],
        halves!["4111 1111 " + "1111 1112", "1732104" + "000000000", "20261121" + "0121041234"],
    ),
    samples(
        "IBAN",
        halves!["DE89370400" + "440532013000", "GB29 NWBK 6016 " + "1331 9268 19"],
        halves!["DE89370400" + "440532013001", "AB12" + "345678901234567"],
    ),
];
