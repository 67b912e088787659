//! Samples of [`crate::scan::rules::code`].

use super::{Samples, halves, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "GitHub Fine-Grained PAT",
        halves!["github_pat" + "_C5LJ3D3RVCWABRFUH5EPPU_GLh34ybgn2OOuAWUp05A8jnfN5Nv80xJq7ZpwFUvCgbgIeHxDnfGUoDP6fN"],
        halves!["github_pa" + "t_from_environment", "github_pat" + "_dMvhrwQbwpUerSRSmoFFsgo1QAt48sYjcsX"],
    ),
    samples("GitLab PAT", halves!["glpat-N4" + "XJ5FNHhdNCfWV99ipB"], halves!["glpat-Y8" + "KJxcB8Za6iQ7AzJAT"]),
    samples("GitLab Token", halves!["gldt-ipc" + "uKRYHnM9NdGFAFCOG"], halves!["gloas-y4" + "ZGFJTJEkSB7DdTwi5"]),
    samples(
        "GitLab Trigger Token",
        halves!["glptt-4601" + "c4ec123041abae728ecea1aa87a7993efaa1"],
        halves!["glptt-cee5" + "8b9683850eff6b42b1fa1063bd5e8d9c908"],
    ),
    samples(
        "GitLab Runner Registration Token",
        halves!["GR1348941" + "HwgJX5AzBp62kC3bXcV1"],
        halves!["GR1348941" + "Z648JdTGvjcXxEKkDWD"],
    ),
    samples(
        "GitLab Session Cookie",
        halves!["_gitlab_se" + "ssion=trik92fb3rhvzntj1s3gxb5zt7w7o5jg"],
        halves!["_gitlab_se" + "ssion=4dr7w8e599kcpbg4swlvg4fu66aiis6"],
    ),
    samples(
        "Bitbucket App Password",
        halves!["ATBBkUwTPI" + "Pgdf8kZQfrsmQhAl9eBMTawA1Y"],
        halves!["ATBBtHffQ6" + "hhXUZl7sxuWxOIvkKVQSDGtZp", "xATBBkUwTP" + "IPgdf8kZQfrsmQhAl9eBMTawA1Y"],
    ),
    samples(
        "Bitbucket Access Token",
        halves!["ATCTT3xFfG" + "0KpG9WJ09ZNXmN2GqU4dxuwYZFnqUBN9SqasZYchFFBykyD4mAy6vnyqtwVs"],
        halves!["ATCTT3xFfG" + "hWF5UX1pCJ1uFYPxiaZqy8Mv3KzjaJ5PtXN8w9dQcwdNTpvSuvY7nb6CPYJ"],
    ),
    samples(
        "Atlassian API Token",
        halves!["ATATT3Zz7C" + "VF4TF0ASBx6y5adeQf1Su1GLLBtqft4pYLN95TRUzQyLpxL0DA7UK1uJ"],
        halves!["ATATT3FhtE" + "rnxZ0L8E1m1sZ6c0VBapbLPi2QBoKemTbJffwBow3fy1Ej930pyifEU"],
    ),
    samples(
        "Trello Token",
        halves!["ATTA621c93" + "f38749e3f556da77e98c5ff97f5aa17ae87679cd0f4fbcac438253f29b"],
        halves!["ATTAd248e9" + "b6d5a04b3a9d9411562bbc565c28913e3ce7a9e974a7991b46fdd21d1"],
    ),
    samples(
        "npm Token",
        halves!["npm_1NiV6A" + "ei8lNgKNCzKWlFe1F3KbhpwafKO8Z4"],
        halves!["npm_config" + "_registry_and_other_settings", "npm_k96ZSk" + "nXHe4JkloPUwAvkmxCNOCMRNBSInG"],
    ),
    samples(
        "npm Registry Password",
        halves!["//registry" + ".example.net/:_authToken=66dtbzgs0kaq2vhw0glrpx9g5wwlnl5431nd"],
        halves![":_authToke" + "n=${NPM_TOKEN_VALUE}", ":_authTok" + "en=TFDU4mAsIdbGFTx"],
    ),
    samples(
        "PyPI Token",
        halves!["pypi-dWFDg" + "WUr6orShjj5srj7ywtMWbQeKoqS"],
        halves![
            "pypi-attes" + "tations-and-other-packages-of-the-index",
            "pypi-KrktG" + "mnBZVJkh0t1cDtpwPtmNafK0vA",
            "xpypi-dWFD" + "gWUr6orShjj5srj7ywtMWbQeKoqS"
        ],
    ),
    samples(
        "RubyGems Token",
        halves!["rubygems_1" + "a63dcc5e38d4aaa0908208ef2bc6241308207cf78edceb2"],
        halves!["rubygems_8" + "b0b12e6f2e6547a972fc705a8e54ad25f548aed8e1a63d"],
    ),
    samples(
        "crates.io Token",
        halves!["cioofJRSkZ" + "FqnSDUcJpsAKQEcHCpiC7lwC8"],
        halves!["cioRv5VBtz" + "EiN3B8do6tCUfozKnQ40RF0B", "xcioofJRSk" + "ZFqnSDUcJpsAKQEcHCpiC7lwC8"],
    ),
    samples(
        "NuGet API Key",
        halves!["oy2yi9r8ng" + "l7slwjcm1gvagzrqoa9mo2rnhv31a5vn0mni"],
        halves![
            "oy27df0erb" + "5yxrp8st92v9116qsc0ux5aa1rtmxrg53yh",
            "xoy2yi9r8n" + "gl7slwjcm1gvagzrqoa9mo2rnhv31a5vn0mni"
        ],
    ),
    samples(
        "Clojars Token",
        halves!["CLOJARS_90" + "kk5h3sbf0eodeo4jahsbsovus4tqpxa3lqtj0l9p4t8e7il2cukyutig4a"],
        halves!["CLOJARS_2u" + "fipuiy4z6noo60crm5yjgtbxhaozih3aro1s587jupmgz42pwucpy6t14"],
    ),
    samples(
        "Hex Package Key",
        halves!["hexpm_baa9" + "8ffc245ae96972c2d88dc28dd2a1"],
        halves!["hexpm_7220" + "33dc488b3fff4327a5cec851cd4", "xhexpm_baa" + "98ffc245ae96972c2d88dc28dd2a1"],
    ),
    samples(
        "Artifactory API Key",
        halves!["AKCpSXNYmQ" + "v0op0QJOQxaqlM9oshYHqPDpQQis6Z2zjAjYCooZWsoMCulQ9fsc469SC6CGhgD"],
        halves![
            "AKCpB1WgU2" + "QdlcWuwJOoYo4XBjZjoRctbJRzRWrDU1hIhe7BzBrR10m6SsIeiMOO8jSic48L",
            "xAKCpSXNYm" + "Qv0op0QJOQxaqlM9oshYHqPDpQQis6Z2zjAjYCooZWsoMCulQ9fsc469SC6CGhgD"
        ],
    ),
    samples(
        "Artifactory Reference Token",
        halves!["cmVmdKQdRp" + "JEFPvlpumPcoDq4gwetagsfxHCUh8vb2DPIg1czu6ShdbEaEAml5pm"],
        halves![
            "cmVmdf0hLI" + "F0cMxZtIaruHOxXicLBWDUp12vFpvMuNndTOW8LvZYWXkp9z72mc9",
            "xcmVmdKQdR" + "pJEFPvlpumPcoDq4gwetagsfxHCUh8vb2DPIg1czu6ShdbEaEAml5pm"
        ],
    ),
    samples(
        "SonarQube Token",
        halves!["sqp_984cfc" + "5d9800793d142f887b7e5622ecabea780d"],
        halves!["sqa_5cc06a" + "aa70b3c1c71ad7d7a08d39344e06f6da2"],
    ),
    samples(
        "CircleCI Token",
        halves!["CCIPAT_v9E" + "iRQsxs6M4oRerzS3ytO_b72f02b481d840e5c629c7c53fd7ba7f8c70ef88"],
        halves!["CCIPAT_4Ld" + "lrDV3kszSnrj2F62h65_ab91c7043b60a6d877208eff0073e2354c22746"],
    ),
    samples(
        "Buildkite Token",
        halves!["bkua_obsco" + "m2w1pboz0a3vsx2q48luug7k3odlu5ij6c5"],
        halves!["bkua_lafdx" + "2sl8l1wtzqf9qojmhlblwy6f4265nn4ohb"],
    ),
    samples(
        "Harness Token",
        halves!["sat.B5iVM3" + "2N0yu5DiKYgK5ZZS.vEcpKEyzQjDs7Q2QklZQqmT0.1YPlV7DIH3yPOh296zeQ"],
        halves![
            "sat.rxuWEx" + "ZH9jEJMjuK5MtaR2.Rkk2xrrrtGtwpl2F87ucX7Gj.RnW1Y8N9m6aD2uKtu20",
            "xsat.B5iVM" + "32N0yu5DiKYgK5ZZS.vEcpKEyzQjDs7Q2QklZQqmT0.1YPlV7DIH3yPOh296zeQ"
        ],
    ),
    samples(
        "Octopus Deploy API Key",
        halves!["API-VG76ML" + "1ZMW9OZD6X7UBO63BFI9"],
        halves!["API-KUO97" + "F7DB2ENPMP4SP6UJDUVY", "xAPI-VG76M" + "L1ZMW9OZD6X7UBO63BFI9"],
    ),
    samples(
        "TeamCity Token",
        halves!["eyJ0eXAiOi" + "AiVENWMiJ9.w2CrgWdmMxBccQVD6zLW"],
        halves!["eyJ0eXAiOi" + "AiVENWMiJ9.EGbJEJ2oVxLNGHvMMZg", "xeyJ0eXAiO" + "iAiVENWMiJ9.w2CrgWdmMxBccQVD6zLW"],
    ),
    samples(
        "Sourcegraph Token",
        halves!["sgp_399d98" + "daaa9fc88ed4c193fe9b6891911f959b76"],
        halves![
            "sgp_4f19e3" + "8b3CD6c6aCf944EDEbdaa9f1ae8fBfFBD",
            "xsgp_399d9" + "8daaa9fc88ed4c193fe9b6891911f959b76"
        ],
    ),
    samples(
        "Sourcegraph Licence Token",
        halves!["slk_2ad531" + "40d811f756ef56ab8fba4998611e829ea8e3d87fe7151f15abb90e3572"],
        halves!["slk_bfc7bb" + "d6aa95922ec654e8db2be7a8ca337c235e94cc2d8377ccb381e437ae3"],
    ),
    samples(
        "Postman API Key",
        halves!["PMAK-C753a" + "3c7e19dC0676332FEfC-bcbc89194c0adf403AbcCCbF8F36D0dAeF"],
        halves!["PMAK-33bEF" + "FCF1deCE4e4F647e8d4-84bAde8cbBfBDfFCF4cA93dBae66DD5A5"],
    ),
    samples(
        "Prefect API Key",
        halves!["pnb_qbAByD" + "QveCwMh8cMZhqTE22GmCC6Ui34OtEz"],
        halves!["pnu_s7aK34" + "g0Le5j3PcTPe1sfbPmJQeuP08gbhe", "xpnb_qbABy" + "DQveCwMh8cMZhqTE22GmCC6Ui34OtEz"],
    ),
    samples(
        "ReadMe API Key",
        halves!["rdme_1yyql" + "6ozkgc5fn72uhbrmb0gl4w8w2wj4102ghrecvwiskiou9z2lpbqcvspnim159pucq"],
        halves!["rdme_j0qat" + "ojyau812o2n2h05an0r2fvqewo5xcahwk03lpeo9oxsalbb2967pjb5aykph4kvl"],
    ),
    samples(
        "Grafana API Key",
        halves!["eyJrIjoivq" + "Rqne7r9aytF3odBGrbuxlreQy5QIEdvSYjB540"],
        halves!["eyJrIjoi9s" + "3XhijEybTGmLJUebd76vvQ6s4EuRGP9Ta9du9"],
    ),
    samples(
        "Grafana Cloud Token",
        halves!["glc_qjBNoa" + "jjHpkLQho3ANLur1c3V5AR2NIL"],
        halves!["glc_adcufj" + "tPYwwmI4dsI43k4MKsWreoYjo", "xglc_qjBNo" + "ajjHpkLQho3ANLur1c3V5AR2NIL"],
    ),
    samples(
        "Grafana Service Account Token",
        halves!["glsa_fO7Xi" + "g7ij4NtRWG6ciX4477AgUHaVHez_379bC2EE"],
        halves!["glsa_c7Pm3" + "6AGERmdbsnAhOAU4AK0YJIOt9vc_C14Fcdb"],
    ),
    samples(
        "Sentry Auth Token",
        halves!["sntry_xwKl" + "2bbxRx1KsUn4wwIbWvntTGbF5tOL4PzhBcw0"],
        halves!["sntru_ihDc" + "a2G94k7Ex5zlxpkKNug7uKrVwwRl3WYg9dR"],
    ),
    samples(
        "New Relic API Key",
        halves!["NRAK-A63D3" + "F63IGB37PI3CRNT0HYZIRL"],
        halves!["NRAK-KV1ZR" + "78COZOOVU258QFXYGCG8K"],
    ),
    samples(
        "New Relic Admin Key",
        halves!["NRRA-f8cad" + "c04c89816ccb09a8611a0265987706b381a0b"],
        halves!["NRRA-ff971" + "052a26d72d08c850ad5376a9db3546e692ce"],
    ),
    samples(
        "New Relic Insert Key",
        halves!["NRIQ-JQ44g" + "KtuNRy02Vfc8M1oRWeMBGPjK46q"],
        halves!["NRIQ-3gFLs" + "CYWEtzMdARpUzmcCGQfkR5zKd2", "xNRIQ-JQ44" + "gKtuNRy02Vfc8M1oRWeMBGPjK46q"],
    ),
    samples("New Relic Browser Key", halves!["NRJS-1f7" + "f8208c885e85ac1d"], halves!["NRJS-44" + "4c37af53e3bedab5"]),
    samples(
        "New Relic License Key",
        halves!["d79cde881e" + "aa47f034ba519728e28bb147dcNRAL"],
        halves!["00410a37ed" + "2b9e07b304ff0bf50d0aa4a9f0NRA"],
    ),
    samples(
        "Pixie Key",
        halves!["px-api-aa2" + "dc50a-121c-f906-9fee-967878bdfad6"],
        halves!["px-api-3a7" + "76f49-75bc-ef0d-7926-0fbdafe069a", "xpx-api-aa" + "2dc50a-121c-f906-9fee-967878bdfad6"],
    ),
    samples(
        "Dynatrace Token",
        halves![
            "dt0a22.MUV" + "PT56ZSKTJQX6J73II3PRU.0B0TC2EHXWVME78PBN9VPTQ1I7S8V42EC44YGAWIRBLNC44MMKKILCGUZYU78T7J"
        ],
        halves![
            "dt0o21.1CC" + "AI8D482I43VJLBC0XFNAR.4HEEFTBJO4WI46GKERGGUQ2U0I3I12MAKCZC9CIGR2W7BXP5MKG7EO2SXZGT213",
            "xdt0a22.MU" + "VPT56ZSKTJQX6J73II3PRU.0B0TC2EHXWVME78PBN9VPTQ1I7S8V42EC44YGAWIRBLNC44MMKKILCGUZYU78T7J"
        ],
    ),
    samples(
        "Honeycomb API Key",
        halves!["hceic_si6i" + "k4xouj3xnbead2e4r19ev4uryy8nmrav0w052m5uiibvit5m4ltywm"],
        halves![
            "hcaik_o2ng" + "h8cs6hyiibhynhlfzrx9s2ykgr2n7bxtc37yfsjtndvxfyehmi9xg",
            "xhceic_si6" + "ik4xouj3xnbead2e4r19ev4uryy8nmrav0w052m5uiibvit5m4ltywm"
        ],
    ),
    samples(
        "Axiom Token",
        halves!["xapt-659b0" + "f12-f308-e5d6-99dd-6e1c214f37b8"],
        halves!["xaat-9d143" + "541-edcc-757e-ce11-0bfe1144f4c", "xxapt-659b" + "0f12-f308-e5d6-99dd-6e1c214f37b8"],
    ),
    samples(
        "Elastic Cloud Key",
        halves!["essu_jTlDV" + "NSJZ4jRU2zRNLeZPV0j3A4fGhIDGSyaKsRc"],
        halves!["essu_45cRq" + "fpB0Auftmuz0V58VcAK6lU46p9y0OMMyKg"],
    ),
    samples(
        "Statsig Secret Key",
        halves!["secret-AQA" + "MPcnShB6WMtFdVJRRRo8VwLPP2efOzv8E2C7k"],
        halves![
            "secret-JbP" + "Lgy1sbQF3rsMfHHLTkpGBwo23I3AdyxML10w",
            "xsecret-AQ" + "AMPcnShB6WMtFdVJRRRo8VwLPP2efOzv8E2C7k"
        ],
    ),
    samples(
        "PostHog Personal Key",
        halves!["phx_Hcrffv" + "Z1kZ2ecDAQoHFEWDWUpLlnS46K1rIMSSwh"],
        halves![
            "phs_A0NQ7A" + "6QcfJ2BrF3sTlCOFKIAsNq0KNB5cmjj7N",
            "xphx_Hcrff" + "vZ1kZ2ecDAQoHFEWDWUpLlnS46K1rIMSSwh"
        ],
    ),
    samples(
        "Segment Public API Token",
        halves!["sgp_uW9rEL" + "15epaWcRKbi39rld022n21FZ4pxBGChePAmy7POJxsBrGyPHLvJbCTJOmX"],
        halves![
            "sgp_z6154v" + "mjMdXTZoAJu8iiCs7PPbK7H9TbTkPvtgoTebXRVtsFTvd0cuHRqGgmhUk",
            "xsgp_uW9rE" + "L15epaWcRKbi39rld022n21FZ4pxBGChePAmy7POJxsBrGyPHLvJbCTJOmX"
        ],
    ),
    samples(
        "StackHawk API Key",
        halves!["hawk.NdXMV" + "0sWU9ywgxKkzgDu.5sfwrMu7wmyzCDqoX0Kx"],
        halves![
            "hawk.jMt7F" + "benLkVKA3SC8yu1.ysEBqCqmGy0ssCG5ikT",
            "xhawk.NdXM" + "V0sWU9ywgxKkzgDu.5sfwrMu7wmyzCDqoX0Kx"
        ],
    ),
    samples(
        "Dependency-Track Key",
        halves!["odt_rLPVsZ" + "8Q9KtOSd6W4QeaU6AXC5JB1MrW"],
        halves!["odt_BCz9Ax" + "qWF1lAZLXhFV2LIoQcnobmL15", "xodt_rLPVs" + "Z8Q9KtOSd6W4QeaU6AXC5JB1MrW"],
    ),
    samples(
        "Infracost API Token",
        halves!["ico-VlUAgd" + "Wud5CGhBZe81RhNEOct6xWhmQI"],
        halves!["ico-AMVvS0" + "E90OleMtyJY6T7Aua6zh920GJ", "xico-VlUAg" + "dWud5CGhBZe81RhNEOct6xWhmQI"],
    ),
    samples(
        "Defined Networking Token",
        halves!["dnkey-463A" + "L6xa1w2AnNExEc0u4pcSHG-KTP4PM4F6GUjNVlIKHuqoPmhSvq9V1KyfgaIr2SZPmZ8O8RcNHZO"],
        halves!["dnkey-mdeZ" + "7QCx8QXz09GD2HFBe3Fqyp-nDRWqjmvKG2HmX5LBgkNSeeQNoTBikTB06J2dEtyhwm9UXsRktX"],
    ),
    samples(
        "Authress Service Key",
        halves!["sc_wkoyokj" + "9.0y78u.acc_o3xfy7a71mp0.tWLlV8wGNSb23W0y6HCGuM8oPiIkw4EzkVEq9EeJ"],
        halves![
            "sc_eqml2.C" + "BuM.acc_2bp390sohc.H8LXyowSY1FdafhscJrFqVEITn9Ea",
            "xsc_wkoyok" + "j9.0y78u.acc_o3xfy7a71mp0.tWLlV8wGNSb23W0y6HCGuM8oPiIkw4EzkVEq9EeJ"
        ],
    ),
    samples(
        "42 Intra Secret",
        halves!["s-s4t2ud-6" + "cf502cf52aab5f5e6ece04f1aadb6911929066f2b71f1438fcd0cc5abac6a12"],
        halves!["s-s4t2ud-d" + "d1eef9ae285a831e0f066badcd5166dab3e90157d27568f1aee0e5158696d8"],
    ),
    samples("SettleMint Token", halves!["sm_aat_" + "lij8lered5KOlKdJ"], halves!["sm_aat_" + "iLnEijdAqCSrXYT"]),
    samples(
        "Frame.io Token",
        halves!["fio-u-Sipf" + "jfCUNIvpRis2TYTkAiEsUxZd1k9MHTxXxurSO1sV6nqII6YbWPeZVRyZog6v"],
        halves!["fio-u-wv5E" + "fvBLr0ZzNHQtqX0PEVqNoHpxR9R6353PY77M6tJ542cSAMjd1bctGkotCjf"],
    ),
    samples(
        "Contentful Personal Token",
        halves!["CFPAT-Y2Zf" + "KCudYYsrBqfTBvw6e8ub9UiAMSy7NEVnBbY8j6G"],
        halves!["CFPAT-7Hi7" + "myBfPqnBSuBvJ58HcR8EsjYs3xKt8SFqD1zWfP"],
    ),
    samples(
        "Sanity Token",
        halves![
            "skbNLnCNEt"
                + "b35aW6STxkjqka91TcKkTJiZjVWKwGuaARx1V2tBFb6d6mQqOeIOYBFpM3DEuTURvIcVACFo6pw3GDvrgpQ8ISGSBC3PgLHl1IGG13lJYkBe5KI9OQBRMd7ntXG0MUXUxm1xgHgfrVhSi0"
        ],
        halves![
            "skPMrc2KzY"
                + "lPWDFOPzhHPzUzIwZKvV8xVMjU44mebNKuvdg1AHAgJwIcVrWsxCcViwnaxD37hIPgRb7Ng9qnKHXMsZORY5SW1yGOO",
            "xskbNLnCNE"
                + "tb35aW6STxkjqka91TcKkTJiZjVWKwGuaARx1V2tBFb6d6mQqOeIOYBFpM3DEuTURvIcVACFo6pw3GDvrgpQ8ISGSBC3PgLHl1IGG13lJYkBe5KI9OQBRMd7ntXG0MUXUxm1xgHgfrVhSi0"
        ],
    ),
    samples(
        "Django Insecure Key",
        halves!["django-ins" + "ecure-jis9bxlwsayksmlytxgzvi4zuu7x9slj05581axgb3f4s9zdec"],
        halves!["django-ins" + "ecure-7k7fgd3k49ae96e5da7d72dmcfhfd"],
    ),
    samples(
        "Kagi Session Link",
        halves!["kagi.com/s" + "earch?token=NR1A8UNZ3SjJeC3UpT87rfnG8tZugU"],
        halves!["kagi.com/s" + "earch?token=2MzRLvsHF2QSDDc9LmCnyzuGRAcKy"],
    ),
];
