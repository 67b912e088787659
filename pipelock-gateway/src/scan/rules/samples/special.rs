//! Samples of the rules that are written by hand: other lanes, checksums, words.

use super::{Samples, halves, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
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
        "GitHub Token",
        halves!["ghp" + "_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", "gho" + "_k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua"],
        halves!["ghp" + "_k7Rq2VxLm9Tz", "ghx" + "_k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua"],
    ),
    samples(
        "Slack Token",
        halves!["xoxb-" + "123456789012-k7Rq2VxLm9Tz", "xoxp-" + "123456789012-k7Rq2VxLm9Tz"],
        halves!["xoxb-" + "1234", "xoxz-" + "123456789012-k7Rq2VxLm9Tz"],
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
