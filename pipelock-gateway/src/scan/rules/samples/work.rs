//! Samples of [`crate::scan::rules::work`].

use super::{Samples, halves, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Slack App Token",
        halves!["xapp-1-A01" + "2BCDEFG3-1234567890123-c4aed1a851fe4633fc218947f7d1cdf6"],
        halves!["xapp-5-qOS" + "Oxc-765348-3d367AaeCdaAbbc"],
    ),
    samples(
        "Slack Configuration Token",
        halves![
            "xoxe-1-vSh"
                + "2uQGlhWeWsjiwJeTyEDTNFrtoF0A6NH0TTueQ1SxHo93pt7IKlgZI5qj6AEgWwgAw89EqqE9J0UTkYemsBQvRUuL8Kkyyq7sQCm8enYh52bH8UJqarKZnnMMQiNeDUkO4r67Eo7l7aIV7Hv"
        ],
        halves!["xoxe-7-g2H" + "QKxfUq9WJKyBqJ0HKTRBDObDiUMCL9K99mTa"],
    ),
    samples(
        "Slack Webhook",
        halves!["https://ho" + "oks.slack.com/services/T57SE7DP4/BH9DAI3YY/xpi5q7oO1g1MPZdqS3dFCLAx"],
        halves!["hooks.slac" + "k.com/services/5oyhnT6hBhTLs9rKlaX7T7erapFRIPFvhzWmwAD"],
    ),
    samples(
        "Discord Webhook",
        halves![
            "https://di"
                + "scord.com/api/webhooks/7564629236443102510/LskGvbZd1SbjoY7WkkHOSiUGt4dsd5Pk9n3psNvHeMMad0F27DCPHh9Ey9Jlss553C2t"
        ],
        halves![
            "discord.co"
                + "m/api/webhooks/72513712155961429/uqoSBwMr1pELFsDLxzq1xjT2FVeo7xjxVjszGdMr9JeZfsPsyTcpFZw4pAh"
        ],
    ),
    samples(
        "Microsoft Teams Webhook",
        halves![
            "https://co"
                + "ntoso.webhook.office.com/webhookb2/a19a9b8e-4007-868f-068b-233f84011405@d9894c4c-d2b9-1d91-a2a7-56fa9e10a662/IncomingWebhook/302d79912d1caa537faef5002c58e017/8ec5e3be"
        ],
        halves![
            ".webhook.o"
                + "ffice.com/webhook/qeszjar5-nr7i-n2ql-sfqo-57jyus0ku5h5@4lbo39w7-rc2c-swpu-nl7m-mezx0sr09xdv"
        ],
    ),
    samples(
        "Power Automate Webhook",
        halves![
            "https://pr"
                + "od-12.westeurope.logic.azure.com/workflows/b9559911e570225e74f98bc7a086d356/triggers/manual/paths/invoke?sig=xJKUk35f5Wlh8MxeT9g82RFYiShinLyPUMLOurE0ELO"
        ],
        halves![".logic.azu" + "re.com/workflows/5d271d84e87c101151bc04639c2b85e0/triggers"],
    ),
    samples(
        "Google Chat Webhook",
        halves![
            "https://ch"
                + "at.googleapis.com/v1/spaces/XCWSRO9DkuU/messages?key=BIza0vh3CAmnuB4irifIruVCyyodiHBqyh6urY7"
        ],
        halves!["chat.googl" + "eapis.com/v1/spaces/kCEQDker/messages?key=3PyVdavnAwa427dDfNtqzAkyWSReppHsJ7FGSH"],
    ),
    samples(
        "Zapier Webhook",
        halves!["hooks.zapi" + "er.com/hooks/catch/03663/2zvvz"],
        halves!["hooks.zapi" + "er.com/hooks/catch/94542/bxku"],
    ),
    samples(
        "IFTTT Webhook",
        halves!["https://ma" + "ker.ifttt.com/trigger/door/with/key/CRd2tYIhSE6bydXwXpfgGF"],
        halves!["maker.iftt" + "t.com/trigger/v/with/key/qxxmuaGB0DJnUHSC3qa"],
    ),
    samples(
        "Twitch Stream Key",
        halves!["live_10282" + "0_jLGtPhEVTFcIdpgFUZOOBtiCsRR9"],
        halves!["live_57846" + "9_Fi3k5Gs2BU7VL34PpNbdqHePlkq", "xlive_1028" + "20_jLGtPhEVTFcIdpgFUZOOBtiCsRR9"],
    ),
    samples(
        "Facebook Access Token",
        halves!["EAAM22Ze4E" + "VC1FAl0JGUNGz3iThVllBNkh2JcwBSxg8d"],
        halves![
            "EAAMhZnxdp" + "cocUscFceYrdavhHhATuuo5aOpQHfMu6O",
            "xEAAM22Ze4" + "EVC1FAl0JGUNGz3iThVllBNkh2JcwBSxg8d"
        ],
    ),
    samples(
        "Facebook Page Token",
        halves!["EAACEdEose" + "0cBAGnMd0IBGfXTyHlmglB5W"],
        halves!["EAACEdEose" + "0cBAZltw9bMrFtuxOAO6iY8"],
    ),
    samples(
        "Instagram Access Token",
        halves!["IGAkq0X1el" + "279qfxnAeLKZbRuWDWJ0hQh1Y2UJzQ3A6XYMEXmnktkS7qTPCbu9UuNe0QWSimszK4P2Nxcq3"],
        halves![
            "IGQwlcYvki" + "dji8ktKZoz5jOasxBwF0P7pSrk34IqO525ZrfjxUsQZvmRIFNsIK4wRti6Vl76qNkDY6XvfU",
            "xIGAkq0X1e" + "l279qfxnAeLKZbRuWDWJ0hQh1Y2UJzQ3A6XYMEXmnktkS7qTPCbu9UuNe0QWSimszK4P2Nxcq3"
        ],
    ),
    samples(
        "Twitter Bearer Token",
        halves!["AAAAAAAAAA" + "AAAAAAAAAAAaGE0QTgkJfTl78QOSBA6BLWRFyn22W%2BxR6Zdlh1HtfpN1GJokbPbH72jRuXPXzEW9Bwz44J"],
        halves!["AAAAAAAAAA" + "AAAAAAAAAAy1vhu2LPYF8Oq7lGFt6UFuvnMbrOdxtu4lNporv4m26tljCnF"],
    ),
    samples(
        "LinkedIn Secret",
        halves!["WPL_AP1.x" + "ntAg62H64q0KdB9HBGJ"],
        halves!["WPL_AP1.n" + "s0zNppOqQgTjHo5nI1"],
    ),
    samples(
        "Pinterest Token",
        halves!["pina_PN2OD" + "9L1GPD6JD89NSAM3AYR6TM7U3F2IV8PD6G47OZLIIGR7TZ6IME1DR9S"],
        halves!["pina_JWT31" + "GMOOFE8XGQI407B507ZU68H0SMOZCF3RIE68D43U0R2C50MPF4FRVX"],
    ),
    samples(
        "Dropbox Token",
        halves![
            "sl.YMdcXX0"
                + "OhLZ8i2yfTksnmofpKocYhMCHJQDGb1NXNlDa4FjCdfAEVHRkTDLif3wurcetD2O4gYV6uElbgLGmgWOGhQJHDK32KWWqfmSVi4kw5AcIa3gIcszdr0xPSjtcN7"
        ],
        halves![
            "sl.9qfxYDH"
                + "Ntda616JtoDzFGCSSRXHLo5C9fwn3yGceTK1Exbao3i5YGzuT81dJeNETMnEZN2Zu5TP6L7EU5n0gZjTufSw5nJYzM28",
            "xsl.YMdcXX"
                + "0OhLZ8i2yfTksnmofpKocYhMCHJQDGb1NXNlDa4FjCdfAEVHRkTDLif3wurcetD2O4gYV6uElbgLGmgWOGhQJHDK32KWWqfmSVi4kw5AcIa3gIcszdr0xPSjtcN7"
        ],
    ),
    samples(
        "Adobe Client Secret",
        halves!["p8e-wjhueg" + "7s5aui50r5fplnpzum42ac2av0"],
        halves!["p8e-hb3kmj" + "532b643v340weei1auiuonmmw", "xp8e-wjhue" + "g7s5aui50r5fplnpzum42ac2av0"],
    ),
    samples(
        "Figma Token",
        halves!["figd_t2N5J" + "72HMwHGorvxok7USAY77QLv9zTxADP8"],
        halves!["figd_D9UoT" + "Hhy3STre37hDZ5Z10YYWTf1xbsav14"],
    ),
    samples(
        "Linear API Key",
        halves!["lin_api_p2" + "8TG3Hodgh7dFJB9PeeXjiS0kCBvgAhiTQ476MF"],
        halves!["lin_" + "api_client", "lin_api_IJ" + "nuMnhCCbq38zh6eVsiQwhlTX84ZBDaQmaD2zw"],
    ),
    samples(
        "Notion API Key",
        halves!["ntn_oGwRXj" + "OaSodGE7tcth9bmNg1VJhstuDyYFxEHDGo"],
        halves![
            "ntn_GMEYzf" + "bdC1hIsv1Yw5H7HEmg3BnKnoDRxwHh1Hh",
            "xntn_oGwRX" + "jOaSodGE7tcth9bmNg1VJhstuDyYFxEHDGo"
        ],
    ),
    samples(
        "Notion Legacy Secret",
        halves!["secret_2WA" + "vAaPGjX5tg11W114H3LFxBT0g9dJMiHfeTC5tbAz"],
        halves![
            "secret_W6n" + "adLRFOQcU1Xn2ooSqNCZYxnCbODO5uOZT12ZT0A",
            "xsecret_2W" + "AvAaPGjX5tg11W114H3LFxBT0g9dJMiHfeTC5tbAz"
        ],
    ),
    samples(
        "Airtable Token",
        halves!["patBOVYHkP" + "mWuz7xP.a6de9d15b6cb8d2b3e6d52cd5f0beac7edf7efdb384ed038cb146ee98d1796a6"],
        halves![
            "pat7sYzvN1" + "mFQoxLO.92844c505aa8f2716bf231f8c2348fea886b51a630acffa4c6e4a199db537fe",
            "xpatBOVYHk" + "PmWuz7xP.a6de9d15b6cb8d2b3e6d52cd5f0beac7edf7efdb384ed038cb146ee98d1796a6"
        ],
    ),
    samples(
        "Asana Token",
        halves!["1/12320095" + "74912224:674d56f9743280b08e3ee20962875ec0"],
        halves![
            "1/99462769" + "3838:2e6a922174ef0690862225e1b7af7b7",
            "x1/1232009" + "574912224:674d56f9743280b08e3ee20962875ec0"
        ],
    ),
    samples(
        "ClickUp Token",
        halves!["pk_521250_" + "6DT6FMGXIIP3XUB7H4PNVT6T57PMEPK6"],
        halves!["pk_576706_" + "4LCGJCX9WJ5Q2PKW9S0V5QENU80PCI1", "xpk_521250" + "_6DT6FMGXIIP3XUB7H4PNVT6T57PMEPK6"],
    ),
    samples(
        "HubSpot Private App Token",
        halves!["pat-na0-c7" + "6c7ea9-8280-d7ba-9a29-5b3c6c256ff5"],
        halves![
            "pat-na6-b0" + "ce8913-cc0d-bec0-f76b-13c93d36cc8",
            "xpat-na0-c" + "76c7ea9-8280-d7ba-9a29-5b3c6c256ff5"
        ],
    ),
    samples(
        "Intercom Access Token",
        halves!["dG9rOnvcMW" + "8nzsxtNO4DcdvErpTQPpI6eEKkovxHr6fqtZ7hQm0W2lh"],
        halves![
            "dG9rOMBaH5" + "CJoTuRG5BNKUm8VeiixdSLWxHbUjKyXopq3cYt6vH6oE",
            "xdG9rOnvcM" + "W8nzsxtNO4DcdvErpTQPpI6eEKkovxHr6fqtZ7hQm0W2lh"
        ],
    ),
    samples(
        "Salesforce Session",
        halves!["00DiJKRV2q" + "uYMzQ!AkdkeYTKLWGH7Ysg4gByejLSXJGoRDdivAuwnbJVQG0Ka8124wb0CsXqJDcYo"],
        halves![
            "00Di124nze" + "kPYBB!AxADRpjWTX1Sg9rcJbHqjfrpDD77JvVGYNfY3DvcHDVyMtcbTJ2VKn4NzKny",
            "x00DiJKRV2" + "quYMzQ!AkdkeYTKLWGH7Ysg4gByejLSXJGoRDdivAuwnbJVQG0Ka8124wb0CsXqJDcYo"
        ],
    ),
    samples(
        "Salesforce Refresh Token",
        halves!["5Aep2a9QPn" + "tcV9wWx3iZjweWPDcEmTNHne45aT4Tj2SW3MRj4iSLupb5q5PX1gPXEHptGgRIuzZjOsmpn4XAkhZeyS9IWc"],
        halves![
            "5Aep3a1YGs" + "JyD2JnZwG0n1YqBd8mjPjMCTcvMzAf5CXYeSMeLoWvUDD5pUSe4Tt9reVRTxy1oZdEpNvjjZT",
            "x5Aep2a9QP" + "ntcV9wWx3iZjweWPDcEmTNHne45aT4Tj2SW3MRj4iSLupb5q5PX1gPXEHptGgRIuzZjOsmpn4XAkhZeyS9IWc"
        ],
    ),
    samples(
        "Zoho OAuth Token",
        halves!["1000.6d64f" + "64f5173cf7ad8303f45eccf603c.1e3a9bc24b086570fc578aff0ac4c5b4"],
        halves![
            "1000.231a4" + "a95eb97733f4aca512922cbd92a.d8989fa872a67f6ba5901f5271ee50c",
            "x1000.6d64" + "f64f5173cf7ad8303f45eccf603c.1e3a9bc24b086570fc578aff0ac4c5b4"
        ],
    ),
    samples(
        "Typeform Token",
        halves!["tfp_6l4QG0" + "yoF1qth3iZHKO5c2VNuyx4sJfNRxQZj9TgrWZp36zHddtX5IYRxbe"],
        halves![
            "tfp_iMwsq2" + "eV3LUunheKqUUL0WfS3HPJEtJVTpJKWSQ",
            "xtfp_6l4QG" + "0yoF1qth3iZHKO5c2VNuyx4sJfNRxQZj9TgrWZp36zHddtX5IYRxbe"
        ],
    ),
    samples(
        "Twilio API Key",
        halves!["SK80EcDEC9" + "BBD11Af028abDB62CEEf71DA"],
        halves![
            "SK00000000" + "000000000000000000000000",
            "SK073453ea" + "ae7dfd8De3BAB1D058D3Be8",
            "xSK80EcDEC" + "9BBD11Af028abDB62CEEf71DA"
        ],
    ),
    samples(
        "SendGrid API Key",
        halves!["SG.u8fOEAB" + "ncOFyJwdQKeQpdz.UPLu83TsXVZ5FuJ9xgDLIAeKPSww5Hjz7JAgWPvTwVC"],
        halves![
            "SG.8Hw8VCb" + "25g3sqebmcTLE1r.h8HUUU28KvZ4HvS8nPAtTL8ZD31FL41h9Y1rCXX",
            "xSG.u8fOEA" + "BncOFyJwdQKeQpdz.UPLu83TsXVZ5FuJ9xgDLIAeKPSww5Hjz7JAgWPvTwVC"
        ],
    ),
    samples(
        "Mailgun API Key",
        halves!["key-0ddbf7" + "001a0f5aa6816d352cb6ec8fb9"],
        halves!["key-rIp8ku" + "UtsTCOVget2YLoBeXQ9mSFRfo", "xkey-0ddbf" + "7001a0f5aa6816d352cb6ec8fb9"],
    ),
    samples(
        "Mailchimp API Key",
        halves!["14abac73f2" + "57d5046736cc23b79b2bee-us5"],
        halves!["6d14298b5a" + "eb5661ba63dee8e0e23f72-us", "x14abac73f" + "257d5046736cc23b79b2bee-us5"],
    ),
    samples(
        "Mandrill API Key",
        halves!["md-4RH7n" + "svXQY9i4lqpC129bx"],
        halves!["md-Yy8hL" + "W39LF76v5a5LcUbO", "xmd-4RH7" + "nsvXQY9i4lqpC129bx"],
    ),
    samples(
        "Resend API Key",
        halves!["re_0j8xVyG" + "4_bu43NFGZfL7S1dHlOoil6JV2"],
        halves!["re_rUHmOkm" + "g_OLoyA8ibFx9o3jDAml5kmEy", "xre_0j8xVy" + "G4_bu43NFGZfL7S1dHlOoil6JV2"],
    ),
    samples(
        "Brevo API Key",
        halves!["xkeysib-37" + "9128898c4672c2538231d199de5a2737f0afe1f555cf7d4a3a72c89a01b6ab-D0Lg2LZbriRkZGvj"],
        halves!["xkeysib-5e" + "27e7155e87ed972e0f39688f839336de4d0152793c59837320c1faaf42d298-DWVRSGlVpA8U1WK"],
    ),
    samples(
        "Brevo SMTP Key",
        halves!["xsmtpsib-e" + "7943d85868350fbe067d6644637e99a4a8e06823f261afffb641ee751afdd7d-1ImsUdTIMR4rlcSe"],
        halves!["xsmtpsib-9" + "e49b88b6ca64eee68e15601387435fa78c3839fc7e184cbfecac483ab563ace-vkzVQLWAf1CXp4I"],
    ),
    samples(
        "Telnyx API Key",
        halves!["KEY0150E20" + "5D4B78C81E52F53F36EF77394_g5zJQ3kwyq5kJWROwe5KlI"],
        halves!["KEY010A054" + "7EA980546A067AD6970A56101_wxT1uF50okpwkc79GgPjj"],
    ),
    samples(
        "MaxMind License Key",
        halves!["eFvigr_rvr" + "rYuB0rVQRWjLvRxLRLAnWUeV6u_mmk"],
        halves!["0UkgWi_QRW" + "cgKCV2uFZi3u6gUwbuhOkYIua2_mm"],
    ),
    samples(
        "Beamer API Key",
        halves!["b_4rdtx01i" + "sw1on45ntb0es9x4qsi0qojslfn98t0o4xpo"],
        halves![
            "b_pveguret" + "8ku1vgfbedlhitfg7aidppp3np9eneq2wsh",
            "xb_4rdtx01" + "isw1on45ntb0es9x4qsi0qojslfn98t0o4xpo"
        ],
    ),
    samples(
        "Mapbox Secret Token",
        halves!["sk.eyJ1Ijo" + "is17IlvLV8Y7RWkn4k3xE4bmR5vudlGnS4GFXZ08eu1mydcR8O6BcOCir5DYz.iz92GxDRuIBiskHdm3NDDV"],
        halves![
            "tk.eyJ8ThK" + "tvnQgcuKqr2Da9MF6GXB0DK5KiJJpqjqYgRX.tAAq7Gt0A15PKwMetQE",
            "xsk.eyJ1Ij" + "ois17IlvLV8Y7RWkn4k3xE4bmR5vudlGnS4GFXZ08eu1mydcR8O6BcOCir5DYz.iz92GxDRuIBiskHdm3NDDV"
        ],
    ),
    samples(
        "Mapbox Public Token",
        halves!["pk.eyJ1Ijo" + "iMwGhqZJqHpvie7HExIjc3us6YZ3T6tXA1OZbXTY4oQpHfHZxX12kxeil4nnf.TAjllsaB0vif3LszyXe07I"],
        halves![
            "pk.eyJSZU5" + "AitSaerDz3aGPf2wwrBrgfgUDaAHupdd9rtv.qqg96nKE4CQDx9PGBij",
            "xpk.eyJ1Ij" + "oiMwGhqZJqHpvie7HExIjc3us6YZ3T6tXA1OZbXTY4oQpHfHZxX12kxeil4nnf.TAjllsaB0vif3LszyXe07I"
        ],
    ),
    samples(
        "Lob API Key",
        halves!["live_707ee" + "ba9c8abb936fdf0657edd244344660"],
        halves!["live_08501" + "74e651b126903885b7908b1d22820", "xlive_707e" + "eba9c8abb936fdf0657edd244344660"],
    ),
];
