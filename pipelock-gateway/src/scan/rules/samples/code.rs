//! Samples of [`crate::scan::rules::code`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "GitHub Fine-Grained PAT",
        halves!["github_pat" + "_16I4HD5GUDP5N1L5OZS2QP_QjlFFpelyOAq15pWhapVfM1VI2FMHfbMCdUT66gmBW5JIuaB5XY3g7O4AwI"],
        halves!["github_pa" + "t_from_environment", "github_pat" + "_ATUksexLTaHqNPfGFAFCQGy4ZGFJTJEkSB7"],
    ),
    samples("GitLab PAT", halves!["glpat-dT" + "wi55oKNBCsbJfb0D03"], halves!["glpat-EG" + "B6KCX6YvWy59tujnf"]),
    samples(
        "GitLab Token",
        halves!["gldt-ExQ" + "dZo2dVDUUu0QPVOix"],
        halves!["glagent-to" + "o-short-for-an-agent01", "gldt-t1U" + "xUHfu7gWXDaqfeLS"],
    ),
    samples(
        "GitLab Trigger Token",
        halves!["glptt-9683" + "850eff6b42b1fa1063bd5e8d9c90813f4a00"],
        halves!["glptt-1cad" + "9b4d83da241a10ed9a41751d8fbe90e1852"],
    ),
    samples(
        "GitLab Runner Registration Token",
        halves!["GR1348941" + "H5iHanFqVSEP05dHqxsi"],
        halves!["GR1348941" + "JQFKKz4WNbMSE8e9371"],
    ),
    samples(
        "GitLab Session Cookie",
        halves!["_gitlab_se" + "ssion=lvg4fu66aiis6xkjf8fwtvpgvgx0u1cj"],
        halves!["_gitlab_se" + "ssion=q0o7vvgxxnkpme8algi36p96k8nclzc"],
    ),
    samples(
        "Bitbucket App Password",
        halves!["ATBBnS1bur" + "tWXFknSBM6QnYpXWafFFBviv8D"],
        halves!["ATBB1jAv3s" + "kvnqtTpfUF2SVymCIyrFWNugY", "xATBBnS1bu" + "rtWXFknSBM6QnYpXWafFFBviv8D"],
    ),
    samples(
        "Bitbucket Access Token",
        halves!["ATCTT3xFfG" + "qy8Mv3KzjaJ5PtXN8w9dQcwdNTpvSuvY7nb6CPYJ4Zz7CVF4TF0ASBx6y5ad"],
        halves!["ATCTT3xFfG" + "eQf1Su1GLLBtqft4pYLN95TRUzQyLpxL0DA7UK1uJFhtErnxZ0L8E1m1sZ6"],
    ),
    samples(
        "Atlassian API Token",
        halves!["ATATT30VBa" + "pbLPi2QBoKemTbJffwBow3fy1Ej930pyifEUqPE9mCaUGg7rytHSQqiK"],
        halves!["ATATT36VeH" + "hL04xsL4PdzXq6z3tRRm6f8VStvza3rMggURgMXWDR5XfT42tj2QpNo"],
    ),
    samples(
        "Trello Token",
        halves!["ATTA79cd0f" + "4fbcac438253f29bd248e9b6d5a04b3a9d9411562bbc565c28913e3ce7"],
        halves!["ATTAa9e974" + "a7991b46fdd21d136a0f65615b2f25ddf57cc9b3f47a0167168609430"],
    ),
    samples(
        "npm Token",
        halves!["npm_Tt5BZG" + "rSsaKAQcx2VH76vWauGLt8oRuPXjGf"],
        halves!["npm_config" + "_registry_and_other_settings", "npm_WWLwN4" + "Lfk5uedbN5DTFDU4mAsIdbGFTxpbU"],
    ),
    samples(
        "npm Registry Password",
        halves!["//registry" + ".example.net/:_authToken=d4usq5777luzo2jqj8g9bxti850dn9my3jav"],
        halves![":_authToke" + "n=${NPM_TOKEN_VALUE}", ":_authTok" + "en=xDj0UMrjGuajzZo"],
    ),
    samples(
        "PyPI Token",
        halves!["pypi-pxaMf" + "G77S9cJkXrWpiX2rBUA0srtSEvB"],
        halves![
            "pypi-attes" + "tations-and-other-packages-of-the-index",
            "pypi-zTehF" + "8YbPtEKnDHt4BorSEBQobhzRSf",
            "xpypi-pxaM" + "fG77S9cJkXrWpiX2rBUA0srtSEvB"
        ],
    ),
    samples(
        "RubyGems Token",
        halves!["rubygems_d" + "ceb28b0b12e6f2e6547a972fc705a8e54ad25f548aed8e1"],
        halves!["rubygems_a" + "63d6f489c291ae40582e31118a0260e1af588208c48635"],
    ),
    samples(
        "crates.io Token",
        halves!["cioLzxWJCM" + "w7bGwxVAGZwRk643nQ2Ot2Azr"],
        halves!["cioj3MOcR4" + "NH3o2V1db4AfVu17ptNaMNqI", "xcioLzxWJC" + "Mw7bGwxVAGZwRk643nQ2Ot2Azr"],
    ),
    samples(
        "NuGet API Key",
        halves!["oy2df0erb5" + "yxrp8st92v9116qsc0ux5aa1rtmxrg53yhg9"],
        halves![
            "oy20kk5h3s" + "bf0eodeo4jahsbsovus4tqpxa3lqtj0l9p4",
            "xoy2df0erb" + "5yxrp8st92v9116qsc0ux5aa1rtmxrg53yhg9"
        ],
    ),
    samples(
        "Clojars Token",
        halves!["CLOJARS_8e" + "7il2cukyutig4a2ufipuiy4z6noo60crm5yjgtbxhaozih3aro1s587jup"],
        halves!["CLOJARS_mg" + "z42pwucpy6t140wvus9q457zfjlu2smtpeyf1rq0yfr10eu9doefbhh0y"],
    ),
    samples(
        "Hex Package Key",
        halves!["hexpm_88b3" + "fff4327a5cec851cd499b6c88478"],
        halves!["hexpm_d6c3" + "7188c0c1cb618fe911310ba8eeb", "xhexpm_88b" + "3fff4327a5cec851cd499b6c88478"],
    ),
    samples(
        "Artifactory API Key",
        halves!["AKCpOoYo4X" + "BjZjoRctbJRzRWrDU1hIhe7BzBrR10m6SsIeiMOO8jSic48LqKQdRpJEFPvlpum"],
        halves![
            "AKCpPcoDq4" + "gwetagsfxHCUh8vb2DPIg1czu6ShdbEaEAml5pmf0hLIF0cMxZtIaruHOxXicL",
            "xAKCpOoYo4" + "XBjZjoRctbJRzRWrDU1hIhe7BzBrR10m6SsIeiMOO8jSic48LqKQdRpJEFPvlpum"
        ],
    ),
    samples(
        "Artifactory Reference Token",
        halves!["cmVmdWDUp1" + "2vFpvMuNndTOW8LvZYWXkp9z72mc9OfTu7RInznZ7esZqrK4n31waT"],
        halves![
            "cmVmdzRBAP" + "SHa0sCy3JzuwghgEfQQ9vPuXqhpO1uodtLN797ElEdYrUXcUPqRzB",
            "xcmVmdWDUp" + "12vFpvMuNndTOW8LvZYWXkp9z72mc9OfTu7RInznZ7esZqrK4n31waT"
        ],
    ),
    samples(
        "SonarQube Token",
        halves!["sqa_d5cc06" + "aaa70b3c1c71ad7d7a08d39344e06f6da2"],
        halves!["sqa_c28868" + "f97b72f02b481d840e5c629c7c53fd7ba"],
    ),
    samples(
        "CircleCI Token",
        halves!["CCIPAT_88e" + "wQZ0s2qyPAwucezQQ4L_e1a92ab91c7043b60a6d877208eff0073e2354c2"],
        halves!["CCIPAT_28m" + "4EnPrJMhJlYLcMYWCgB_c5c051fe1d24aff83a1c6af299362a5761ea4a0"],
    ),
    samples(
        "Buildkite Token",
        halves!["bkua_zqf9q" + "ojmhlblwy6f4265nn4ohbnxk1wjbc3w9mu9"],
        halves!["bkua_nng4s" + "a4gz3ggpgjofl387fexugwjk4n7x48bx9b"],
    ),
    samples(
        "Harness Token",
        halves!["pat.2Tnn50" + "uuuwGwzso5FxeZGm.RnW1Y8N9m6aD2uKtu20MVGvh.gMLbzZMWjO7Z9DgXhUzz"],
        halves![
            "pat.81QifB" + "FtJmoLWQmjpFjDqB.cuEqNz8P82MtPeS9Pz8gUJxD.UVY5gtzCoeUbjLuBaaO",
            "xpat.2Tnn5" + "0uuuwGwzso5FxeZGm.RnW1Y8N9m6aD2uKtu20MVGvh.gMLbzZMWjO7Z9DgXhUzz"
        ],
    ),
    samples(
        "Octopus Deploy API Key",
        halves!["API-DKUEGZ" + "IEITKMGHLLX4HTT0TQ16"],
        halves!["API-VUVS4" + "YQQ30JYDTG9743TXNQTD", "xAPI-DKUEG" + "ZIEITKMGHLLX4HTT0TQ16"],
    ),
    samples(
        "TeamCity Token",
        halves!["eyJ0eXAiOi" + "AiVENWMiJ9.C7ChsULVZQqP2KhyCxVe"],
        halves!["eyJ0eXAiOi" + "AiVENWMiJ9.HSZGnq0NaNWy7yngVKK", "xeyJ0eXAiO" + "iAiVENWMiJ9.C7ChsULVZQqP2KhyCxVe"],
    ),
    samples(
        "Sourcegraph Token",
        halves!["sgp_bdaa9f" + "1ae8ff62ad53140d811f756ef56ab8fba4"],
        halves![
            "sgp_99F861" + "1DDe829ea8EBe3d87fe71BD51f1A5abb9",
            "xsgp_bdaa9" + "f1ae8ff62ad53140d811f756ef56ab8fba4"
        ],
    ),
    samples(
        "Sourcegraph Licence Token",
        halves!["slk_e3572b" + "fc7bbd6aa95922ec654e8db2be7a8ca337c235e94cc2d8377ccb381e43"],
        halves!["slk_7ae347" + "53a3c7e19d0676332fbcbc89194c0adf403bcb8360de33b1de4e4647e"],
    ),
    samples(
        "Postman API Key",
        halves!["PMAK-d484b" + "Ade8cbBfBDfFCF4cA93-dBae66DD5A55fFd0018f16Ae6cAF923D11"],
        halves!["PMAK-aB721" + "d5A5fB7e97ffd7D48f7-AdAfdcc85A7c53C1f26Aea30860d35fbB"],
    ),
    samples(
        "Prefect API Key",
        halves!["pnb_WmtJe8" + "bac7G7HREwmyCVWlIxSKIOoyq9sUuj"],
        halves!["pnb_cL9PBQ" + "uCVSPNIm0Mkb12zfs1joPkU6CuQJn", "xpnb_WmtJe" + "8bac7G7HREwmyCVWlIxSKIOoyq9sUuj"],
    ),
    samples(
        "ReadMe API Key",
        halves!["rdme_0qato" + "jyau812o2n2h05an0r2fvqewo5xcahwk03lpeo9oxsalbb2967pjb5aykph4kvlir"],
        halves!["rdme_40f3b" + "g14qqie3sy9bx789e1tglju413qergpt03z9bn099hlq7anl2varnil03259pyi3"],
    ),
    samples(
        "Grafana API Key",
        halves!["eyJrIjoi43" + "k4MKsWreoYjoAfO7Xig7ij4NtRWG6ciX4477Ag"],
        halves!["eyJrIjoiUH" + "aVHezHsP2SWlv2Eoypc7Pm36AGERmdbsnAhOA"],
    ),
    samples(
        "Grafana Cloud Token",
        halves!["glc_4AK0YJ" + "IOt9vckC1IqZaWrAxwKl2bbxRx"],
        halves!["glc_1KsUn4" + "wwIbWvntTGbF5tOL4PzhBcw02", "xglc_4AK0Y" + "JIOt9vckC1IqZaWrAxwKl2bbxRx"],
    ),
    samples(
        "Grafana Service Account Token",
        halves!["glsa_ihDca" + "2G94k7Ex5zlxpkKNug7uKrVwwRl_bcAe8bC0"],
        halves!["glsa_gdoDd" + "FgydlI3rGmBdvh5nPId4CyRvNTa_FD3cCc4"],
    ),
    samples(
        "Sentry Auth Token",
        halves!["sntry_lrKV" + "ybZR9uxhiCxOZtOOVUcfiQFzn4qXpYGCGi5K"],
        halves!["sntry_Llcv" + "spljE6BG5ENUyw21E40dfdyPY8Exg0Eqz0y"],
    ),
    samples(
        "New Relic API Key",
        halves!["NRAK-CN5B2" + "ZPPBNRZW4310NY99CS3OAM"],
        halves!["NRAK-DLL41" + "PMXR88BQYG1QGM3F3XMAG"],
    ),
    samples(
        "New Relic Admin Key",
        halves!["NRRA-376a9" + "db3546e692ced4e19e01387f148fad0e99cfb"],
        halves!["NRRA-54cf7" + "a137bd181e7d1f7f8208c885e85ac1d444c3"],
    ),
    samples(
        "New Relic Insert Key",
        halves!["NRII-M0ZUt" + "3J9sVCKpHADpZ2Eu9xHch207x4F"],
        halves!["NRII-85mKe" + "3fQKzBBWdM8nNtVviXjD5B8xYR", "xNRII-M0ZU" + "t3J9sVCKpHADpZ2Eu9xHch207x4F"],
    ),
    samples("New Relic Browser Key", halves!["NRJS-728" + "e28bb147dc00410a"], halves!["NRJS-37" + "ed2b9e07b304ff0b"]),
    samples(
        "New Relic License Key",
        halves!["50d0aa4a9f" + "044c76fa4bcb693a0398830121NRAL"],
        halves!["2579470d41" + "109e31f5689a713c0a957498a0NRA"],
    ),
    samples(
        "Pixie Key",
        halves!["px-dep-9a4" + "0446a-a79f-c959-48b4-e44e78ad0d91"],
        halves!["px-dep-e23" + "bba62-706a-798d-49af-e21ffc30b48", "xpx-dep-9a" + "40446a-a79f-c959-48b4-e44e78ad0d91"],
    ),
    samples(
        "Dynatrace Token",
        halves![
            "dt0z23.C44" + "MMKKILCGUZYU78T7J3IE1.CCAI8D482I43VJLBC0XFNAR4HEEFTBJO4WI46GKERGGUQ2U0I3I12MAKCZC9CIGR"
        ],
        halves![
            "dt0v75.7BX" + "P5MKG7EO2SXZGT213SQAS.I6IK4XOUJ3XNBEAD2E4R19EV4URYY8NMRAV0W052M5UIIBVIT5M4LTYWMCRO2NG",
            "xdt0z23.C4" + "4MMKKILCGUZYU78T7J3IE1.CCAI8D482I43VJLBC0XFNAR4HEEFTBJO4WI46GKERGGUQ2U0I3I12MAKCZC9CIGR"
        ],
    ),
    samples(
        "Honeycomb API Key",
        halves!["hciic_s6hy" + "iibhynhlfzrx9s2ykgr2n7bxtc37yfsjtndvxfyehmi9xgk5mktxb4"],
        halves![
            "hcaic_4g9b" + "r2k0nts00n2cyecj5gp9xqis1dj8hlid920yypko83z2dc9bx482d",
            "xhciic_s6h" + "yiibhynhlfzrx9s2ykgr2n7bxtc37yfsjtndvxfyehmi9xgk5mktxb4"
        ],
    ),
    samples(
        "Axiom Token",
        halves!["xaat-4f4c4" + "91a-694c-8a86-5fc7-a0f34139d58e"],
        halves!["xapt-8f00f" + "aae-05a7-6650-8067-e90b62ea488", "xxaat-4f4c" + "491a-694c-8a86-5fc7-a0f34139d58e"],
    ),
    samples(
        "Elastic Cloud Key",
        halves!["essu_o8VwL" + "PP2efOzv8E2C7kJbPLgy1sbQF3rsMfHHLTk"],
        halves!["essu_pGBwo" + "23I3AdyxML10w8GHcrffvZ1kZ2ecDAQoHF"],
    ),
    samples(
        "Statsig Secret Key",
        halves!["secret-WDW" + "UpLlnS46K1rIMSSwhjeA0NQ7A6QcfJ2BrF3sT"],
        halves![
            "secret-lCO" + "FKIAsNq0KNB5cmjj7NwuW9rEL15epaWcRKbi",
            "xsecret-WD" + "WUpLlnS46K1rIMSSwhjeA0NQ7A6QcfJ2BrF3sT"
        ],
    ),
    samples(
        "PostHog Personal Key",
        halves!["phs_022n21" + "FZ4pxBGChePAmy7POJxsBrGyPHLvJbCTJO"],
        halves![
            "phs_z6154v" + "mjMdXTZoAJu8iiCs7PPbK7H9TbTkPvtgo",
            "xphs_022n2" + "1FZ4pxBGChePAmy7POJxsBrGyPHLvJbCTJO"
        ],
    ),
    samples(
        "Segment Public API Token",
        halves!["sgp_ebXRVt" + "sFTvd0cuHRqGgmhUkpMbVLT7xpUS6vteuJiw7eDr729pd7toLr4tjvwC7D"],
        halves![
            "sgp_nlVxJu" + "hLq84FZckKiTJA0QC5vryvpEBnCnjGvxppCG27giRwrLPVsZ8Q9KtOSd6",
            "xsgp_ebXRV" + "tsFTvd0cuHRqGgmhUkpMbVLT7xpUS6vteuJiw7eDr729pd7toLr4tjvwC7D"
        ],
    ),
    samples(
        "StackHawk API Key",
        halves!["hawk.7SgcW" + "9AZC8KB4NuYBC2A.0tYF4oAbMZjFX5MJrSeq"],
        halves![
            "hawk.rdpM4" + "8jXoWAifYxf8CGj.Bbg4TjPEQew90YjpSJA",
            "xhawk.7Sgc" + "W9AZC8KB4NuYBC2A.0tYF4oAbMZjFX5MJrSeq"
        ],
    ),
    samples(
        "Dependency-Track Key",
        halves!["odt_VvS0E9" + "0OleMtyJY6T7Aua6zh920GJd46"],
        halves!["odt_3AL6xa" + "1w2AnNExEc0u4pcSHGKTP4PM4", "xodt_VvS0E" + "90OleMtyJY6T7Aua6zh920GJd46"],
    ),
    samples(
        "Infracost API Token",
        halves!["ico-6GUjNV" + "lIKHuqoPmhSvq9V1KyfgaIr2SZ"],
        halves!["ico-PmZ8O8" + "RcNHZOjbcX4OCu5OVwx86GDzH", "xico-6GUjN" + "VlIKHuqoPmhSvq9V1KyfgaIr2SZ"],
    ),
    samples(
        "Defined Networking Token",
        halves!["dnkey-Bc0F" + "nvmkDPUnhjsJG7zHjV29KB-eiMQccOMlRBgiRB8x83IzbEqvftj6SVpPiqVcqWK13nOYnOmKrJm"],
        halves!["dnkey-m4c5" + "nwrp3yajk7WQf2Z49roFxa-jAj8dNRwcwYMoXzGPUd56Y319HCGxNrRkJnz7E2nXEtEgKgtpo5"],
    ),
    samples(
        "Authress Service Key",
        halves!["sc_bmn2bp3" + "9.0sohc.acc_hlxsyf30572j.rFqVEITn9EaGYFK0W0NryjQFoKXRBADuhWLXIYJF"],
        halves![
            "sc_I11pN.V" + "yKP.acc_agcz95oo5q.fNklku1zYkhoYmKRnClaxg15iOLPV",
            "xsc_bmn2bp" + "39.0sohc.acc_hlxsyf30572j.rFqVEITn9EaGYFK0W0NryjQFoKXRBADuhWLXIYJF"
        ],
    ),
    samples(
        "42 Intra Secret",
        halves!["s-s4t2ud-8" + "fcd0cc5abac6a12dd1eef9ae285a831e0f066badcd5166dab3e90157d27568f"],
        halves!["s-s4t2ud-1" + "aee0e5158696d89998f1f8efc8ab35630399b40e2363ac4680d35314ee6751"],
    ),
    samples("SettleMint Token", halves!["sm_aat_" + "ZVRyZog6vts2EdsB"], halves!["sm_aat_" + "KoxXwMHOqnVxNET"]),
    samples(
        "Frame.io Token",
        halves!["fio-u-MlHm" + "uP6P3020NW44L3qI21zaQALhbyZa7qGilqChdAWzXdJCrbWWpoBndRBst3c5"],
        halves!["fio-u-ub9U" + "iAMSy7NEVnBbY8j6G7Hi7myBfPqnBSuBvJ58HcR8EsjYs3xKt8SFqD1zWfP"],
    ),
    samples(
        "Contentful Personal Token",
        halves!["CFPAT-dPMq" + "CPEwd68cY9UV0nmtnc4VeLnVKkbmXYLzGxcAT04"],
        halves!["CFPAT-X5wB" + "Fd9f9pStQgJQaBFsN6DExVWTyJeXACFr9sz6GD"],
    ),
    samples(
        "Sanity Token",
        halves![
            "skrgpQ8ISG"
                + "SBC3PgLHl1IGG13lJYkBe5KI9OQBRMd7ntXG0MUXUxm1xgHgfrVhSi0PMrc2KzYlPWDFOPzhHPzUzIwZKvV8xVMjU44mebNKuvdg1AHAgJwIcVrWsxCcViwnaxD37hIPgRb7Ng9qnKHXMs"
        ],
        halves![
            "skZORY5SW1"
                + "yGOO0pJqnIsSjw3BXLWSA1YKSMLp3YnTXq3G1ZVrIe0ZUUw0hkXj12SyLJ8affiu5bAXtGB7rldzF4eo8SjZ82DE0sC",
            "xskrgpQ8IS"
                + "GSBC3PgLHl1IGG13lJYkBe5KI9OQBRMd7ntXG0MUXUxm1xgHgfrVhSi0PMrc2KzYlPWDFOPzhHPzUzIwZKvV8xVMjU44mebNKuvdg1AHAgJwIcVrWsxCcViwnaxD37hIPgRb7Ng9qnKHXMs"
        ],
    ),
    samples(
        "Django Insecure Key",
        halves!["django-ins" + "ecure-r5lmgwrz8bj83j0ga4h5vgsekplhgmpasmxq7i2csr3gx4slpk"],
        halves!["django-ins" + "ecure-dchkbb5f9bdha5e4e265b2kfb76eg"],
    ),
    samples(
        "Kagi Session Link",
        halves!["kagi.com/s" + "earch?token=GhbECTVss2J46kRgRpdD0razc9xgPX"],
        halves!["kagi.com/s" + "earch?token=tQUQ0egdZP1Tih4GyhoqNBKTGANC4"],
    ),
    samples(
        "Snyk Access Token",
        halves!["snyk_uat." + "c47f1006.AoGTNpYtdZGpcSy4wXbJtCCgPh75xKHr"],
        halves!["snyk_uat." + "cc952e16.HNyg7Gt0Jx1AiDweFaKKnKDcdVfhv4j"],
    ),
    samples(
        "dbt Cloud Token",
        halves!["dbtc_x9vq" + "0rEYjVhqq1bOqykOYpSqL44C651lMiKd5VwJ"],
        halves!["dbtc_haDc" + "S0NFR3PcbLAhAUHNCNKoI8ShTeURLfceTDt"],
    ),
    samples(
        "Deno Deploy Token",
        halves!["ddp_PH5IU" + "1e9PR1rhzWtqDtta4WuHQ5FDyjPn8qu"],
        halves!["ddp_8NnDf" + "jwfOBCNHPzlmi6FkRGC7Kw6bjBrKFG"],
    ),
    samples("Unkey Root Key", halves!["unkey_I85" + "nJpQkAJYq1usNgmqB"], halves!["unkey_w24" + "HqFOTPf90hSXhvgg"]),
    samples(
        "Arcjet Key",
        halves!["ajkey_sld" + "8ylvqg0vgtesv00eetelcg6"],
        halves!["ajkey_0g3" + "0eo0b8sg6uxe3ygkph8gf8"],
    ),
];
