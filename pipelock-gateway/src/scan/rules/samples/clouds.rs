//! Samples of [`crate::scan::rules::clouds`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "AWS Access ID",
        halves!["A3TBBR" + "0H0TN0ECT578L2"],
        halves!["akiaq3" + "eguhzv7xkprd5m", "A3TB3O" + "N6QDLXETZ23CU", "xA3TBBR" + "0H0TN0ECT578L2"],
    ),
    samples(
        "AWS Bedrock API Key",
        halves![
            "ABSK2LoEIy"
                + "gYvZgAGhxy0Yp4VBFyfrAlLGU0g0N846NnmjpleXSGBByKCabtJolvNgnGMWgD71x0Y7cgnlzVamUdQDkbOsvZcfHsAIbpmd2wOdHgJ"
        ],
        halves![
            "ABSKURpsLF"
                + "JSYDGXOfv30a5hFe7Ai5dLPdGBgpfu67SxCR1SiqJ1UKmj547Y3zP9uGAlPKU1wGGISiN930894Jnu3Qe8WMYDD1HhTlqmtiPpcXyP",
            "xABSK2LoEI"
                + "ygYvZgAGhxy0Yp4VBFyfrAlLGU0g0N846NnmjpleXSGBByKCabtJolvNgnGMWgD71x0Y7cgnlzVamUdQDkbOsvZcfHsAIbpmd2wOdHgJ"
        ],
    ),
    samples(
        "AWS Marketplace Token",
        halves!["amzn.mws.e" + "160cb8a-6bd8-d943-0b38-bd46b9234f1c"],
        halves!["amzn.mws.a" + "992af15-2402-8b2f-d9d3-76eba0f28aa"],
    ),
    samples(
        "AWS AppSync Key",
        halves!["da2-jf8gyx" + "iqano7l66sgbbmawzvg9"],
        halves!["da2-325bn" + "80hs3m5k3e6hyz7p3h7q", "xda2-jf8gy" + "xiqano7l66sgbbmawzvg9"],
    ),
    samples(
        "Amazon OAuth Client Secret",
        halves!["amzn1.oa2-" + "cs.v1.6ac5e26272c33a9b955ea41bad61ad3089338d824e99f4d0287e2f5ab384aeeb"],
        halves!["amzn1.oa2-" + "cs.v1.7c89e5f736c842b284a31dd0f877f257f8287f51c25be24786cecf7fb125622"],
    ),
    samples(
        "Amazon Login Token",
        halves!["Atzr|gBpFd" + "iwi2ybxk6ivGXno5YPeDHjEM9hixkF6w28U00br5bSsoXmnmQwdGi9J"],
        halves!["Atza|AnCfJ" + "TU3tByjefSf8uSKGCbrCV6aSjNV7XHwueDpYrW7tDFrVTg2idT09Ec"],
    ),
    samples(
        "Azure Client Secret",
        halves!["Bw78Q~mGgU" + "MB8P3oDbALYCc6RS91X5FsDCs0dXci"],
        halves!["v6o4Q~7j7f" + "98to8V5MJyYhu95NfFq7KYgph4", "xBw78Q~mGg" + "UMB8P3oDbALYCc6RS91X5FsDCs0dXci"],
    ),
    samples(
        "Azure Storage Key",
        halves![
            "AccountKey" + "=2HIpl33gxJdbj69squXpOe8JO1rioWEHTsG5MlKkqeKiSwI1iWFNqxBjcBl1r5somDaHo29IJe8nzAOyjRtDQz=="
        ],
        halves![
            "AccountKey" + "=XAlaF8EL3IyVYYRuEOKYR9ygiswxuFvcneBdbLPQTX6hP7fdgcl91Lhw2gNqcA4RsjcRB6hO3heDkrnnPL2dL8="
        ],
    ),
    samples(
        "Azure Shared Access Key",
        halves!["SharedAcce" + "ssKey=1Wn5Xo1NCJ1V1ClM06NXYynshi23NcPr1aHp3OExhxV="],
        halves!["SharedAcce" + "ssKey=WmdwHJ6IOj90YhDF9JIkiAkZ64LuCntYAsrHKSXT5"],
    ),
    samples(
        "Azure App Configuration Secret",
        halves![
            "https://su"
                + "re.azconfig.io;Id=a1-l0-s0:oxIrdFYX71Zik2IXiasb;Secret=72jLNg6nNsfscEneeogE2OVyWXDkMGuxQD8B6kz0h74="
        ],
        halves![".azconfig." + "io;Id=yrCt;Secret=jTV1cQeWai9tu4xF51Y2XifGL0G7bzdx8ck"],
    ),
    samples(
        "Azure SAS Token",
        halves!["?sv=2023-0" + "1-03&sp=rl&sig=gm8w4UzJ7op2GKnKZPFJGLdjnmeMZPPJgG4dIi7VnEo%3D"],
        halves!["?sig=q3hIe" + "tmRyS8tMr5eRkddy8I6qhOjQNY9H4zUqQVA9Xn%3"],
    ),
    samples(
        "Google API Key",
        halves!["AIzarXeGpR" + "mty2yFsrpcDc5fRYyc0MuSoCsRGVE"],
        halves!["AIzaj2U7P4" + "Mg0J8g2pMLqbNfRCBqXmZMB8Uhei", "xAIzarXeGp" + "Rmty2yFsrpcDc5fRYyc0MuSoCsRGVE"],
    ),
    samples(
        "Google OAuth Client Secret",
        halves!["GOCSPX-u8n" + "61EsUEGpRFZjP5ZGqwKN8FNFf"],
        halves!["GOCSPX-NRM" + "GrAPAUWBnPFsRE317hm1pSZr"],
    ),
    samples(
        "Google OAuth Token",
        halves!["ya29.DLi" + "Qaz3FKXafQucViepW"],
        halves!["ya29.iCv" + "DhZp8wTDYiooh9gv", "xya29.DL" + "iQaz3FKXafQucViepW"],
    ),
    samples(
        "Google OAuth Refresh Token",
        halves!["1//01HYwNk" + "Eu4cvnah1k56ek2wcBzRG1nS85SwyhR24o"],
        halves![
            "1//0LobA51" + "JQgTtRWGR0iC4WF0ZspYNjK7eqMbzFq8K",
            "x1//01HYwN" + "kEu4cvnah1k56ek2wcBzRG1nS85SwyhR24o"
        ],
    ),
    samples(
        "Google Storage HMAC Key",
        halves!["GOOG1E9QC4" + "UAHCFLMM95IEOAVUFBW1BOVOUKL0AG53IHRR3F5RYJYJB5H64I3D"],
        halves!["GOOG1E5" + "1QBVOMKYAPS7BF7B", "xGOOG1E9QC" + "4UAHCFLMM95IEOAVUFBW1BOVOUKL0AG53IHRR3F5RYJYJB5H64I3D"],
    ),
    samples(
        "Firebase Messaging Key",
        halves!["AAAAW8qMyu" + "i:APA91bYDk436KiewfZjNXqmRdU4hsSkXeEZz9AhFLUdUqmQi0mH75qmEB09bzWGyM5"],
        halves!["AAAAiD6BFP" + "S:APA91bqNp414oosqKMcXHu174YZ560j0oVrWGDTzuHnNQbkNa7wXhM2uCiqhvGDZD"],
    ),
    samples(
        "GCP Service Account Key",
        halves!["\"type\": " + "\"service_account\""],
        halves!["\"type" + "\": \"service\"", "\"kind\": " + "\"service_account\"", "\"type\":" + "\"service_account"],
    ),
    samples(
        "DigitalOcean Token",
        halves!["doo_v1_409" + "eb31c3d4b73d215efde214029501ff9cead0e06b18491790c770677ffea0b"],
        halves!["dor_v1_f3c" + "0e9441b9970639001d3e4d6fb0a3f42a9edeed3005f1f610150a4abf913c"],
    ),
    samples(
        "DigitalOcean Spaces Key",
        halves!["DO00VF" + "21986QKP9EGRS1"],
        halves!["DO00Y4" + "M7E7SNTV9AQHL", "xDO00VF" + "21986QKP9EGRS1"],
    ),
    samples(
        "Databricks Token",
        halves!["dapi510816" + "b056edcc2e72a5762e3728afa8"],
        halves![
            "dapie60b3c" + "3faa8c06eada2ef19e16beae0",
            "xdapi51081" + "6b056edcc2e72a5762e3728afa8",
            "ddbc7f3a91" + "c05be2d86f41a97c3e50d8b26f14"
        ],
    ),
    samples(
        "Supabase Service Key",
        halves!["sb_secret_" + "5WyMTaFAFfrnM6HxNLCM"],
        halves!["sb_s" + "ecret_name", "sb_secret" + "_47fv15cnJ7CCb4bSKWy"],
    ),
    samples(
        "Supabase Access Token",
        halves!["sbp_3958f1" + "4c2dd7d206832492d633b346c3011fd72c"],
        halves!["sbp_903722" + "b34a1186bfa12fed0c43df5301e90b472"],
    ),
    samples(
        "HashiCorp Vault Token",
        halves!["hvs.Bvbo6" + "uj7JK7xShC0X9Z3xoh"],
        halves!["hvr.wuHW" + "koZtb3AmZs5Q5EZUC1", "xhvs.Bvbo" + "6uj7JK7xShC0X9Z3xoh"],
    ),
    samples(
        "HashiCorp Vault Legacy Token",
        halves!["b.xwp5dD" + "tAhJNGa6KSisecwzGV"],
        halves!["b.4c5ibw" + "E2KHGx2IxoAqyirr4", "xb.xwp5dD" + "tAhJNGa6KSisecwzGV"],
    ),
    samples(
        "Terraform Cloud Token",
        halves!["fklTUc24Al" + "HrMe.atlasv1.UEmcaJGVwgjocicVceEZCY1soZdS879z1rGUXjEy3QNgS5GwiwxxE8vi6wH2kJ29bTn"],
        halves![".atlasv1.R" + "2AdW5gsw0vpiixsgiwKX58nexpCJbnXSAZErCzLhNTTEn57mc13WWoPZsx"],
    ),
    samples(
        "Cloudflare Origin CA Key",
        halves![
            "v1.0-52e37"
                + "7110560f0afdb8405a6-ec00aa1acd7cf13e285f4c3d60fc4abea72df3af49687de4a0534feb2b9a78c9eb6b3897224de09dcae467e5d080813bf8cf"
        ],
        halves![
            "v1.0-6e04d"
                + "c84bcfdd4afea5e423c-f232f8fbb3cedf9c24966c2136e25972125ffa1387ad9b528a254c8a3833d88f74ca77a5c1fadc8928fe638dae1cd402bc5",
            "xv1.0-52e3"
                + "77110560f0afdb8405a6-ec00aa1acd7cf13e285f4c3d60fc4abea72df3af49687de4a0534feb2b9a78c9eb6b3897224de09dcae467e5d080813bf8cf"
        ],
    ),
    samples(
        "Cloudflare Turnstile Secret",
        halves!["0x4AAAAAAm" + "YDHZXqqSmT7pDZDryzFrv39zK"],
        halves!["0x4AAAAAAW" + "CWxdqtnhM90aiDWucMLRrXST", "x0x4AAAAAA" + "mYDHZXqqSmT7pDZDryzFrv39zK"],
    ),
    samples(
        "Cloudflare Scannable Token",
        halves!["cfk_hUdSaO" + "ib3qALqp1VnDKuWCKuRJqhg80TudSX2WYv"],
        halves![
            "cfk_sldUbM" + "8yblO6v0AZg5kPpcTL87paRxEBV1nQAqa",
            "xcfk_hUdSa" + "Oib3qALqp1VnDKuWCKuRJqhg80TudSX2WYv"
        ],
    ),
    samples(
        "Heroku API Key",
        halves!["HRKU-tks5A" + "Eth3D9U9v6Kjy033hCZ7QEE9W4Ya2Yy"],
        halves!["HRKU-Cfbb6" + "we9vrUxWjkDMjXBydbb6Wug8P76MUH"],
    ),
    samples(
        "Fly Access Token",
        halves![
            "fm2_NUgJqm"
                + "CXLROYGjYalfUgLLwrhYY9a5Id90DjDB8JoZ3a4JvgTTyxz63sdlrebhekfr1B1SdHAq84h23r6IrwLhYeC4t97rfyu1Rs"
        ],
        halves![
            "fm2_v3opMt" + "wDsFI0c2IfNYP09Z1RI77eyOXdk8i3Ssmk3uJB9mT62dkua7ZvTnm",
            "xfm2_NUgJq"
                + "mCXLROYGjYalfUgLLwrhYY9a5Id90DjDB8JoZ3a4JvgTTyxz63sdlrebhekfr1B1SdHAq84h23r6IrwLhYeC4t97rfyu1Rs"
        ],
    ),
    samples(
        "Fly Personal Token",
        halves!["fo1_QRfTiD" + "2V7fa5WVjk2XpX4rnMzGruZV4smNeVQ2p9Wr1"],
        halves![
            "fo1_8njTz2" + "tqXX4tEspBMqV8ho8mo4YTTZekR8PEk6yWRj",
            "xfo1_QRfTi" + "D2V7fa5WVjk2XpX4rnMzGruZV4smNeVQ2p9Wr1"
        ],
    ),
    samples(
        "Netlify Token",
        halves!["nfo_ynL7cI" + "SlsUBTSidgWMdPwaXG7Ho3FCugk4Xh"],
        halves!["nfu_fwQsYJ" + "kfYM1S3ULTgZJ8m618DDNHIzD8tRI"],
    ),
    samples(
        "Vercel Token",
        halves!["vercel_z4s" + "wCUcOlyBZs2skMBtSUzcm"],
        halves!["vercel_38g" + "AZxsikipqQop5wWrbdJs", "xvercel_z4" + "swCUcOlyBZs2skMBtSUzcm"],
    ),
    samples(
        "Render API Key",
        halves!["rnd_j5nnFB" + "x12UUbQZAUIkCizRb8Groy"],
        halves!["rnd_DkpwvK" + "GPNIPVJzRIWU9PNR0uFKc", "xrnd_j5nnF" + "Bx12UUbQZAUIkCizRb8Groy"],
    ),
    samples(
        "Neon API Key",
        halves!["napi_0455n" + "s56iz32bhdh2uh5sgfvufj9udb73znuksq17vo2j4cth53acnecqgtm"],
        halves!["napi_q0csz" + "mqbmmb3lct385o6k3nqvlrizjs1tnxx1at3zk5focp3jyfzjmnl4yl"],
    ),
    samples(
        "PlanetScale Credential",
        halves!["pscale_tkn" + "_8gZL3dj8bYqPHvC99hS5QBe3ZvpDzzH7"],
        halves!["pscale_tkn" + "_wPAV8TATzu5bS9ryAJwtBEhsrbHUfGb"],
    ),
    samples(
        "Scaleway Key",
        halves!["SCWURP" + "IQIWUEJV74AIBJ"],
        halves!["SCWIPS" + "0QV4D9XDW9KRK", "xSCWURP" + "IQIWUEJV74AIBJ"],
    ),
    samples(
        "Scalingo Token",
        halves!["tk-us-RQvB" + "520KPHCjR84PkUHpzMQNxMZpQYkMawgANkuMZZ56sbgk"],
        halves!["tk-us-52Nx" + "GzS2gNYQfYG95VzPsTkJVSeGvw4ZtpQLQ7FQ4oGoP5L"],
    ),
    samples(
        "Alibaba Access Key ID",
        halves!["LTAI5tEJ" + "YPwaLy3y7WmRRPeB"],
        halves!["LTAIo" + "y1UDHAgyJg", "xLTAI5tE" + "JYPwaLy3y7WmRRPeB"],
    ),
    samples(
        "Tencent Secret ID",
        halves!["AKIDU4QjwB" + "cRiswpP8YOY9JqJoxQAABdjfWb"],
        halves!["AKIDafVI3E" + "au20hoBnj7MnOjWW7kfXdSKHP", "xAKIDU4Qjw" + "BcRiswpP8YOY9JqJoxQAABdjfWb"],
    ),
    samples(
        "Yandex API Key",
        halves!["AQVNx902mj" + "AYUkGgTNK16Du6qwJuC0yk83x2X94"],
        halves!["AQVNG0mJTG" + "0ukaBQg78RvdsjC2xRwswNrpMMKr", "xAQVNx902m" + "jAYUkGgTNK16Du6qwJuC0yk83x2X94"],
    ),
    samples(
        "Yandex IAM Token",
        halves![
            "t1.9eueyUo"
                + "5ovEDjRP5h9tKMm6t.cQXntmJ4TbhJw8wz0MTF5zY4UB6xbN4ZBqxvOXjXntR738RaaXE6MJWalbllsBh8h3jNAXPyu9QUmc3jxHWBwO"
        ],
        halves![
            "t1.B.d6PNK" + "afk6IH4zOHYk2lTgDYnuhR06gGnwnDgp0J7PGCiHGrpxu80njGqUZy4hiBMybLuLDT2Z4Gq5hGqfXGyu",
            "xt1.9eueyU"
                + "o5ovEDjRP5h9tKMm6t.cQXntmJ4TbhJw8wz0MTF5zY4UB6xbN4ZBqxvOXjXntR738RaaXE6MJWalbllsBh8h3jNAXPyu9QUmc3jxHWBwO"
        ],
    ),
    samples(
        "Yandex Access Secret",
        halves!["YCoVLuO0ui" + "NWZGGttmcRHkKVHQZIVdI0G9K43y9r"],
        halves!["YC7r72fCwa" + "EcwCWsJxX3DEa3r6VWxUfqdVRLKw6", "xYCoVLuO0u" + "iNWZGGttmcRHkKVHQZIVdI0G9K43y9r"],
    ),
    samples(
        "Yandex OAuth Token",
        halves!["y0_r7wDALk" + "SLDkJW0NV9mnbKSDKkZh3c9cUfL7YDISiNxOg6sQ8vdDHee5"],
        halves![
            "y3_4QPSfP9" + "qzdgPJVf0G3cyAtq3wpXxwsd9MI8Eyvm9W0BB04KEyrY4Pt",
            "xy0_r7wDAL" + "kSLDkJW0NV9mnbKSDKkZh3c9cUfL7YDISiNxOg6sQ8vdDHee5"
        ],
    ),
    samples("Aiven Password", halves!["AVNS_2H" + "ZaBbjQR3BUHFkb3"], halves!["AVNS_BW" + "rVLw5EZr15xTEA"]),
    samples(
        "Astra DB Token",
        halves!["AstraCS:0g" + "aO9Uma7RpaPHlpLEyt:03894bcb8cae087c76389e3c10b878b155594b0cca754ab940e001ea1d4aa32d"],
        halves!["AstraCS:Ei" + "hSU3Ljup4OXdarnCN7:99e1fc7ba754283628d9d7f22209497f524f41e1ecd3364ccc1014fd26e36a7"],
    ),
    samples(
        "MongoDB Atlas Service Secret",
        halves!["mdb_sa_sk_" + "PR5H9dn9krLhxE00uhAPUxuNA06Ptq1z2Rm9"],
        halves!["mdb_sa_sk_" + "xk4m9udKBjWJH0q5CcyqRN4GaAKXo8AwJgd"],
    ),
    samples(
        "Confluent Cloud Secret",
        halves!["cflt4bBmtI" + "B8W1xm7IvjVMkqGevoVQV4gD2rjM7MbNYFoJlkiA97IsoC5YOf"],
        halves!["cfltvohzqf" + "iu8tzDz9bkkUAruumU16cSXKvgd84PfD0FUwi8FVaAhOwEXap"],
    ),
    samples(
        "ClickHouse Cloud Secret",
        halves!["4b1dhdMeJF" + "1ggPyIsLQUXy0MRYZ4r7FQlsyLe6X6X2"],
        halves!["4b1dIWC6ha" + "wxgrbg2JyLVJo5vVkp7hdStqrGNorfy", "x4b1dhdMeJ" + "F1ggPyIsLQUXy0MRYZ4r7FQlsyLe6X6X2"],
    ),
    samples(
        "LaunchDarkly Key",
        halves!["sdk-438efb" + "53-1205-dead-db92-9da9469e1b79"],
        halves!["sdk-7bc7f5" + "2f-5820-5777-262d-2f36aabc1da", "xsdk-438ef" + "b53-1205-dead-db92-9da9469e1b79"],
    ),
    samples(
        "OpenShift Token",
        halves!["sha256~uUx" + "VKjXLx5zVVRh8n1JKeVouQEQBNT5z9MtKghbHXRA"],
        halves![
            "sha256~f30" + "1cuASQnM1JDVQESgvfcwbLjaXdu8dSm3ti7oUNm",
            "xsha256~uU" + "xVKjXLx5zVVRh8n1JKeVouQEQBNT5z9MtKghbHXRA"
        ],
    ),
    samples(
        "Rancher Token",
        halves!["token-npax" + "y:v3l5uawk5ea5u7ga6wvudb7ln9kzgv63mebgf8u3y2rxvzxjealzep"],
        halves![
            "token-g6iw" + "m:mot3o0hwhuc9wl4a1wchbz1db1rxdubgbr4vzdy161t6meoypsn3o",
            "xtoken-npa" + "xy:v3l5uawk5ea5u7ga6wvudb7ln9kzgv63mebgf8u3y2rxvzxjealzep"
        ],
    ),
    samples(
        "Tailscale Key",
        halves!["tskey-auth" + "-k7Rq2VxLm9CNTRL-ELAsrc3YfgcqCwwtMG18aPLJmALRen7M"],
        halves!["tskey-kow-" + "Z9o9MQ-8pMyJ1XI4ir3GJK3pxy"],
    ),
    samples(
        "Docker Hub Token",
        halves!["dckr_pat_S" + "VhjCDinzDiYXBqSq7euhoxvov"],
        halves!["dckr_pat_S" + "2Ls2z76qd12h5H4CqrqgFs24"],
    ),
    samples(
        "Doppler Token",
        halves!["dp.pt.PQns" + "XMZlteFNw7SHdpR2J7SHgT6jY58AMlcTWnH99IA"],
        halves![
            "dp.pt.gdFx" + "soSrA0wEJie2cNLP8T07GvEoJo8KtZWMinb",
            "xdp.pt.PQn" + "sXMZlteFNw7SHdpR2J7SHgT6jY58AMlcTWnH99IA"
        ],
    ),
    samples(
        "Infisical Token",
        halves!["st.2a61901" + "8d3e9cdca6fcf4e9f.9769d9d335104b208c20b4ee04944f25.782a2754baf373eb09ad74433ab62524"],
        halves![
            "st.2a3fd5e" + "5fb1f3e5ee37af1fe.9ab661145af83c4ed44fddac07d465d3.6d7dc0c441e959b52f7ac30c7f5c9e2",
            "xst.2a6190" + "18d3e9cdca6fcf4e9f.9769d9d335104b208c20b4ee04944f25.782a2754baf373eb09ad74433ab62524"
        ],
    ),
    samples(
        "Pulumi Access Token",
        halves!["pul-e62472" + "9424af3979067b40b1ae1cca8810357e26"],
        halves![
            "pul-5cc044" + "39f810235290ecb4b04c0582ef2c8b79c",
            "xpul-e6247" + "29424af3979067b40b1ae1cca8810357e26"
        ],
    ),
    samples(
        "1Password Service Account Token",
        halves!["ops_eyJJra" + "uwEW2gZoDqvW3ypC0rzajHgjS56S8pzLhjLhXqsBpPJMTS41zDRyfXu5V"],
        halves!["ops_eyJTJT" + "0w3KeuJoY1WJvCBXUKxmaUppdaV2ncbEdda0mu1jXrwRpLHnYu6ZDmBV"],
    ),
    samples(
        "1Password Secret Key",
        halves!["A3-Z20L4O-" + "ANS02V-N4AL5-HTB5V-NG1Q8-E6I5W"],
        halves!["A3-IDDS8J-" + "TIHL6K0P7DJ-SP8XR-6HYNF-IDCC", "xA3-Z20L4O" + "-ANS02V-N4AL5-HTB5V-NG1Q8-E6I5W"],
    ),
    samples(
        "Bitwarden Access Token",
        halves!["0.a94cae9b" + "-8cdb-aa92-cb95-d89ed58a0c3e.GrGTMtNXvhKjJrlEEKT6g6f389jxfR:jEiuFGKCXBM5Ie2bjRhOav"],
        halves![
            "0.9bf0dbad" + "-408e-2a98-61f5-4e1e8a1b0082.rU2HofEPPUGLh34ybgn2OOuAWUp05A:8jnfN5Nv80xJq7ZpwFUvC",
            "x0.a94cae9" + "b-8cdb-aa92-cb95-d89ed58a0c3e.GrGTMtNXvhKjJrlEEKT6g6f389jxfR:jEiuFGKCXBM5Ie2bjRhOav"
        ],
    ),
    samples(
        "Xata API Key",
        halves!["xau_yBhrt" + "JD0Bcn4G6iyQOl6mu4ZTHeitd28"],
        halves!["xau_PDtCJ" + "6ZKOGqskVOqDEzWTMgiMmDS8UX"],
    ),
    samples(
        "Liveblocks Secret Key",
        halves!["sk_dev_g" + "CoipkPfUCqND2RkZSEgtL4qOwSdIUJhnWbvKLEO1F33H6MsMvd4siHAsAxX"],
        halves!["sk_dev_i" + "sPmW8UcaF8kt92AQsA01LRDv6UHGuTSNYYakKFPaIYEXD1xcoIaEhVmkk2"],
    ),
    samples(
        "Stytch Secret",
        halves!["secret-li" + "ve-GpQ1zPgyAP3oPr6anQpLeV7GxBLtoVgxJM"],
        halves!["secret-li" + "ve-JWZCYRUd5qH1ajBdDamXmglD4C5ZEEsHe"],
    ),
];
