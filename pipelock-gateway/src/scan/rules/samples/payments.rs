//! Samples of [`crate::scan::rules::payments`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Stripe Key",
        halves!["sk_live_51" + "lpx0TiWIBs7CBo5gAPptJjhC"],
        halves![
            "pk_live_51" + "k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "sk_l" + "ive_51k7",
            "task_live_" + "51k7Rq2VxLm9Tz0Bw4Hs6Jd8",
            "rk-li" + "ve_8oeev8X6O",
            "xsk_live_5" + "1lpx0TiWIBs7CBo5gAPptJjhC"
        ],
    ),
    samples(
        "Stripe Webhook Secret",
        halves!["whsec_GcXM" + "qQF9yBH58WfocZqt3Bao5MYj4wZu"],
        halves!["whse" + "c_test", "whsec_QH" + "8fdX0Jc9Z3BCkbOeD"],
    ),
    samples(
        "Stripe Organisation Key",
        halves!["sk_org_IiC" + "1cSuNCfPp6ZLzRwMrQUcS"],
        halves!["sk_org_sOU" + "dtPTXpSyCfhcSDr5wcfr"],
    ),
    samples(
        "Plaid Access Token",
        halves!["access-pro" + "duction-fde5d3a5-836d-7eb0-a4c1-ab48cf6b8c77"],
        halves![
            "access-sta" + "ging-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "access-san" + "dbox-49b7a618-2c86-ce52-7fc1-99656c9c3f4"
        ],
    ),
    samples(
        "Square Access Token",
        halves!["sq0atp-TY" + "FF2xZOeBsU8kvqrouNU1"],
        halves![
            "EAAAYgDrig" + "EhvqkE13cmuBTGQM1cKFbgYJE1PwFkqXCQnsMfj4ZfgNNbZDDdXv0",
            "xsq0atp-TY" + "FF2xZOeBsU8kvqrouNU1"
        ],
    ),
    samples(
        "Square OAuth Secret",
        halves!["sq0csp-czE" + "1wkKut6vE5PPxYRfMV7xepdLvhb6NwqHDfCtsqAi"],
        halves!["sq0csp-TF6" + "TxQ34JhBKD9AVxiKdp9jfZjwJ4BaXX9Kk5RMCnz"],
    ),
    samples(
        "Shopify Token",
        halves!["shpat_10a2" + "2ebfc5571fd545d588ed6640bff4"],
        halves!["shpat_EBEf" + "2FFD8cd27859A464E979Ee9837c"],
    ),
    samples(
        "Braintree Access Token",
        halves!["access_tok" + "en$production$jvijpxy767uswmbv$9ce631e7eb29237ab67a3f672c92b2bc"],
        halves!["access_tok" + "en$production$zjk8ud6scbicxmyy$bcd62bf38c409a0f394a6dade4aa96e"],
    ),
    samples(
        "PayPal Access Token",
        halves!["A21AAO8mIn" + "uSGgZmEdc5E7B1wwZsW4Feyh2g5i3FkjRZUn1TFNKL6sVSqiEyZ9MfM"],
        halves![
            "A21AAqgwlp" + "mCH0Ar6OCioNjUyJptD5OWJELu1K8HYLek6wcarayUMfOT4JNooog1",
            "xA21AAO8mI" + "nuSGgZmEdc5E7B1wwZsW4Feyh2g5i3FkjRZUn1TFNKL6sVSqiEyZ9MfM"
        ],
    ),
    samples(
        "Adyen Checkout Key",
        halves!["AQEehmfDCW" + "UZSXsBseEpcG5w1LgL2jVNZoJ3zcsBMN19c4vcJierGJrVj"],
        halves![
            "AQEehmfgyG" + "fGkJFxscrno728Pye43bHD5VPPofSMlvtQ3OGXnkElXaCz",
            "xAQEehmfDC" + "WUZSXsBseEpcG5w1LgL2jVNZoJ3zcsBMN19c4vcJierGJrVj"
        ],
    ),
    samples(
        "Flutterwave Secret Key",
        halves!["FLWSECK_TE" + "ST-86ga3ch8fbf4dc35h3fb6e27d87b9e4a-X"],
        halves!["FLWSEC" + "K-29b5gacf19b"],
    ),
    samples(
        "Flutterwave Public Key",
        halves!["FLWPUBK-71" + "9g590b68h4gahefab0f0a0f2f90d5a"],
        halves!["FLWPUBK-b1" + "899a4f2964f431h530e0e06eehedh"],
    ),
    samples(
        "Razorpay Key",
        halves!["rzp_liv" + "e_Ki7IlFGQGDzJN5"],
        halves!["rzp_liv" + "e_wFl10ktiLl3V4", "xrzp_liv" + "e_Ki7IlFGQGDzJN5"],
    ),
    samples(
        "Mollie API Key",
        halves!["live_Bgd5c" + "zAxBiIQVKJ0EWIZcYZnxnzKKr"],
        halves!["live_1TCD8" + "l26boig6hKKvMFem3RIJb55e", "xlive_Bgd5" + "czAxBiIQVKJ0EWIZcYZnxnzKKr"],
    ),
    samples(
        "GoCardless Token",
        halves!["live_45LNY" + "ojaGBvoXQhkyM3LieBtF292e4spwtJteX1l"],
        halves![
            "live_rhzUO" + "J3BPfb3Bm5oLsfzn68ufNANFii7M42bd65",
            "xlive_45LN" + "YojaGBvoXQhkyM3LieBtF292e4spwtJteX1l"
        ],
    ),
    samples(
        "Checkout.com Secret Key",
        halves!["sk_sbox_rs" + "e06t99zug6b38533g43x6n8mc"],
        halves!["sk_r3modu" + "t7hwgyn6986rizdqeutr", "xsk_sbox_r" + "se06t99zug6b38533g43x6n8mc"],
    ),
    samples(
        "EasyPost API Key",
        halves!["EZTKZ0kxV3" + "Pr1N4XtrdN0zDK8skNAgdF5XNdtle14ztzBqTewXBKXrNu86"],
        halves![
            "EZTKVSnqVF" + "WRU3FrOVAMCXXKSIgNOhIf3bS2pXEUHvFgfEMvEohAtUssw",
            "xEZTKZ0kxV" + "3Pr1N4XtrdN0zDK8skNAgdF5XNdtle14ztzBqTewXBKXrNu86"
        ],
    ),
    samples(
        "Shippo Token",
        halves!["shippo_liv" + "e_F4e3Acdef829B0bCdA54cCf4f3d2a3CFc9E60E9f"],
        halves!["shippo_liv" + "e_f1CdC7c3fD16c3acDf833a8F0031651A3eD7df3"],
    ),
    samples(
        "Duffel Token",
        halves!["duffel_tes" + "t_8voGY5yaRU5X9jmbAaL2fypMYgiEjUg92x0fn5WtpG4"],
        halves!["duffel_tes" + "t_QR2kWwyA6Ga6AYtSHVXBTsz68au5VKzAnYTmLEFjre"],
    ),
    samples(
        "Mercury API Token",
        halves!["secret-tok" + "en:mercury_production_rma_TQ4rPYZIuRP32iIUBxFfqliA5JUchOdjurhT9WEO_yrucrem"],
        halves!["secret-tok" + "en:nW4hMGMcAKvwJiYV46K"],
    ),
    samples(
        "Brex Token",
        halves!["bxt_nxME8T" + "bF6kQVL2OuhkGIGQpd0636"],
        halves!["bxt_2RjPsP" + "4coAK36vE5k0HfurnMt3V", "xbxt_nxME8" + "TbF6kQVL2OuhkGIGQpd0636"],
    ),
    samples(
        "Up Banking Token",
        halves!["up:yeah:xx" + "TFPQqZQm29Y8LWyIL8kbgi12i86VfAcoOuVlcv"],
        halves!["up:yeah:CO" + "LeN87AKjDAenbDURE7t9ra3BeJMq5Viumhfaq"],
    ),
    samples("Up Demo Token", halves!["up:demo:g" + "1qpDvvEj3WWcew80dcB"], halves!["up:demo:O" + "N40DNAvqGD4NUSjVfL"]),
    samples(
        "Akahu Token",
        halves!["app_token_" + "coq6w9xhynqli8palmn6r"],
        halves!["app_token_" + "coootdio0eks6dywccci", "xapp_token" + "_coq6w9xhynqli8palmn6r"],
    ),
    samples(
        "Tinkoff Invest Token",
        halves!["t.8SSymus4" + "hwq9ceK9O1zYDzVPRYewpCkVcMpZsGDvxju29QUOUJa6VkXpvnPc3W3Khc84PDqrkRsWxBLteDxV2h"],
        halves![
            "t.sbJNMb24" + "jUz5LnrJ2Njs3I5ZmF8uRUurCy6XWo7KVcBOwEHArE7RKTV36C49Vzt3wdWI6MNWN0fpJtdX1QcmQ",
            "xt.8SSymus" + "4hwq9ceK9O1zYDzVPRYewpCkVcMpZsGDvxju29QUOUJa6VkXpvnPc3W3Khc84PDqrkRsWxBLteDxV2h"
        ],
    ),
    samples(
        "Alpaca API Key",
        halves!["PKWT8B" + "5ER2XTEHW0APQ6"],
        halves!["PKRL4X" + "ZKTWJYQ9JI30B", "xPKWT8B" + "5ER2XTEHW0APQ6"],
    ),
    samples(
        "Coinbase Cloud Key",
        halves!["organizati" + "ons/622e0df3-fc48-803b-e754-87e215dafd81/apiKeys/9a607990-691c-1cae-490d-fe7e7d128cf3"],
        halves!["organizati" + "ons/18bee3fd-af4e-7cbf-5a0a-fe2db4d34544/apiKeys/3590ef5f"],
    ),
    samples(
        "Infura Project Link",
        halves!["https://ma" + "innet.infura.io/v3/15087d8523ef4b2433c8e445f6547a73"],
        halves![".infura.io" + "/v3/6093473f3f2b3a55d534f207e35f6b5"],
    ),
    samples(
        "Alchemy Project Link",
        halves!["https://et" + "h-mainnet.g.alchemy.com/v2/LFmHnZyMoDlOtgTYRQlzodvkwTRDXVYp"],
        halves![".g.alchemy" + ".com/v2/y4iyzRJSrCbWQshwqDuvtJVAFhyXrAB"],
    ),
    samples(
        "QuickNode Link",
        halves!["https://st" + "ill-snow.solana-mainnet.quiknode.pro/94b90c652101c3e3e68b4bb63591e80bf6b11c9d"],
        halves![".quiknode." + "pro/1b6b9134b8e6d4b36d71cdcd18162387fdeec39"],
    ),
    samples(
        "Helius Link",
        halves!["https://ma" + "innet.helius-rpc.com/?api-key=7d0f8e5a-bed9-a7f3-4234-2809b16629ec"],
        halves![".helius-rp" + "c.com/?api-key=27143188"],
    ),
    samples(
        "Polar Access Token",
        halves!["polar_oat" + "_bXYSXNND1NNMT622NnbP4CGm9eSvmgIx"],
        halves!["polar_oat" + "_4flozacBdtmU3yzkX9h5ySmniz5CjA9"],
    ),
    samples(
        "Paddle API Key",
        halves!["pdl_live_" + "apikey_br37mrfo1092mmuqcm8kxg1xjs_laIjTB8gVaSJD9115uU74f"],
        halves!["pdl_live_" + "apikey_5jxadx4q2v80kz192bo4sg6e84_ofQPMugfUuAluw2XXctOR"],
    ),
];
