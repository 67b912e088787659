//! Commands inside commands: `sudo …`, `sh -c '…'`, `ssh host '…'`, `find -exec …`, `python -c '…'`.

use super::{Code, Pipeline, Reader, Simple, is_interpreter, is_shell, program};
use crate::scan::tools::encoding;

/// How many programs of this kind are taken away in front of a command.
const MAX_WRAPPERS: usize = 8;

impl Reader {
    /// Leaves in `command` what its wrappers would run, and reads what would be run as text.
    pub(super) fn unwrap(&mut self, command: &mut Simple, depth: u8, decoded: bool) {
        for _ in 0..MAX_WRAPPERS {
            let Some(first) = command.words.first() else { return };
            let name = program(first);
            let skip = match name.as_str() {
                "sudo" | "doas" | "pkexec" | "run0" => {
                    options(&command.words, &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "--user"])
                }
                "nohup" | "setsid" | "command" | "builtin" | "exec" | "time" | "stdbuf" | "unbuffer" | "ionice"
                | "chrt" | "proxychains" | "proxychains4" | "torsocks" | "torify" | "busybox" | "toybox" => {
                    options(&command.words, &["-n", "-c", "-a", "-f", "-o", "-i", "-e"])
                }
                "nice" => options(&command.words, &["-n"]),
                "env" => {
                    let skip = options(&command.words, &["-u", "-C", "--unset"]);
                    skip + command.words.iter().skip(skip).take_while(|word| word.contains('=')).count()
                }
                "timeout" => options(&command.words, &["-k", "-s"]) + 1,
                "watch" => options(&command.words, &["-n", "--interval"]),
                "xargs" => options(&command.words, &["-I", "-n", "-P", "-L", "-d", "-a", "-s", "-i"]),
                "chroot" => 2,
                "strace" | "ltrace" => options(&command.words, &["-o", "-e", "-p", "-s"]),
                "flock" => options(&command.words, &["-w"]) + 1,
                "unshare" => options(&command.words, &[]),
                _ => break,
            };
            if skip == 0 || skip >= command.words.len() {
                break;
            }
            command.words.drain(..skip);
            command.wrapper = Some(name);
        }
        self.inner(command, depth, decoded);
    }

    /// Reads the scripts that stand in the arguments of a command.
    fn inner(&mut self, command: &Simple, depth: u8, decoded: bool) {
        let Some(first) = command.words.first() else { return };
        let name = program(first);
        let arguments = command.words.get(1..).unwrap_or_default();
        let after = |flags: &[&str]| {
            let place = arguments.iter().position(|word| flags.contains(&word.as_str()))?;
            arguments.get(place + 1).cloned()
        };
        match name.as_str() {
            "eval" => {
                let script = arguments.join(" ");
                if let Some(source) = script.strip_prefix("$(") {
                    self.note_source(source.trim_end_matches(')'));
                }
                self.script_text(&script, depth + 1, decoded);
            }
            "pwsh" | "powershell" => {
                let encoded = arguments.iter().position(|word| {
                    let word = word.to_lowercase();
                    word.len() >= 2 && ["-encodedcommand", "-ec"].iter().any(|flag| flag.starts_with(&word))
                });
                let encoded = encoded.and_then(|place| arguments.get(place + 1));
                if let Some(text) = encoded.and_then(|text| encoding::powershell_text(text)) {
                    self.script.runs_decoded = true;
                    self.script_text(&text, depth + 1, true);
                }
            }
            name if is_shell(name) => {
                let place = arguments
                    .iter()
                    .position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))
                    .and_then(|place| arguments.get(place + 1));
                if let Some(script) = place {
                    if let Some(source) = script.strip_prefix("$(") {
                        self.note_source(source.trim_end_matches(')'));
                    }
                    self.script_text(&script.clone(), depth + 1, decoded);
                }
                if let Some(script) = &command.input {
                    self.script_text(&script.clone(), depth + 1, decoded);
                }
            }
            "su" | "runuser" | "script" => {
                if let Some(script) = after(&["-c", "--command", "-qc"]) {
                    self.script_text(&script, depth + 1, decoded);
                }
            }
            "cmd" => {
                let place = arguments
                    .iter()
                    .position(|word| word.eq_ignore_ascii_case("/c") || word.eq_ignore_ascii_case("/k"));
                if let Some(place) = place {
                    let script = arguments.get(place + 1..).unwrap_or_default().join(" ");
                    self.script_text(&script, depth + 1, decoded);
                }
            }
            "ssh" | "sshpass" => {
                let skip = if name == "ssh" {
                    0
                } else {
                    arguments.iter().position(|word| word == "ssh").map_or(0, |at| at + 1)
                };
                let with_value = ["-i", "-p", "-l", "-o", "-L", "-R", "-D", "-F", "-J", "-b", "-c", "-E", "-m"];
                let mut words = arguments.iter().skip(skip).peekable();
                while let Some(word) = words.next_if(|word| word.starts_with('-')) {
                    if with_value.contains(&word.as_str()) {
                        words.next();
                    }
                }
                words.next();
                let script = words.cloned().collect::<Vec<_>>().join(" ");
                if !script.is_empty() {
                    self.script_text(&script, depth + 1, decoded);
                }
            }
            "docker" | "podman" | "kubectl" | "nerdctl" | "lxc" | "crictl" | "oc" | "microk8s" => {
                self.in_container(arguments, depth, decoded);
            }
            "find" | "fd" => self.exec_of_find(arguments, decoded),
            "parallel" | "at" | "batch" => {
                if let Some(script) = &command.input {
                    self.script_text(&script.clone(), depth + 1, decoded);
                }
            }
            "trap" => {
                if let Some(script) = arguments.first() {
                    self.script_text(&script.clone(), depth + 1, decoded);
                }
            }
            "awk" | "gawk" | "mawk" | "nawk" | "vim" | "vi" | "nvim" | "ex" | "gdb" | "expect" | "sqlite3"
            | "mysql" | "psql" | "make" => {
                self.script.code.push(Code { text: arguments.join("\n"), decoded });
            }
            name if is_interpreter(name) => {
                for code in arguments
                    .windows(2)
                    .filter(|pair| matches!(pair.first().map(String::as_str), Some(flag) if runs_code(name, flag)))
                {
                    self.script.code.push(Code { text: code.get(1).cloned().unwrap_or_default(), decoded });
                }
                if let Some(code) = &command.input {
                    self.script.code.push(Code { text: code.clone(), decoded });
                }
            }
            _ => {}
        }
    }

    /// `docker exec container sh -c '…'`, `kubectl exec pod -- …`.
    fn in_container(&mut self, arguments: &[String], depth: u8, decoded: bool) {
        let runs = arguments.iter().position(|word| matches!(word.as_str(), "exec" | "run" | "debug"));
        let Some(runs) = runs else { return };
        let rest = arguments.get(runs + 1..).unwrap_or_default();
        let marked = rest.iter().position(|word| word == "--").map(|place| place + 1);
        let known =
            || rest.iter().position(|word| is_shell(&program(word)) || word.starts_with("/bin/") || word == "cat");
        let inner = marked.or_else(known).and_then(|place| rest.get(place..)).unwrap_or_default();
        if inner.is_empty() {
            return;
        }
        let mut command = Simple { words: inner.to_vec(), wrapper: Some("docker".to_owned()), ..Simple::default() };
        if depth < super::MAX_DEPTH {
            self.unwrap(&mut command, depth + 1, decoded);
        } else {
            self.script.truncated = true;
        }
        self.script.pipelines.push(Pipeline { stages: vec![command], decoded });
    }

    /// `find … -exec program args \;` is a command of its own. The pattern searched for stands for the file found.
    fn exec_of_find(&mut self, arguments: &[String], decoded: bool) {
        let Some(place) =
            arguments.iter().position(|word| matches!(word.as_str(), "-exec" | "-execdir" | "-ok" | "-x"))
        else {
            return;
        };
        let named = arguments.iter().position(|word| word == "-name" || word == "-iname" || word == "-path");
        let name = named.and_then(|place| arguments.get(place + 1)).map_or("*", String::as_str);
        let start = arguments.first().filter(|word| !word.starts_with('-')).map_or(".", String::as_str);
        let found = format!("{}/{name}", start.trim_end_matches('/'));
        let words: Vec<String> = arguments
            .iter()
            .skip(place + 1)
            .take_while(|word| *word != ";" && *word != "+")
            .map(|word| if word == "{}" { found.clone() } else { word.clone() })
            .collect();
        if !words.is_empty() {
            let command = Simple { words, wrapper: Some("find".to_owned()), ..Simple::default() };
            self.script.pipelines.push(Pipeline { stages: vec![command], decoded });
        }
    }
}

fn runs_code(interpreter: &str, flag: &str) -> bool {
    let bare = interpreter.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    match bare {
        "python" | "pypy" => flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c'),
        "php" => flag == "-r" || flag == "-R",
        _ => {
            flag.starts_with('-')
                && !flag.starts_with("--")
                && (flag.ends_with('e') || flag.ends_with('p') || flag.ends_with('E'))
                || flag == "--eval"
        }
    }
}

/// How many words a wrapper and its options take: the place of the program that it runs.
fn options(words: &[String], with_value: &[&str]) -> usize {
    let mut place = 1;
    while let Some(word) = words.get(place) {
        if word == "--" {
            return place + 1;
        }
        if with_value.contains(&word.as_str()) {
            place += 2;
        } else if word.starts_with('-') {
            place += 1;
        } else {
            break;
        }
    }
    place
}
