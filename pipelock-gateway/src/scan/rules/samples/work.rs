//! Samples of [`crate::scan::rules::work`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Slack App Token",
        halves!["xapp-1-A01" + "2BCDEFG3-1234567890123-121983bfb4f921962206399f89345c40"],
        halves!["xapp-1-gWw" + "gAw-112549-037aCCEff69Cb73"],
    ),
    samples(
        "Slack Configuration Token",
        halves![
            "xoxe-1-Yh5"
                + "2bH8UJqarKZnnMMQiNeDUkO4r67Eo7l7aIV7Hv36cg2HQKxfUq9WJKyBqJ0HKTRBDObDiUMCL9K99mTaco5myfrmhSE8h7Dx7pPeH2qjxDA7IzdqYYxpi5q7oO1g1MPZdqS3dFCLAx5oyhn"
        ],
        halves!["xoxe-4-6hB" + "hTLs9rKlaX7T7erapFRIPFvhzWmwADgbU00t"],
    ),
    samples(
        "Slack Webhook",
        halves!["https://ho" + "oks.slack.com/services/T1RYIKMYT/BQMGBIWHC/LskGvbZd1SbjoY7WkkHOSiUG"],
        halves!["hooks.slac" + "k.com/services/t4dsd5Pk9n3psNvHeMMad0F27DCPHh9Ey9Jlss5"],
    ),
    samples(
        "Discord Webhook",
        halves![
            "https://di"
                + "scord.com/api/webhooks/1725137121559614299/lQBtLoymEKFpDKuwnyuhRzFTcl4uhuThpwGbLo6Ic87XdpNpvRamFXt18mAfqVx4ChTV"
        ],
        halves![
            "discord.co"
                + "m/api/webhooks/84547290093434790/P7SZEGHgommTKoACCK6mvoykBLdUSqVKbJ6asdFZVzCdUCWF4XitQMPgWUe"
        ],
    ),
    samples(
        "Microsoft Teams Webhook",
        halves![
            "https://co"
                + "ntoso.webhook.office.com/webhookb2/0a662302-d799-12d1-caa5-37faef5002c5@8e0178ec-5e3b-e829-c408-f6846e859287/IncomingWebhook/f4ca9d5af3ff507eb81e19b7a65662cb/d98db1ab"
        ],
        halves![
            ".webhook.o"
                + "ffice.com/webhook/skkt7scd-2kpa-fek2-oj5t-rxy7pvbq8n0h@lmjku5w7-m4t6-rfy8-s78l-pumloeelok1e"
        ],
    ),
    samples(
        "Power Automate Webhook",
        halves![
            "https://pr"
                + "od-12.westeurope.logic.azure.com/workflows/71d84e87c101151bc04639c2b85e0b1b/triggers/manual/paths/invoke?sig=SRO9DkuU0vh3CAmnuB4irifIruVCyyodiHBqyh6urY7"
        ],
        halves![".logic.azu" + "re.com/workflows/1271e69dc0cd1e60a87e34238316dd7e/triggers"],
    ),
    samples(
        "Google Chat Webhook",
        halves![
            "https://ch"
                + "at.googleapis.com/v1/spaces/yZVwV1ZkTVT/messages?key=BIzaJBxXKUZCRd2tYIhSE6bydXwXpfgGFsnuujr"
        ],
        halves!["chat.googl" + "eapis.com/v1/spaces/aGB0DJnU/messages?key=HSC3qatEAMkL6CmMGwRjEXVFeJfsiFWbQQBwkC"],
    ),
    samples(
        "Zapier Webhook",
        halves!["hooks.zapi" + "er.com/hooks/catch/44578/s0f8g"],
        halves!["hooks.zapi" + "er.com/hooks/catch/05523/n13h"],
    ),
    samples(
        "IFTTT Webhook",
        halves!["https://ma" + "ker.ifttt.com/trigger/door/with/key/PlkqFqqN22Ze4EVC1FAl0J"],
        halves!["maker.iftt" + "t.com/trigger/G/with/key/WPG26kVjXooBPnj5Kez"],
    ),
    samples(
        "Twitch Stream Key",
        halves!["live_48792" + "8_ZnxdpcocUscFceYrdavhHhATuuo5"],
        halves!["live_63417" + "3_u6OGGnMd0IBGfXTyHlmglB5WZlt", "xlive_4879" + "28_ZnxdpcocUscFceYrdavhHhATuuo5"],
    ),
    samples(
        "Facebook Access Token",
        halves!["EAACMrFtux" + "OAO6iY8nuwZkq0X1el279qfxnAeLKZbRuW"],
        halves![
            "EAAMWJ0hQh" + "1Y2UJzQ3A6XYMEXmnktkS7qTPCbu9UuNe",
            "xEAACMrFtu" + "xOAO6iY8nuwZkq0X1el279qfxnAeLKZbRuW"
        ],
    ),
    samples(
        "Facebook Application Token",
        halves!["1477454892" + "337929|cYvkidji8ktKZoz5jOasxBwF0P7"],
        halves![
            "4923678546" + "94213|vJL7zTwk9Xo9tPnDa9ZyhWrcGE",
            "x147745489" + "2337929|cYvkidji8ktKZoz5jOasxBwF0P7"
        ],
    ),
    samples(
        "Facebook Page Token",
        halves!["EAACEdEose" + "0cBAQTgkJfTl78QOSBA6BLWR"],
        halves!["EAACEdEose" + "0cBAFyn22WxR6Zdlh1HtfpN"],
    ),
    samples(
        "Instagram Access Token",
        halves!["IGQJokbPbH" + "72jRuXPXzEW9Bwz44Jy1vhu2LPYF8Oq7lGFt6UFuvnMbrOdxtu4lNporv4m26tljCnFfxntAg"],
        halves![
            "IGQ64q0KdB" + "9HBGJns0zNppOqQgTjHo5nI1gP9NcODjLbG29n7l0PDg9JDsijNSAM8dyAYuRrg6vTMpnhUd",
            "xIGQJokbPb" + "H72jRuXPXzEW9Bwz44Jy1vhu2LPYF8Oq7lGFt6UFuvnMbrOdxtu4lNporv4m26tljCnFfxntAg"
        ],
    ),
    samples(
        "Twitter Bearer Token",
        halves!["AAAAAAAAAA" + "AAAAAAAAAAAPIViP7wDsgGvoephOZLuIsI9G4RzhTZ%2BgIM8qEbDRjSJp3WTxdbGqky24MOOF966Er0ilXpG"],
        halves![
            "AAAAAAAAAA" + "AAAAAAAAAARIeah8Bfq5ar0shZUzgiHaSMOnZCFpxdn9RI5EgiyDt1ed8mUx",
            "xAAAAAAAAA" + "AAAAAAAAAAAAPIViP7wDsgGvoephOZLuIsI9G4RzhTZ%2BgIM8qEbDRjSJp3WTxdbGqky24MOOF966Er0ilXpG"
        ],
    ),
    samples(
        "LinkedIn Secret",
        halves!["WPL_AP1.R" + "cCfa6MPF85ewFRlVXpd"],
        halves!["WPL_AP1.Y" + "MdcXX0OhLZ8i2yfTks"],
    ),
    samples(
        "Pinterest Token",
        halves!["pina_5K2Y7" + "MCHJQDG1NXND0F9C35AEVHRTDL8524DO6YVE16LG6WOG7QJHDKKWW5S"],
        halves!["pina_V8A2I" + "06I23PS92N3WDHM1YIDFGCQQPVHKC3G02RJEZY6WGR1I2MERLEXMXR"],
    ),
    samples(
        "Dropbox Token",
        halves![
            "sl.3K4ES2k"
                + "xeXhRrdQ8t2k8IWwLz59vqWr0J2HoUxEGmhSf303A5UoIvfawtkRfFt8P2LNs01P47ZUMecx7A45CctAVapHB4d2msK411MJfdcBgel1dVodse1aWEEI5brAUIU"
        ],
        halves![
            "sl.3QPN1NY"
                + "CQt2N5J72HMwHGorvxok7USAY77QLv9zTxADP8AD9UoTHhy3STre37hDZ5Z10YYWTf1xbsav14Ps5VG6HrfijfFKBRgg",
            "xsl.3K4ES2"
                + "kxeXhRrdQ8t2k8IWwLz59vqWr0J2HoUxEGmhSf303A5UoIvfawtkRfFt8P2LNs01P47ZUMecx7A45CctAVapHB4d2msK411MJfdcBgel1dVodse1aWEEI5brAUIU"
        ],
    ),
    samples(
        "Adobe Client Secret",
        halves!["p8e-98scb6" + "a78tqmfijm7cc174v8q7txzbd0"],
        halves!["p8e-q0dgrx" + "9o0s3ge271n6vj7dyfehdggme", "xp8e-98scb" + "6a78tqmfijm7cc174v8q7txzbd0"],
    ),
    samples(
        "Figma Token",
        halves!["figu_dfC4j" + "Jvy4az8HHEpi6BqLqrDT0zHj4Hj05YA"],
        halves!["figr_AcRGm" + "Z8wi44Y447H6MF0BV3ifKNkHhgVC8w"],
    ),
    samples(
        "Linear API Key",
        halves!["lin_api_Az" + "W6nadLRFOQcU1Xn2ooSqNCZYxnCbODO5uOZT12"],
        halves!["lin_" + "api_client", "lin_api_ZT" + "0ABBOVYHkPmWuz7xPok9VNazsdTqb5xxgDLX4"],
    ),
    samples(
        "Notion API Key",
        halves!["ntn_ZgnXRb" + "EkXH0kyicNaLEgYbK0eqAXpc046UZOdozb"],
        halves![
            "ntn_f55xOc" + "fbxtXGsRIdq1aAgHR6ZXCIMcrrcSo4Rbp",
            "xntn_ZgnXR" + "bEkXH0kyicNaLEgYbK0eqAXpc046UZOdozb"
        ],
    ),
    samples(
        "Notion Legacy Secret",
        halves!["secret_sOw" + "SMVl27nhN7sYzvN1mFQoxLOS1Fm7Rx7II7gZvKl1"],
        halves![
            "secret_ALw" + "UxUQifw0EksPDyMnWpeEHq4mkCpeRZvFHuqzgIy",
            "xsecret_sO" + "wSMVl27nhN7sYzvN1mFQoxLOS1Fm7Rx7II7gZvKl1"
        ],
    ),
    samples(
        "Airtable Token",
        halves!["patf7cUQy4" + "vyQNWKD.a630acffa4c6e4a199db537fe26501bf934549674d56f9743280b08e3ee20962"],
        halves![
            "patROKcZkl" + "ADnkTa2.5ec762e6a922174ef0690862225e1b7af7b76b424a019263b447eba03f76a99",
            "xpatf7cUQy" + "4vyQNWKD.a630acffa4c6e4a199db537fe26501bf934549674d56f9743280b08e3ee20962"
        ],
    ),
    samples(
        "Asana Token",
        halves!["1/12839391" + "32998576:f0df51341bb4f8e75b9daf826ad714d4"],
        halves![
            "1/86336375" + "9448:280d7ba9a295b3c6c256ff5cb0ce891",
            "x1/1283939" + "132998576:f0df51341bb4f8e75b9daf826ad714d4"
        ],
    ),
    samples(
        "ClickUp Token",
        halves!["pk_660657_" + "YA4ONXD96HYSG0HMYZRV2MWNOD23ETQP"],
        halves!["pk_271291_" + "5Z7QW7MB0HCJTRGBNKUV4883SLWH1U9", "xpk_660657" + "_YA4ONXD96HYSG0HMYZRV2MWNOD23ETQP"],
    ),
    samples(
        "HubSpot Private App Token",
        halves!["pat-na5-ec" + "32458a-c68d-eb84-5a33-bff0e58a4371"],
        halves![
            "pat-na6-0c" + "49734c-c1a4-1dbf-7c00-017a8a8fd4c",
            "xpat-na5-e" + "c32458a-c68d-eb84-5a33-bff0e58a4371"
        ],
    ),
    samples(
        "Intercom Access Token",
        halves!["dG9rOnhdom" + "DD44IsTGWMdW90DsaHDTvLqaZRIzTJk1MwJkvx2a9QPnt"],
        halves![
            "dG9rOcV9wW" + "x3iZjweWPDcEmTNHne45aT4Tj2SW3MRj4iSLupb5q5PX",
            "xdG9rOnhdo" + "mDD44IsTGWMdW90DsaHDTvLqaZRIzTJk1MwJkvx2a9QPnt"
        ],
    ),
    samples(
        "Salesforce Session",
        halves!["00DgPXEHpt" + "GgRIu!A2bmQvpsq7ZAnjbg1UJYe3a1YGsJyD2JnZwG0n1YqBd8mjPjMCTcvMzAf5CXY"],
        halves![
            "00DcQLc8Kl" + "UsSDD!A5pUSe4Tt9reVRTxy1oZdEpNvjjZT03P1cN7Jrzu4gvt4jyN9y02kJ1x8ugM",
            "x00DgPXEHp" + "tGgRIu!A2bmQvpsq7ZAnjbg1UJYe3a1YGsJyD2JnZwG0n1YqBd8mjPjMCTcvMzAf5CXY"
        ],
    ),
    samples(
        "Salesforce Refresh Token",
        halves!["5AepPGpZof" + "oPUa92RyGBHfmJjK3pcyxhZrsY4rhweNA8HYCd58GVSWY5wEIXAxyQhpx3394M1LPjy0Aqike4ZmKOs3woRn"],
        halves![
            "5AepX1ggBW" + "9a3Kb2LqrxYJq2qEqHDWxKzWzULfZV9RRGG7ngJrtXbzk6WMDF0VEjFbZc9UE9yXcSUSUhWSo",
            "x5AepPGpZo" + "foPUa92RyGBHfmJjK3pcyxhZrsY4rhweNA8HYCd58GVSWY5wEIXAxyQhpx3394M1LPjy0Aqike4ZmKOs3woRn"
        ],
    ),
    samples(
        "Zoho OAuth Token",
        halves!["1000.72a67" + "f6ba5901f5271ee50c6832c357e.a64f688c9bc3eeb4c8df5e959fe4995a"],
        halves![
            "1000.e8364" + "249844a8780c911f028ab62f710.73453eaae7dfd8e310583e86f7200e7",
            "x1000.72a6" + "7f6ba5901f5271ee50c6832c357e.a64f688c9bc3eeb4c8df5e959fe4995a"
        ],
    ),
    samples(
        "Typeform Token",
        halves!["tfp_yJwdQK" + "eQpdzUPLu83TsXVZ5FuJ9xgDLIAeKPSww5Hjz7JAgWPvTwVC5Ht5T"],
        halves![
            "tfp_Cb25g3" + "sqebmcTLE1rh8HUUU28KvZ4HvS8nPAtTL",
            "xtfp_yJwdQ" + "KeQpdzUPLu83TsXVZ5FuJ9xgDLIAeKPSww5Hjz7JAgWPvTwVC5Ht5T"
        ],
    ),
    samples(
        "Twilio API Key",
        halves!["SKb125fbE1" + "aaF0ddBbDfF7001a0f5aDa68"],
        halves![
            "SK00000000" + "000000000000000000000000",
            "SK16d3BBF5" + "2cEb6ec8CABfb9F4ECa917a",
            "xSKb125fbE" + "1aaF0ddBbDfF7001a0f5aDa68"
        ],
    ),
    samples(
        "SendGrid API Key",
        halves!["SG.et2YLoB" + "eXQ9mSFRfofDqJt.UX2V7lgZPHm9fF6L7Oan1uLtzBIMOGv3kNYZz1uEGiW"],
        halves![
            "SG.1QjU4Yx" + "E4YoverwmfYNdCJ.zqFUT3syZMXevuYMPPDZqX9ozNGdff6xSxeAewq",
            "xSG.et2YLo" + "BeXQ9mSFRfofDqJt.UX2V7lgZPHm9fF6L7Oan1uLtzBIMOGv3kNYZz1uEGiW"
        ],
    ),
    samples(
        "Mailgun API Key",
        halves!["key-3f7218" + "3b8c1dc5b52d5ead74a3d623cf"],
        halves!["key-L7S1dH" + "lOoil6JV2rUHmOkmgOLoyA8ib", "xkey-3f721" + "83b8c1dc5b52d5ead74a3d623cf"],
    ),
    samples(
        "Mailchimp API Key",
        halves!["102d379128" + "898c4672c2538231d199de-us2"],
        halves!["a2737f0afe" + "1f555cf7d4a3a72c89a01b-us", "x102d37912" + "8898c4672c2538231d199de-us2"],
    ),
    samples(
        "Mandrill API Key",
        halves!["md-VuWD0" + "Lg2LZbriRkZGvjxL6"],
        halves!["md-coFwP" + "2cyPDLKcn7RPcaSP", "xmd-VuWD" + "0Lg2LZbriRkZGvjxL6"],
    ),
    samples(
        "Resend API Key",
        halves!["re_Fv3dAng" + "q_xfGhqTMQ0Qwe2RGSGhtHNadz"],
        halves!["re_IaAprCj" + "w_0L13FOtiTH79ksZKvvSQ3t1", "xre_Fv3dAn" + "gq_xfGhqTMQ0Qwe2RGSGhtHNadz"],
    ),
    samples(
        "Brevo API Key",
        halves!["xkeysib-73" + "20c1faaf42d2981ba893a0ab54e7943d85868350fbe067d6644637e99a4a8e-iAMRl1zEGflErNxC"],
        halves!["xkeysib-af" + "ffb641ee751afdd7d4ae9468e9f9e49b88b6ca64eee68e15601387435fa78c-GxrRHSeYxkOtrlc"],
    ),
    samples(
        "Brevo SMTP Key",
        halves!["xsmtpsib-8" + "4cbfecac483ab563acea85b0f1b450e205d4b78c81e52f53f36ef77394484b8-Owe5KlImBUhBLJOm"],
        halves!["xsmtpsib-e" + "a980546a067ad6970a5610192e37bf2c0a88b585850bafaab88be51a2cad7c4-ua2eRDTXabIuSv1"],
    ),
    samples(
        "Telnyx API Key",
        halves!["KEY01D76FF" + "690D29BF894D87495269D7FB7_OPVEs5GUyREs5T7msiK0nU"],
        halves!["KEY01DA320" + "21534923041777E672628EB93_Ks17IlvLV8Y7RWkn4k3xE"],
    ),
    samples(
        "MaxMind License Key",
        halves!["bmR5vu_dlG" + "nS4GFXZ08eu1mydcR8O6BcOCir_mmk"],
        halves!["5DYziz_92G" + "xDRuIBiskHdm3NDDV96d5RfJqs_mm"],
    ),
    samples(
        "Beamer API Key",
        halves!["b_o40jdylf" + "gvbdjj6ii7w4pvaaganjl2oe4mg7zjh84hei"],
        halves![
            "b_92yztxao" + "z1xtyqh5hzx485ta90b85lx4iqxsa6qy2dy",
            "xb_o40jdyl" + "fgvbdjj6ii7w4pvaaganjl2oe4mg7zjh84hei"
        ],
    ),
    samples(
        "Mapbox Secret Token",
        halves!["sk.eyJ1Ijo" + "iNdzttoBoedeSDYAHrmbb6o8qsnne63kJE1CODu6NGBghW4kP6AyOdp3cWVSh.ZpQs3vmUqiWX2SHMeafr7A"],
        halves![
            "sk.eyJ1Ij" + "oic3VyZSJ9.short",
            "xsk.eyJ1I" + "joic3VyZXN1cmVzdXJlc3VyZXN1cmVzdXJlc3VyZXN1cmVzdXJlc3VyZSJ9.abc"
        ],
    ),
    samples(
        "Mapbox Public Token",
        halves!["pk.eyJ1Ijo" + "iXjkpDbEERF1Ar5V55RyxDZdkQ4TosakmU8OOpMIX8PnOYDfe34ncHTBbQykG.9vky8cIPXrNM8SeElcq0oP"],
        halves![
            "pk.eyJ1Ij" + "oic3VyZSJ9.short",
            "xpk.eyJ1I" + "joic3VyZXN1cmVzdXJlc3VyZXN1cmVzdXJlc3VyZXN1cmVzdXJlc3VyZSJ9.abc"
        ],
    ),
    samples(
        "Lob API Key",
        halves!["live_10b3c" + "b3cb64b453247ad831efccf17ce29b"],
        halves!["live_f2ad6" + "d720e5aa81b8ebf09dd571c3f7b4b", "xlive_10b3" + "cb3cb64b453247ad831efccf17ce29b"],
    ),
    samples(
        "MailerSend Token",
        halves!["mlsn.de91" + "165c672a325260ebfdc409e7349f28ca442f72d781f7169b32dac0940e40"],
        halves!["mlsn.1d83" + "c4a29548fa91200314bd807d4b6ab0553854edd3aae7ed5e15ff034d160"],
    ),
    samples(
        "OneSignal API Key",
        halves!["os_v2_app" + "_cp4wz3nmrmt97wpxwpd5zwjjp5ycgkzgsmu448fmyag6lybubt6y648z29d8"],
        halves!["os_v2_app" + "_j0xb7nssebfw0tarpecftw9n47fhpv81zayyl7nuyug9xpgnstreke0loe8"],
    ),
    samples(
        "Courier Auth Token",
        halves!["pk_prod_0" + "0O147PT0RFVL0BJHS9L1MUGVED5"],
        halves!["pk_prod_I" + "7EUM3YO4GAMKHFVJXG2UL9GXGE"],
    ),
    samples(
        "Slack Session Cookie",
        halves!["xoxc-mnux" + "lD5RVWfpz8IDyahM9xiRaFy9v8VeFW8UTsbh"],
        halves!["xoxc-ZEwW" + "Vm6vyjs5FPSXYfKhsAv82eHBdoAprQUejr9"],
    ),
    samples(
        "Cal.com API Key",
        halves!["cal_live_" + "3fd5c72eb4204b008ec2166e0f28f015"],
        halves!["cal_live_" + "cd160dddc05a496d2b6cd684fb9035e"],
    ),
    samples(
        "Retool Access Token",
        halves!["retool_01" + "eeyc0jmb5u3i3pexbal1frix"],
        halves!["retool_01" + "vnjs79fshgzxtx492piqb8a"],
    ),
];
