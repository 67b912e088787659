//! Secrets and numbers that only the words around them make recognisable.
//!
//! An expression finds the words and as much of the value as makes it worth a look; a function of [`crate::scan::context`]
//! reads the rest. A function may report in the name of another rule here, or of a service: which of the expressions led to
//! an assignment says little about it.

use super::{BuiltIn, words};
use crate::model::Severity::{High, Medium};
use crate::scan::context::{self, numbers};

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    words(
        "Secret Assignment",
        Medium,
        r#"(?i:secret|credential|token|[_\"'-]auth|api_?login|login_with_api_key|sonar\.?login|reporter_?id|contribsys__com|access_?id|derivation_salt)[\w.\]-]{0,24}(?:["'`\\)\]]{0,4}\s{0,6}(?:[:=|>]|=>|["'],)[>=:]?\s{0,6}(?:[ubrf]{0,2}["'`\\(\[{<]{1,5}\s?)?|["'\\]{1,3},?\s{0,4}["'\\]{0,2}(?i:value)["'\\]{0,2}\s{0,2}[:=]\s{0,2}["'\\]{1,2})[^\s"'`\\,;&<>()]{7}[^\s"'`\\,;&<>().]"#,
        context::assignment,
    ),
    words(
        "Password Assignment",
        Medium,
        r#"(?i:authorization|passw(?:or)?d|passwd|passphrase|passcode|passwort|[_.-]pass|pwd)[\w.\]-]{0,24}(?:["'`\\)\]]{0,4}\s{0,6}(?:[:=|>]|=>|["'],)[>=:]?\s{0,6}(?:[ubrf]{0,2}["'`\\(\[{<]{1,5}\s?)?|["'\\]{1,3},?\s{0,4}["'\\]{0,2}(?i:value)["'\\]{0,2}\s{0,2}[:=]\s{0,2}["'\\]{1,2})[^\s"'`\\,;&<>]{6}"#,
        context::password,
    ),
    // `The root password for the NAS is …`
    words(
        "Password in a Sentence",
        Medium,
        r#"(?i:password|passwort|passphrase|passcode)(?:[ \t]{1,2}(?i:for|of|to|on|at|von|zum|zur)[ \t][^\n:=\"]{1,40})?[ \t](?i:is|ist|was|(?:(?:is|was|has been)[ \t])?(?:set|changed) to|remains)[ \t:]{1,2}["'`]?[^\s"'`\\,;&<>]{6}"#,
        context::told,
    ),
    words(
        "Key Assignment",
        Medium,
        r#"(?:(?i:[_-]key|apikey|api key|access ?key|private ?key|preshared ?key|authkey|masterkey|signingkey|encryptionkey)|[a-z0-9]Key|[?&]key)[\w.\]-]{0,24}(?:["'`\\)\]]{0,4}\s{0,6}(?:[:=|>]|=>|["'],)[>=:]?\s{0,6}(?:[ubrf]{0,2}["'`\\(\[{<]{1,5}\s?)?|["'\\]{1,3},?\s{0,4}["'\\]{0,2}(?i:value)["'\\]{0,2}\s{0,2}[:=]\s{0,2}["'\\]{1,2})[^\s"'`\\,;&<>()]{7}[^\s"'`\\,;&<>().]"#,
        context::assignment,
    ),
    words(
        "Credential in URL",
        Medium,
        r#"[\s"'`](?i:--?(?:passw(?:or)?d|pass|pwd|token|secret|api-?key|access-?key|auth-?token))[ \t]{1,4}[\"'\\]{0,2}[^\s"'`\\,;&<>]{6}"#,
        context::argument,
    ),
    words(
        "Bearer Token",
        Medium,
        r#"(?i:login|user(?:name)?)[ \t]{1,4}[^\s\"'\\]{1,48}\s{1,8}(?i:-?password)[ \t]{1,4}[\"'\\]{0,2}[^\s"'`\\,;&<>]{6}"#,
        context::argument,
    ),
    words("HTTP Basic Credentials", High, r"(?i:basic)[ +\t]{1,4}[A-Za-z0-9+/_-]{8}", context::basic),
    words(
        "Command Line Credentials",
        Medium,
        r#"(?:[ \t]-u|--user|--proxy-user)[ =]{1,3}[\"'\\]{0,2}[^\s:\"'\\]{1,64}[\"'\\]{0,2}:[\"'\\]{0,2}[^\s\"'\\]{3}"#,
        context::user_and_password,
    ),
    words("Credentials in URL", High, r#"://[^\s/?#\"'\\<>@]{0,64}:[^\s/?#\"'\\<>@]{1,64}@[\w\[]"#, context::url),
    words(
        "Social Security Number",
        Medium,
        r"(?i:ssn|social[ _-]?security|soc[ .]sec)(?:[^\d\n]{0,24}|[,;\t|][^\d\n]{0,32}\n[^\d\n]{0,48})\d{3}[-. ]?\d{2}[-. ]?\d{4}",
        numbers::ssn,
    ),
    words(
        "US Taxpayer Number",
        Medium,
        r"(?i:itin|taxpayer|tax[ _-]id)[^\d\n]{0,24}9\d{2}[-. ]?\d{2}[-. ]?\d{4}",
        numbers::itin,
    ),
    words("US Routing Number", Medium, r"(?i:routing|aba|[_ ]aba|rtn)[^\d\n]{0,24}\d{4}-?\d{4}-?\d", numbers::routing),
    words("NHS Number", Medium, r"(?i:nhs)[^\d\n]{0,24}\d{3}[ -]?\d{3}[ -]?\d{4}", numbers::nhs),
    words("Aadhaar Number", Medium, r"(?i:aa?dhaa?r|uidai)[^\d\n]{0,24}\d{4}[ -]?\d{4}[ -]?\d{4}", numbers::aadhaar),
    words(
        "Canadian Social Insurance Number",
        Medium,
        r#"(?i:social insurance|sin (?:no|num)|num[eé]ro d.assurance sociale|\"sin\")[^\d\n]{0,24}\d{3}[ -]?\d{3}[ -]?\d{3}"#,
        numbers::canada,
    ),
    words("Brazilian CPF", Medium, r"(?i:cpf)[^\d\n]{0,24}\d{3}\.?\d{3}\.?\d{3}-?\d{2}", numbers::cpf),
    words(
        "German Tax Number",
        Medium,
        r"(?i:steuer-?id|steueridentifikation|steuernummer|tax id|idnr)[^\d\n]{0,32}\d{2} ?\d{3} ?\d{3} ?\d{3}",
        numbers::germany,
    ),
    words(
        "Dutch Citizen Number",
        Medium,
        r"(?i:bsn|burgerservice|sofinummer)[^\d\n]{0,24}\d{3}[ .]?\d{3}[ .]?\d{3}",
        numbers::netherlands,
    ),
    words("Polish PESEL", Medium, r"(?i:pesel)[^\d\n]{0,24}\d{11}", numbers::pesel),
    words(
        "Australian Tax File Number",
        Medium,
        r"(?i:tfn|tax file)[^\d\n]{0,24}\d{3}[ -]?\d{3}[ -]?\d{3}",
        numbers::australia,
    ),
    words(
        "Swedish Personal Number",
        Medium,
        r"(?i:personnummer|personal identity number)[^\d\n]{0,24}(?:19|20)?\d{6}[-+]?\d{4}",
        numbers::sweden,
    ),
    words(
        "Norwegian Birth Number",
        Medium,
        r"(?i:f..?dselsnummer|fodselsnr|personnummer)[^\d\n]{0,24}\d{6} ?\d{5}",
        numbers::norway,
    ),
    words(
        "South African Identity Number",
        Medium,
        r"(?i:identity number|id number|rsa id)[^\d\n]{0,24}\d{13}",
        numbers::south_africa,
    ),
    words("Turkish Identity Number", Medium, r"(?i:tckn|kimlik)[^\d\n]{0,24}[1-9]\d{10}", numbers::turkey),
    words(
        "French Social Security Number",
        Medium,
        r"(?i:insee|nir|s..?curit.{1,2} sociale|num.{1,2}ro de s.{1,2}cu)[^\d\n]{0,24}[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}",
        numbers::france,
    ),
    words(
        "Chinese Identity Number",
        Medium,
        r"(?i:\xe8\xba\xab\xe4\xbb\xbd\xe8\xaf\x81|shenfenzheng|resident id|national id|id card)[^\d\n]{0,24}[1-9]\d{16}[\dXx]",
        numbers::china,
    ),
    words(
        "Italian Tax Code",
        Medium,
        r"(?i:codice ?fiscale|cod\. ?fisc|tax code)[^\n]{0,24}[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]",
        numbers::italy,
    ),
    words(
        "Indian PAN",
        Medium,
        r#"(?i:\bpan[ _-]?(?:card|num|no|id|:)|permanent account|\"pan\")[^\n]{0,32}[A-Z]{5}\d{4}[A-Z]"#,
        numbers::pan,
    ),
    words(
        "UK National Insurance Number",
        Medium,
        r"(?i:national insurance|nino|ni (?:no|num))[^\n]{0,24}[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
        numbers::nino,
    ),
    words("Singaporean NRIC", Medium, r"(?i:nric|fin (?:no|num))[^\n]{0,24}[STFGM]\d{7}[A-Z]", numbers::singapore),
    words(
        "Spanish Identity Number",
        Medium,
        r"(?i:dni|nif|nie)[^\d\n]{0,16}(?:[XYZ]-?\d{7}|\d{7,8})-?[A-Za-z]",
        numbers::spain,
    ),
];
