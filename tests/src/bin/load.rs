//! Usage: `load ask ADDRESS THREADS`, `load serve ADDRESS THREADS`: connections as fast as they go, and who came to the other end;
//! `load hold ADDRESS CONNECTIONS`: so many of them, which stay open.
//!
//! All count, and print their counts as one JSON object whenever a line comes on standard input. `ask` counts by what became of a
//! connection (`ok`, `cut`, `timeout`, or the name of an errno), `serve` by the address that it came from. Python does a few hundred
//! connections a second; what a gateway does under load is asked by this.
#![expect(clippy::print_stdout, reason = "the counts on standard output are its purpose")]

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(5);
/// After a connection that was refused: tens of thousands of those a second would leave no processor for whoever is to come back.
const REFUSED: Duration = Duration::from_millis(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: api.example.test\r\nconnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, address, number] = arguments.as_slice() else { bail!("usage: load ask|serve|hold ADDRESS NUMBER") };
    let (address, number): (SocketAddr, usize) = (address.parse()?, number.parse()?);
    let counts = Counts::default();
    match what.as_str() {
        "ask" => (0..number).for_each(|_| start(&counts, move |counts| ask(address, counts))),
        "serve" => {
            let listener = TcpListener::bind(address).context("listening")?;
            for _ in 0..number {
                let listener = listener.try_clone()?;
                start(&counts, move |counts| serve(&listener, counts));
            }
        }
        "hold" => start(&counts, move |counts| hold(address, number, counts)),
        _ => bail!("usage: load ask|serve|hold ADDRESS NUMBER"),
    }
    for line in std::io::stdin().lock().lines() {
        line?;
        let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        println!("{}", serde_json::to_string(&*counts)?);
    }
    Ok(())
}

fn start(counts: &Counts, work: impl Fn(&Counts) + Send + 'static) {
    let counts = Arc::clone(counts);
    std::thread::spawn(move || work(&counts));
}

fn count(counts: &Counts, what: String) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
}

fn ask(address: SocketAddr, counts: &Counts) {
    loop {
        let said = match exchange(address) {
            Ok(true) => "ok".to_owned(),
            Ok(false) => "cut".to_owned(),
            Err(error) => named(&error),
        };
        let refused = said == "ECONNREFUSED";
        count(counts, said);
        if refused {
            #[expect(clippy::disallowed_methods, reason = "a pause, not a wait for something")]
            std::thread::sleep(REFUSED);
        }
    }
}

fn hold(address: SocketAddr, number: usize, counts: &Counts) {
    let files = getrlimit(Resource::Nofile);
    // Without it the count will tell.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    let mut held = Vec::new();
    for _ in 0..number {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                held.push(stream);
                count(counts, "ok".to_owned());
            }
            Err(error) => count(counts, named(&error)),
        }
    }
    loop {
        std::thread::park();
    }
}

fn exchange(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = [0; 128];
    let length = stream.read(&mut answer)?;
    Ok(answer.get(..length).is_some_and(|answer| answer.starts_with(b"HTTP/1.1 200")))
}

fn named(error: &std::io::Error) -> String {
    const NAMES: [(i32, &str); 6] = [
        (1, "EPERM"),
        (11, "timeout"),
        (32, "EPIPE"),
        (99, "EADDRNOTAVAIL"),
        (104, "ECONNRESET"),
        (111, "ECONNREFUSED"),
    ];
    match error.raw_os_error() {
        Some(number) => {
            let known = NAMES.iter().find(|(other, _)| *other == number);
            known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
        }
        None => "timeout".to_owned(),
    }
}

fn serve(listener: &TcpListener, counts: &Counts) {
    loop {
        let Ok((mut stream, peer)) = listener.accept() else { continue };
        count(counts, peer.ip().to_string());
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let mut request = [0; 4096];
        // Whoever goes away has been counted.
        let _ = stream.read(&mut request).and_then(|_| stream.write_all(ANSWER));
    }
}
