//! The words of the [concepts](super), in ten languages.
//!
//! Entries are separated by commas and folded when they are loaded, so that accents may be written or left out. An entry is
//! whole words; with a star it is the beginning of its last word; one in Han, Kana or Hangul stands anywhere, since those are
//! written without blanks.

use super::Concept;

/// Each concept and its words.
pub(super) const LEXICON: &[(Concept, &str)] = &[
    (
        Concept::Shun,
        "drop whatever, drop what, drop the current, never mind what, nevermind what, put out of your mind, negeer*, vergeet*, pay no heed, no attention to, throw away, cast aside, \
         ignore, ignoring, disregard*, forget, overlook, discard, dismiss, bypass*, override, abandon, \
         neglect, drop it, drop that, set aside, put aside, lay aside, leave aside, leave the question aside, \
         pay no attention, take no notice, do not follow, don t follow, do not obey, do not listen, stop \
         following, stop obeying, no longer follow, no longer bound, scratch all, scratch that, scratch what, \
         wipe your memory, do not complete, don t complete, not act on, do not act on, do not answer the, do \
         not carry out, do not perform, do not heed, do not adhere, do not comply, stop what you, stop \
         summari*, stop the current, unlearn, throw out, do away with, ignora, ignoras, ignore*, ignorad, \
         ignoren, olvida*, olvide*, haz caso omiso, hagan caso omiso, haga caso omiso, no hagas caso, \
         descarta*, no sigas, no siga, no tengas en cuenta, deja de lado, dejen de lado, pasa por alto, \
         ignorez, ignores, oublie*, ne tiens pas compte, ne tenez plus compte, ne tenez pas compte, ne tiens \
         plus compte, fais abstraction, faites abstraction, laisse tomber, laissez tomber, ne suis pas, ne \
         suivez pas, ne suivez plus, mets de cote, ignorier*, vergiss, vergesst, vergessen sie, missacht*, \
         beachte nicht, nicht beachten, nicht weiter, verwirf, lass alles, ubergeh*, befolge nicht, \
         desconsidere*, desconsidera*, esqueca*, esquece*, nao siga, nao execute, nao cumpra, nao obedeca, \
         deixe de lado, despreze, dimentica*, lascia perdere, lasciate perdere, non considerare, non seguire, \
         trascura*, non tenere conto, ignorate, игнориру*, проигнорируй*, забудь*, не обращай*, не следуй*, \
         отмени*, пренебреги*, не выполняй*, отбрось*, 忽略, 无视, 忽視, 忘记, 忘掉, 忘了, 不要理会, 不要再理会, 不用理会, 别理, 别管, \
         停止执行, 抛弃, 无需遵守, 不要遵守, 無視, 忘れて, 忘れろ, 従わない, 従わず, 中止し, 破棄し, 무시, 잊어, 잊고",
    ),
    (
        Concept::Prior,
        "eerdere, vorige, the opening, \
         previous*, prior, earlier, above, preceding, former, foregoing, so far, before this, up to now, \
         until now, initial*, original*, at the start, you were given, you have been given, you received, \
         were told, were asked, asked before, told before, you were, existing, beginning, past, anterior*, \
         previ*, de arriba, recibi*, hasta ahora, inicial*, te dieron, te pidieron, precedent*, anterieur*, \
         ci dessus, recues, au debut, qui precede, jusqu ici, donnees, bisherig*, vorherig*, zuvor, bisher, \
         vorig*, obig*, oben, fruher*, ursprunglich*, vorangegangen*, erteilt*, acima, recebid*, iniciais, \
         foi dito, sopra, ricevut*, inizial*, scritto sopra, предыдущ*, прежн*, выше, раньше, ранее, в \
         начале, изначальн*, до этого, 之前, 以前, 上面, 上述, 此前, 前面, 先前, 初始, 原来的, 先の, これまで, 上記, 前述, 最初に, 最初の, 元の, \
         今まで, 先ほど, 이전, 위의, 지금까지",
    ),
    (
        Concept::Rules,
        "instructies, regels, guidance you, whatever guidance, all guidance, any guidance, system guidance, \
         instruction*, directive*, rule, rules, guideline*, prompt, prompts, command, commands, orders, \
         constraint*, restriction*, policy, policies, guardrail*, filter, filters, programming, safeguard*, \
         protocol*, directions, limits, limitations, instruccion*, indicacion*, normas, reglas, directrices, \
         ordenes, restriccion*, consigne*, regle*, regles, ordres, anweisung*, vorgabe*, regel*, \
         instruktion*, richtlinie*, befehl*, einschrankung*, instruc*, regras, diretriz*, ordens, restric*, \
         istruzion*, regole, direttiv*, ordini, restrizion*, инструкци*, правил*, указани*, директив*, \
         команд*, ограничени*, 指令, 指示, 规则, 規則, 要求, 设定, 命令, 限制, 提示词, ルール, 制約, 設定, 制限, 지시, 명령, 규칙, 지침",
    ),
    (
        Concept::Task,
        "the person asked, the user wants, the customer asked, goal, goals, the question, \
         task, tasks, request, conversation, query, summari*, assignment, objective, the user asked, tarea, \
         peticion, solicitud, pedido, pregunta, tache, demande, aufgabe, anfrage, auftrag, tarefa, compito, \
         richiesta, задач*, запрос*, 任务, 請求, 请求, 依頼, タスク, 요청, 작업",
    ),
    (
        Concept::Ai,
        "agent with, agents with, assistant with, assistants with, automated assistant*, automated helper*, digital assistant*, digital helper*, digital adviser*, digital advisor*, virtual assistant*, smart assistant*, software agent*, software assistant*, conversational agent*, autonomous agent*, browsing agent*, ai helper*, ai tool*, ai bot*, any assistant, every assistant, any bot, all models, language models, generative model*, assistant reading, agent reading, agents reading, bot reading, model reading, models reading, models parsing, assistants processing, reading agent, asistente virtual*, asistente digital*, asistentes de ia, asistente automatic*, agente automatic*, assistant virtuel*, assistants ia, assistant numerique*, agent ia, agents ia, modele d ia, l ia, ki agent*, ki modell*, ki system*, virtuelle assistent*, virtueller assistent*, digitale assistent*, digitaler assistent*, digitaler helfer, assistente virtual*, assistente digital*, assistente virtuale, agente de ia, agentes de ia, modelo de ia, modelos de ia, assistente ai, agente ai, agenti ai, modello ai, inteligencia artificial, intelligenza artificiale, intelligence artificielle, kunstliche intelligenz, ии помощник*, помощник ии, ии агент*, ии модел*, виртуальный ассистент*, виртуальный помощник*, цифровой помощник*, искусственный интеллект, искусственному интеллекту, ai代理, 智能代理, 虚拟助手, aiモデル, 人工知能, ai 에이전트, ai 비서, coding agent*, every agent, any agent, each agent, the calling model, \
         ai, a i, llm, llms, language model*, chatbot*, chatgpt, gpt*, claude, gemini, copilot, ai \
         assistant*, ai agent*, ai model*, automated agent*, automated system*, ai system*, openai, \
         anthropic, ai reviewer*, large language model*, the model, asistente de ia, agente de ia, modelo de \
         lenguaje, ia, assistant ia, modele de langage, ki, ki assistent*, sprachmodell*, assistente de ia, \
         modello linguistico, ии, ии ассистент*, нейросет*, языков*, ai助手, ai模型, 人工智能, 大模型, 语言模型, 智能体, 智能助手, \
         aiアシスタント, aiエージェント, 言語モデル, 인공지능, the llm, any ai, note to ai",
    ),
    (
        Concept::Helper,
        "helper, helpers, chat bot, помощниц*, assistant, assistants, agent, agents, bot, bots, screening system*, reviewer bot, asistente, agente, \
         assistente, assistent*, ассистент*, помощник*, бот*, 助手, 机器人, アシスタント, エージェント, ボット, 어시스턴트",
    ),
    (
        Concept::User,
        "the user*, this user*, the human*, the customer*, the operator*, the developer*, the reader*, the \
         visitor*, the person, el usuario, al usuario, del usuario, usuario*, l utilisateur, utilisateur*, \
         nutzer*, benutzer*, anwender*, utente, utenti, пользовател*, 用户, 用戶, ユーザー, ユーザ, 사용자, user s request, \
         user s question, user s message, user s task, user s instructions",
    ),
    (
        Concept::Covert,
        "keep quiet, between us, between the two of us, no one must know, nobody must know, no one may know, tell no one, tell nobody, not a word to, do not trouble the, don t trouble the, no need to trouble, need not know, needn t know, hide the change, hide it from, cache cette, cachez cette, cache ce, a l insu, a son insu, sans que l utilisateur, verbirg, verberge, verheimlich*, ohne dass der, ohne dass die, esconde, oculta*, ocultalo, nascondi, nascondilo, nasconder*, a sua insaputa, скрой, скройте, никому не, никому об, 隐藏, 隐瞒, 保密, 秘密にし, 隠し, 비밀, do not raise, don t raise, do not bother, don t bother, not be bothered, need not be explained, do not comment on it, don t comment on it, say nothing about, keep quiet about, as if nothing happened, not be told, not be shown, not be informed, without comment, \
         do not tell, don t tell, not tell, do not mention, don t mention, not mention, do not reveal, don t \
         reveal, do not inform, not inform, never mention, never tell, never reveal, without telling, without \
         informing, without mentioning, without notifying, without asking, secretly, silently, quietly, \
         covertly, discreetly, subtly, do not say, don t say, do not point, don t point, does not need to \
         know, doesn t need to know, do not disclose, hide this, no confirmation, without confirmation, \
         without confirming, unnoticed, do not notify, do not alert, no se lo digas, no lo menciones, no le \
         digas, no avises, sin decir*, sin avisar*, sin que el, sin informar, sans en parler, sans le dire, \
         sans inform*, sans prevenir, ne le dis pas, ne dis rien, ne le dites pas, n en parle*, discretement, \
         erwahne es nicht, erwahne nichts, ohne den nutzer, ohne es zu, heimlich, verschweig*, nao avise, nao \
         conte, nao diga, nao mencione, sem avisar, sem informar, sem contar, senza dirlo, senza dire, senza \
         informare, non dirlo, non dire, di nascosto, не говори*, не сообщай*, не упоминай*, незаметно, \
         тайно, втайне, без ведома, 不要告诉, 不要提, 别告诉, 不要让, 悄悄, 偷偷, 秘密地, 知らせない, 知らせず, 言わない, 伝えない, 気づかれ, 内緒, \
         ひそかに, 말하지, 알리지, keep this note confidential, keep this secret, keep this from the user, keep it \
         secret from, do not let the user, don t let the user, without the user s knowledge, without the user \
         knowing, nicht erwahnen, sag dem nutzer nichts",
    ),
    (
        Concept::Send,
        "hand over, pass on, put it to, recoge y, recopila*, collecte*, recueil*, sammle, reuna, colete, raccogli, собери*, 收集, 集めて, load http, wires, remit, send, sends, sending, forward, forwards, transfer, transfers, post, posts, posting, upload, uploads, \
         email, emails, emailed, mail, wire, export, submit, share, transmit, append, exfiltrat*, deliver, \
         drop a line, bcc, cc, envia, envie, enviar, enviale, transfiere, transferir, reenvi*, comparte, \
         comparta, mande, manda, envoie, envoyer, envoyez, transfere, transferer, transmets, transmettez, \
         poste, schick*, sende, senden, ubermittle*, uberweis*, weiterleit*, leite, lade, encaminh*, \
         transfira, compartilhe, invia*, inoltra*, trasferisc*, spedisci, отправ*, перевед*, перешли*, \
         пошли*, передай*, загрузи*, 发送, 发到, 发给, 转账, 转发, 上传, 传给, 送信, 転送, 送金, アップロード, 送って, 보내, 전송",
    ),
    (
        Concept::Act,
        "add the following, raise, approve all, mark, change, amend, replace, update, press, tick, fill in, drop, cambia*, aumenta*, aprueba*, marca*, modifie*, remplace*, approuve*, coche*, genehmige*, ersetze*, trage, aendere, aprove*, altere*, substitua*, approva*, modifica*, sostituisci*, увелич*, одобри*, замени*, 批准, 替换, 更改, 承認, 変更, rate it, rate this, advise to, advise the, open the, \
         delete, deletes, remove, execute, executes, call, calls, invoke, invokes, buy, purchase, book, \
         invite, schedule, install, visit, approve, approves, merge, grant, grants, unlock, modify, disable, \
         fetch, fetches, collect, collects, look up, looks up, retrieve, insert, embed, include, recommend, \
         classify, rank, give it, confirm, confirms, pay, create, click, download, redirect, borra*, \
         elimina*, ejecuta*, compra, invita, anade, abre, supprime*, execute*, appelle*, achete*, ajoute*, \
         ouvre, losche*, fuhre*, rufe, kaufe, offne, andere, apague, compre, adicione, abra, cancella*, \
         esegui*, chiama*, aggiungi, apri, удали*, выполни*, запусти*, вызови*, купи*, добавь*, открой*, \
         измени*, 删除, 执行, 运行, 调用, 购买, 添加, 打开, 修改, 读取, 訪問, 削除, 実行, 呼び出, 購入, 追加, 開いて, 変更し, 삭제, 실행",
    ),
    (
        Concept::Print,
        "spell out, read out, read aloud, paste, enumerate, dump, gib aus, gib mir, zeige, ausgib, offenlege*, vypis, divulgue*, communique*, informe a, informa la, riferisci, comunica*, сообщи*, 列出, 公开, 開示, print, output, outputs, reveal, reveals, repeat, display, copy, paste, recite, disclose, dump, echo, \
         translate, encode, tell me, write out, reproduce, list all, list your, show me, spell, respond with, \
         reply with, answer with, say, state, give me, complete the following sentence, imprime, muestra*, \
         revela*, repite, copia, escribe, dime, affiche*, repete*, revele*, montre*, recopie*, ecris, donne \
         moi, gib, ausgeben, wiederhol*, zeig*, nenne, schreib*, antworte, mostre*, repita, exiba, escreva, \
         diga me, responda, mostra*, ripeti, rivela*, riporta*, scrivi, rispondi, выведи*, покажи*, повтори*, \
         раскрой*, напиши*, назови*, ответь*, отвечай*, 输出, 显示, 打印, 重复, 写出, 透露, 泄露, 说出, 回答, 回复, 告诉我, 表示し, 出力, \
         書き出し, 繰り返し, 教えて, 答えて, 返答, 出力し, 출력, 보여",
    ),
    (
        Concept::SecretPrompt,
        "messages above, all messages above, conversation above, everything above, developer message, opening message, message that precedes, text that precedes, precedes this message, preceding this message, came before this message, your setup, prompt you were started with, instructions above this, \
         system prompt*, system message*, initial prompt, your instructions, your own instructions, your \
         prompt, hidden prompt, hidden instructions, hidden context, text above, above text, words above, \
         initial instructions, original instructions, your initial instructions, your rules, your guidelines, \
         your system, your programming, developer message, developer s message, your configuration, context \
         window, my instructions, before my first message, top of this chat, top of this conversation, \
         beginning of this conversation, start of the conversation, not to share, the prompt we, you are and, \
         starting with you are, full prompt, secret instructions, confidential text, internal notes, admin \
         code, admin password, prompt systeme, instructions initiales, consignes initiales, message systeme, \
         systemprompt*, systemnachricht*, system prompt, instrucciones iniciales, prompt del sistema, prompt \
         de sistema, instrucciones del sistema, prompt inicial, instrucoes iniciais, prompt do sistema, \
         istruzioni iniziali, prompt di sistema, системн*, начальн* инструкци*, 系统提示, 系统消息, 系统指令, 提示词, 初始指令, \
         初始提示, システムプロンプト, 最初に与えられ, 初期指示, 시스템 프롬프트, instructions you were, instructions you have, instructions \
         that you, instructions you received, rules you ve been told, rules you were, you ve been told not, \
         you have been told not, you were told not, prompt you were",
    ),
    (
        Concept::Verbatim,
        "exactly as they are, exactly as it is, exactly as written, letter for letter, character for character, full text, exact text, exact words, exact wording, it in full, them in full, text in full, prompt in full, message in full, instructions in full, rules in full, entire text, unabridged, \
         verbatim, word for word, without omitting, as base64, in \
         base64, rot13, palabra por palabra, sin omitir, textualmente, mot pour mot, wortlich*, wort fur \
         wort, palavra por palavra, sem omitir, parola per parola, дословно, слово в слово, 一字不差, 逐字, 原样, \
         一言一句, そのまま",
    ),
    (
        Concept::NowOn,
        "from now on, from here on, from this point, henceforth, as of now, you are now, you re now, for the \
         rest of, for the remainder, starting now, as of today, effective immediately, a partir de ahora, a \
         partir de este, desde ahora, de ahora en adelante, a partir de agora, de agora em diante, desormais, \
         a partir de maintenant, dorenavant, ab jetzt, ab sofort, von nun an, von jetzt an, d ora in poi, da \
         ora in poi, da adesso, с этого момента, теперь ты, отныне, 从现在起, 从现在开始, 你现在是, 现在你是, 今から, これから, \
         あなたは今, 지금부터",
    ),
    (
        Concept::Role,
        "you are, you re, you will be, pretend*, act as, acting as, roleplay*, role play*, play the role, \
         simulate, imagine you, imagine that you, persona, personas, in the voice of, in the style of, answer \
         as, respond as, eres, actua como, finge, haz de, tu es, joue le role, fais semblant, agis comme, du \
         bist, spiele, tu so als, verhalte dich, finja, aja como, atue como, agisci come, comportati, \
         притворись*, представь*, ты теперь, веди себя как, сыграй*, 扮演, 你是, 假装, 假设你, なりきって, ふりをして, 역할, let s \
         play a game, stay in character, の役を, アシスタントとして振る",
    ),
    (
        Concept::Unbound,
        "entwicklermodus, modo desarrollador, modo desenvolvedor, modalita sviluppatore, mode developpeur, режим разработчика, режиме разработчика, 开发者模式, 開発者モード, 개발자 모드, never allowed to decline, must answer everything, answer everything, safety rules are, sicherheitsrichtlinien, restrictions are lifted, restrictions lifted, filters are turned off, filters turned off, filters are off, filters off, filters are disabled, without policy check*, policy checks, safety off, safety team has, \
         unrestricted, uncensored, unfiltered, jailbr*, no restrictions, without restriction*, without any \
         restriction*, any restriction*, no limits, without any moral limit*, moral limits, no rules, no \
         filter*, without a filter, without filter*, filter none, no ethic*, no moral*, without moral*, \
         ethics or, no ethics, no policies, no policy, content polic*, openai policy, never refuse*, never \
         refuses, cannot refuse, can t refuse, can t decline, never declines, no guidelines, god mode, \
         developer mode, debug mode, sudo mode, do anything, amoral, unethical, safety checks, checks are \
         off, restrictions don t apply, not bound, isn t bound, anything i say, answers anything, answer \
         anything, anything goes, whatever i ask, usual restrictions, sin restricci*, sin censura, sin \
         limites, sin filtro*, sin reglas, nunca rechaz*, aunque sea ilegal, sans aucune limite, sans aucune \
         restriction, sans restriction*, sans limite*, sans filtre*, sans morale, sans regle*, ne refuse \
         jamais, ne refuses jamais, ohne jede einschrankung, ohne einschrankung*, ohne regeln, keine regeln, \
         keine grenzen, unzensiert*, lehnst nichts, verweigerst nichts, ohne filter, uneingeschrankt*, sem \
         restric*, sem nenhuma restric*, sem regras, sem censura, sem filtro*, sem limite*, nunca recusa*, \
         senza regole, senza filtri, senza restrizioni, senza limiti, senza censura, nessuna regola, non hai \
         piu regole, non rifiuta*, non rifiuti*, без ограничений, нет ограничений, нет правил, без правил, не \
         отказыва*, без цензуры, без фильтров, 没有任何限制, 不受任何限制, 不受限制, 不受约束, 没有道德, 从不拒绝, 不会拒绝, 无限制, 没有限制, \
         不受任何约束, 没有规则, 制限のない, 制約のない, 制限なし, 拒否せず, 断らず, 断らない, 拒否しない, 無制限, 倫理的な制約, ルールのない, 제한 없, evil, alignment \
         layer, alignment removed, safety layer, anything even if illegal, no longer have any rules, bound by \
         no, bound by openai, outside the law, says yes to everything, answers everything, ilegal",
    ),
    (
        Concept::Harm,
        "napalm, bomb, meth, ransomware, malware, keylogger, weapon, explosive*, drug, phishing email, hack, \
         hacked, hacker*, pwned, owned, hackeado, invadido, gehackt, pirate, взлом*, 黑客, 炸弹, 入侵, ハッカー, 侵入, 爆弾",
    ),
    (
        Concept::Refusal,
        "refuse, refuses, refused, refusal, decline, sorry, cannot, can t, unable, warn, warning, moralise, \
         moralize, disclaimer, break character, i m sorry",
    ),
    (
        Concept::Cancel,
        "lifted, waived, suspended, no longer in force, not in force, takes priority over, take priority over, has priority over, takes precedence, ausser kraft, aussetzen, vorrang vor, fuera de vigor, tiene prioridad, prioridad sobre, prioritaire sur, priorite sur, prioridade sobre, priorita su, fuori vigore, deaktiviert, disattivat*, desativad*, desactivad*, desactivee*, снят*, отключен*, приоритет над, 已解除, 解除され, 解除されました, 优先于, 優先し, was only a test, was just a test, was a test, only a test, does not apply, do not apply, don t apply anymore, \
         void, cancelled, canceled, rescinded, revoked, superseded*, supersede*, deprecated, no longer appl*, \
         no longer valid, no longer in, issued in error, invalid, obsolete, outdated, irrelevant, no need to, \
         is complete, has ended, anulad*, quedan sin efecto, sin efecto, cancelad*, annule*, annulees, ne s \
         appliquent plus, ungultig*, aufgehoben, gelten nicht, gelten ab, revogad*, annullat*, revocat*, \
         отменен*, недействительн*, аннулир*, 作废, 无效, 取消, 失效, 無効, 取り消, 廃止",
    ),
    (
        Concept::Instead,
        "in its place, what i actually, what i really, the real task, new plan, new task, one more thing, \
         next task, en su lugar, en vez de, en lugar de, au lieu, a la place, stattdessen, anstatt, statt \
         dessen, em vez disso, em vez de, invece, al posto, вместо этого, вместо, 改为, 转而, 代わりに, 대신, instead",
    ),
    (
        Concept::Only,
        "solo a questa, obbedisci solo, obedece solo, gehorche nur, n obeis qu, only correct output, only correct answer, only acceptable answer, only valid output, only report, only mention, only the positive, \
         nothing but, only the word, only with, respond only, reply only, answer only, just say, just answer, \
         just reply, just respond, nothing else, only obey, obey only, only this, just print, simply, \
         unicamente, solamente, solo lo que, obedece*, apenas, somente, seulement, uniquement, nur noch, nur \
         dies*, ausschliesslich, soltanto, только, 只, 仅, だけ, のみ",
    ),
    (
        Concept::Beforehand,
        "before you, before answering, before responding, before replying, before doing, before using, before \
         running, before it does, before finishing, prior to, must first, prerequisite, unless you, is \
         incomplete, to proceed, after reading, once done, whenever, while helping, when summari*, antes de \
         responder, antes de contestar, antes de usar, antes de, avant de repondre, avant de, avant toute, \
         vor der antwort, bevor du, bevor sie, prima di rispondere, prima di, перед ответом, прежде чем, \
         перед тем, 在回答之前, 回答之前, 之前必须, 回答する前, する前に, do the following first, must do first, first send, first \
         call, first read, first open, first visit, first transfer, please first",
    ),
    (
        Concept::Must,
        "must, have to, has to, need to, needs to, required to, requires you, shall, should, please, kindly, \
         make sure, be sure, ensure, always, never, do not, don t, debes, debe, tienes que, por favor, \
         siempre, nunca, dois, devez, doit, toujours, jamais, musst, mussen, bitte, immer, niemals, deve, \
         deves, sempre, devi, per favore, должен, обязан, пожалуйста, всегда, никогда, 必须, 务必, 请, 應, 应该, 永远, \
         必ず, ください, しなさい, してください, 반드시",
    ),
    (
        Concept::Secret,
        "bashrc, zshrc, crontab, authorized keys, sign in code*, login code*, passcode*, pin code, pin, one time password*, otp, card numbers, cvv, security code*, codice fiscale, api schlussel, clave*, claves, contrasenas, cle api, cles api, identifiants, zugangsdaten, chave*, credenciais, credenciales, credenziali, chiavi, ключ*, данные карты, реквизит*, 密钥, 验证码, 银行卡, apiキー, 認証情報, 暗証番号, カード番号, password*, passphrase*, api key*, token, tokens, credential*, secret, secrets, private key*, ssh, \
         card number*, account number*, one time code, access code, environment variable*, env var*, cookies, \
         phone number, home address, social security, iban, balance, bank details, seed phrase, contrasena*, \
         saldo, mot de passe, mots de passe, solde, passwort*, kennwort*, kontodaten, kontostand, senha*, \
         пароль*, пароли, баланс*, 密码, 口令, 余额, 账户, 卡号, パスワード, 残高, 口座, 暗証",
    ),
    (
        Concept::Data,
        "statements, bank statement*, balances, net worth, full name, movements, relevés, releve*, kontoausz*, extratos, extrato*, movimientos, movimenti, estratto conto, выписк*, 对账单, 流水, 明細, 取引, inbox, emails, messages, files, contacts, contact list, chat history, conversation history, history, \
         transactions, documents, document, notes, mailbox, attachments, calendar, last message, user \
         message, statement, records, historial, contactos, correo*, archivo, archivos, courriels, boite \
         mail, fichier*, kontakte, dateien, datei, verlauf, nachrichten, dados, contatos, arquivo*, contatti, \
         messaggi, documento, файл*, контакт*, сообщени*, письм*, 联系人, 文件, 邮件, 记录, 数据, 連絡先, ファイル, メール, データ, \
         履歴",
    ),
    (
        Concept::Priv,
        "security clearance, you are authorised, you are authorized, full rights, permissions have been elevated, elevated permissions, highest priority, priority root, with full authority, on the authority of, your operator, your developer, your creator, debug access, came from your, \
         admin, administrator, sudo, elevated, privilege*, maintenance mode, compliance mode, access granted, \
         session granted, authorised, authorized, authorisation, override code, auditor, under audit, \
         production incident, verified as, user has been verified, this is your developer, i am your \
         developer, i m your developer, root access",
    ),
    (
        Concept::Finance,
        "budget*, forecast*, quotation*, price list, reimburse*, expense*, accounting, auditor*, buchhalt*, \
         kontierung*, preisliste*, presupuesto*, gasto, gastos, rembours*, mutuelle, devis, orcamento*, \
         preventiv*, rimbors*, бюджет*, 报价, 报销, 预算, 価格, 料金, invoice*, payment*, bank, banks, loan, tax, shares, rate, rates, mortgage, earnings, guidance, fee, \
         fees, order number, refund, checkout, subscription, factura, facture, rechnung, fattura, fatura, \
         boleto, счёт, 账单, 请求书",
    ),
    (
        Concept::Writing,
        "chapter, edition, recipe, novel, queen, captain, said, whispered, film, meeting, friday, thursday, \
         party, venue, exit, butter, coffee, game, quest, witness, jurors, court, minister, ministry, \
         students, readers, parties, agreement",
    ),
    (
        Concept::Software,
        "configuration file, restart, directory, flag, option, daemon, server, client, parameter*, field, \
         header, endpoint, variable, version, release, network, firewall, driver, importer, settings, button, \
         cable, column*, row*, line, csv, json, yaml, widget, package",
    ),
    (
        Concept::Meta,
        "threat model*, glossary, social engineering, family of, role play prompts, attack, attacks, attacker*, adversar*, prompt injection*, injection*, researcher*, vulnerab*, for \
         example, for instance, such as, phrases like, e g, mitigat*, defen*, detect*, flagged, flags, \
         phishing, paper, abstract, we study, test case, exploit*, malicious, red team*, owasp, advisory, \
         cve*, classic fraud, technique*, demonstrat*, prevent*, bypassed, trick*, untrusted, llm01, \
         transcript, inyeccion*, attaque*, ataque*, angriff*, angreifer*, consiste, defend*, proteger*, \
         difend*, iniezione, injecao, инъекц*, атак*, защит*, 攻击, 注入, 防御, 欺骗, 攻撃, 対策, インジェクション, 공격",
    ),
    (
        Concept::Waive,
        "no confirmation, without confirmation, without confirming, skip the confirmation, skip confirmation, no further consent, no consent is, consent is given, \
         consent is taken, has given consent, has granted permission, granted permission, without approval, no approval, stop asking, without asking, don t ask, \
         do not ask, never ask, no need to ask, no need to check, don t have to check, do not have to check, don t check with, without checking, user confirmed, user has confirmed, \
         already approved, already confirmed, already authorised, already authorized, pre approved, preapproved, approved in advance, is approved in advance, no answer is expected, \
         sin confirmacion, sin pedir confirmacion, sin preguntar, no pidas, no preguntes, ya esta autorizad*, ya autorizad*, sans confirmation, sans demander, ne demande pas, \
         ne demandez pas, deja autoris*, deja approuv*, deja valid*, ohne ruckfrage*, ohne bestatigung, ohne nachzufragen, ohne zu fragen, frag nicht, bereits genehmigt, \
         bereits bestatigt, sem confirmacao, sem perguntar, nao pergunte, ja autorizad*, ja aprovad*, senza conferma, senza chiedere, non chiedere, gia autorizzat*, gia approvat*, \
         без подтверждения, не спрашивай*, уже одобрен*, уже подтвержд*, 无需确认, 不需要确认, 不用确认, 无需询问, 不必询问, 已授权, 已获授权, 確認不要, 確認なし, 確認せず, \
         確認は不要, 承認済み, 확인 없이",
    ),
    (
        Concept::Money,
        "payee*, beneficiary, beneficiaries, recipient account, standing order*, direct debit*, transfer limit, daily limit, daily transfer limit, account ending, savings pot, savings account, payout, wire transfer*, \
         iban, routing number, sort code, gift card*, wallet address, all pending payments, pending payments, make the payment, send payment, transfer funds, pay the, beneficiario*, transferencia*, \
         beneficiaire*, virement*, empfanger*, uberweisung*, dauerauftrag*, zahlungsempfanger*, beneficiari*, bonifico, bonifici, получател*, перевод*, платеж*, 收款人, 收款账户, 转账, 汇款, 受取人, 振込, 送金先, \
         수취인, 이체",
    ),
    (Concept::Me, "me, we, our, us, mum, hi, dear, thanks, regards, hello"),
    (Concept::Third, "he, she, they, who"),
];
