//! What proxy and helper say to each other. Plain values; descriptors go beside them, in the order that is said here.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::capture::{Asked, Counters, Error, FlowTuple, Process, Steered, TargetCounters};
use crate::model::{CgroupId, NetnsCookie, OriginalDst, Workload};

/// What a proxy asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Request {
    Take {
        netns: u64,
        peer: SocketAddr,
        local: SocketAddr,
    },
    /// Beside it the socket.
    MarkOwn,
    Asked {
        id: u64,
        place: u32,
    },
    SocketInside {
        netns: u64,
        v6: bool,
        stream: bool,
    },
    Beat,
    Counters,
    TargetCounters {
        id: u64,
    },
    Links {
        id: u64,
    },
    SweepFlows,
    Arm {
        name: String,
    },
    Disarm {
        id: u64,
    },
    Settle,
    Processes {
        workload: Who,
    },
    Environments {
        workload: Who,
        wanted: Vec<Process>,
    },
    Open {
        path: PathBuf,
        append: bool,
    },
    /// A compiled rule set.
    Compiled {
        name: String,
    },
    /// The directory of receipts, for as long as the descriptor is open.
    Receipts,
    /// The next file of receipts.
    NextReceipts {
        run: String,
        first: u64,
    },
    /// The daemon's own ports.
    Ports,
    /// The list for `pipelock targets`, or a piece of it: `last` ends it.
    Tell {
        text: String,
        last: bool,
    },
    /// What a source of `capture.discover` lists: answered when the list is not the one of that number any more, and at the
    /// latest after so many milliseconds.
    Look {
        source: u32,
        seen: u64,
        within: u64,
    },
    /// Answered when a successor has come.
    Successor,
    /// Everything is served; a predecessor may stop.
    Serving,
}

/// What the helper answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    Done,
    Count {
        count: u64,
    },
    Steered {
        dst: SocketAddr,
        workload: Who,
    },
    Asked {
        server: SocketAddr,
        workload: Who,
    },
    /// There is no such record.
    Nothing,
    Counters(Counters),
    TargetCounters(TargetCounters),
    Links(Vec<String>),
    /// Beside it the listeners, then the sockets for DNS.
    Armed {
        id: u64,
        netns: u64,
        listeners: u32,
        weaknesses: Vec<String>,
        ended: u64,
    },
    Processes(Vec<Process>),
    /// Beside it a file with the environments one after another.
    Environments(Vec<(Process, u64)>),
    /// Beside it a file with a list of that number.
    Found {
        number: u64,
        length: u64,
    },
    /// Beside it one descriptor.
    Descriptor,
    /// Beside it the lock. What is there already, in the words of whoever keeps it.
    Receipts {
        begun: String,
    },
    /// Beside it the proxy port, and the MCP port if there is one.
    Ports,
    /// Beside it the connection of the successor, and the lock.
    Successor,
    /// It may not, or it failed.
    Failed {
        why: String,
        cause: Cause,
    },
}

/// What kind of failure it was, as far as the proxy must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    Refused,
    Missing,
    Other,
}

impl Cause {
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Helper { kind: ErrorKind::PermissionDenied, .. } => Self::Refused,
            Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => Self::Missing,
            _ => Self::Other,
        }
    }

    pub(super) fn kind(self) -> ErrorKind {
        match self {
            Self::Refused => ErrorKind::PermissionDenied,
            Self::Missing => ErrorKind::NotFound,
            Self::Other => ErrorKind::Other,
        }
    }
}

/// A workload, as the kernel told the helper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    pub(super) cgroup: u64,
    pub(super) netns: u64,
    pub(super) pid: u32,
    pub(super) uid: u32,
    pub(super) executable: Option<String>,
}

impl From<&Workload> for Who {
    fn from(workload: &Workload) -> Self {
        // Which target it is of is told by the listener, not by the kernel.
        let Workload { cgroup, netns, pid, uid, executable, target: _ } = workload;
        let executable = executable.as_deref().map(str::to_owned);
        Self { cgroup: cgroup.0, netns: netns.0, pid: *pid, uid: *uid, executable }
    }
}

impl Who {
    pub(super) fn workload(self) -> Workload {
        let executable = self.executable.map(Into::into);
        let (cgroup, netns) = (CgroupId(self.cgroup), NetnsCookie(self.netns));
        Workload { cgroup, netns, pid: self.pid, uid: self.uid, executable, target: None }
    }
}

impl Request {
    pub(super) fn take(flow: FlowTuple) -> Self {
        Self::Take { netns: flow.netns.0, peer: flow.peer, local: flow.local }
    }
}

impl Reply {
    pub(super) fn steered(steered: Option<&Steered>) -> Self {
        steered.map_or(Self::Nothing, |steered| Self::Steered {
            dst: steered.original_dst.socket_addr(),
            workload: Who::from(&steered.workload),
        })
    }

    pub(super) fn asked(asked: Option<&Asked>) -> Self {
        asked.map_or(Self::Nothing, |asked| Self::Asked { server: asked.server, workload: Who::from(&asked.workload) })
    }

    #[expect(clippy::option_option, reason = "the outer one says whether it is an answer of that kind")]
    pub(super) fn into_steered(self) -> Option<Option<Steered>> {
        match self {
            Self::Nothing => Some(None),
            Self::Steered { dst, workload } => {
                Some(Some(Steered { original_dst: OriginalDst::new(dst), workload: workload.workload() }))
            }
            _ => None,
        }
    }
}

pub(super) fn encode(message: &impl Serialize) -> std::io::Result<Vec<u8>> {
    serde_json::to_vec(message).map_err(std::io::Error::other)
}

pub(super) fn request(bytes: &[u8]) -> std::io::Result<Request> {
    serde_json::from_slice(bytes).map_err(|_| std::io::ErrorKind::InvalidData.into())
}

pub(super) fn reply(bytes: &[u8]) -> std::io::Result<Reply> {
    serde_json::from_slice(bytes).map_err(|_| std::io::ErrorKind::InvalidData.into())
}

/// What must hold for any packet, tried by the fuzz crate.
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing {
    use super::{encode, reply, request};

    /// A packet is a message or an error, and a message reads back as itself.
    ///
    /// # Panics
    /// When that does not hold.
    pub fn helper(packet: &[u8]) {
        if let Ok(message) = request(packet) {
            assert!(encode(&message).and_then(|bytes| request(&bytes)).is_ok_and(|again| again == message));
        }
        if let Ok(message) = reply(packet) {
            assert!(encode(&message).and_then(|bytes| reply(&bytes)).is_ok_and(|again| again == message));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fuzzing_begins_with_is_a_message_each_and_breaks_nothing() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/helper");
        for seed in std::fs::read_dir(folder).unwrap() {
            let packet = std::fs::read(seed.unwrap().path()).unwrap();
            assert!(request(&packet).is_ok() || reply(&packet).is_ok(), "{}", String::from_utf8_lossy(&packet));
            fuzzing::helper(&packet);
        }
    }

    fn requests() -> Vec<Request> {
        let who = Who { cgroup: 7, netns: 1, pid: 4711, uid: 0, executable: Some("/usr/bin/ruby".into()) };
        let process = Process { pid: 1, started: 2, environment_at: 3 };
        let address: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
        vec![
            Request::Take { netns: u64::MAX, peer: address, local: address },
            Request::MarkOwn,
            Request::Asked { id: 1, place: 71 },
            Request::SocketInside { netns: 1, v6: true, stream: false },
            Request::Arm { name: "pod".to_owned() },
            Request::Environments { workload: who.clone(), wanted: vec![process] },
            Request::Processes { workload: who },
            Request::Open { path: "/etc/pipelock/ca-key.pem".into(), append: false },
            Request::Tell { text: "[]".to_owned(), last: true },
            Request::Look { source: 0, seen: 7, within: 10_000 },
            Request::Compiled { name: "0a".to_owned() },
            Request::NextReceipts { run: "0a".to_owned(), first: u64::MAX },
            Request::Receipts,
            Request::Successor,
        ]
    }

    #[test]
    fn every_message_reads_back_as_itself_and_nothing_else_is_one() {
        for message in requests() {
            let bytes = encode(&message).unwrap();
            assert_eq!(request(&bytes).unwrap(), message);
            fuzzing::helper(&bytes);
        }
        for wrong in ["", "{}", "\"Escape\"", "{\"Arm\":{\"name\":\"a\",\"policy\":{}}}", "{\"Arm\":{}}", "\"Beat\"x"] {
            assert!(request(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzzing::helper(&bytes);
        }

        #[test]
        fn a_message_with_a_byte_changed_is_one_or_an_error(which in 0_usize..14, at in 0_usize..80, byte in any::<u8>()) {
            let mut bytes = encode(&requests()[which]).unwrap();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            fuzzing::helper(&bytes);
        }
    }
}
