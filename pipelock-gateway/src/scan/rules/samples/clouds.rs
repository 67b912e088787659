//! Samples of [`crate::scan::rules::clouds`].

use super::{Samples, halves, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "AWS Access ID",
        halves!["A3TBBR" + "0H0TN0ECT578L2"],
        halves!["akiaq3" + "eguhzv7xkprd5m", "A3TB3O" + "N6QDLXETZ23CU", "xA3TBBR" + "0H0TN0ECT578L2"],
    ),
    samples(
        "AWS Bedrock API Key",
        halves!["ABSK2LoEIy" + "gYvZgAGhxy0Yp4VBFyfrAlLGU0g0N846NnmjpleXSGBByKCabtJolv"],
        halves!["ABSKNgnGMW" + "gD71x0Y7cgnlzVamUdQDkbOsvZcfHsAIbpmd2wOdHgJURpsLFJSYD"],
    ),
    samples(
        "AWS Marketplace Token",
        halves!["amzn.mws.b" + "7fd2f0e-57e3-0f91-894a-5c73075a3349"],
        halves!["amzn.mws.6" + "48fb6c1-1397-eb7e-160c-b8a6bd8d943"],
    ),
    samples(
        "AWS AppSync Key",
        halves!["da2-wgrx1j" + "9nwsfg678j49c8zutte8"],
        halves!["da2-u4cke" + "ja8fqwe490s0gom3wvb4", "xda2-wgrx1" + "j9nwsfg678j49c8zutte8"],
    ),
    samples(
        "Amazon OAuth Client Secret",
        halves!["amzn1.oa2-" + "cs.v1.8aa8423cb480675930060bca3eef06d39e6f5e23cc7e3866ac5e26272c33a9b9"],
        halves!["amzn1.oa2-" + "cs.v1.55ea41bad61ad3089338d824e99f4d0287e2f5ab384aeeb7c89e5f736c842b2"],
    ),
    samples(
        "Amazon Login Token",
        halves!["Atza|iWHCd" + "zmcwB0gTRRg5pv4nxE9MQ1zgvT5FsSQ0hLD8aE5Lk0qx4YkpewEv2J8"],
        halves!["Atza|SNafa" + "vxguQwh7ZDFMNEFRu5tzm8SgBpFdiwi2ybxk6ivGXno5YPeDHjEM9h"],
    ),
    samples(
        "Azure Client Secret",
        halves!["uiF8Q~3tz5" + "SxxZo2ZQplVjkjOtbGg6IHAk9CdIRS"],
        halves!["3tB8Q~efSf" + "8uSKGCbrCV6aSjNV7XHwueDpYr", "xuiF8Q~3tz" + "5SxxZo2ZQplVjkjOtbGg6IHAk9CdIRS"],
    ),
    samples(
        "Azure Storage Key",
        halves![
            "AccountKey" + "=4qDFoTRezgbRx6EaFBw7mGgUMB8P3oDbALYCc6RS91X5FsDCs0dXcis3lT4h4d685ql5T2LIvWf9r62MdFn4J8=="
        ],
        halves![
            "AccountKey" + "=Wemf17u2HIpl33gxJdbj69squXpOe8JO1rioWEHTsG5MlKkqeKiSwI1iWFNqxBjcBl1r5somDaHo29IJe8nzAO="
        ],
    ),
    samples(
        "Azure Shared Access Key",
        halves!["SharedAcce" + "ssKey=yjRtDQzXAlaF8EL3IyVYYRuEOKYR9ygiswxuFvcneBd="],
        halves!["SharedAcce" + "ssKey=bLPQTX6hP7fdgcl91Lhw2gNqcA4RsjcRB6hO3heDk"],
    ),
    samples(
        "Azure App Configuration Secret",
        halves![
            "https://su"
                + "re.azconfig.io;Id=a1-l0-s0:nnPL2dL81Wn5Xo1NCJ1V;Secret=1ClM06NXYynshi23NcPr1aHp3OExhxVWmdwHJ6IOj90="
        ],
        halves![".azconfig." + "io;Id=ajDF;Secret=9JIkiAkZ64LuCntYAsrHKSXT5joxIrdFYX7"],
    ),
    samples(
        "Azure SAS Token",
        halves!["?sv=2023-0" + "1-03&sp=rl&sig=Zik2IXiasb72jLNg6nNsfscEneeogE2OVyWXDkMGuxQ%3D"],
        halves!["?sig=8B6kz" + "0h74voCqjTV1cQeWai9tu4xF51Y2XifGL0G7bz%3"],
    ),
    samples(
        "Google API Key",
        halves!["AIzaf0enHi" + "pz7W2Krs5GLqLbRFKGMfmqpgNbRRK"],
        halves!["AIzaiG7fJk" + "XqErtMt6jJgwpT1UwNu8gTnff1J9"],
    ),
    samples(
        "Google OAuth Client Secret",
        halves!["GOCSPX-jQm" + "SPaH72WtSXAZqrXeGpRmty2yF"],
        halves!["GOCSPX-srp" + "cDc5fRYyc0MuSoCsRGVEj2U7"],
    ),
    samples(
        "Google OAuth Token",
        halves!["ya29.4Mg" + "0J8g2pMLqbNfRCBqX"],
        halves!["ya29.mZM" + "B8UheiXu8n61EsUE", "xya29.4M" + "g0J8g2pMLqbNfRCBqX"],
    ),
    samples(
        "Google OAuth Refresh Token",
        halves!["1//0pRFZjP" + "5ZGqwKN8FNFfNRMGrAPAUWBnPFsRE317hm"],
        halves![
            "1//01pSZru" + "DLiQaz3FKXafQucViepWiCvDhZp8wTDYi",
            "x1//0pRFZj" + "P5ZGqwKN8FNFfNRMGrAPAUWBnPFsRE317hm"
        ],
    ),
    samples(
        "Google Storage HMAC Key",
        halves!["GOOG1E54CH" + "WM8E0Y58280BPGQQ5PKZAIO4RPUGP6CUFXWM7J2LZFJH9QC4UAHC"],
        halves!["GOOG1EF" + "LMM95IEOAVUFBW1B", "xGOOG1E54C" + "HWM8E0Y58280BPGQQ5PKZAIO4RPUGP6CUFXWM7J2LZFJH9QC4UAHC"],
    ),
    samples(
        "Firebase Messaging Key",
        halves!["AAAAL1nuax" + "2:APA91bAtRUjBFxj0BTVmwSU0ytJByLfmWDzUpgqPhJcpyKih5C0E1m1XE58duZKBqv"],
        halves!["AAAAoxHo6z" + "x:APA91bSbd8d6Fo234n8AGW8qMyuiYDk436KiewfZjNXqmRdU4hsSkXeEZz9AhFLUd"],
    ),
    samples(
        "GCP Service Account Key",
        halves!["\"type\": " + "\"service_account\""],
        halves!["\"type" + "\": \"service\"", "\"kind\": " + "\"service_account\"", "\"type\":" + "\"service_account"],
    ),
    samples(
        "DigitalOcean Token",
        halves!["dor_v1_1dc" + "a64dfbac020ef74d5534db2d0160649fb9db5b0409eb31c3d4b73d215efde"],
        halves!["dop_v1_140" + "29501ff9cead0e06b18491790c770677ffea0bf3c0e9441b9970639001d3"],
    ),
    samples(
        "DigitalOcean Spaces Key",
        halves!["DO00VG" + "YKDNA9SKURB5JG"],
        halves!["DO00JI" + "GTMNWKPLZPNOX", "xDO00VG" + "YKDNA9SKURB5JG"],
    ),
    samples(
        "Databricks Token",
        halves!["dapia4abf9" + "13c34c872f1cd237690c3034a2"],
        halves!["dapidf5108" + "16b056edcc2e72a5762e3728a", "xdapia4abf" + "913c34c872f1cd237690c3034a2"],
    ),
    samples(
        "Supabase Service Key",
        halves!["sb_secret_" + "qAqfK2ap1N2CtxUE3nUz"],
        halves!["sb_s" + "ecret_name", "sb_secret" + "_MrA3iArzf9FoPbJpB1n"],
    ),
    samples(
        "Supabase Access Token",
        halves!["sbp_08457f" + "47c140460a58c202e536515ed411cc84a1"],
        halves!["sbp_3958f1" + "4c2dd7d206832492d633b346c3011fd72"],
    ),
    samples(
        "HashiCorp Vault Token",
        halves!["hvs.nzBHQ" + "uytEvrEv8Yu91jz2jH"],
        halves!["hvb.XCDT" + "mrPZgW8DEygmfdAaK7", "xhvs.nzBH" + "QuytEvrEv8Yu91jz2jH"],
    ),
    samples(
        "HashiCorp Vault Legacy Token",
        halves!["b.eu2KGB" + "zmDmdTBXJvqPFK4TBs"],
        halves!["b.l3rh4I" + "J4uQfCxV6X0ulfjtr", "xb.eu2KGB" + "zmDmdTBXJvqPFK4TBs"],
    ),
    samples(
        "Terraform Cloud Token",
        halves!["Ui77lXqZ0A" + "jXp2.atlasv1.O2EXSCyobxwp5dDtAhJNGa6KSisecwzGVd4c5ibwE2KHGx2IxoAqyirr4SfklTUc24A"],
        halves![".atlasv1.o" + "HuNgWEpecKGXzimrekeXegEbCa4vrbfU24uGWZmE16SPiU8Gzkz00Eyk9z"],
    ),
    samples(
        "Cloudflare Origin CA Key",
        halves![
            "v1.0-e731a"
                + "7499e48be642a5cbf90-22c7440552e377110560f0afdb8405a6ec00aa1acd7cf13e285f4c3d60fc4abea72df3af49687de4a0534feb2b9a78c9eb6b"
        ],
        halves![
            "v1.0-38972"
                + "24de09dcae467e5d080-813bf8cf6e04dc84bcfdd4afea5e423cf232f8fbb3cedf9c24966c2136e25972125ffa1387ad9b528a254c8a3833d88f74c",
            "xv1.0-e731"
                + "a7499e48be642a5cbf90-22c7440552e377110560f0afdb8405a6ec00aa1acd7cf13e285f4c3d60fc4abea72df3af49687de4a0534feb2b9a78c9eb6b"
        ],
    ),
    samples(
        "Cloudflare Turnstile Secret",
        halves!["0x4AAAAAAc" + "duAZFQLsB35HEegySvfzM4Jpb"],
        halves!["0x4AAAAAAV" + "em1GnBKokwQ5FHWNuT472D9E", "x0x4AAAAAA" + "cduAZFQLsB35HEegySvfzM4Jpb"],
    ),
    samples(
        "Cloudflare Scannable Token",
        halves!["cfk_8xPjWD" + "HXVnnQjR4mDXDovwFos06wJUCUubnqkfL6"],
        halves![
            "cfk_xY7gDU" + "raLKPoV9QRwhUdSaOib3qALqp1VnDKuWC",
            "xcfk_8xPjW" + "DHXVnnQjR4mDXDovwFos06wJUCUubnqkfL6"
        ],
    ),
    samples(
        "Heroku API Key",
        halves!["HRKU-xTKtj" + "i3VxfUZ5YayvofWdN1doQ9y3Abi8nRs"],
        halves!["HRKU-eVMsc" + "T0EBX4qSAtctks5AEth3D9U9v6Kjy0"],
    ),
    samples(
        "Fly Access Token",
        halves![
            "fm2_0fCX4O"
                + "EE6U1WYzWvCdZZ3tc6soSuUhiDLhVBvb8ZZ3Ur8e5N43LSHfNUgJqmCXLROYGjYalfUgLLwrhYY9a5Id90DjDB8JoZ3a4J"
        ],
        halves![
            "fm2_vgTTyx" + "z63sdlrebhekfr1B1SdHAq84h23r6IrwLhYeC4t97rfyu1Rsv3opM",
            "xfm2_0fCX4"
                + "OEE6U1WYzWvCdZZ3tc6soSuUhiDLhVBvb8ZZ3Ur8e5N43LSHfNUgJqmCXLROYGjYalfUgLLwrhYY9a5Id90DjDB8JoZ3a4J"
        ],
    ),
    samples(
        "Fly Personal Token",
        halves!["fo1_zDvFJ3" + "e5JhPaR3b4TJg1QZfnk6Uvpn6xKBpV95fnxcb"],
        halves![
            "fo1_yVqprQ" + "RfTiD2V7fa5WVjk2XpX4rnMzGruZV4smNeVQ",
            "xfo1_zDvFJ" + "3e5JhPaR3b4TJg1QZfnk6Uvpn6xKBpV95fnxcb"
        ],
    ),
    samples(
        "Netlify Token",
        halves!["nfb_6Uoy5k" + "hRwzqnVV1qEpmBL8nT5fl5jl1WRRXc"],
        halves!["nfb_P5NEi3" + "vUPhGUynL7cISlsUBTSidgWMdPwaX"],
    ),
    samples(
        "Vercel Token",
        halves!["vercel_7Ho" + "3FCugk4XhefwQsYJkfYM1"],
        halves!["vercel_S3U" + "LTgZJ8m618DDNHIzD8tR", "xvercel_7H" + "o3FCugk4XhefwQsYJkfYM1"],
    ),
    samples(
        "Render API Key",
        halves!["rnd_Hz4swC" + "UcOlyBZs2skMBtSUzcm38g"],
        halves!["rnd_AZxsik" + "ipqQop5wWrbdJsfj5nnFB", "xrnd_Hz4sw" + "CUcOlyBZs2skMBtSUzcm38g"],
    ),
    samples(
        "Neon API Key",
        halves!["napi_uu1qz" + "auic8r1gdkgpnipvjriwupnrfk20455ns56iz32bhdh2uh5sgfvufj9"],
        halves!["napi_udb73" + "znuksq17vo2j4cth53acnecqgtmq0cszmqbmmb3lct385o6k3nqvlr"],
    ),
    samples(
        "PlanetScale Credential",
        halves!["pscale_tkn" + "_bKUq5dVPZZdAxtzV3fb6q6pLhF729QCR"],
        halves!["pscale_tkn" + "_fKaFbKnvN1PM27gawsMsS8gZL3dj8bY"],
    ),
    samples(
        "Scaleway Key",
        halves!["SCWNHC" + "5QOB2XDHNATRAR"],
        halves!["SCWZQA" + "IBE5ZHS3GZURP", "xSCWNHC" + "5QOB2XDHNATRAR"],
    ),
    samples(
        "Scalingo Token",
        halves!["tk-us-SJrY" + "WEKXqjvogAzzJ8usBsK829J16rnRUxcqSs8yXogDmZpD"],
        halves!["tk-us-sY4m" + "LTLfRQvB520KPHCjR84PkUHpzMQNxMZpQYkMawgANku"],
    ),
    samples(
        "Alibaba Access Key ID",
        halves!["LTAI5tXX" + "23pZei2zM8uGwQze"],
        halves!["LTAIM" + "WOdWG62TwN", "xLTAI5tX" + "X23pZei2zM8uGwQze"],
    ),
    samples(
        "Tencent Secret ID",
        halves!["AKIDRiITQc" + "Gst1XqmOKO47FO1lG9lN2KxEJY"],
        halves!["AKIDPwaLy3" + "y7WmRRPeBoy1UDHAgyJgrU4Qj", "xAKIDRiITQ" + "cGst1XqmOKO47FO1lG9lN2KxEJY"],
    ),
    samples(
        "Yandex API Key",
        halves!["AQVNBeTkvz" + "sRaQaKtKr0SAABfmhYdchXJ6Ecx53"],
        halves!["AQVNjrBqmN" + "qQmYYnhZfULHRFx902mjAYUkGgTN", "xAQVNBeTkv" + "zsRaQaKtKr0SAABfmhYdchXJ6Ecx53"],
    ),
    samples(
        "Yandex IAM Token",
        halves![
            "t1.9euey3D"
                + "r3ntIr7Cxvi509uzV.617GxjIRG7xriYBOe45PsbphCzuPtptMomLLJoeyUo5ovEDjRP5h9tKMm6tcQXntmJ4TbhJw8wz0MTF5zY4UB6"
        ],
        halves![
            "t1.x.bN4ZB" + "qxvOXjXntR738RaaXE6MJWalbllsBh8h3jNAXPyu9QUmc3jxHWBwOBd6PNKafk6IH4zOHYk2lTgDYnuh",
            "xt1.9euey3"
                + "Dr3ntIr7Cxvi509uzV.617GxjIRG7xriYBOe45PsbphCzuPtptMomLLJoeyUo5ovEDjRP5h9tKMm6tcQXntmJ4TbhJw8wz0MTF5zY4UB6"
        ],
    ),
    samples(
        "Yandex Access Secret",
        halves!["YC06gGnwnD" + "gp0J7PGCiHGrpxu80njGqUZy4hiBMy"],
        halves!["YCbLuLDT2Z" + "4Gq5hGqfXGyuToVLuO0uiNWZGGttm", "xYC06gGnwn" + "Dgp0J7PGCiHGrpxu80njGqUZy4hiBMy"],
    ),
    samples(
        "Yandex OAuth Token",
        halves!["y2_HkKVHQZ" + "IVdI0G9K43y9r7r72fCwaEcwCWsJxX3DEa3r6VWxUfqdVRLK"],
        halves![
            "y3_Ar7wDAL" + "kSLDkJW0NV9mnbKSDKkZh3c9cUfL7YDISiNxOg6sQ8vdDHe",
            "xy2_HkKVHQ" + "ZIVdI0G9K43y9r7r72fCwaEcwCWsJxX3DEa3r6VWxUfqdVRLK"
        ],
    ),
    samples("Aiven Password", halves!["AVNS_86" + "26b7SRUhRt2fiRK"], halves!["AVNS_Xh" + "3G6e1Awt6zsZ0z"]),
    samples(
        "Astra DB Token",
        halves!["AstraCS:d9" + "MI8Eyvm9W0BB04KEyr:c763bc0c770932c0a952b8208d7ad8d735203894bcb8cae087c76389e3c10b87"],
        halves!["AstraCS:gR" + "XC3LLLq4w5TJh15qqX:0cca754ab940e001ea1d4aa32d29a57bed1699e1fc7ba754283628d9d7f2220"],
    ),
    samples(
        "MongoDB Atlas Service Secret",
        halves!["mdb_sa_sk_" + "K7VkQgLEp21qKgJDfr9CepaxsnqdHHPsKwtb"],
        halves!["mdb_sa_sk_" + "3jbmoaDqAuDKgo2dFNfHPXR31pTPR5H9dn9"],
    ),
    samples(
        "Confluent Cloud Secret",
        halves!["cfltoKfuEx" + "xr9fANSurMAx3NqnywzPj6ui1j6rb7JBhUIHxn29Cav7nPM1GY"],
        halves!["cfltAJVl5A" + "tIebp4bBmtIB8W1xm7IvjVMkqGevoVQV4gD2rjM7MbNYFoJlk"],
    ),
    samples(
        "ClickHouse Cloud Secret",
        halves!["4b1dA97Iso" + "C5YOfvohzqfiu8tzDz9bkkUAruumU16c"],
        halves!["4b1dSXKvgd" + "84PfD0FUwi8FVaAhOwEXapmhdMeJF1g", "x4b1dA97Is" + "oC5YOfvohzqfiu8tzDz9bkkUAruumU16c"],
    ),
    samples(
        "LaunchDarkly Key",
        halves!["sdk-7458ab" + "68-cc28-5fbb-4b1d-d45a4ae936ff"],
        halves!["sdk-438efb" + "53-1205-dead-db92-9da9469e1b7", "xsdk-7458a" + "b68-cc28-5fbb-4b1d-d45a4ae936ff"],
    ),
    samples(
        "OpenShift Token",
        halves!["sha256~o6r" + "QYa73Rh2LFw786gMzwjTFALixQQRjtisEnt2P022"],
        halves![
            "sha256~Fc9" + "82jEgGNWX5nZzakztDd3WNuUxVKjXLx5zVVRh8n",
            "xsha256~o6" + "rQYa73Rh2LFw786gMzwjTFALixQQRjtisEnt2P022"
        ],
    ),
    samples(
        "Rancher Token",
        halves!["token-ij2t" + "o:eobmrlj45zhvpa30aqolidtoeq430zk7yv11q96sm9bnpaxyv3l5ua"],
        halves![
            "token-wk5e" + "a:5u7ga6wvudb7ln9kzgv63mebgf8u3y2rxvzxjealzepg6iwmmot3o",
            "xtoken-ij2" + "to:eobmrlj45zhvpa30aqolidtoeq430zk7yv11q96sm9bnpaxyv3l5ua"
        ],
    ),
    samples(
        "Tailscale Key",
        halves!["tskey-auth" + "-k7Rq2VxLm9CNTRL-HW7HUlCjWLenAb62WzsCHsBlZbxDnBbR"],
        halves!["tskey-lbk-" + "B03GxB-y8R4eyVZDYbzgb02Tmg"],
    ),
    samples(
        "Docker Hub Token",
        halves!["dckr_pat_N" + "EQra06573sRy7yUxP9fQzLEMA"],
        halves!["dckr_pat_v" + "ue6ahietCzzwNG4cRMKpAMTg"],
    ),
    samples(
        "Doppler Token",
        halves!["dp.pt.7MVd" + "sZ9o9MQ8pMyJ1XI4ir3GJK3pxyFQT7fhCDgkwDg"],
        halves![
            "dp.pt.WVBn" + "Qn4crfluslsQzKpzw43nbyzf2H1CnoneFpz",
            "xdp.pt.7MV" + "dsZ9o9MQ8pMyJ1XI4ir3GJK3pxyFQT7fhCDgkwDg"
        ],
    ),
    samples(
        "Infisical Token",
        halves!["st.b78b6cf" + "2693e84939c06e9b3.40e29024fe65793245cb6dc2a619018d.3e9cdca6fcf4e9f9769d9d335104b208"],
        halves![
            "st.c20b4ee" + "04944f25782a2754b.af373eb09ad74433ab625242a3fd5e5f.b1f3e5ee37af1fe9ab661145af83c4e",
            "xst.b78b6c" + "f2693e84939c06e9b3.40e29024fe65793245cb6dc2a619018d.3e9cdca6fcf4e9f9769d9d335104b208"
        ],
    ),
    samples(
        "Pulumi Access Token",
        halves!["pul-44fdda" + "c07d465d36d7dc0c441e959b52f7ac30c7"],
        halves![
            "pul-f5c9e2" + "fe624729424af3979067b40b1ae1cca88",
            "xpul-44fdd" + "ac07d465d36d7dc0c441e959b52f7ac30c7"
        ],
    ),
    samples(
        "1Password Service Account Token",
        halves!["ops_eyJBGi" + "MRxfEi7PLaa9A8wyKJHVgS0jCBzs9kEvG3MEU67Bzfa9ZJZB4KawA8M3S"],
        halves!["ops_eyJFet" + "9hEaT6Ym3iRVaoYJrauwEW2gZoDqvW3ypC0rzajHgjS56S8pzLhjLhXq"],
    ),
    samples(
        "1Password Secret Key",
        halves!["A3-BNILRQ-" + "DP3VTR-IRJ2I-WUICB-VSJ9Y-S1YT0"],
        halves!["A3-ZE11Y9-" + "7VPKHWXD9BT-Z20L4-OANS0-2VN4", "xA3-BNILRQ" + "-DP3VTR-IRJ2I-WUICB-VSJ9Y-S1YT0"],
    ),
    samples(
        "Bitwarden Access Token",
        halves!["0.5f390fa6" + "-3d82-4fb4-1194-94355d71497b.3R42gp7HYNFI0r8DCCvakUS5g403tJ:YUc5T2XRZaXtzhUUTEZXxl"],
        halves![
            "0.95d89ed5" + "-8a0c-3e33-966b-542259ff8223.KCXBM5Ie2bjRhOavj6SXf17AbXViyi:ruoaJ8sBgQcirqFVwT7nQ",
            "x0.5f390fa" + "6-3d82-4fb4-1194-94355d71497b.3R42gp7HYNFI0r8DCCvakUS5g403tJ:YUc5T2XRZaXtzhUUTEZXxl"
        ],
    ),
];
