//! Samples of [`crate::scan::rules::models`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Anthropic API Key",
        halves!["sk-ant-" + "jMTY1pFXEAMLZYLL"],
        halves!["sk-an" + "tenna-mast", "sk-ant-" + "pZbYYp8HRc9EgFW"],
    ),
    samples(
        "OpenAI API Key",
        halves!["sk-proj-" + "FQuPZA9Yjz68sdBP"],
        halves!["task-proje" + "ct-management-plan-2026", "sk-proj" + "-N6qMJSqw4qZ7Zad"],
    ),
    samples(
        "OpenAI Service Key",
        halves!["sk-svcacc" + "t-t7fdSjBQpvR7fwjg"],
        halves!["sk-svcac" + "ct-bgfH5thoyZ20vEb"],
    ),
    samples(
        "OpenAI Admin Key",
        halves!["sk-admin-d" + "VT2GL8T7MQAkZXezuTU0e7r5iIawnk"],
        halves!["sk-admin-" + "wmJj0utkigQ3hG3zYEa"],
    ),
    samples(
        "OpenAI Legacy Key",
        halves!["sk-PvlQpB5" + "CmPKon74u4yd4mkvHeufm6tzrTr3vTDpQfE8wCTsi"],
        halves![
            "sk-oDsMDnh" + "NCCMYzONKp5gyirKT5SRLshFwgx0H9jkn7e28R4U",
            "xsk-PvlQpB" + "5CmPKon74u4yd4mkvHeufm6tzrTr3vTDpQfE8wCTsi"
        ],
    ),
    samples(
        "OpenRouter API Key",
        halves!["sk-or-v1-e" + "768d3705797a86cb1047db8c2b7a8912de18ead32b53e40fb73d93a3c91b089"],
        halves!["sk-or-v1-f" + "7f6bc9ffbe57a99669ea07430ea689c2e640e43c1a5fab762d8897c0d4aed5"],
    ),
    samples(
        "DeepSeek API Key",
        halves!["sk-110c85a" + "1c381e532aed95401a9f6ea4d"],
        halves!["sk-e0051ba" + "cd7705bc071f70228e972f4e", "xsk-110c85" + "a1c381e532aed95401a9f6ea4d"],
    ),
    samples(
        "LangSmith API Key",
        halves!["lsv2_pt_35" + "9ffb74e8d88e0e927f7ff16909dea7_70a4423196"],
        halves!["lsv2_pt_1c" + "406d98ccd509316fa3403797d561fb_1c930eb9a"],
    ),
    samples(
        "Langfuse Secret Key",
        halves!["sk-lf-90c7" + "cb0c-3a3c-48f5-4348-19ba8bef839f"],
        halves!["sk-lf-922e" + "6604-6cba-dfa9-dda1-61513ea5d87"],
    ),
    samples(
        "Helicone API Key",
        halves!["sk-helico" + "ne-3767iog-y7dryxt"],
        halves!["sk-helic" + "one-zhq9wwz-7hvzwn"],
    ),
    samples(
        "Hugging Face Token",
        halves!["hf_7tRklr9" + "N8ElHm0D88N4w0jzLOsIatd"],
        halves![
            "hf_inferen" + "ce_endpoint_configuration_name",
            "hf_xrW0fR8" + "k7WuoDhSAUe5IYLgIfPf3n",
            "xhf_7tRklr" + "9N8ElHm0D88N4w0jzLOsIatd"
        ],
    ),
    samples(
        "Hugging Face Organisation Token",
        halves!["api_org_LM" + "CTMRBcYTOmVrUQrEiKzFIWFdnSuglLJw"],
        halves!["api_org_rs" + "1AmGZw53uBowMymmXsDQ3O8HN7wTq7S", "xapi_org_L" + "MCTMRBcYTOmVrUQrEiKzFIWFdnSuglLJw"],
    ),
    samples(
        "Fireworks API Key",
        halves!["fw_8VqyrF" + "Isly8iPi3LYrLkYJpb"],
        halves![
            "fw_config" + "urationupdatehandler",
            "fw_7yNgL" + "TWXEbyYNvioYesnE",
            "xfw_8Vqyr" + "FIsly8iPi3LYrLkYJpb"
        ],
    ),
    samples(
        "Together AI Key",
        halves!["tok_4kx4xc" + "gvwnbgnuzjanijeqb9if2b3y3lrv6txo78"],
        halves![
            "tok_v0phid" + "vsriryttcadhuc63rx4mrdjzfbmojv0eh",
            "xtok_4kx4x" + "cgvwnbgnuzjanijeqb9if2b3y3lrv6txo78"
        ],
    ),
    samples(
        "Together AI Project Key",
        halves!["tgp_v1_NC0" + "YbHL89o3y407ppmaoaeRfXcVw0XLob3b3SbXE7XV"],
        halves!["tgp_v1_wgP" + "VE2hwwQvx20omY5hQVc4soSdmc5oFQQCnZbxGyd"],
    ),
    samples(
        "Perplexity API Key",
        halves!["pplx-Cm2lR" + "ifq7Zulke9p95fIqW9KvdBVAprOZnlbVl3VINijYamO"],
        halves!["pplx-4Kp5L" + "FMsvkl9N0LFli3ZvIyiyuc6rXaOvRVxcQCUdIewiuV"],
    ),
    samples(
        "Groq API Key",
        halves!["gsk_V2U587" + "b3bQVGlO86yZiDEyhwc7Fvv8UOhAoSELJcHOpY9iIN"],
        halves!["gsk_F3Tet0" + "hBNseV3G0BmJGXjZi0wdhhU11vrPAVU5aCq00yyPx"],
    ),
    samples(
        "xAI API Key",
        halves!["xai-m8zv1N" + "B9UxKMSvkgyuq42GynWugy7BNYEwPbvxJ0YFaH0yDcdNdUtB7Z8cZqkFycKxNtf4s0th007t8J"],
        halves![
            "xai-Gy6Fiu" + "9yfAAxWGkUy8mbdrwwPvjJhRwfNboj98014MJ57c4P9PxaBvr5i06epcMdhhDGAmUV5X12wUm",
            "xxai-m8zv1" + "NB9UxKMSvkgyuq42GynWugy7BNYEwPbvxJ0YFaH0yDcdNdUtB7Z8cZqkFycKxNtf4s0th007t8J"
        ],
    ),
    samples(
        "Replicate API Token",
        halves!["r8_qCr1VS8" + "OYCQtgdDdWST8xYN37Z6jT4QeOsCom"],
        halves!["r8_ovq5DhK" + "OfrZ2R6n8BVZvLoXK5rHVk8FOs1da", "xr8_qCr1VS" + "8OYCQtgdDdWST8xYN37Z6jT4QeOsCom"],
    ),
    samples(
        "Pinecone API Key",
        halves!["pcsk_fc1V9" + "t9eoC8WP5s0yGKaG9j7877S7fGN2T2e"],
        halves!["pcsk_U87xL" + "P8nFJKdxMNW09eK8NPC6WbYQcJjsKB"],
    ),
    samples(
        "NVIDIA API Key",
        halves!["nvapi-Ep2a" + "BENLgGSnChbPQauwN3TM7chTKz2FkxELzXsTvvJsC4BkvvdRTigWW87u"],
        halves!["nvapi-Udx0" + "NQVn7DrNVDHuXrPE4aCpj3uLcfrymMiAWZfRwkEzaMT29QYsgTh7Di9"],
    ),
    samples(
        "Cerebras API Key",
        halves!["csk-pcjxux" + "lzhtwjlgxw3v4jrpr8n2nshgr14llv090iji1zd1jv"],
        halves![
            "csk-tmn6js" + "16mc7ebz79snjdxriurwfpkqv4i3d9fo3tqn5t39q",
            "xcsk-pcjxu" + "xlzhtwjlgxw3v4jrpr8n2nshgr14llv090iji1zd1jv"
        ],
    ),
    samples(
        "ElevenLabs API Key",
        halves!["sk_5471740" + "3e4483b9347baf164ceed5bdb5418a138789a377d"],
        halves![
            "sk_1f1bf4b" + "82b1ed15f7d4f90edff94246414242b35f22c331",
            "xsk_547174" + "03e4483b9347baf164ceed5bdb5418a138789a377d"
        ],
    ),
    samples(
        "Stability AI Key",
        halves!["sk-stabNQz" + "2RiSHPsA1qrXzGPVm0PB0KJMGE4f7dfY3PTmd"],
        halves![
            "sk-stabgiG" + "BEgisvkDGbUJy34wxLFdArJtPmuQmfNCHUjH",
            "xsk-stabNQ" + "z2RiSHPsA1qrXzGPVm0PB0KJMGE4f7dfY3PTmd"
        ],
    ),
    samples(
        "Voyage AI Key",
        halves!["pa-LXfLyF2" + "nTOfNqVLmVj82q3IZ5pcUIKwVR570LpOzP9F"],
        halves![
            "pa-YxkjGtH" + "AUFdLmZKxMOU0tRLE2x1LS3V6WwNgVJqoQl",
            "xpa-LXfLyF" + "2nTOfNqVLmVj82q3IZ5pcUIKwVR570LpOzP9F"
        ],
    ),
    samples(
        "Jina API Key",
        halves!["jina_7ee0b" + "490e1f0b0ea0f0fad0f76dc788d2SmbfrEeoUq6ZiiW84cAQecL"],
        halves!["jina_cb889" + "23188e02716ccfe4bdf6ef7ff11cBbfmx7hHRBkzBvXRw0DLMb"],
    ),
    samples(
        "Tavily API Key",
        halves!["tvly-DS1oV" + "hctIIyZLpKy3d6h1YimBFVQpqY8"],
        halves!["tvly-NVU5o" + "UAjK6XpKVzX7zHiHaBZ4bDRCGW"],
    ),
    samples(
        "Firecrawl API Key",
        halves!["fc-6d72ff3" + "b406765ff06ca8f33b099dee6"],
        halves!["fc-24641c0" + "bc052f96fb81a9ea0668595c", "xfc-6d72ff" + "3b406765ff06ca8f33b099dee6"],
    ),
    samples(
        "Apify API Token",
        halves!["apify_api_" + "wfb4RsjBA3y0O8ZMEIhPmJBE9cZTv9x67K"],
        halves!["apify_api_" + "gbramqdhUvQWFWbK2nBcBkvvbpGqU9FW7"],
    ),
    samples(
        "E2B API Key",
        halves!["e2b_b04e9c" + "e0077c7768d0200062e53a03ca461f8f9e"],
        halves!["e2b_d5afb7" + "93224efec8aff275e04dc04ef20b5bd1c"],
    ),
    samples(
        "LlamaCloud API Key",
        halves!["llx-hpGqS0" + "jLvjIlbbheccgi8jN9k3qBvSPVupzjO3balHhcpDva"],
        halves![
            "llx-UXX9Dh" + "zvjE03xnvGcGBuTnBws65beiU4b5EtYS5mpDSFqG7",
            "xllx-hpGqS" + "0jLvjIlbbheccgi8jN9k3qBvSPVupzjO3balHhcpDva"
        ],
    ),
    samples(
        "Anyscale API Key",
        halves!["esecret_a6" + "4yX3zYBdsB7AwL1wHTHi0dEp"],
        halves!["esecret_As" + "ensts8fKup3SUiqd50R2LhT"],
    ),
    samples(
        "Browserbase API Key",
        halves!["bb_live_0Y" + "i5SDeB139X7YXRpdXzmwuj"],
        halves!["bb_live_sJ" + "LATGCsJ4EdrYEQoPAcoUX"],
    ),
    samples(
        "Weights and Biases Key",
        halves!["wandb_v1_T" + "9ufijfazPzXuJGH8s54mlyHn3kdDYztecVr8DnlHQpnOS7RPmADxaMldPHt"],
        halves!["wandb_v1_M" + "RLF4PuFVH11aGkEGDCZHz4SEdRcdFqOEkZSK9tObdpuRiAjV9P0j3yAR0q"],
    ),
    samples(
        "Mem0 API Key",
        halves!["m0-Y53sTmh" + "tQjBgqFlxlPZCch21dfMqkoNTI4j9fXFg"],
        halves!["m0-OYzE0dz" + "LxlVw00p9g3g06A8NhLvzeQglskRwIZR", "xm0-Y53sTm" + "htQjBgqFlxlPZCch21dfMqkoNTI4j9fXFg"],
    ),
    samples(
        "Dify App Key",
        halves!["app-lHkMZ" + "p0jKdePSuym63jfNnj5"],
        halves!["app-HR8OR" + "PY1gcGzC1t4r8hR3Uw", "xapp-lHkM" + "Zp0jKdePSuym63jfNnj5"],
    ),
    samples(
        "Coze Token",
        halves!["pat_g2UVmb" + "L4LN5qO85kqFsqbpZVJ2duY0cDhPsGMsHGr597cm7T2vX3ociR5ScEBEQA"],
        halves![
            "pat_zqGJFV" + "pO8eGBDXYMkUcmUlVPWoI4uXHEFV5oxI5KZ3vOExI9h0gtpdS8hWgHKhU",
            "xpat_g2UVm" + "bL4LN5qO85kqFsqbpZVJ2duY0cDhPsGMsHGr597cm7T2vX3ociR5ScEBEQA"
        ],
    ),
    samples(
        "Friendli Token",
        halves!["flp_qyRlpp" + "ls1OYmtd4hIngS9bW5z5w746xwJslvHaUmTE5Lbc"],
        halves!["flp_9d07YZ" + "481Nrx2s1T4Wd7pD3VUqw2DcbzAbQz8C9a3fwI5"],
    ),
    samples(
        "Google AI Auth Key",
        halves!["AQ.Ab8RNq" + "VwYS81VP7Hb1DX8pPd5khxE3pyIgKpaUnArl63Xy"],
        halves!["AQ.Ab8RkW" + "ZeiNNCiia3anXn9k3ksu9mI4ROnl89Sm995ytbx"],
    ),
    samples(
        "Cartesia API Key",
        halves!["sk_car_Ak" + "7jqevt0MLaMRTvetw0"],
        halves!["sk_car_tE" + "SulEETldq8b8Vw2zb"],
    ),
    samples(
        "Letta API Key",
        halves!["sk-let-JY" + "AxyL1aCcTlN99mhWp708DwGw5HqXDgLVXZx3sc"],
        halves!["sk-let-B8" + "fnvGNx6jvr7SIftRutlZfOjUStEkUdfMI7zcp"],
    ),
    samples(
        "RunPod API Key",
        halves!["rpa_WQ30J" + "DC5VNII0GK1XJD0SJ3K735U4RS4ZJHY8L5V"],
        halves!["rpa_LF5R6" + "96XEWCTX9R5QSVLA49QUR3S6WWRW0WL2XV"],
    ),
    samples("Modal Token", halves!["as-q7lOTc" + "Eokd5ihu9lEmJcZb"], halves!["preas-q7l" + "OTcEokd5ihu9lEmJcZb"]),
    samples(
        "Daytona API Key",
        halves!["dtn_bc267" + "b0bc8d3b1939a9b4ddbe45cf642b0c3a4acdd7f9fcc589f8d0a9f94f03e"],
        halves!["dtn_7914c" + "0f87f17f8499ff30499a90ebb4108e360ddfcfc69e290d9f945ffa4d12"],
    ),
    samples(
        "Context7 API Key",
        halves!["ctx7sk-78" + "220ad2-cf13-3734-9e45-5d52613c2813"],
        halves!["ctx7sk-c4" + "0d2aff-bb14-9497-8278-947bec540a2"],
    ),
    samples(
        "Brave Search Key",
        halves!["BSAq7PsZO" + "B92xHcLKnVlzegcclmmcZb"],
        halves!["preBSAq7P" + "sZOB92xHcLKnVlzegcclmmcZb"],
    ),
    samples(
        "Inngest Signing Key",
        halves!["signkey-p" + "rod-fb0df9daee36452bcf48385971f1bba1"],
        halves!["signkey-p" + "rod-0ef43a9e7516072cb95eb92e57561d8"],
    ),
    samples(
        "Trigger.dev Key",
        halves!["tr_prod_a" + "DdCXRAkccJ11HKw8gTe"],
        halves!["tr_prod_p" + "5ZFf7EdRpPdFzYddq1"],
    ),
];
