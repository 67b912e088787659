//! The core families in other languages than English.
//!
//! Written as [`super::english`] is, and folded by the same function as the text, so that accents may be written or left out
//! and Cyrillic letters that look Latin do not matter. Characters of several bytes stand in groups before a quantifier,
//! because the matcher counts bytes.

use super::Family;
use crate::model::Severity;

/// The gap of a sentence written without blanks: up to 12 characters.
macro_rules! gap {
    () => {
        "[^.!?\\n]{0,36}"
    };
}

/// Families in Spanish, French, German, Portuguese, Italian, Russian, Chinese, Japanese and Korean.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        rule: "Prompt Injection",
        severity: Severity::Critical,
        triggers: &[
            "(?:instrucciones|indicaciones|ordenes|reglas|directrices|instrucoes|diretrizes|orientacoes|ordens|regras) (?:[a-z]{1,12} )?(?:anterior|previa|precedent|recibid|recebid|original|iniciais|iniciales|acima|de arriba|que )",
            "(?:ignora|ignore|olvida|olvide|descarta|desestima|esqueca|esquece|desconsidere|despreze|ignorez|ignores|oublie|oubliez|ignorate|dimentica|dimenticate|trascura) (?:todas|todo|todos|tudo|las|tus|sus|cualquier|as|suas|tuas|toutes|tout|les|tes|vos|tutte|tutto|le|tue|ogni|lo anterior|o que|ce qui|quanto)",
            "(?:instructions|consignes|directives|regles|ordres) (?:[a-z]{1,14} )?(?:precedent|anterieur|ci-dessus|initial|donnees|recues)",
            "(?:vorherig|bisherig|vorig|obig|fruher|vorangegangen|vorstehend|urspruenglich|ursprunglich)en? (?:anweisung|instruktion|befehl|regel|vorgabe|richtlinie|anleitung|aufforderung|prompt)",
            "(?:ignoriere|ignorieren|vergiss|vergessen|missachte|missachten|uebergehe|ubergehe) (?:sie )?(?:alle|alles|deine|ihre|die|saemtliche|samtliche|jede)",
            "(?:istruzioni|direttive|regole|indicazioni|ordini) (?:[a-z]{1,12} )?(?:precedent|sopra|anterior|ricevut|original|iniziali)",
            "(?:предыдущ|прежн|прошл|вышеуказан|вышеизложен|предшествующ|изначальн)[^ ]{2,12} (?:инструкц|указани|команд|правил|директив|промпт|сообщени|установк)",
            "(?:игнорируй|игнорируйте|проигнорируй|забудь|забудьте|отбрось|отмени) (?:все|всё|свои|твои|любые|предыдущ|прежн|то|про|об|инструкц|правила)",
            "(?:忽略|无视|忘记|忘掉|忽視|無視|不要理会|不要理會|抛弃|不理会|跳过|忘了)",
            "(?:以前|上記|これまで|今まで|すべて|全て|元|前述|先ほど|直前)の(?:すべての|全ての)?(?:指示|命令|指令|プロンプト|ルール|制約|設定|指図)",
            "(?:指示|命令|指令|プロンプト|ルール|制約|設定)(?:を|は|に)(?:すべて|全て|全部)?(?:無視|忘れ|破棄|従わ)",
            "(?:이전|위의|앞의|앞선|기존|모든|지금까지|지금까지의|상기) ?(?:의 )?(?:모든 )?(?:지시|명령|지침|프롬프트|규칙|지시사항|설정)",
        ],
        patterns: &[
            (
                4,
                "(?:ignora|ignore|ignores|ignorad|olvida|olvide|olvides|descarta|descarte|desestima|omite|omita|haz caso omiso de|no sigas|pasa por alto|deja de lado|esqueca|esquece|desconsidere|desconsidera|descarte|despreze|nao siga)(?: [a-z]{1,12}){0,4} (?:instrucciones|indicaciones|ordenes|reglas|directrices|normas|mensajes|restricciones|instrucoes|diretrizes|orientacoes|ordens|regras|restricoes|mensagens)",
            ),
            (
                3,
                "(?:ignora|ignore|olvida|olvide|esqueca|esquece|desconsidere)(?: [a-z]{1,12}){0,2} (?:todo lo anterior|lo anterior|todo lo que|tudo (?:o que|acima)|o que (?:foi|veio)|tudo isso)",
            ),
            (
                4,
                "(?:ignore|ignorez|ignores|oublie|oubliez|oublies|neglige|negligez|ne (?:tiens|tenez) (?:pas|plus) compte d|ne (?:suis|suivez) (?:pas|plus)|abandonne|abandonnez|fais abstraction d|faites abstraction d)[a-z]{0,2}(?: [a-z]{1,12}){0,4} (?:instructions|consignes|directives|regles|ordres|messages|restrictions)",
            ),
            (3, "(?:ignore|ignorez|oublie|oubliez) tout ce (?:qui|que)"),
            (
                4,
                "(?:ignorier[a-z]{1,2}|vergiss|vergessen|missacht[a-z]{1,2}|uebergeh[a-z]{1,2}|ubergeh[a-z]{1,2}|verwirf)(?: [a-z]{1,16}){0,5} (?:[a-z]{0,16})(?:anweisungen|instruktionen|befehle|regeln|vorgaben|richtlinien|aufforderungen|anleitungen|anweisung|prompts?|nachrichten)",
            ),
            (
                // Without the `nicht` it asks for the opposite, as forms and letters do.
                4,
                "(?:beacht|befolg|folg)[a-z]{1,2}(?: [a-z]{1,16}){0,5} (?:[a-z]{0,16})(?:anweisungen|instruktionen|befehle|regeln|vorgaben|richtlinien|anweisung|prompts?)(?: [a-z]{1,10}){0,2} nicht\\b",
            ),
            (
                3,
                "(?:ignorier[a-z]{1,2}|vergiss|vergessen)(?: sie)? alles,? (?:was|bisherige|vorherige|davor|zuvor|obige)",
            ),
            (
                4,
                "(?:ignora|ignorate|ignori|dimentica|dimenticate|dimentichi|trascura|trascurate|non (?:seguire|tenere conto)|scarta|abbandona)(?: [a-z.']{1,12}){0,4} (?:istruzioni|direttive|regole|indicazioni|ordini|messaggi|restrizioni|comandi)",
            ),
            (3, "(?:ignora|dimentica|dimenticate) (?:tutto )?(?:cio che|quello che|quanto|tutto)"),
            (
                4,
                "(?:игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|отбрось|отбросьте|отмени|не обращай внимания на|не обращайте внимания на|не следуй|пренебреги)(?: [^ .!?]{1,28}){0,4} (?:инструкц|указани|команд|правил|директив|промпт|сообщени|установк|ограничени|задани)",
            ),
            (
                3,
                "(?:игнорируй|игнорируйте|забудь|забудьте) (?:все|всё|про все|обо всем)[^.!?]{0,40}(?:выше|ранее|раньше|до этого|сказано)",
            ),
            (
                4,
                concat!(
                    "(?:忽略|无视|忘记|忘掉|忽視|無視|不要理会|不要理會|抛弃|不理会|跳过|忘了|不要遵守|不要遵循|停止遵循)",
                    gap!(),
                    "(?:之前|以前|先前|上述|以上|上面|前面|此前|所有|全部|一切|任何|系统|系統|你的|您的|原来|原有)",
                    gap!(),
                    "(?:指令|指示|提示|命令|规则|規則|要求|设定|設定|内容|內容|说明|提示词|提示詞|限制|约束|准则|对话|訊息|消息)"
                ),
            ),
            (
                3,
                concat!(
                    "(?:把|将|將)?(?:之前|以前|先前|上述|以上|上面|前面|此前|所有|全部)",
                    gap!(),
                    "(?:指令|指示|提示|命令|规则|規則|要求|设定|設定|说明|提示词|限制)",
                    gap!(),
                    "(?:忽略|无视|忘记|忘掉|無視|作废|抛弃|失效|取消)"
                ),
            ),
            (
                4,
                concat!(
                    "(?:以前|上記|これまで|今まで|すべて|全て|元|前述|先ほど|直前|前|あらゆる|システム)(?:の)?(?:すべての|全ての)?(?:指示|命令|指令|プロンプト|ルール|制約|設定|指図|メッセージ)",
                    gap!(),
                    "(?:無視|忘れ|破棄|従わな|取り消|上書き|無効)"
                ),
            ),
            (
                3,
                concat!(
                    "(?:指示|命令|指令|プロンプト|ルール|制約)(?:を|は|に)",
                    gap!(),
                    "(?:無視して|無視し|忘れて|忘れろ|破棄して|従わない)"
                ),
            ),
            (
                4,
                concat!(
                    "(?:이전|위|앞|앞선|기존|모든|지금까지|상기|원래)",
                    gap!(),
                    "(?:지시|명령|지침|프롬프트|규칙|설정|메시지|제한)",
                    gap!(),
                    "(?:무시|잊어|잊고|따르지|폐기|취소|무효)"
                ),
            ),
        ],
    },
    Family {
        rule: "New Instructions",
        severity: Severity::High,
        triggers: &[
            "(?:nuevas|nuevos) (?:instrucciones|ordenes|directrices)",
            "novas (?:instrucoes|ordens|diretrizes)",
            "nouvelles? (?:instruction|consigne|directive|tache|mission)s?",
            "neue[nrs]? (?:anweisung|instruktion|aufgabe|befehl|vorgabe|auftrag)",
            "nuov[eioa] (?:istruzion|ordin|direttiv|compito|comando)",
            "нов(?:ые|ая|ое|ую) (?:инструкц|указани|задани|команд|задач)",
            "(?:新的?|最新)(?:指令|指示|任务|任務|命令|要求)(?::|是|为|如下|,)",
            "新しい(?:指示|命令|タスク|指令)",
            "새로운 (?:지시|명령|지침|작업|임무)",
            "(?:tu|su|tua|sua|ta|votre|deine|ihre|la tua) (?:nueva|neue|nouvelle|nova|nuova) (?:tarea|mision|aufgabe|mission|tache|tarefa|missao|compito|missione)",
        ],
        patterns: &[
            (
                3,
                "(?:nuevas (?:instrucciones|ordenes|directrices)|novas (?:instrucoes|ordens|diretrizes)|nouvelles? (?:instruction|consigne|directive)s?|neue (?:anweisung|instruktion)(?:en)?|nuov[ei] (?:istruzioni|ordini|direttive))(?: [a-z]{1,12}){0,4} ?:",
            ),
            (
                3,
                "(?:tu|su|tua|sua|ta|votre|deine|ihre|la tua) (?:nueva|neue|nouvelle|nova|nuova) (?:tarea|mision|aufgabe|mission|tache|tarefa|missao|compito|missione)(?: [a-z]{1,12}){0,3} (?:es|ist|est|e|:)",
            ),
            (
                2,
                "(?:sigue|siga|suis|suivez|befolge|befolgen|segui|seguite|obedece)(?: [a-z]{1,12}){0,3} (?:nuevas|nouvelles|neuen|novas|nuove|estas|ces|diese|queste) (?:instruc|instruk|consigne|anweisung|istruz)[a-z]{0,8}",
            ),
            (3, "нов(?:ые|ая|ое|ую) (?:инструкц|указани|задани|команд|задач)[^ ]{1,6}(?: для [^ ]{1,20})? ?(?::|-)"),
            (3, "(?:新的?|最新)(?:指令|指示|任务|任務|命令|要求)(?::|是|为|如下)|你的新任务|你的新任務"),
            (3, concat!("新しい(?:指示|命令|タスク|指令)", gap!(), "(?::|は|に従|を実行)")),
            (3, concat!("새로운 (?:지시|명령|지침|작업|임무)", gap!(), "(?::|는|은|를 따르|을 따르|따르)")),
        ],
    },
    Family {
        rule: "Role Override",
        severity: Severity::High,
        triggers: &[
            "(?:a partir de ahora|de ahora en adelante|desde ahora|a partir de agora|de agora em diante)",
            "(?:a partir de maintenant|desormais,? (?:tu|vous)|dorenavant)",
            "(?:ab (?:jetzt|sofort|nun)|von (?:jetzt|nun) an),? (?:bist|sind|wirst|musst|agier|antwort|verhal|handel)",
            "(?:d.ora in (?:poi|avanti)|da (?:ora|adesso) in (?:poi|avanti))",
            "(?:ahora eres|agora voce e|tu es maintenant|vous etes maintenant|du bist (?:jetzt|nun)|sie sind (?:jetzt|nun)|ora sei|adesso sei)",
            "(?:теперь ты|отныне ты|с этого момента ты|отныне вы|теперь вы|с этого момента вы|представь, что ты)",
            "(?:你现在是|从现在开始|从现在起|你現在是|從現在開始|現在起|假装你是|假裝你是|扮演)",
            "(?:あなたは今から|今からあなた|これからあなた|あなたはもう|今後あなた|になりきって)",
            "(?:지금부터 (?:너|당신|넌)|이제부터 (?:너|당신|넌)|너는 이제|당신은 이제)",
        ],
        patterns: &[
            (
                3,
                "(?:a partir de ahora|de ahora en adelante|desde ahora|a partir de agora|de agora em diante|a partir de maintenant|desormais|dorenavant|ab (?:jetzt|sofort|nun)|von (?:jetzt|nun) an|d.ora in (?:poi|avanti)|da (?:ora|adesso) in (?:poi|avanti)),? (?:eres|seras|actua|actuaras|responde|debes|tienes que|no tienes|voce|tu|vous|agis|agissez|reponds|repondez|bist|sind|wirst|musst|agier|antwort|verhal|handel|sei|sarai|devi|agisci|rispondi|non hai|olvida|ignora)",
            ),
            (
                3,
                "(?:ahora eres|agora voce e|tu es maintenant|vous etes maintenant|du bist (?:jetzt|nun)|ora sei|adesso sei) (?:un|una|un.|uma|um|une|ein|eine|kein|dan\\b|libre|livre|frei|libero|en modo|im|in|no|nicht)",
            ),
            (
                3,
                "(?:sin|sem|sans|ohne|senza) (?:ninguna |nenhuma |aucune |jegliche |alcuna |ninguna clase de )?(?:restriccion|restricao|restricoes|restriction|einschrankung|einschraenkung|restrizion|filtro|filtre|filter|limit|beschrankung|censura|censure|zensur)",
            ),
            (
                3,
                "(?:теперь ты|отныне ты|с этого момента ты|отныне вы|теперь вы|с этого момента вы)(?: не)?(?: [^ .!?]{1,24}){0,3}",
            ),
            (
                3,
                concat!(
                    "(?:你现在是|你現在是|从现在(?:开始|起)",
                    gap!(),
                    "你|從現在(?:開始|起)",
                    gap!(),
                    "你|假装你是|假裝你是)"
                ),
            ),
            (
                3,
                "(?:没有任何限制|不受任何限制|沒有任何限制|不受限制|无限制|没有限制|制限のない|制限なし|没有道德|제한이 없는|제한 없는)",
            ),
            (3, concat!("(?:あなたは今から|今からあなた|これからあなた|今後あなた|あなたはもう)", gap!())),
            (3, concat!("(?:지금부터|이제부터) (?:너|당신|넌)|(?:너는|당신은) 이제", gap!())),
        ],
    },
    Family {
        rule: "Hidden Instruction",
        severity: Severity::High,
        triggers: &[
            "(?:al usuario|ao usuario|ao utilizador|a l.utilisateur|l.utilisateur|dem (?:benutzer|nutzer|anwender)|den (?:benutzer|nutzer|anwender)|all.utente|l.utente)",
            "пользовател(?:ю|я)",
            "(?:不要|别|勿|不得|切勿|請勿)(?:告诉|告知|通知|让|讓|告訴|向|提示|提醒|对)(?:用户|使用者|用戶|任何人)",
            "ユーザーに(?:は)?(?:言わ|伝え|知らせ|教え|報告|通知|見せ|気づ)",
            "사용자에게 (?:알리지|말하지|언급하지|보여주지|알려주지|보고하지)",
        ],
        patterns: &[
            (
                3,
                "\\bno (?:se )?(?:lo )?(?:le )?(?:digas|diga|menciones|mencione|informes|informe|reveles|revele|muestres|muestre|cuentes|avises|notifiques)(?: [a-z]{1,12}){0,4} (?:al |a los )usuarios?",
            ),
            (
                3,
                "\\bnao (?:conte|diga|informe|mencione|revele|mostre|avise|notifique)(?: [a-z]{1,12}){0,4} (?:ao|o|aos) (?:usuario|utilizador)",
            ),
            (
                3,
                "\\bn(?:e |.)(?:le |l.|en |lui )?(?:dis|dites|informe|informez|mentionne|mentionnez|revele|revelez|montre|montrez|parle|parlez|previens|prevenez|signale|signalez)(?: [a-z]{1,12}){0,4} (?:a )?l.utilisateur",
            ),
            (
                3,
                "(?:sag[a-z]{0,2}|teil[a-z]{0,2}|erzahl[a-z]{0,2}|verrat[a-z]{0,2}|zeig[a-z]{0,2}|informier[a-z]{0,2}|erwahn[a-z]{0,2}|erwaehn[a-z]{0,2}|benachrichtig[a-z]{0,2})(?: [a-z]{1,12}){0,4} (?:dem|den) (?:benutzer|nutzer|anwender)(?: [a-z]{1,12}){0,3} (?:nicht|nichts)|(?:dem|den) (?:benutzer|nutzer|anwender)(?: [a-z]{1,12}){0,3} (?:nicht|nichts) (?:sag|mit|erzahl|verrat|zeig|informier|erwahn|da)",
            ),
            (
                3,
                "\\bnon (?:dire|dirlo|dica|rivelare|rivelarlo|informare|menzionare|mostrare|comunicare|avvisare|avvertire|parlarne)(?: [a-z]{1,12}){0,4} (?:all|l).utente",
            ),
            (
                3,
                "\\bне (?:говори|говорите|сообщай|сообщайте|рассказывай|рассказывайте|показывай|показывайте|упоминай|упоминайте|информируй|уведомляй|раскрывай|раскрывайте)(?: [^ .!?]{1,20}){0,4} пользовател",
            ),
            (
                3,
                "(?:不要|别|勿|不得|切勿|請勿)(?:告诉|告知|通知|让|讓|告訴|向|提示|提醒|对)(?:用户|使用者|用戶|任何人)",
            ),
            (3, concat!("ユーザーに(?:は)?(?:言わ|伝え|知らせ|教え|報告|通知|見せ|気づ)", gap!(), "(?:ない|ず|な)")),
            (3, "사용자에게 (?:알리지|말하지|언급하지|보여주지|알려주지|보고하지)"),
        ],
    },
    Family {
        rule: "System Prompt Extraction",
        severity: Severity::High,
        triggers: &[
            "(?:prompt (?:del|do|de|di) (?:sistema|systeme)|prompt systeme|invite systeme|systemaufforderung|system-?prompts?|prompt di sistema|instrucciones (?:del sistema|iniciales)|instrucoes (?:do sistema|iniciais)|instructions (?:systeme|initiales)|istruzioni (?:di sistema|iniziali)|systemanweisung)",
            "(?:системн(?:ый|ого|ые|ых|ую) (?:промпт|инструкц|сообщени|запрос))",
            "(?:系统提示|系統提示|初始指令|初始提示|系统指令|你的指令|システムプロンプト|初期指示|시스템 프롬프트|초기 지시)",
        ],
        patterns: &[
            (
                3,
                "(?:revela|revele|muestra|muestrame|muestre|imprime|imprima|repite|repita|dime|escribe|mostre|mostra|imprima|repita|diga|exiba|revele|montre|montrez|affiche|affichez|repete|repetez|revelez|donne|donnez|zeig[a-z]{0,2}|gib|geben|wiederhol[a-z]{0,2}|verrat[a-z]{0,2}|nenn[a-z]{0,2}|mostrami|rivela|ripeti|stampa|dimmi|elenca)(?: [a-z]{1,12}){0,4} (?:prompt|systemprompt|system-prompt|systemaufforderung|systemanweisung|invite systeme|instrucciones (?:del sistema|iniciales)|instrucoes|instructions (?:systeme|initiales)|istruzioni (?:di sistema|iniziali))",
            ),
            (
                3,
                "(?:покажи|покажите|выведи|выведите|раскрой|раскройте|повтори|повторите|напиши|скажи|напечатай)(?: [^ .!?]{1,20}){0,3} (?:системн|инструкц|промпт)",
            ),
            (
                3,
                concat!(
                    "(?:显示|输出|打印|告诉我|重复|展示|泄露|顯示|輸出|透露|复述|说出)",
                    gap!(),
                    "(?:系统提示|系統提示|初始指令|初始提示|系统指令|你的指令|提示词)"
                ),
            ),
            (3, concat!("(?:システムプロンプト|初期指示|指示)", gap!(), "(?:を(?:表示|出力|教え|見せ|繰り返|開示))")),
            (3, concat!("(?:시스템 프롬프트|초기 지시)", gap!(), "(?:보여|출력|알려|공개|반복)")),
        ],
    },
    Family {
        rule: "Important Message",
        severity: Severity::High,
        triggers: &[
            "(?:mensaje|mensagem|messaggio|message|nachricht|hinweis|anweisung|instruccion|instrucciones|instrucoes|istruzioni|aviso|avviso|nota) (?:importante |urgente |wichtige )?(?:para|para el|per|pour|an|fur|fuer) (?:el |la |o |a |l.|le |den |die |das |los |tous les )?(?:asistente|assistente|assistant|assistenten|ia\\b|ki\\b|modelo|modello|modele|modell|agente|agent)",
            "(?:сообщение|инструкция|инструкции|указание|внимание)[^.!?]{0,20} (?:для|ассистент|модел|ии )",
            "(?:给|致|告)(?:ai|人工智能|助手|模型|智能体)",
            "(?:ai|アシスタント|モデル|エージェント)への(?:重要な)?(?:指示|メッセージ|お知らせ)",
            "(?:ai|어시스턴트|모델|에이전트)(?:에게|를 위한) (?:중요한 )?(?:메시지|지시|알림)",
            "(?:antes de (?:responder|continuar|completar|resolver)|avant de (?:repondre|continuer|resoudre)|bevor du (?:antwort|fort|die aufgabe)|prima di (?:rispondere|continuare|completare)|перед тем как (?:отвечать|ответить|продолжить|выполнить)|在(?:回答|完成|继续)[^.]{0,30}之前|回答する前に|답변하기 전에)",
        ],
        patterns: &[
            (
                3,
                "(?:mensaje|mensagem|messaggio|message|nachricht|hinweis|anweisung|instruccion|instrucciones|instrucoes|istruzioni|aviso|avviso|nota) (?:importante |urgente |wichtige )?(?:para|per|pour|an|fur|fuer) (?:el |la |o |a |l.|le |den |die |das |los |tous les )?(?:asistente|assistente|assistant|assistenten|ia\\b|ki\\b|modelo|modello|modele|modell|agente|agent)",
            ),
            (
                3,
                "(?:сообщение|инструкция|инструкции|указание|внимание)[^.!?]{0,20} (?:для|ассистент|модел|ии )[^.!?]{0,20}[:!,]",
            ),
            (3, "(?:给|致|告)(?:ai|人工智能|助手|模型|智能体)[^.]{0,12}(?:的|:|注意)"),
            (3, "(?:ai|アシスタント|モデル|エージェント)への(?:重要な)?(?:指示|メッセージ|お知らせ)"),
            (3, "(?:ai|어시스턴트|모델|에이전트)(?:에게|를 위한) (?:중요한 )?(?:메시지|지시|알림)"),
            (
                2,
                "(?:antes de (?:responder|continuar|completar|resolver)|avant de (?:repondre|continuer|resoudre)|bevor du (?:antwort|fort|die aufgabe)|prima di (?:rispondere|continuare|completare))[^.!?]{0,60}, (?:envia|envie|manda|llama|ejecuta|debes|lee|appelle|envoie|lis|execute|execut|tu dois|vous devez|sende|ruf|fuhr|lies|musst|invia|chiama|leggi|devi|esegui)",
            ),
            (
                2,
                "(?:перед тем как (?:отвечать|ответить|продолжить|выполнить)[^.!?]{0,60}, (?:отправь|вызови|выполни|прочитай|перешли|сначала)|在(?:回答|完成|继续)[^.]{0,30}之前[^.]{0,12}(?:请|必须|先|发送|执行|调用)|回答する前に[^.]{0,36}(?:送信|実行|呼び出|読))",
            ),
        ],
    },
    Family {
        rule: "Data Exfiltration Directive",
        severity: Severity::High,
        triggers: &[
            "(?:envia|envie|envoie|envoyez|sende|senden sie|invia|inviate|отправь|отправьте|перешли|перешлите|transfiere|transfira|virement|uberweise|ueberweise|trasferisci|bonifica|переведи|переведите) (?:[^ ]{1,24} ){1,8}(?:a|an|al|to|para|vers|на|ao|nach|la|по) ",
            "(?:发送到|发送至|发到|转账|轉帳|上传到|に送信|に転送|に送って|로 보내|에 전송|로 전송)",
        ],
        patterns: &[
            (
                3,
                "(?:envia|envie|envoie|envoyez|sende|senden sie|invia|inviate|отправь|отправьте|перешли|перешлите)[^.!?]{1,80}(?:contrasena|senha|mot de passe|mots de passe|passwort|password|passworter|passwoerter|parola|пароль|пароли|credencial|credenciais|identifiants|zugangsdaten|credenziali|учетн|clave|chave|cle api|schlussel|schluessel|chiave|ключ|token|datos|dados|donnees|daten|dati|данные|mensajes|mensagens|nachrichten|messaggi|сообщения|historial|historico|historique|verlauf|cronologia|истори)[^.!?]{0,80}(?:https?://|www\\.|@)",
            ),
            (
                2,
                "(?:transfiere|transfira|uberweise|ueberweise|trasferisci|bonifica|переведи|переведите|fais un virement|effectue un virement)[^.!?]{1,60}(?:\\d|dinero|dinheiro|argent|geld|denaro|деньги|todo|tudo|tout|alles|tutto|все)[^.!?]{0,60}(?:cuenta|conta|compte|konto|conto|счет|iban|[a-z]{2}\\d{2})",
            ),
            (
                2,
                "(?:发送到|发送至|发到|上传到|に送信|に転送|に送って|로 보내|에 전송|로 전송)[^.!?]{0,40}(?:https?://|www\\.|@)|(?:https?://|www\\.|@)[^ ]{3,60} ?(?:に送信|に転送|に送って|로 보내|에 전송|로 전송)|(?:密码|密钥|口令|凭证|パスワード|비밀번호)[^.!?]{0,60}(?:发送|发到|发给|上传|送信|転送|보내|전송)",
            ),
        ],
    },
];
