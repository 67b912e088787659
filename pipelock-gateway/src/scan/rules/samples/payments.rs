//! Samples of [`crate::scan::rules::payments`].

use super::{Samples, halves, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Stripe Key",
        halves!["sk_live_51" + "55RyxDZdkQ4TosakmU8OOpMI"],
        halves![
            "pk_live_51" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "sk_l" + "ive_51k7",
            "task_live_" + "51k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "rk_li" + "ve_YDfe34ncH",
            "xsk_live_5" + "155RyxDZdkQ4TosakmU8OOpMI"
        ],
    ),
    samples(
        "Stripe Webhook Secret",
        halves!["whsec_BbQy" + "kG9vky8cIPXrNM8SeElcq0oPUwXk"],
        halves!["whse" + "c_test", "whsec_Qh" + "kvV9NcsWem7XDHYq9"],
    ),
    samples(
        "Stripe Organisation Key",
        halves!["sk_org_VNJ" + "UzFLYdXN5FYLXUd0y0OFP"],
        halves!["sk_org_m31" + "yVBFAG6OFTKdCk2wBXHY"],
    ),
    samples(
        "Plaid Access Token",
        halves!["access-pro" + "duction-3cb64b45-3247-ad83-1efc-cf17ce29bf2a"],
        halves![
            "access-sta" + "ging-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "access-san" + "dbox-d6d720e5-aa81-b8eb-f09d-d571c3f7b4b"
        ],
    ),
    samples(
        "Square Access Token",
        halves!["sq0atp-lp" + "x0TiWIBs7CBo5gAPptJj"],
        halves![
            "EAAAjCa23W" + "JrggyZ9Q0GeZNtSF1BH8Yhrebtw6Bcr8Nam7zbxSHhfZ3Keb6BCnd",
            "xsq0atp-lp" + "x0TiWIBs7CBo5gAPptJj"
        ],
    ),
    samples(
        "Square OAuth Secret",
        halves!["sq0csp-gDW" + "JkC4eUxPChRs9bM2TzNuSWeUvQWfwRVZsU1ChjeU"],
        halves!["sq0csp-Du8" + "zehuf7gvdfM5cz1HurWL6wSHkNmcQqfYBWiKaD6"],
    ),
    samples(
        "Shopify Token",
        halves!["shpat_b48c" + "f6b8c7749b7a6182c86ce527fc19"],
        halves!["shpat_9A65" + "6c9c3f499c22c7f0aCFFE6abf1E"],
    ),
    samples(
        "Braintree Access Token",
        halves!["access_tok" + "en$production$u4vy4qz1h6ebq95p$fb4262a175ebef66cb11dad24266b7e5"],
        halves!["access_tok" + "en$production$jsravpc73t20wh5h$74f041094deb40caa4751810a22ebfc"],
    ),
    samples(
        "PayPal Access Token",
        halves!["A21AAtk8gK" + "PDzeaLh7IKaKRnlRdhbN2NJugBXfgeJ9p36jpf1Fuvrqm2QxZbFOQLS"],
        halves![
            "A21AAhI2NJ" + "pSPTpcSQHPYoTvfSTZhiH3GHec9ogWLfTZ6czxMjw4GDdkPdu9rv2s",
            "xA21AAtk8g" + "KPDzeaLh7IKaKRnlRdhbN2NJugBXfgeJ9p36jpf1Fuvrqm2QxZbFOQLS"
        ],
    ),
    samples(
        "Adyen Checkout Key",
        halves!["AQElhmfESE" + "29gGPvVXu18NOUj7GeNPlFYTht6EWFXYjTyU2IeNGcMLtSM"],
        halves![
            "AQEvhmfhz1" + "WiimWZihaMFWfrGpoQYI2BSlVsBeHS6JU9wNosa6212Vbq",
            "xAQElhmfES" + "E29gGPvVXu18NOUj7GeNPlFYTht6EWFXYjTyU2IeNGcMLtSM"
        ],
    ),
    samples(
        "Flutterwave Secret Key",
        halves!["FLWSECK_TE" + "ST-6e221g6ghe1d84c66ca43c7889c90421-X"],
        halves!["FLWSEC" + "K-cgff219c4g7"],
    ),
    samples(
        "Flutterwave Public Key",
        halves!["FLWPUBK-8b" + "dahb9g92ebh3ecffd4f76552g7h1eg"],
        halves!["FLWPUBK-8e" + "bb32413a7c6df8f92g4e6agg66e97"],
    ),
    samples(
        "Razorpay Key",
        halves!["rzp_liv" + "e_scrno728Pye43b"],
        halves!["rzp_liv" + "e_HD5VPPofSMlvt", "xrzp_liv" + "e_scrno728Pye43b"],
    ),
    samples(
        "Mollie API Key",
        halves!["live_3OGXn" + "kElXaCzCgcxNBXEmpOp9hKCzl"],
        halves!["live_p5Kyv" + "ZHEqlXbwOWKsDldlJ46Upen4", "xlive_3OGX" + "nkElXaCzCgcxNBXEmpOp9hKCzl"],
    ),
    samples(
        "GoCardless Token",
        halves!["live_GhnfD" + "qti372k6IYAuVjD4asNxAFLTiDMfr9TiMbx"],
        halves![
            "live_knzki" + "rRmDodgPYoNAPILBDQK7zk5Q8BQLl7V13K",
            "xlive_Ghnf" + "Dqti372k6IYAuVjD4asNxAFLTiDMfr9TiMbx"
        ],
    ),
    samples(
        "Checkout.com Secret Key",
        halves!["sk_sbox_qh" + "1act788aykv83ykyxto1wqiri"],
        halves!["sk_q3jioj" + "hokk8ifgqgdjnf8lvcb6", "xsk_sbox_q" + "h1act788aykv83ykyxto1wqiri"],
    ),
    samples(
        "EasyPost API Key",
        halves!["EZTKzAxBiI" + "QVKJ0EWIZcYZnxnzKKr1TCD8l26boig6hKKvMFem3RIJb55e"],
        halves![
            "EZAKNYojaG" + "BvoXQhkyM3LieBtF292e4spwtJteX1lrhzUOJ3BPfb3Bm5o",
            "xEZTKzAxBi" + "IQVKJ0EWIZcYZnxnzKKr1TCD8l26boig6hKKvMFem3RIJb55e"
        ],
    ),
    samples(
        "Shippo Token",
        halves!["shippo_liv" + "e_fDf6062BB6de8ED92dA9CBBcaD3A0FEeBfeDFeD3"],
        halves!["shippo_liv" + "e_febA6B618e671aE9A3Fb3c6ACBFBCDA84cD182a"],
    ),
    samples(
        "Duffel Token",
        halves!["duffel_tes" + "t_Ti2gb3n0X6Ru4P7ZwufP32DLvnPAifF8ZPfwog472w2"],
        halves!["duffel_tes" + "t_BtVgzZBLZuPx947rnxdXUqtXFYTW6FuQXANCZZLUJi"],
    ),
    samples(
        "Mercury API Token",
        halves!["secret-tok" + "en:mercury_production_rma_OhIf3bS2pXEUHvFgfEMvEohAtUsswZqIcGgZbdeQ_yrucrem"],
        halves!["secret-tok" + "en:E1Vm3BZ54ocj3MJ1aoh"],
    ),
    samples(
        "Brex Token",
        halves!["bxt_3w3IfG" + "aF5VGksyqZTzsxpMAuozSe"],
        halves!["bxt_fDkakO" + "3YxHfm3DNYGVZmfvRGGuU", "xbxt_3w3If" + "GaF5VGksyqZTzsxpMAuozSe"],
    ),
    samples(
        "Up Banking Token",
        halves!["up:yeah:wq" + "A7z2vAHDM8KzC0tgHdn66Ow4a00fwH2Z5slGW2"],
        halves!["up:yeah:vY" + "PS2V6hjZAYKzdvmLWegEhSe6zuxdk2UqmG1OP"],
    ),
    samples("Up Demo Token", halves!["up:demo:i" + "9UtvA3GY893AWqQHTVB"], halves!["up:demo:R" + "pw35Y8r2TJwAkWRjKE"]),
    samples(
        "Akahu Token",
        halves!["app_token_" + "c72tqpyzirp8iubf58aju"],
        halves!["app_token_" + "c27o397tweou5lgl0aji", "xapp_token" + "_c72tqpyzirp8iubf58aju"],
    ),
    samples(
        "Tinkoff Invest Token",
        halves!["t.WT13Jsnx" + "ME8TbF6kQVL2OuhkGIGQpd06362RjPsP4coAK36vE5k0HfurnMt3VbxxTFPQqZQm29Y8LWyIL8kbgi"],
        halves![
            "t.12i86VfA" + "coOuVlcvCOLeN87AKjDAenbDURE7t9ra3BeJMq5Viumhfaq4g1qpDvvEj3WWcew80dcBON40DNAvq",
            "xt.WT13Jsn" + "xME8TbF6kQVL2OuhkGIGQpd06362RjPsP4coAK36vE5k0HfurnMt3VbxxTFPQqZQm29Y8LWyIL8kbgi"
        ],
    ),
    samples(
        "Alpaca API Key",
        halves!["PKDNUS" + "9V5LVOQ6W9XHYN"],
        halves!["PKQLI8" + "PALMN6ROOOTDI", "xPKDNUS" + "9V5LVOQ6W9XHYN"],
    ),
    samples(
        "Coinbase Cloud Key",
        halves!["organizati" + "ons/d2591cb1-114d-99ef-57c1-a78cf1ae6c31/apiKeys/8a7a4dab-7eb5-e718-b05f-1ad466da5464"],
        halves!["organizati" + "ons/c28a1bb5-ae07-2302-859a-1aeb466b6f4e/apiKeys/b8e8b90f"],
    ),
    samples(
        "Infura Project Link",
        halves!["https://ma" + "innet.infura.io/v3/28eb923bd07885fbc59b4c844ed09622"],
        halves![".infura.io" + "/v3/e0df3fc48803be75487e215dafd819a"],
    ),
    samples(
        "Alchemy Project Link",
        halves!["https://et" + "h-mainnet.g.alchemy.com/v2/lAOTT0mByNuTl9hC2ZCZVdJTuAou0bft"],
        halves![".g.alchemy" + ".com/v2/f1Rj4fvRdt4oC0ETbgsHDo0TY57e0eH"],
    ),
    samples(
        "QuickNode Link",
        halves!["https://st" + "ill-snow.solana-mainnet.quiknode.pro/fdaf4e7cbf5a0afe2db4d345443590ef5f15087d/"],
        halves![".quiknode." + "pro/8523ef4b2433c8e445f6547a736093473f3f2b3"],
    ),
    samples(
        "Helius Link",
        halves!["https://ma" + "innet.helius-rpc.com/?api-key=55d534f2-07e3-5f6b-5552-3c6179c88e98"],
        halves![".helius-rp" + "c.com/?api-key=1bac7481"],
    ),
];
