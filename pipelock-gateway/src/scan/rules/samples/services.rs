//! Samples of [`crate::scan::rules::services`].

use super::{Samples, samples};

pub(in crate::scan) const SAMPLES: &[Samples] = &[
    samples(
        "Rails Secret Key Base",
        halves!["SECRET_KEY" + "_BASE=WQshwqDuvtJVAFhyXrABxVK8i7YV2AqaPLpEzDwBz31CbHoj02eGvePTZvyJYmnZ"],
        halves!["SECRET_KEY" + "_BASE=process.env.KEY"],
    ),
    samples(
        "Rails Master Key",
        halves!["RAILS_MAST" + "ER_KEY = \"91e80bf6b11c9d1b6b9134b8e6d4b36d71cdcd1816\""],
        halves!["RAILS_MAST" + "ER_KEY = \"your-api-key-goes-here\""],
    ),
    samples(
        "ActiveRecord Encryption Key",
        halves!["ACTIVE_REC" + "ORD_ENCRYPTION_PRIMARY_KEY: 'oQ1ugd2ff9bG4y5Vr8jx9cQnkkd3AgSfMxX8Zfdu4UxmWRyjm'"],
        halves!["ACTIVE_REC" + "ORD_ENCRYPTION_PRIMARY_KEY: 'your-api-key-goes-here'"],
    ),
    samples(
        "Laravel Application Key",
        halves!["APP_KEY = " + "\"base64:af8ktG5B8Gt1RhNv6ocnfQ0fACym3FDyMJN1ygyNBEE=\""],
        halves!["APP_KEY =" + " \"process.env.KEY\""],
    ),
    samples(
        "WireGuard Key",
        halves!["wireguard_" + "private_key=4X9Cqh9sK7iwaK62MfroLymJdw0kAdwnFkbzFhPNkWj="],
        halves!["wireguard_" + "private_key=<replace-with-yours>"],
    ),
    samples(
        "AWS Session Token",
        halves!["aws_sessio" + "n_token = \"FNEUaxjCHR7fAbXXsdyi0PgLoPyCns8X0r5LniPqv2ihCUZVUMhfgnhzGxCK\""],
        halves!["aws_sessio" + "n_token = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Adafruit IO Key",
        halves!["adafruit.a" + "piKey = \"vi9j4xk0rrTRTPFx9dS6X2FakWUTJnfL\""],
        halves!["adafruit.a" + "piKey = \"your-api-key-goes-here\""],
    ),
    samples(
        "Adobe Credential",
        halves!["\"adobe-aut" + "h-token\": \"BVEBHkkUFZKXup6LujRSVGy7gCdJv1H9\""],
        halves!["\"adobe-aut" + "h-token\": \"<replace-with-yours>\""],
    ),
    samples(
        "Algolia API Key",
        halves!["algolia_ap" + "i_key = \"ojq78YFdiJBMXKSU7ofKGEsNxDDnMoqv\""],
        halves!["algolia_ap" + "i_key = \"<replace-with-yours>\""],
    ),
    samples(
        "Alibaba Secret Key",
        halves!["alibaba_ap" + "i_key = \"2k8hgpusCwYfqC3WX2PJTfDcW6dD7p\""],
        halves!["alibaba_ap" + "i_key = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Asana Credential",
        halves!["asana_toke" + "n = \"DUYz294Q38TaJ1D8TMnaG9F\""],
        halves!["asana_toke" + "n = \"<replace-with-yours>\""],
    ),
    samples(
        "Atlassian Credential",
        halves!["atlassian-" + "auth-token = \"TqqSP9dg7nB1MzD8PMrkf6y1\""],
        halves!["atlassian-" + "auth-token = \"process.env.KEY\""],
    ),
    samples(
        "Beamer Key",
        halves!["beamer_tok" + "en = \"RXu0VQqjMB7FRitZPEeNri8iw9ZU5CgjRoNY7Wemt6NTKz03Q\""],
        halves!["beamer_tok" + "en = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Bitbucket Credential",
        halves!["bitbucket_" + "secret=rSHsJnzoRnqBwdUoqpGUjQKAc92536gpB1UapoyY"],
        halves!["bitbucket_" + "secret=your-api-key-goes-here"],
    ),
    samples(
        "Bittrex Key",
        halves!["bittrex_se" + "cret = \"mr8Ri2eUmYXvsoY1SV0XE9W9KHEBoBj0\""],
        halves!["bittrex_se" + "cret = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Codecov Token",
        halves!["codecov_to" + "ken: 'p2Ma6JdXzQyWdhMSgsY7humB8Cht0AnfdU5E'"],
        halves!["codecov_to" + "ken: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Coinbase Credential",
        halves!["\"coinbase_" + "secret\": \"vatS8B09SreQZkjz\""],
        halves!["\"coinbase_" + "secret\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Confluent Credential",
        halves!["\"confluent" + "_secret\": \"EWN6VgtX1x9nup2t\""],
        halves!["\"confluent" + "_secret\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Contentful Token",
        halves!["contentful" + "_secret: '9jpQVj3Q2AyLHJQu3n1dDyp7r8nJYGkbrQCNmSoucdUPJrkkdGuLpqwdk'"],
        halves!["contentful" + "_secret: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Datadog Key",
        halves!["\"datadog_t" + "oken\": \"uBKyp6PYPCYMgwzWksAtFaQMeFB3ni2DpZGpCmiD\""],
        halves!["\"datadog_t" + "oken\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Discord Credential",
        halves!["discord_to" + "ken = \"V7UwgWD34cPDsWee4d\""],
        halves!["discord_to" + "ken = \"process.env.KEY\""],
    ),
    samples(
        "Drone CI Token",
        halves!["drone_api_" + "key=ubdykMFj17RDHN6rdyprhKmpePqngHfN"],
        halves!["drone_api_" + "key=<replace-with-yours>"],
    ),
    samples(
        "Dropbox Credential",
        halves!["dropbox_ap" + "i_key = \"tuag80kceb6ai65\""],
        halves!["dropbox_ap" + "i_key = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Etsy Credential",
        halves!["etsy_token" + "=qwHze7m1kC0QwzxnijzXgH58"],
        halves!["etsy_toke" + "n=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Facebook Secret",
        halves!["\"facebook." + "apiKey\": \"dtyKVYZDT2xMxBXoGpKwGC9sq9xrKfyQ\""],
        halves!["\"facebook." + "apiKey\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Fastly Token",
        halves!["\"fastly_ap" + "i_key\": \"JpY8mgaiuUqc1GFcdkTnCqSH9Enj0gnz\""],
        halves!["\"fastly_ap" + "i_key\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Finicity Credential",
        halves!["finicity_a" + "pi_key=c7vfW5FNSEQKmK1jv5g1"],
        halves!["finicity_a" + "pi_key=process.env.KEY"],
    ),
    samples(
        "Finnhub Key",
        halves!["\"finnhub_t" + "oken\": \"Js5z3t68YjcuFCcKLPMq2Kyhrd\""],
        halves!["\"finnhub_t" + "oken\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Flickr Credential",
        halves!["\"flickr_ap" + "i_key\": \"d0jdtD54VuGdFGtoQLtQJPbJh\""],
        halves!["\"flickr_ap" + "i_key\": \"your-api-key-goes-here\""],
    ),
    samples(
        "FreshBooks Credential",
        halves!["freshbooks" + ".apiKey: 'ntgbQWJhDfVMS856UuampK0UV8379T9SrB2bfyjrCSwiZPCaf8VeiMybB2u2XAqX'"],
        halves!["freshbooks" + ".apiKey: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Gitter Token",
        halves!["\"gitter_AP" + "I_KEY\": \"Q2k8RhRNFCyTSoRWjrBv9GGRVH4iX1dD2TwudJ3r\""],
        halves!["\"gitter_AP" + "I_KEY\": \"process.env.KEY\""],
    ),
    samples(
        "Heroku Credential",
        halves!["heroku.api" + "Key: '2ec71017-d421-6fae-a361-25ad8ed266a0'"],
        halves!["heroku.api" + "Key: 'your-api-key-goes-here'"],
    ),
    samples(
        "HubSpot Key",
        halves!["hubspot.ap" + "iKey = \"bf9bd7f2-0d33-ab64-165d-d788b5ae0fdd\""],
        halves!["hubspot.ap" + "iKey = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Intercom Credential",
        halves!["intercom.a" + "piKey=GEUSar0mXPgPm1585mMHJkrUJG2gv0XnME3WwkYSeFhfa7z0eyRwmfCob9it"],
        halves!["intercom.a" + "piKey=process.env.KEY"],
    ),
    samples(
        "JFrog Credential",
        halves!["jfrog_API_" + "KEY: 'ZwHP3YZM0jtWd7zXEzCp4g8ob2V0cCoFXz38U7Q9rTkcMDwEwfw4xU7RkVDwDFSHYgFLAdDQ9f'"],
        halves!["jfrog_API_" + "KEY: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Kraken Credential",
        halves![
            "kraken_tok"
                + "en = \"ksttSVoYn68SYDFC54MrVXnXLW84LzxEFSQXZ82GBa5mbKUR8FQFr1ex8LGuHbZpTfHK80c0p6wxeHocF2FNmp\""
        ],
        halves!["kraken_tok" + "en = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "KuCoin Credential",
        halves!["kucoin_API" + "_KEY: 'a3585de4-6c39-fa83-c375-e793c39af3c6'"],
        halves!["kucoin_API" + "_KEY: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "LaunchDarkly Token",
        halves!["launchdark" + "ly.apiKey=JuukgzTaKjvT6yiC3Rnb4FEV2wNy2TLr1uDx"],
        halves!["launchdark" + "ly.apiKey=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Linear Credential",
        halves!["\"linear-au" + "th-token\": \"458b4ad5ae10371683ff536d689a26b9\""],
        halves!["\"linear-au" + "th-token\": \"process.env.KEY\""],
    ),
    samples(
        "LinkedIn Credential",
        halves!["linkedin-a" + "uth-token=w1Twz2nT15KZfpf"],
        halves!["linkedin-a" + "uth-token=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Looker Credential",
        halves!["looker_sec" + "ret=HwCHNZsvvt7oHAkLHD9SbVt8"],
        halves!["looker_sec" + "ret=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Mailchimp Credential",
        halves!["mailchimp_" + "api_key: 'smmgE5veYZ7fUqJzHYBV2EtNmx9vG52EwbRG7TnC'"],
        halves!["mailchimp_" + "api_key: '<replace-with-yours>'"],
    ),
    samples(
        "Mailgun Credential",
        halves!["\"mailgun-a" + "uth-token\": \"jNJjSK6pSHqCXotMXqL04fAY7gkt1nbsZS67bExeCvWfTe9WhNBY0ZpcFfYT\""],
        halves!["\"mailgun-a" + "uth-token\": \"<replace-with-yours>\""],
    ),
    samples(
        "Mattermost Token",
        halves!["mattermost" + "_secret=ZvpySrjDkzDWojAAXF9af530ok"],
        halves!["mattermost" + "_secret=<replace-with-yours>"],
    ),
    samples(
        "MessageBird Key",
        halves!["messagebir" + "d_API_KEY = \"goQR6sSdFyLfPHA4kZxrZ2fcwQTmSA4pcJd\""],
        halves!["messagebir" + "d_API_KEY = \"<replace-with-yours>\""],
    ),
    samples(
        "Netlify Credential",
        halves!["\"netlify.a" + "piKey\": \"BGeKxzeiTjm9r1RvLTB9d65FxuEY3xbFWsmpiqJ2\""],
        halves!["\"netlify.a" + "piKey\": \"<replace-with-yours>\""],
    ),
    samples(
        "New York Times Key",
        halves!["nytimes-au" + "th-token = \"YLuXzVFjCGPghehTMF11ZiZ3y7SHYKS2\""],
        halves!["nytimes-au" + "th-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Okta Token",
        halves!["okta_secre" + "t = \"LUdaqbSH1qPrd1ymBsyYdRcFeehNqR3cfCv935ssi\""],
        halves!["okta_secre" + "t = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Plaid Credential",
        halves!["plaid_secr" + "et = \"KPZGYZHjN6QnVvjPj7EknH1asUg\""],
        halves!["plaid_secr" + "et = \"process.env.KEY\""],
    ),
    samples(
        "Private AI Key",
        halves!["privateai_" + "token: 'AWAMa5Z0ELZbmGcY9DiZgfn0LnK2FK90'"],
        halves!["privateai_" + "token: 'your-api-key-goes-here'"],
    ),
    samples(
        "RapidAPI Key",
        halves!["rapidapi-a" + "uth-token=smWQsB1xqRMnfE6Y3vV3SDjtrx6wzdV9ok8TM8banZ6EMDDQz4"],
        halves!["rapidapi-a" + "uth-token=<replace-with-yours>"],
    ),
    samples(
        "Sendbird Credential",
        halves!["sendbird-a" + "uth-token=36f5dafe-40ee-a792-ab46-5d0710ef6329"],
        halves!["sendbird-a" + "uth-token=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Sentry Token",
        halves!["\"sentry.ap" + "iKey\": \"dWpZkGmu9kFEj4ZNR4FoterjQv8jV2E9XQb2SX8hUGM8pgLniKhHR0eKchznNebr\""],
        halves!["\"sentry.ap" + "iKey\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Snyk Token",
        halves!["snyk_secre" + "t: 'f81d0145-ded3-a6c7-4243-774892625176'"],
        halves!["snyk_secre" + "t: 'process.env.KEY'"],
    ),
    samples(
        "Squarespace Token",
        halves!["squarespac" + "e_api_key = \"c3de1589-a5c4-4ce8-aa41-aa9a4064ac4a\""],
        halves!["squarespac" + "e_api_key = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Sumo Logic Credential",
        halves!["sumologic." + "apiKey=vTP38n69yJgnjF"],
        halves!["sumologic." + "apiKey=process.env.KEY"],
    ),
    samples(
        "Travis CI Token",
        halves!["\"travis_AP" + "I_KEY\": \"xXLEg3D52rf5xLrURZ9T\""],
        halves!["\"travis_AP" + "I_KEY\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Twitter Credential",
        halves!["\"twitter-a" + "uth-token\": \"u6XtWtinenpabtXTadXwZ2ZG7\""],
        halves!["\"twitter-a" + "uth-token\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Twilio Credential",
        halves!["twilio_api" + "_key = \"RbuRgPymVFPtC2CvbKvnzt7AQBBc91p9n\""],
        halves!["twilio_api" + "_key = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Yandex Credential",
        halves!["\"yandex_se" + "cret\": \"tz3USrqwSFcf7RXh1SNw5mMSCE6MRzUB\""],
        halves!["\"yandex_se" + "cret\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Zendesk Secret",
        halves!["\"zendesk_a" + "pi_key\": \"3Yp1dPVhpm6ybXGGxQ4KNj43eSCy6kSGFFX7kap4\""],
        halves!["\"zendesk_a" + "pi_key\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Telegram Token",
        halves!["\"telegr_to" + "ken\": \"j0f08KoUe3NNVKtoww1TJFw3BAbXpr1hGj7wFqH24AvUTMMda\""],
        halves!["\"telegr_to" + "ken\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Cohere Key",
        halves!["\"cohere_to" + "ken\": \"4LHtxNGN30kcNFTDMgR2M5nNyXhG8UYMACp6DiVA\""],
        halves!["\"cohere_to" + "ken\": \"<replace-with-yours>\""],
    ),
    samples(
        "Cloudflare Credential",
        halves!["cloudflare" + "_secret: 'nKYTCPraLvj9HWYePMmgbGQcKzu5H7ouqB6ZLicAWNrNDHgSV'"],
        halves!["cloudflare" + "_secret: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "SonarQube Credential",
        halves!["sonar_API_" + "KEY: 'h0x70vhT6qJh6zdEamrgG5CArSqsBRXQnHFTjqigUpy'"],
        halves!["sonar_API_" + "KEY: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Code Climate Reporter",
        halves!["codeclimat" + "e.apiKey = \"7313d3d62383a41035db64ff61865afaccf4fa1e64535f0\""],
        halves!["codeclimat" + "e.apiKey = \"your-api-key-goes-here\""],
    ),
    samples(
        "Jenkins Token",
        halves!["jenkins_to" + "ken=ZMPRU5uGcnyh7U1sfiKSbEuWRnrNVWQ8"],
        halves!["jenkins_to" + "ken=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Postmark Token",
        halves!["postmark.a" + "piKey: '634879db-25d9-d0bd-c011-66c536078578'"],
        halves!["postmark.a" + "piKey: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Sauce Labs Key",
        halves!["sauce_api_" + "key: '72ca21ab-f63b-cce3-e7b8-05198d127a99'"],
        halves!["sauce_api_" + "key: 'your-api-key-goes-here'"],
    ),
    samples(
        "NASA Key",
        halves!["nasa-auth-" + "token: 'FnyhGbgZM4ePhYo6gverYw61jGBELMb3apkL7C9w'"],
        halves!["nasa-auth-" + "token: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "ThingsBoard Device Key",
        halves!["provisionD" + "eviceKey: 'dY05vu2V0rXg6hH3CtoW'"],
        halves!["provisionD" + "eviceKey: '<replace-with-yours>'"],
    ),
    samples(
        "TrueNAS Key",
        halves!["truenas.ap" + "iKey: '13Wky4tG7voX9LEkQrqnfGDj6XNe1w6Gz9pQtCcVvz8TRg9BPt3ZvkBqnsPaa3fsdY'"],
        halves!["truenas.ap" + "iKey: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Particle Token",
        halves!["particle-a" + "uth-token: '55830ceefd5ee16aae898ce53cd801c5d7c9b77b'"],
        halves!["particle-a" + "uth-token: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Blynk Token",
        halves!["\"blynk_tok" + "en\": \"GtCbpBwtN0Lefv2NJ88ii9HocvwviHrP9N2\""],
        halves!["\"blynk_tok" + "en\": \"<replace-with-yours>\""],
    ),
    samples(
        "Kubernetes Bootstrap Token",
        halves!["BOOTSTRAP_" + "TOKEN: 'HdzUcR8N1DbgkJH7kZkwzNd'"],
        halves!["BOOTSTRAP_" + "TOKEN: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Sidekiq Credential",
        halves!["bundleente" + "rprise_API_KEY=q7L8kZTt3KBtvjBZY"],
        halves!["bundleente" + "rprise_API_KEY=<replace-with-yours>"],
    ),
    samples(
        "Auth0 Secret",
        halves!["\"auth0.api" + "Key\": \"hufMKDDKufqdEF28y3bwVn9pJyx0HWUrG5BDYn71XLR6neRgX06\""],
        halves!["\"auth0.api" + "Key\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Gitalk Secret",
        halves!["gitalk-aut" + "h-token = \"a1dba870253a296711a8ab57030e56d6daae85e5\""],
        halves!["gitalk-aut" + "h-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Freemius Secret",
        halves!["freemius_a" + "pi_key: 'pqtY2YWXKnXAMcjnUMSdmkfR5Qn7QJoj'"],
        halves!["freemius_a" + "pi_key: '<replace-with-yours>'"],
    ),
    samples(
        "Firecrawl Credential",
        halves!["firecrawl." + "apiKey = \"swrid2Kw5wUq20VEioqSbAL7FTtkuG553iQKN3\""],
        halves!["firecrawl." + "apiKey = \"process.env.KEY\""],
    ),
    samples(
        "Mistral Key",
        halves!["mistral_se" + "cret: 'zWSP9HNomkBfSk5426B0KUkj2JGF2JVM'"],
        halves!["mistral_se" + "cret: '<replace-with-yours>'"],
    ),
    samples(
        "Deepgram Key",
        halves!["\"deepgram_" + "token\": \"ce1d1071531513e764602da3de9e28fe2629e100\""],
        halves!["\"deepgram_" + "token\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "AssemblyAI Key",
        halves!["assemblyai" + "-auth-token = \"30ea10f8d8a9ba43cd6622106dcdef9a\""],
        halves!["assemblyai" + "-auth-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "AI21 Key",
        halves!["\"ai21_toke" + "n\": \"LiTMyCmkGjrZNmeSXV7x0XVnhPbBVg1sm05tz3SA\""],
        halves!["\"ai21_toke" + "n\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Clarifai Key",
        halves!["clarifai_a" + "pi_key: 'a86135ecd13b6c99bb8539f941fe0abb'"],
        halves!["clarifai_a" + "pi_key: 'your-api-key-goes-here'"],
    ),
    samples(
        "DeepL Key",
        halves!["\"deepl_sec" + "ret\": \"YS9eCPJsL7CQi9JkJDrpAsPGVUkuB1vbaYt2dV\""],
        halves!["\"deepl_sec" + "ret\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Weights and Biases Credential",
        halves!["wandb_secr" + "et = \"24e1ba4d852afbffb99a10be2c8df30e3b15ecb8\""],
        halves!["wandb_secr" + "et = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Comet Key",
        halves!["comet.apiK" + "ey=xw1wA83WjCKHMjmfGqwzm0CAcN4PPzS"],
        halves!["comet.apiK" + "ey=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Roboflow Key",
        halves!["roboflow.a" + "piKey=MDHgs7QRnat11f2u3MshNHPt"],
        halves!["roboflow.a" + "piKey=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Scale AI Key",
        halves!["scaleapi.a" + "piKey=4H30bhGTFg0qPkVZGFB7tehsaSiX0YThN6xm"],
        halves!["scaleapi.a" + "piKey=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Exa Key",
        halves!["exa.apiKey" + ": '0ca2d2cc-2abb-5103-0598-7ee62981e5ce'"],
        halves!["exa.apiKey" + ": 'your-api-key-goes-here'"],
    ),
    samples(
        "Serper Key",
        halves!["serper_API" + "_KEY: 'RQbiEBzfoCN700uquDkrkVjQGZgwL8R66MbGvmbTxuSy2XVpr'"],
        halves!["serper_API" + "_KEY: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "SambaNova Key",
        halves!["sambanova_" + "API_KEY=935dac59-5a87-ebae-c1b7-c293c899de9f"],
        halves!["sambanova_" + "API_KEY=process.env.KEY"],
    ),
    samples(
        "Azure OpenAI Key",
        halves!["azureopena" + "i_API_KEY = \"szZto3tt7YpDWjqsUiiyk6FeTQBYpXy1\""],
        halves!["azureopena" + "i_API_KEY = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Lunch Flow Key",
        halves!["lunchflow_" + "API_KEY = \"nsFAhYuzXxGA6X4KYN4R\""],
        halves!["lunchflow_" + "API_KEY = \"process.env.KEY\""],
    ),
    samples(
        "Akahu Credential",
        halves!["akahu_API_" + "KEY = \"gJTTBkW0tGAPyHE09W65\""],
        halves!["akahu_API_" + "KEY = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Redbark Key",
        halves!["\"redbark-a" + "uth-token\": \"Zq9tB6eMVzHUUZgpPKA7\""],
        halves!["\"redbark-a" + "uth-token\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Wise Token",
        halves!["\"wise_API_" + "KEY\": \"370486bd-3aed-0869-420e-3fcc15aa5d33\""],
        halves!["\"wise_API_" + "KEY\": \"<replace-with-yours>\""],
    ),
    samples(
        "Sophtron Key",
        halves!["sophtron_a" + "pi_key = \"wEbbA2wFz0fegDY5WrMp\""],
        halves!["sophtron_a" + "pi_key = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Indexa Capital Token",
        halves!["indexa.api" + "Key: '6SGXeR2yrsL6QQMTi0Cx'"],
        halves!["indexa.api" + "Key: 'process.env.KEY'"],
    ),
    samples(
        "Interactive Brokers Token",
        halves!["ibkr.apiKe" + "y = \"fpt52P28HDf0r52cwZ4K\""],
        halves!["ibkr.apiKe" + "y = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Questrade Token",
        halves!["questrade_" + "secret = \"AYAEYnEiuv7imi00bPwCAyrpFf08vPUxRBEa\""],
        halves!["questrade_" + "secret = \"<replace-with-yours>\""],
    ),
    samples(
        "SnapTrade Key",
        halves!["\"snaptrade" + ".apiKey\": \"RqFkroz29wmFTsjmPUKSFvG2rzCU8R\""],
        halves!["\"snaptrade" + ".apiKey\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Trading 212 Key",
        halves!["trading212" + ".apiKey = \"ZT0cYbRZV0eXyGPYpuheYg6UFda4t3TeER5mxs8WAtKpMHhAC2\""],
        halves!["trading212" + ".apiKey = \"<replace-with-yours>\""],
    ),
    samples(
        "Enable Banking Key",
        halves!["\"enableban" + "king_API_KEY\": \"HEJ8Hqbe9QxSC8ginnEqqt3SCQdyfDUJ\""],
        halves!["\"enableban" + "king_API_KEY\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Binance Key",
        halves!["binance_ap" + "i_key = \"3yi5wHfDLheCb0dGd48kMmtcbXRH5vtSLH60cCgfhD1dsdTiAV6vpJJjWfLCyaNb\""],
        halves!["binance_ap" + "i_key = \"process.env.KEY\""],
    ),
    samples(
        "CoinStats Key",
        halves!["coinstats_" + "token = \"DHhhogoSnnav8PP3rzm3B0iUc9dfJXrruyPYsxVcQN18Xx0dKKkCjTC0aN\""],
        halves!["coinstats_" + "token = \"your-api-key-goes-here\""],
    ),
    samples(
        "Etherscan Key",
        halves!["\"etherscan" + "-auth-token\": \"U9z8ZWtuJEgXTDTThCZAUt2Uts9m9FB2Bu\""],
        halves!["\"etherscan" + "-auth-token\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Twelve Data Key",
        halves!["twelvedata" + "_token=KioZUyLrzC4a87m3fAuK6sAkRTYZuDVk"],
        halves!["twelvedata" + "_token=process.env.KEY"],
    ),
    samples(
        "Tiingo Token",
        halves!["tiingo_api" + "_key=5996d138d1d8da85f76e1b2b3e97c0472b7cef0c"],
        halves!["tiingo_api" + "_key=process.env.KEY"],
    ),
    samples(
        "EODHD Token",
        halves!["eodhd_toke" + "n: 'HxjU5ginQ65WdX9qN2UZjjs8'"],
        halves!["eodhd_toke" + "n: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Alpha Vantage Key",
        halves!["\"alphavant" + "age-auth-token\": \"om8hdb52Gm6C0J3t\""],
        halves!["\"alphavant" + "age-auth-token\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Polygon.io Key",
        halves!["\"polygon_a" + "pi_key\": \"fSPRMb2c6BQaZeN6xGugCoja4qeMHfre\""],
        halves!["\"polygon_a" + "pi_key\": \"<replace-with-yours>\""],
    ),
    samples(
        "RentCast Key",
        halves!["rentcast_t" + "oken = \"035475f23b652d61cfbb519468a94ec5\""],
        halves!["rentcast_t" + "oken = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Realie Key",
        halves!["\"realie_AP" + "I_KEY\": \"04AzgvkXSHRoM0vStNPe\""],
        halves!["\"realie_AP" + "I_KEY\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Brandfetch Key",
        halves!["brandfetch" + "-auth-token: 'uRZttUMTqH4K9uR69dEK'"],
        halves!["brandfetch" + "-auth-token: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Synth Key",
        halves!["synth_API_" + "KEY: '5sGz0mbzKcCCFHBf53LZgpbA'"],
        halves!["synth_API_" + "KEY: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Skylight Token",
        halves!["skylight_t" + "oken=jhLhSvtLwsuG3JfVCxyyQqyt7V7dc8sAA"],
        halves!["skylight_t" + "oken=process.env.KEY"],
    ),
    samples(
        "Logtail Token",
        halves!["logtail_se" + "cret: 'N17VVJhW6QnpmJ94NT6gGSN0'"],
        halves!["logtail_se" + "cret: '<replace-with-yours>'"],
    ),
    samples(
        "PostHog Credential",
        halves!["posthog_to" + "ken: 'vbarZ0P6VkQDXf8aeXtjKaqX6BQBuFnLUxiNehjGen'"],
        halves!["posthog_to" + "ken: 'your-api-key-goes-here'"],
    ),
    samples(
        "Langfuse Credential",
        halves!["langfuse_a" + "pi_key: 'FRgYxf3p5tabNof8EaUnzCxmSHqLph69k4dSJTyUgVFR0RF'"],
        halves!["langfuse_a" + "pi_key: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "SimpleFIN Credential",
        halves!["simplefin_" + "secret: 'AemrqS1cUMf2paYZaK0d'"],
        halves!["simplefin_" + "secret: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Bitfinex Key",
        halves!["bitfinex_s" + "ecret=C5WzC6bwbmR8k8xD16Q2XkUoAPubfGJpHi7UBVA8amH"],
        halves!["bitfinex_s" + "ecret=<replace-with-yours>"],
    ),
    samples(
        "BitMEX Key",
        halves!["bitmex_API" + "_KEY = \"2g2N81drsEWXED8ecfoDkr7RDU7dorLvZAVt\""],
        halves!["bitmex_API" + "_KEY = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Bybit Key",
        halves!["bybit_API_" + "KEY: 'Bor3oMt1sKTkH671oZv0tPeQFQdkZGFnW'"],
        halves!["bybit_API_" + "KEY: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "OKX Key",
        halves!["\"okx_token" + "\": \"75ed1031-ef01-b358-a4bd-02397e5dad54\""],
        halves!["\"okx_token" + "\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Gemini Exchange Key",
        halves!["gemini_sec" + "ret = \"4YSiTfJqEUNVveggjrVJ6ygpvdmHxCp0dkuZEa8YR5Hhf6LomiPC40PknKfu\""],
        halves!["gemini_sec" + "ret = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "CoinMarketCap Key",
        halves!["coinmarket" + "cap-auth-token: '135d2f45-87cf-d0ca-d7f5-3a54b85a6865'"],
        halves!["coinmarket" + "cap-auth-token: '<replace-with-yours>'"],
    ),
    samples(
        "CoinGecko Key",
        halves!["coingecko_" + "api_key: 'sVfVZuE3p75nuw7C4XZuyYtXdj7LYTss'"],
        halves!["coingecko_" + "api_key: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Infura Credential",
        halves!["\"infura-au" + "th-token\": \"4c12208d82e51fb1e7e18053b39b5ffc\""],
        halves!["\"infura-au" + "th-token\": \"<replace-with-yours>\""],
    ),
    samples(
        "Alchemy Key",
        halves!["alchemy-au" + "th-token = \"qRTArXdKSdvJ87E5HvLfGvGDtX3SFZDMe9k\""],
        halves!["alchemy-au" + "th-token = \"your-api-key-goes-here\""],
    ),
    samples(
        "Moralis Key",
        halves!["moralis_to" + "ken: 'ytXn73n6KPVa1hrqgPVHxXTSrdpNQVxkM7R0cqk3M0bcp3LcFj7mV5fw1V'"],
        halves!["moralis_to" + "ken: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "CryptoCompare Key",
        halves!["cryptocomp" + "are.apiKey: 'faaf37545b29871af4b6427763201b1eae411ac15d1525ce76d2f71b4ad0362c'"],
        halves!["cryptocomp" + "are.apiKey: '<replace-with-yours>'"],
    ),
    samples(
        "Shodan Key",
        halves!["shodan_tok" + "en: 'DLRo50LNsZTyZnfQ9bE1d2nMPrmkxZUh'"],
        halves!["shodan_tok" + "en: '<replace-with-yours>'"],
    ),
    samples(
        "VirusTotal Key",
        halves!["virustotal" + ".apiKey=f981c28a1d56fa6303d3508e7195bb838ed140aee70ad67dc9245926267c62fb"],
        halves!["virustotal" + ".apiKey=${SECRET_FROM_ENV}"],
    ),
    samples(
        "PagerDuty Key",
        halves!["pagerduty." + "apiKey = \"L9r9FGj5jWvLPFi4VDSTwA\""],
        halves!["pagerduty." + "apiKey = \"your-api-key-goes-here\""],
    ),
    samples(
        "Opsgenie Key",
        halves!["opsgenie_s" + "ecret = \"f9737074-85ed-eb06-c06f-7732bf0c8362\""],
        halves!["opsgenie_s" + "ecret = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Splunk Token",
        halves!["\"splunk_AP" + "I_KEY\": \"d4df7a27-bd0b-b6bb-2340-bf08f396ef62\""],
        halves!["\"splunk_AP" + "I_KEY\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "OpenWeather Key",
        halves!["\"openweath" + "er-auth-token\": \"82ad48182c4a16c2cb533631a054d918\""],
        halves!["\"openweath" + "er-auth-token\": \"<replace-with-yours>\""],
    ),
    samples(
        "Spotify Secret",
        halves!["spotify-au" + "th-token=ec80f1aff0f59a6c8ab55679eca7a4ca"],
        halves!["spotify-au" + "th-token=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Trello Credential",
        halves!["trello_API" + "_KEY=4761afa178a265ea2e5520dae34c37d8"],
        halves!["trello_API" + "_KEY=your-api-key-goes-here"],
    ),
    samples(
        "Box Credential",
        halves!["boxapp_tok" + "en = \"frwyPCqMXDRGPoyj5BFF1eYG0hdhoMMP\""],
        halves!["boxapp_tok" + "en = \"process.env.KEY\""],
    ),
    samples(
        "Bitly Token",
        halves!["bitly_API_" + "KEY = \"4759b0de0fb001e2aef98c6db5b23494d689d794\""],
        halves!["bitly_API_" + "KEY = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Giphy Key",
        halves!["\"giphy.api" + "Key\": \"o0AoxVnANzgWgV2y4pmX7K9M39aSLySH\""],
        halves!["\"giphy.api" + "Key\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Unsplash Key",
        halves!["unsplash-a" + "uth-token = \"iS1szZXL6EA8DMkerRMeBkyx6V4QzotBLJBBPWk4oAtmTDP7U\""],
        halves!["unsplash-a" + "uth-token = \"your-api-key-goes-here\""],
    ),
    samples(
        "Steam Key",
        halves!["steam.apiK" + "ey: '85f9d7ff5431ea05e043b5732ce6cb5b'"],
        halves!["steam.apiK" + "ey: '<replace-with-yours>'"],
    ),
    samples(
        "Vonage Secret",
        halves!["vonage_API" + "_KEY = \"2mPNC4pWv9Y57mhK\""],
        halves!["vonage_API" + "_KEY = \"<replace-with-yours>\""],
    ),
    samples(
        "Vimeo Token",
        halves!["\"vimeo_sec" + "ret\": \"fb02e5151eaf4c527703d30209f7e30a\""],
        halves!["\"vimeo_sec" + "ret\": \"<replace-with-yours>\""],
    ),
    samples(
        "YouTube Key",
        halves!["youtube_ap" + "i_key = \"0F0RFss7c7L41gaT62uMYJpogj6r9a6FZfVC9m8\""],
        halves!["youtube_ap" + "i_key = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Reddit Credential",
        halves!["reddit.api" + "Key=5AmGW7Ttm0uv0iQzpSXHRgg8jceFFE8GH"],
        halves!["reddit.ap" + "iKey=process.env.KEY"],
    ),
    samples(
        "PayPal Secret",
        halves![
            "paypal_api"
                + "_key = \"QjSN1NXGstuHS10nwbtKk2MTADK5ukMyDo2VVYCcLpYvfFWnrdrCGXZzUJnJ45xnPMi0QLAQYxG1MTBg\""
        ],
        halves!["paypal_api" + "_key = \"<replace-with-yours>\""],
    ),
    samples(
        "Amplitude Key",
        halves!["amplitude_" + "secret = \"c8dc663e7990f1aa6c8e8ca7e9b41c06\""],
        halves!["amplitude_" + "secret = \"your-api-key-goes-here\""],
    ),
    samples(
        "Mixpanel Secret",
        halves!["mixpanel-a" + "uth-token=356d87d2d959a8b6a27f0794870d1e0f"],
        halves!["mixpanel-a" + "uth-token=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Rollbar Token",
        halves!["\"rollbar_s" + "ecret\": \"9e420a5735edecd4a08963bb72fda28b\""],
        halves!["\"rollbar_s" + "ecret\": \"process.env.KEY\""],
    ),
    samples(
        "Bugsnag Key",
        halves!["bugsnag_to" + "ken = \"98a28b757184695711641ac57588b7bb\""],
        halves!["bugsnag_to" + "ken = \"<replace-with-yours>\""],
    ),
    samples(
        "LogDNA Key",
        halves!["logdna-aut" + "h-token = \"a293b9a11b4042415ddcb6175914a8b1\""],
        halves!["logdna-aut" + "h-token = \"<replace-with-yours>\""],
    ),
    samples(
        "Loggly Token",
        halves!["\"loggly_to" + "ken\": \"0fbd48fb-2f3a-2289-b7da-eeb267f07a4a\""],
        halves!["\"loggly_to" + "ken\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Statuspage Key",
        halves!["statuspage" + "_API_KEY=EuVVHrjtAtPxcg4qN8Fe3jBuVNcAzubfx1PGDWUKJpN1fhDucSUzt7aKVu4"],
        halves!["statuspage" + "_API_KEY=your-api-key-goes-here"],
    ),
    samples(
        "UptimeRobot Key",
        halves!["uptimerobo" + "t_token: 'odohbv0kbw4UZhDrESgMHoovV9RSJxiLhwQg'"],
        halves!["uptimerobo" + "t_token: '<replace-with-yours>'"],
    ),
    samples(
        "Zoom Secret",
        halves!["zoom_secre" + "t=DPuJJqMayMG1zKqiqE0idjUTndfWAdP3N"],
        halves!["zoom_secre" + "t=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Webex Token",
        halves!["webex-auth" + "-token = \"7Fv5a0dbbGo9H2V1iR9zCgaSJmtjKft9jLd0h13XQoFNQe6NafK7rYyiTjR3RPaB\""],
        halves!["webex-auth" + "-token = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "DocuSign Key",
        halves!["docusign_t" + "oken = \"51c49ee3-a600-ab73-140a-e78361460274\""],
        halves!["docusign_t" + "oken = \"process.env.KEY\""],
    ),
    samples(
        "SparkPost Key",
        halves!["sparkpost_" + "secret = \"b8441e1ff60b32e083c04afe23c1ec6ddb40e518\""],
        halves!["sparkpost_" + "secret = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Pusher Secret",
        halves!["pusher_tok" + "en: 'e619623221a1c447df88'"],
        halves!["pusher_tok" + "en: 'your-api-key-goes-here'"],
    ),
    samples(
        "Ably Key",
        halves!["\"ably_api_" + "key\": \"JoAhuqfmuh35C0bE0cGdcfmtd2KwTvr4\""],
        halves!["\"ably_api_" + "key\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "MapQuest Key",
        halves!["mapquest_t" + "oken = \"hCE6cwSYw4Yu0mMGidz2W5KeG0gNg4m5\""],
        halves!["mapquest_t" + "oken = \"<replace-with-yours>\""],
    ),
    samples(
        "TomTom Key",
        halves!["tomtom_tok" + "en=da5MS2iRd1KNmnCNnFVw5pUkUBwPXQcf"],
        halves!["tomtom_tok" + "en=${SECRET_FROM_ENV}"],
    ),
    samples(
        "HERE Key",
        halves!["hereapi_se" + "cret = \"tFhXEWJBQofhG1hgX8dMzBk9DmBsYQc2EaQCfRAAP3r\""],
        halves!["hereapi_se" + "cret = \"process.env.KEY\""],
    ),
    samples(
        "IPinfo Token",
        halves!["ipinfo_tok" + "en: '9a40cdc79ef790'"],
        halves!["ipinfo_tok" + "en: 'process.env.KEY'"],
    ),
    samples(
        "ipstack Key",
        halves!["ipstack.ap" + "iKey = \"qKnYSJvDK0nzKCgkLTY8SRZadg9prkLa\""],
        halves!["ipstack.ap" + "iKey = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Linode Token",
        halves!["\"linode.ap" + "iKey\": \"52e23e6fd52d617649c48361a8f1d0a7445dc237294b6b43c6e7120f4c338a00\""],
        halves!["\"linode.ap" + "iKey\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Vultr Key",
        halves!["vultr_api_" + "key = \"VhquexkBC0cYqJ6MSdBwE89gfud1y5sSLS7o\""],
        halves!["vultr_api_" + "key = \"your-api-key-goes-here\""],
    ),
    samples(
        "Hetzner Token",
        halves!["hetzner_AP" + "I_KEY: 'RX1i1QVCzmB5s9bV9bqRogg1Ze0bw3q4KV1WY7JdN9RpSxftFf3UHX6hPyHVZCSk'"],
        halves!["hetzner_AP" + "I_KEY: 'process.env.KEY'"],
    ),
    samples(
        "OVH Credential",
        halves!["ovh_api_ke" + "y = \"VPpW6ZWQqBHhpvPKcrPaD3ch1ad1\""],
        halves!["ovh_api_ke" + "y = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "IBM Cloud Key",
        halves!["ibmcloud_A" + "PI_KEY = \"YpYapg8hkWesxF9TGubYyLNLbpxanJ33S8x7GgG5qsuK\""],
        halves!["ibmcloud_A" + "PI_KEY = \"<replace-with-yours>\""],
    ),
    samples(
        "Gandi Key",
        halves!["gandi_API_" + "KEY = \"kUMhkPbbnGaZ2YyDd7mUYdWN5XW7KdJu\""],
        halves!["gandi_API_" + "KEY = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "GoDaddy Key",
        halves!["godaddy_ap" + "i_key: 'VN3CUpdFAXT76JWwvkdWwhwfnCUwRm'"],
        halves!["godaddy_ap" + "i_key: 'process.env.KEY'"],
    ),
    samples(
        "Namecheap Key",
        halves!["namecheap-" + "auth-token = \"c62e898a9d93ae8fe0ba81e4a3576b1c\""],
        halves!["namecheap-" + "auth-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "DNSimple Token",
        halves!["dnsimple_s" + "ecret=FxPspz18Bzg6XzdVmyPzHtyffj5ZVqfZ9bzKhV"],
        halves!["dnsimple_s" + "ecret=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "NS1 Key",
        halves!["\"nsone_api" + "_key\": \"3Xsi11WxYdu603sV76Yn\""],
        halves!["\"nsone_api" + "_key\": \"process.env.KEY\""],
    ),
    samples(
        "Cloudinary Secret",
        halves!["\"cloudinar" + "y-auth-token\": \"n91mQ09oHbJY2uhR6iLzPcFGXLR\""],
        halves!["\"cloudinar" + "y-auth-token\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Backblaze Key",
        halves!["backblaze_" + "token: 'pyiu6FQ3QxWYn88ZjNwwjJTJZUSwL05'"],
        halves!["backblaze_" + "token: '<replace-with-yours>'"],
    ),
    samples(
        "Wasabi Secret",
        halves!["wasabi_sec" + "ret: 'pPrn6oxU9pUA6Wozx5wxNSoLb5VfD8nhuUnnJYSy'"],
        halves!["wasabi_sec" + "ret: 'process.env.KEY'"],
    ),
    samples(
        "MinIO Secret",
        halves!["minio_API_" + "KEY = \"q6nMj14mTcVKmfmWkWpHm6WEktkBXfqc\""],
        halves!["minio_API_" + "KEY = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Elastic Credential",
        halves!["elastic-au" + "th-token: 'U7NPe8W6ZfygxfEcbDu2'"],
        halves!["elastic-au" + "th-token: '<replace-with-yours>'"],
    ),
    samples(
        "Meilisearch Key",
        halves!["meili_API_" + "KEY=dX4i0t01LZJWNJi88empbn0uYc1TuihyEyULt6Gsdy4CTPcHcSx8sFmZ"],
        halves!["meili_API_" + "KEY=<replace-with-yours>"],
    ),
    samples(
        "Typesense Key",
        halves!["typesense_" + "token = \"uZ7CGLLdRj68LDqbT2s6g3noRw3ZfYZUdoB33mXHMTXLEsh6xduwh2EK2SDkSYA\""],
        halves!["typesense_" + "token = \"process.env.KEY\""],
    ),
    samples(
        "Qdrant Key",
        halves!["qdrant_api" + "_key=w6woPsa70sCE2KSG6ad0ibPHPi4Pnj28"],
        halves!["qdrant_api" + "_key=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Weaviate Key",
        halves!["weaviate.a" + "piKey=vT0cgvSivuB5RLPHBvd3qKTv9t1yK8Xj3JfnKvgaC2xhQG"],
        halves!["weaviate.a" + "piKey=process.env.KEY"],
    ),
    samples(
        "Zilliz Key",
        halves!["zilliz_tok" + "en = \"9xPfCYquELA518ZqQHcfXW9ezNG6mX9b\""],
        halves!["zilliz_tok" + "en = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Upstash Token",
        halves!["upstash_to" + "ken = \"eyENhLXiqfuLwdJQGwUyU37whTsp3oXcSrNvcS8q\""],
        halves!["upstash_to" + "ken = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "CircleCI Credential",
        halves!["circleci_a" + "pi_key: '1e2fdacb6c759ae735c35ae3828604effdbdf692'"],
        halves!["circleci_a" + "pi_key: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "AppVeyor Token",
        halves!["appveyor_A" + "PI_KEY = \"nLBgaooxv5aR1WD1j62V\""],
        halves!["appveyor_A" + "PI_KEY = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Coveralls Token",
        halves!["coveralls_" + "secret = \"QeDppGwHhsiNGJGAq2JxEyd84sfigtQj\""],
        halves!["coveralls_" + "secret = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "GitHub Secret",
        halves!["github_tok" + "en = \"6d7fc06ba30d4655af9b9f9acf46d332d0b951f1\""],
        halves!["github_tok" + "en = \"process.env.KEY\""],
    ),
    samples(
        "GitLab Credential",
        halves!["gitlab-aut" + "h-token = \"yVaZ9d1hzR60cXnVrYCt\""],
        halves!["gitlab-aut" + "h-token = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Consul Token",
        halves!["consul_api" + "_key=bd9d6756-4f7f-b559-9ebb-552b48390093"],
        halves!["consul_api" + "_key=<replace-with-yours>"],
    ),
    samples(
        "Nomad Token",
        halves!["nomad.apiK" + "ey: '705430c6-84c6-e6e3-7942-1e097a0152d8'"],
        halves!["nomad.apiK" + "ey: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Shortcut Token",
        halves!["shortcut-a" + "uth-token: 'e18b4296-109a-af39-dfb7-e2cc615767eb'"],
        halves!["shortcut-a" + "uth-token: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Todoist Token",
        halves!["todoist_ap" + "i_key = \"e98a2ca2ce1c316bffbaa34fe6c4198cb2cf5a49\""],
        halves!["todoist_ap" + "i_key = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "SurveyMonkey Token",
        halves!["\"surveymon" + "key.apiKey\": \"SpdqonCkuFPBm9NwSLRCHsqq5pbvi6ou1zfFDY6VMKbZWjBcbn0f0FVsfRed60YB\""],
        halves!["\"surveymon" + "key.apiKey\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Eventbrite Token",
        halves!["eventbrite" + "-auth-token = \"VYGb7XP14aZ9uoj5gufD\""],
        halves!["eventbrite" + "-auth-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Twitch Secret",
        halves!["\"twitch_AP" + "I_KEY\": \"doYxX89s44iwbvkGkQQn0YrSyb9p7C\""],
        halves!["\"twitch_AP" + "I_KEY\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Agora Certificate",
        halves!["agora_toke" + "n: '9568612ebb5a98571aa4dc6869c06465'"],
        halves!["agora_toke" + "n: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "LiveKit Secret",
        halves!["livekit_se" + "cret=ou788Q86pRkHtjgLvxjWmKVpvstt0LWzYj15wYpS3pmS"],
        halves!["livekit_se" + "cret=your-api-key-goes-here"],
    ),
    samples(
        "OneSignal Key",
        halves!["onesignal-" + "auth-token = \"t19DkUVkknMKTMHqPCdWtbAc2HJw64npafqWmd6zJPn2Ao6rU\""],
        halves!["onesignal-" + "auth-token = \"process.env.KEY\""],
    ),
    samples(
        "Pushover Token",
        halves!["pushover_A" + "PI_KEY = \"dQ5c5wPyqDH28ArKxNRSCPH24uSFeM\""],
        halves!["pushover_A" + "PI_KEY = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Plivo Token",
        halves!["\"plivo.api" + "Key\": \"EpvDaQwdjtghPAiUejvEnVRnQuzCERDYj9tp2P1DNz1H2zRNQbsGmdS2\""],
        halves!["\"plivo.api" + "Key\": \"your-api-key-goes-here\""],
    ),
    samples(
        "Bandwidth Secret",
        halves!["bandwidth_" + "secret: '9LjzQCdwwxM99TX6eo3ECnibykC2ia2EisxzS08DWUAm9uY'"],
        halves!["bandwidth_" + "secret: 'your-api-key-goes-here'"],
    ),
    samples(
        "Mailjet Credential",
        halves!["mailjet.ap" + "iKey=f7f9599cbf85c0844e418ce492f68f95"],
        halves!["mailjet.ap" + "iKey=your-api-key-goes-here"],
    ),
    samples(
        "ConvertKit Key",
        halves!["convertkit" + "_token = \"fVTQh1cWVDjUhz7VG3kMJwrzYorz1vr1EjheCPi849\""],
        halves!["convertkit" + "_token = \"process.env.KEY\""],
    ),
    samples(
        "ActiveCampaign Key",
        halves!["activecamp" + "aign_API_KEY: '1d6d0d8ee53fc094c8fb6d153aa883284877f5fe307406525dd539cfe28f82d7'"],
        halves!["activecamp" + "aign_API_KEY: '<replace-with-yours>'"],
    ),
    samples(
        "Klaviyo Key",
        halves!["klaviyo_to" + "ken = \"HAD99wqXEQGYafvp68HnW26nYkhvt8ks9U\""],
        halves!["klaviyo_to" + "ken = \"process.env.KEY\""],
    ),
    samples(
        "Pipedrive Token",
        halves!["pipedrive_" + "api_key=e76319c1f91f594affac6bb207ec1f3b1362b10c"],
        halves!["pipedrive_" + "api_key=<replace-with-yours>"],
    ),
    samples(
        "Freshdesk Key",
        halves!["\"freshdesk" + "_API_KEY\": \"HuPV97U32AzVgm26LoUn\""],
        halves!["\"freshdesk" + "_API_KEY\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Klarna Credential",
        halves!["klarna_API" + "_KEY=mrZWXDX4aD42u7ipW0oc"],
        halves!["klarna_API" + "_KEY=your-api-key-goes-here"],
    ),
    samples(
        "Adyen Credential",
        halves!["adyen.apiK" + "ey = \"KdG2Sq8ZUKQV3nhXrknn\""],
        halves!["adyen.apiK" + "ey = \"process.env.KEY\""],
    ),
    samples(
        "Worldpay Key",
        halves!["\"worldpay." + "apiKey\": \"8RYZtNjQXdVoLUo6jh79NAWDJ9CkRQADk3N\""],
        halves!["\"worldpay." + "apiKey\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Authorize.net Key",
        halves!["authorizen" + "et_api_key=nNn3K65XT9pyEDd4"],
        halves!["authorizen" + "et_api_key=your-api-key-goes-here"],
    ),
    samples(
        "Avalara Key",
        halves!["avalara_se" + "cret=583095ba5b06dd01"],
        halves!["avalara_se" + "cret=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "TaxJar Token",
        halves!["taxjar_tok" + "en=1ee71fca87cbda1e4266aa472679397e"],
        halves!["taxjar_to" + "ken=process.env.KEY"],
    ),
    samples(
        "Xero Secret",
        halves!["xero_API_K" + "EY: 'scVQTkwjomYghh7AFtVczgbNbiLBjb1mdwrUoS4N'"],
        halves!["xero_API_K" + "EY: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "QuickBooks Secret",
        halves!["quickbooks" + "-auth-token = \"SMgdeC6LRMSnqGAHxmxT0TXKqLS7BuarasnTESxc\""],
        halves!["quickbooks" + "-auth-token = \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "BambooHR Key",
        halves!["\"bamboohr." + "apiKey\": \"086a43bf232d39a8bb1c6602580468ebc599037b\""],
        halves!["\"bamboohr." + "apiKey\": \"process.env.KEY\""],
    ),
    samples(
        "Workday Credential",
        halves!["workday.ap" + "iKey: 'wTqH0iYgiCCTh0SGwZRCtNBkBeqw9Xe4JqkyFczf'"],
        halves!["workday.ap" + "iKey: '<replace-with-yours>'"],
    ),
    samples(
        "Salesforce Secret",
        halves!["salesforce" + "_API_KEY: 'wFbrd5LwiNNcD1t8Zv'"],
        halves!["salesforce" + "_API_KEY: '<replace-with-yours>'"],
    ),
    samples(
        "Snowflake Credential",
        halves!["snowflake_" + "secret=1GnVq7diRQGEP9PSGGJk"],
        halves!["snowflake_" + "secret=<replace-with-yours>"],
    ),
    samples(
        "MongoDB Credential",
        halves!["\"mongodb.a" + "piKey\": \"PxYbjEcdZ9oy5N5A\""],
        halves!["\"mongodb.a" + "piKey\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "Supabase Credential",
        halves!["supabase.a" + "piKey=AVuFRGmkGawhKBci78tZM2Ks0CKSHpZi"],
        halves!["supabase.a" + "piKey=${SECRET_FROM_ENV}"],
    ),
    samples(
        "Firebase Secret",
        halves!["firebase_a" + "pi_key: 'dNCrdgVYT4pYXrRZKEeKtYf6EK5a3F4NGbsZmoS'"],
        halves!["firebase_a" + "pi_key: '<replace-with-yours>'"],
    ),
    samples(
        "Vercel Credential",
        halves!["vercel.api" + "Key: 'te9jxD5wGT9sv95xrgvhD3cv'"],
        halves!["vercel.api" + "Key: '${SECRET_FROM_ENV}'"],
    ),
    samples(
        "Railway Token",
        halves!["railway_ap" + "i_key: '9816549f-73d3-fe1f-34d7-930a4b16a347'"],
        halves!["railway_ap" + "i_key: 'your-api-key-goes-here'"],
    ),
    samples(
        "DigitalOcean Credential",
        halves!["digitaloce" + "an-auth-token = \"CqFNf5nMyaUM6msV4eFDtemYQ98h1JQ2iDZGvALoR7u1iG1SEzp\""],
        halves!["digitaloce" + "an-auth-token = \"your-api-key-goes-here\""],
    ),
    samples(
        "Cisco Meraki Key",
        halves!["meraki_sec" + "ret: '9ff81c2e5e208bf80d267fdd4e0ad0839a24febb'"],
        halves!["meraki_sec" + "ret: 'process.env.KEY'"],
    ),
    samples(
        "Nutritionix Key",
        halves!["\"nutrition" + "ix-auth-token\": \"f89348e7416e3a095be0f46521a8d0d3\""],
        halves!["\"nutrition" + "ix-auth-token\": \"<replace-with-yours>\""],
    ),
    samples(
        "Yelp Key",
        halves![
            "yelp_api_k"
                + "ey = \"ab6uk93kUCeLYxZz9EDZ212Jpqf92aKFEgAWT7TSnuwkZhxzTptuFxJrZ8BDgfKxECSRAja4E0kuHabNuEYWFvC8jHYGVVGXt3SUR\""
        ],
        halves!["yelp_api_k" + "ey = \"<replace-with-yours>\""],
    ),
    samples(
        "Foursquare Key",
        halves!["foursquare" + "-auth-token=4nzCepmomuSxnNLZPSgB4Q0H7u3TSn7skap3HdXrUPAvX"],
        halves!["foursquare" + "-auth-token=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Zoho Credential",
        halves!["zoho_secre" + "t=2jCreEbDqRdizs6vA84ptMg7aVL64Pms9Tu9CdTjGmncgTJXDequMJBoVJv"],
        halves!["zoho_secre" + "t=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
    ),
    samples(
        "Lark Secret",
        halves!["\"lark-auth" + "-token\": \"cD6TvitvbiWUoMb0GPB1CdMjbjfkyfDK\""],
        halves!["\"lark-auth" + "-token\": \"process.env.KEY\""],
    ),
    samples(
        "WeChat Secret",
        halves!["wechat_api" + "_key=4fb80d9669dd1290d913ee8c972da427"],
        halves!["wechat_api" + "_key=<replace-with-yours>"],
    ),
    samples(
        "Baidu Secret",
        halves!["baidu_secr" + "et: 'ZMKRFo1iiJnpaptmgMkrhq9iAF6p'"],
        halves!["baidu_secr" + "et: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'"],
    ),
    samples(
        "Tencent Secret",
        halves!["\"tencent.a" + "piKey\": \"1Xd0d7eXWAJ4R3PaaAdfQDmmyTFY03Pz\""],
        halves!["\"tencent.a" + "piKey\": \"process.env.KEY\""],
    ),
    samples(
        "Huawei Secret",
        halves!["\"huawei_se" + "cret\": \"8z87G8YuYvqGyMt0eWsVapuGRSsUtUZvCCpxCsT4\""],
        halves!["\"huawei_se" + "cret\": \"${SECRET_FROM_ENV}\""],
    ),
    samples(
        "Naver Secret",
        halves!["naver_api" + "_key = \"r7Ai6xVik1\""],
        halves!["naver_api_" + "key = \"<replace-with-yours>\""],
    ),
    samples(
        "Kakao Key",
        halves!["\"kakao-aut" + "h-token\": \"4ed56ad1fd87904b56548e4a188deb3c\""],
        halves!["\"kakao-aut" + "h-token\": \"process.env.KEY\""],
    ),
    samples(
        "Line Channel Secret",
        halves!["\"linechann" + "el_api_key\": \"VcPvJnJBrgFyVgqwRiD4DS4ATWJqqm7z\""],
        halves!["\"linechann" + "el_api_key\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""],
    ),
    samples(
        "VK Token",
        halves![
            "vkontakte-"
                + "auth-token: 'f653f8bd606a96f26add3e091cba68e195f6c64266abf389a4e3287e3ada80607613ee5b2d29f2174130a'"
        ],
        halves!["vkontakte-" + "auth-token: 'your-api-key-goes-here'"],
    ),
];
