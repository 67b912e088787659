//! The Node Resource Interface (NRI): the runtime tells of each pod before it starts a container in it, and waits for our answer.
//!
//! We connect to the runtime's socket and register as a plugin. The connection carries two channels: on one we call the runtime, on the
//! other it calls us, both in ttrpc. Of its events we ask for one: a sandbox runs, its network is made, nothing else is in it.
//! A pod that is meant is answered when it is captured; when that fails, the answer is an error and the runtime takes the pod down
//! again. A runtime drops a plugin that is late, and goes on without it, so the answer never is.
//!
//! Source: `pkg/api/api.proto`, `pkg/net/multiplex` of NRI 0.2 to 0.11 (`containerd` 1.7 and later, CRI-O 1.26 and later), PROTOCOL.md
//! of ttrpc.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::wire::{self, Malformed, Message};
use super::{Pods, Sandbox};

/// The channel on which the runtime calls us.
const PLUGIN: u32 = 1;
/// The channel on which we call it.
const RUNTIME: u32 = 2;
/// Plugins are called in the order of this; nobody depends on ours.
const INDEX: &str = "00";
/// The bit of `RUN_POD_SANDBOX`, event 1.
const EVENTS: u64 = 1;
/// Of ttrpc: a call, and the answer to one.
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
/// In front of what a channel carries: its number and a length.
const TRUNK_HEADER: usize = 8;
/// In front of a message of ttrpc: length, stream, type, flags.
const HEADER: usize = 10;
/// Longer messages are against the protocol.
const MAX_MESSAGE: usize = 4 << 20;
/// A runtime gives a plugin two seconds unless it is configured otherwise.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries of a runtime that is away.
const AGAIN: Duration = Duration::from_secs(2);
/// Pods that wait at once; a node starts fewer.
const QUEUE: usize = 256;
/// Of gRPC: refused, and not for want of a service.
const FAILED_PRECONDITION: u64 = 9;

/// What went wrong with the connection.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("its socket")]
    Io(#[from] std::io::Error),
    #[error("what it says is against the protocol")]
    Malformed(#[from] Malformed),
    #[error("it refuses us as a plugin: {0}")]
    Refused(String),
}

/// A pod whose start the runtime holds until it is answered.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) sandbox: Sandbox,
    /// The process of the sandbox.
    pub(super) pid: u32,
    waiting: Option<oneshot::Sender<bool>>,
}

impl Announced {
    /// With where its answer is given.
    pub(super) fn new(sandbox: Sandbox, pid: u32) -> (Self, oneshot::Receiver<bool>) {
        let (waiting, answer) = oneshot::channel();
        (Self { sandbox, pid, waiting: Some(waiting) }, answer)
    }

    /// Whether nobody has answered yet, and the runtime still waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }

    /// Lets it start, or not. Once.
    pub(super) fn answer(&mut self, captured: bool) {
        if let Some(waiting) = self.waiting.take() {
            // The runtime may have given up.
            let _ = waiting.send(captured);
        }
    }
}

/// The connection to a runtime, which is made again when it breaks. Ends with this.
pub(super) struct Hook {
    announced: mpsc::Receiver<Announced>,
    task: JoinHandle<()>,
}

impl Hook {
    pub(super) fn start(socket: PathBuf, pods: Pods) -> Self {
        let (tell, announced) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            let mut away = false;
            loop {
                let Err(error) = serve(&socket, &pods, &tell).await;
                if !std::mem::replace(&mut away, true) {
                    let error = crate::model::error_chain(&error);
                    tracing::warn!(socket = %socket.display(), error, "no NRI: pods are captured as they come, and not held back");
                }
                // Nothing tells when it is back.
                let _ = timeout(AGAIN, std::future::pending::<()>()).await;
            }
        });
        Self { announced, task }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next pod that is meant; never without a hook.
pub(super) async fn next(hook: &mut Option<Hook>) -> Announced {
    match hook {
        Some(hook) => match hook.announced.recv().await {
            Some(announced) => announced,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Registers and answers, until the connection breaks.
async fn serve(
    socket: &std::path::Path,
    pods: &Pods,
    tell: &mpsc::Sender<Announced>,
) -> Result<std::convert::Infallible, Error> {
    let (mut read, write) = UnixStream::connect(socket).await?.into_split();
    let write = Arc::new(Mutex::new(write));
    let register = Message::new().text(1, "pipelock").text(2, INDEX);
    let call = Message::new()
        .text(1, "nri.pkg.api.v1alpha1.Runtime")
        .text(2, "RegisterPlugin")
        .message(3, &register)
        .number(4, u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX));
    send(&write, RUNTIME, 1, REQUEST, &call).await?;
    let mut plugin = Plugin { pods: pods.clone(), tell: tell.clone(), write, patience: PATIENCE };
    let (mut calls, mut answers) = (Channel::default(), Channel::default());
    loop {
        let mut header = [0; TRUNK_HEADER];
        read.read_exact(&mut header).await?;
        let [channel, length] = [&header[..4], &header[4..]].map(number);
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE + HEADER).ok_or(Malformed)?;
        let mut bytes = vec![0; length];
        read.read_exact(&mut bytes).await?;
        match channel {
            PLUGIN => {
                calls.held.extend(bytes);
                while let Some((stream, kind, message)) = calls.message()? {
                    if kind == REQUEST {
                        plugin.called(stream, &message).await?;
                    }
                }
            }
            RUNTIME => {
                answers.held.extend(bytes);
                while let Some((_, _, message)) = answers.message()? {
                    registered(&message)?;
                }
            }
            // Others may be added by later versions.
            _ => {}
        }
    }
}

/// The answer to our registration.
fn registered(answer: &[u8]) -> Result<(), Error> {
    let Some(status) = wire::messages(answer, 1)?.first().copied() else { return Ok(()) };
    let (mut code, mut words) = (0, String::new());
    for field in wire::fields(status) {
        match field? {
            (1, value) => code = value.number()?,
            (2, value) => words = value.text()?,
            _ => {}
        }
    }
    if code == 0 { Ok(()) } else { Err(Error::Refused(words)) }
}

/// What came on a channel and is not yet a whole message.
#[derive(Debug, Default)]
struct Channel {
    held: Vec<u8>,
}

impl Channel {
    /// The next whole message: its stream, its type, what it carries.
    fn message(&mut self) -> Result<Option<(u32, u8, Vec<u8>)>, Malformed> {
        let Some((header, rest)) = self.held.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [length, stream] = [&header[..4], &header[4..8]].map(number);
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_MESSAGE).ok_or(Malformed)?;
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let (kind, message) = (header[8], message.to_vec());
        self.held.drain(..HEADER + length);
        Ok(Some((stream, kind, message)))
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// Our side of the interface.
struct Plugin {
    pods: Pods,
    tell: mpsc::Sender<Announced>,
    write: Arc<Mutex<OwnedWriteHalf>>,
    /// How long the runtime waits for an answer.
    patience: Duration,
}

impl Plugin {
    async fn called(&mut self, stream: u32, request: &[u8]) -> Result<(), Error> {
        let (mut method, mut payload) = (String::new(), &[][..]);
        for field in wire::fields(request) {
            match field? {
                (2, value) => method = value.text()?,
                (3, value) => payload = value.bytes()?,
                _ => {}
            }
        }
        let answer = match method.as_str() {
            "Configure" => {
                for field in wire::fields(payload) {
                    if let (5, value) = field? {
                        self.patience = Duration::from_millis(value.number()?).clamp(AGAIN / 10, AGAIN * 30);
                    }
                }
                tracing::info!("the runtime announces pods (NRI) and waits until they are captured");
                Message::new().number(2, EVENTS)
            }
            // Pods that run already are listed; what matters is that more of them may follow, as the runtime asks.
            "Synchronize" => {
                let more = wire::fields(payload).flatten().any(|field| matches!(field, (3, wire::Value::Number(1))));
                if more { Message::new().number(2, 1) } else { Message::new() }
            }
            "RunPodSandbox" => return self.pod(stream, wire::messages(payload, 1)?.first().copied()).await,
            // Before 0.9 this is how all events came.
            "StateChange" if wire::fields(payload).flatten().any(|field| field == (1, wire::Value::Number(1))) => {
                return self.pod(stream, wire::messages(payload, 2)?.first().copied()).await;
            }
            _ => Message::new(),
        };
        self.answer(stream, Ok(&answer)).await
    }

    /// A sandbox runs. Who is not meant goes on at once.
    async fn pod(&self, stream: u32, pod: Option<&[u8]>) -> Result<(), Error> {
        let (sandbox, pid) = read(pod.ok_or(Malformed)?)?;
        if !self.pods.take(&sandbox) {
            return self.answer(stream, Ok(&Message::new())).await;
        }
        let name = sandbox.full_name();
        let (announced, answered) = Announced::new(sandbox, pid);
        if self.tell.try_send(announced).is_err() {
            return self.answer(stream, Err("pipelock: too many pods wait to be captured")).await;
        }
        let (write, patience) = (Arc::clone(&self.write), self.patience * 3 / 4);
        // Others are told of meanwhile.
        tokio::spawn(async move {
            let captured = matches!(timeout(patience, answered).await, Ok(Ok(true)));
            if !captured {
                tracing::error!(pod = name, "not captured in time, so the runtime is told not to start it");
            }
            let said = Message::new();
            let outcome =
                if captured { Ok(&said) } else { Err("pipelock: the pod is not captured; it is tried again") };
            // A connection that is broken is noticed by who reads from it.
            let _ = answer(&write, stream, outcome).await;
        });
        Ok(())
    }

    async fn answer(&self, stream: u32, outcome: Result<&Message, &str>) -> Result<(), Error> {
        answer(&self.write, stream, outcome).await
    }
}

/// A sandbox as NRI writes it, and its process.
fn read(pod: &[u8]) -> Result<(Sandbox, u32), Malformed> {
    // The same in CRI and here: 1 id, 5 labels, 6 annotations.
    let (labels, annotations) = (wire::texts(pod, 5)?, wire::texts(pod, 6)?);
    // The last one of its name, since it is being made.
    let mut sandbox = Sandbox { labels, annotations, created_at: u64::MAX, ..Sandbox::default() };
    let mut pid = 0;
    for field in wire::fields(pod) {
        match field? {
            (1, value) => sandbox.id = value.text()?,
            (2, value) => sandbox.name = value.text()?,
            (3, value) => sandbox.uid = value.text()?,
            (4, value) => sandbox.namespace = value.text()?,
            (9, value) => pid = u32::try_from(value.number()?).map_err(|_| Malformed)?,
            _ => {}
        }
    }
    Ok((sandbox, pid))
}

async fn answer(write: &Mutex<OwnedWriteHalf>, stream: u32, outcome: Result<&Message, &str>) -> Result<(), Error> {
    let response = match outcome {
        Ok(message) => Message::new().message(2, message),
        Err(words) => Message::new().message(1, &Message::new().number(1, FAILED_PRECONDITION).text(2, words)),
    };
    send(write, PLUGIN, stream, RESPONSE, &response).await
}

/// One message, in one piece.
async fn send(
    write: &Mutex<OwnedWriteHalf>,
    channel: u32,
    stream: u32,
    kind: u8,
    message: &Message,
) -> Result<(), Error> {
    let message = message.as_bytes();
    let length = u32::try_from(message.len()).map_err(|_| Malformed)?;
    let mut bytes = Vec::with_capacity(TRUNK_HEADER + HEADER + message.len());
    bytes.extend(channel.to_be_bytes());
    bytes.extend((length + 10).to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(stream.to_be_bytes());
    bytes.extend([kind, 0]);
    bytes.extend(message);
    Ok(write.lock().await.write_all(&bytes).await?)
}

#[cfg(test)]
mod tests;
