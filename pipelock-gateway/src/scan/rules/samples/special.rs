//! Samples of the rules that are written by hand: other lanes, checksums, words.

use super::{Samples, samples};

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
    samples(
        "Azure Annotated Key",
        halves!["nLXeZpq6xT" + "rmnHU4ZGFdbc6rA0K0HSBD4X9Cqh9sK7iwaK62MfroJQQJ99BFACAAAAALymJdw0kAdwnFkbzF"],
        halves![
            "nLXeZpq6xT" + "rmnHU4ZGFdbc6rA0K0HSBD4X9Cqh9sK7iwaK62MfroJQQJ99BFACAAAAALymJdw0kAdwnFkbz",
            "nLXeZpq6xT" + "rmnHU4ZGFdbc6rA0K0HSBD4X9Cqh9sK7iwaK62MfroJQQJ99BFACAAAAALymJdw0kAdwnFkbzF9"
        ],
    ),
    samples(
        "Azure Signed Key",
        halves!["7fAbXXsdyi" + "0PgLoPyCns8X0r5LniPqv2ihCUZVUMhfAzSeCKyAS9"],
        halves![
            "7fAbXXsdyi" + "0PgLoPyCns8X0r5LniPqv2ihCUZVUMhfAzSeCKyAS9Z",
            "p57gvi9j4x" + "k0rrTRTPFx9dS6X2FakWAzSe6LujRS"
        ],
    ),
    samples(
        "Google OAuth Client ID",
        halves!["6535120274" + "92-vg8c5ihw8fmyf5ibmxjsu7jgenddmf5a.apps.googleusercontent.com"],
        halves!["6535120274" + "92.apps.googleusercontent.com"],
    ),
    samples(
        "Telegram Bot Token",
        halves!["7213808860" + ":AA2C2k8hgpusCwYfqC3WX2PJTfDcW6dD7pu"],
        halves!["721380:AAD" + "YPRDUYz294Q38TaJ1D8TMnaG9FAb4xaT", "7213808860" + ":AAqqSP9dg7nB1MzD8PMrkf"],
    ),
    samples(
        "Discord Bot Token",
        halves!["NzMxMjM0NT" + "Y3ODkwMTIzNDU2.6y1rsx.i5Gxk1M16nRXu0VQqjMB7FRitZP"],
        halves![
            "NzMxMjM0NT" + "Y3ODkwMTIzNDU2.ri8.iw9ZU5CgjRoNY7Wemt6NTKz03Qk",
            "Configurat" + "ion.module.AQS8JrSHsJnzoRnqBwdUoqpGUjQ"
        ],
    ),
    samples(
        "SimpleFIN Setup Token",
        halves!["aHR0cHM6Ly" + "9icmlkZ2Uuc2ltcGxlZmluLm9yZy9zaW1wbGVmaW4vY2xhaW0vNEYxQzlBMkU3Qg=="],
        halves!["aHR0cHM6Ly" + "9icmlkZ2Uuc2ltcGxlZmluLm9yZy9zaW1wbGVmaW4vaW5mby9wYWdl"],
    ),
    samples(
        "PuTTY Private Key",
        halves!["PuTTY-User" + "-Key-File-3: ssh-ed25519"],
        halves!["PuTTY-Us" + "er-Manual-3: ssh"],
    ),
    samples(
        "age Secret Key",
        halves!["AGE-SECRET" + "-KEY-1FQ67PJCKGX5G0UJK4KSN4Y5F8YPPPT0TCGM4W5MLTS7KLPZLQAMJYCT34Q"],
        halves!["AGE-SECRET" + "-KEY-19CYWATUMCSPSUWHJYJY5VN74JW5AWNWQ28GWMRGK"],
    ),
    samples(
        "age Plugin Key",
        halves!["AGE-PLUGIN" + "-YUBIKEY-1XEWZVS6MJDGMX2MLGDPFDKDZKT75Q9"],
        halves!["AGE-PL" + "UGIN-YUBIKEY"],
    ),
    samples(
        "age Recipient",
        halves!["age1cwtu9p" + "rhxzrnn0nj75r6dr5uumr9memt90r8vmlfud78avt7pc76ueczgg"],
        halves![
            "age1q8uzw4" + "78w0emfnkhr3tp4xfxzfaw4h",
            "page1plgk7" + "cj6x96m3zs8y735qpvwgfawmftp6a59vsywff7g2vcf8jnan3d0hc"
        ],
    ),
    samples(
        "minisign Secret Key",
        halves!["untrusted " + "comment: minisign encrypted secret key"],
        halves!["untrusted " + "comment: minisign public key"],
    ),
    samples(
        "Encoded Private Key",
        halves!["LS0tLS1CRU" + "dJTiBFQyBQUklWQVRFIEtFWQ"],
        halves!["LS0tLS1CRU" + "dJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJzekND"],
    ),
    samples(
        "JSON Web Key",
        halves!["{\"kty\":\"EC" + "\",\"crv\":\"P-256\",\"d\":\"aidhUBZJs5z3t68YjcuFCcKLPMq2KyhrdTDEVd0jdtD\"}"],
        halves!["{\"kty\":\"EC" + "\",\"crv\":\"P-256\",\"d\":\"short\"}"],
    ),
    samples("Ansible Vault", halves!["$ANSIBLE" + "_VAULT;1.1;AES256"], halves!["$ANSIB" + "LE_VAULT_FILE"]),
    samples(
        "bcrypt Password Hash",
        halves!["$2b$12$54V" + "uGdFGtoQLtQJPbJhTwHozuMntgbQWJhDfVMS856UuampK0UV83"],
        halves!["$2b$12$79" + "T9SrB2bfyjrCSwiZPC"],
    ),
    samples(
        "Unix Password Hash",
        halves![
            "$6$af8VeiM" + "y$bB2u2XAqXbVemjFQ2k8RhRNFCyTSoRWjrBv9GGRVH4iX1dD2TwudJ3r2Y97mnwcMGA9goScyBWXdptkzk794qf"
        ],
        halves!["$6$Akxz7Hm" + "t$Faomjjc1anxC3UZQ2wSr"],
    ),
    samples(
        "Argon2 Password Hash",
        halves![
            "$argon2id$" + "v=19$m=65536,t=3,p=4$jTT30Yrw6nipw2DYxmeYgW$GUSfjwMu94p2s3Fn1fpam1RojDwBC6QzdrKw32EozDP"
        ],
        halves!["$argon2" + "id$ parameters"],
    ),
    samples(
        "Kubernetes Secret",
        halves![
            "kind: Secr"
                + "et
data:
  user: YWRtaW4="
        ],
        halves!["kind: Co" + "nfigMap data: user"],
    ),
    samples(
        "Seed Phrase",
        halves!["legal winn" + "er thank year wave sausage worth useful legal winner thank yellow"],
        halves!["legal winn" + "er thank year wave sausage worth useful legal winner thank year"],
    ),
    samples(
        "Number like a Social Security Number",
        halves!["536-" + "22-8145"],
        halves!["000-" + "22-8145", "536-" + "00-8145", "5536" + "-22-8145"],
    ),
    samples(
        "Wallet Address",
        halves!["0x52908400" + "098527886E0F7030069857D2E4169EE7"],
        halves!["0x52908400" + "098527886E0F7030069857D2E4169E"],
    ),
    samples(
        "Secret Assignment",
        halves![
            "internal_t" + "oken = \"gWnney1XHNC64kEkLoXd5x6n\"",
            "HMAC_SECRE" + "T=TfdE48unPNXB0fBiCQVX25sCTx7ZKfBo"
        ],
        halves![
            "internal_t" + "oken = \"your-token-goes-here\"",
            "HMAC_SEC" + "RET=${HMAC_SECRET}",
            "max_t" + "okens: 4096",
            "cache_key " + "= \"users/profile/v1\""
        ],
    ),
    samples(
        "Key Assignment",
        halves!["internal_key = \"" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp\""],
        halves!["cache_key = \"" + "users/profile/v1\"", "internal_key = \"" + "your-key-goes-here\""],
    ),
    samples(
        "Password Assignment",
        halves!["DB_PASS" + "WORD=kS9#mPq2vT", "\"passwor" + "d\": \"kS9#mPq2vT\"", "mysql --passw" + "ord kS9#mPq2vT"],
        halves![
            "passw" + "ord: string",
            "DB_PASSW" + "ORD=${DB_PASSWORD}",
            "\"passwo" + "rd\": \"changeme\"",
            "password_" + "field = \"user_pass\""
        ],
    ),
    samples(
        "Password in a Sentence",
        halves![
            "The root passw" + "ord for the NAS is kS9#mPq2vT, change it",
            "das Passw" + "ort ist kS9#mPq2vT.",
            "passw" + "ord was changed to kS9#mPq2vT"
        ],
        halves![
            "Your passw" + "ord for the portal is required",
            "the passw" + "ord is stored in 1Password.",
            "The passw" + "ord policy is documented at https://a.example/P1",
            "passw" + "ord is ${DB_PASSWORD}"
        ],
    ),
    samples(
        "Credential in URL",
        halves!["https://ap" + "i.example.net/v1?apikey=E6uB4fkbRaqcWnBQRE5uaMCn&page=2"],
        halves![
            "https://ap" + "i.example.net/v1?apikey=YOUR_API_KEY&page=2",
            "https://ap" + "i.example.net/v1?page_token=2"
        ],
    ),
    samples(
        "Bearer Token",
        halves!["Authorizat" + "ion: Bearer ge2DdcKZv9HEe7UdZ8hxVYcxRgEA5c5k"],
        halves!["Authoriza" + "tion: Bearer <token>", "Authorizat" + "ion: Bearer ${TOKEN_VALUE}"],
    ),
    samples(
        "HTTP Basic Credentials",
        halves!["Authorizat" + "ion: Basic c3VyZTprUzltUHEydlR3"],
        halves!["basic" + " information", "Basic " + "YWxsIGdvb2Q="],
    ),
    samples(
        "Command Line Credentials",
        halves!["curl -u su" + "re:kS9mPq2vT https://api.example.net"],
        halves!["curl -u su" + "re:$PASSWORD https://api.example.net", "docker ru" + "n -u 1000:1000 image"],
    ),
    samples(
        "Credentials in URL",
        halves!["https://su" + "re:kS9mPq2vT@files.example.net/x"],
        halves!["https://fi" + "les.example.net:8443/a@b", "https://su" + "re:${PASSWORD}@files.example.net"],
    ),
];
