//! Sections about what passes (pipelock-config.md §1, §3, §5, §6, §9, §16, §18, §22).

use crate::config::schema::{HOSTS, Key, Kind, POSITIVE, TEXTS, WARN_BLOCK};

pub(in crate::config) const SEED_PHRASES: Key = Key::new(
    "seed_phrase_detection",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "true", "Whether seed phrases of wallets are looked for."),
        Key::new("min_words", Kind::Count(12, 24), "12", "Shortest: 12, 15, 18, 21 or 24 words."),
        Key::new("verify_checksum", Kind::Bool, "true", "Whether their checksum must be right."),
    ]),
    "",
    "Seed phrases of wallets.",
)
.not_yet("they are looked for, from 12 words on and by their checksum");

pub(in crate::config) const REVERSE_PROXY: Key = Key::new(
    "reverse_proxy",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether it listens."),
        Key::new("listen", Kind::Listen, "", "Where."),
        Key::new("upstream", Kind::Text, "", "The service behind it."),
    ]),
    "",
    "A port in front of one service.",
)
.not_yet("captured traffic and CONNECT are what is judged");

pub(in crate::config) const MEDIA_POLICY: Key = Key::new(
    "media_policy",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "true", "Whether media are looked at."),
        Key::new("strip_images", Kind::Bool, "false", "Whether images are taken out."),
        Key::new("strip_audio", Kind::Bool, "true", "Whether sound is."),
        Key::new("strip_video", Kind::Bool, "true", "Whether films are."),
        Key::new("allowed_image_types", TEXTS, "[]", "Types that pass."),
        Key::new("strip_image_metadata", Kind::Bool, "true", "Whether metadata is taken out."),
        Key::new("max_image_bytes", POSITIVE, "5242880", "Largest image."),
        Key::new("log_media_exposure", Kind::Bool, "true", "Whether media are told."),
    ]),
    "",
    "Images, sound and films.",
)
.not_yet("media pass as they are");

pub(in crate::config) const BROWSER_SHIELD: Key = Key::new(
    "browser_shield",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether pages are rewritten."),
        Key::new("strictness", Kind::Words(&["minimal", "standard", "aggressive"]), "standard", "How much."),
        Key::new("max_shield_bytes", POSITIVE, "5242880", "Largest page."),
        Key::new(
            "oversize_action",
            Kind::Words(&["block", "scan_head", "warn"]),
            "block",
            "What becomes of a larger one.",
        ),
        Key::new("exempt_domains", HOSTS, "[]", "Hosts left alone."),
        Key::new("strip_extension_probing", Kind::Bool, "true", "Scripts that look for extensions."),
        Key::new("strip_hidden_traps", Kind::Bool, "true", "Elements nobody sees."),
        Key::new("strip_tracking_pixels", Kind::Bool, "true", "Pictures that count readers."),
    ]),
    "",
    "Rewriting pages for browsers.",
)
.not_yet("pages are judged, not rewritten");

const CHAINS: &[Key] = &[
    Key::new("eth", Kind::Bool, "true", "Ethereum."),
    Key::new("btc", Kind::Bool, "true", "Bitcoin."),
    Key::new("sol", Kind::Bool, "false", "Solana."),
    Key::new("bnb", Kind::Bool, "false", "BNB."),
];

pub(in crate::config) const ADDRESS_PROTECTION: Key = Key::new(
    "address_protection",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether wallets are compared."),
        Key::new("action", WARN_BLOCK, "block", "What becomes of a look-alike."),
        Key::new(
            "unknown_action",
            Kind::Words(&["allow", "warn", "block"]),
            "allow",
            "What becomes of an unknown one.",
        ),
        Key::new("allowed_addresses", TEXTS, "[]", "Known wallets."),
        Key::new("chains", Kind::Map(CHAINS), "", "Which kinds."),
        Key::new(
            "similarity",
            Kind::Map(&[
                Key::new("prefix_length", POSITIVE, "4", "Letters compared in front."),
                Key::new("suffix_length", POSITIVE, "4", "Letters compared behind."),
            ]),
            "",
            "What is alike.",
        ),
    ]),
    "",
    "Wallets that look like known ones.",
)
.not_yet("addresses of wallets are not compared");
