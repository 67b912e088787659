//! The datapath of a gateway that captures nothing: `pipelock run` without targets, which needs no kernel and no privilege.

use std::os::fd::{BorrowedFd, OwnedFd};

use socket2::{Domain, Type};

use super::{Armed, Counters, Datapath, Environment, Error, FlowTuple, Process, Steered, TargetSpec, plain_socket};
use crate::model::{NetnsCookie, Workload};

/// Steers nothing, so that nothing can be taken and no socket needs a mark.
#[derive(Clone, Copy, Debug)]
pub struct Uncaptured;

impl Datapath for Uncaptured {
    fn arm(&self, _target: &TargetSpec) -> Result<Armed, Error> {
        Err(Error::NothingCaptured)
    }

    fn disarm(&self, id: u64) -> Result<(), Error> {
        Err(Error::UnknownTarget { id })
    }

    fn take(&self, _flow: FlowTuple) -> Result<Option<Steered>, Error> {
        Ok(None)
    }

    fn mark_own(&self, _socket: BorrowedFd<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn socket_inside(&self, _netns: NetnsCookie, domain: Domain, kind: Type) -> Result<OwnedFd, Error> {
        plain_socket(domain, kind)
    }

    fn beat(&self) -> Result<(), Error> {
        Ok(())
    }

    fn environments(&self, _workload: &Workload, _known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
        Ok(Vec::new())
    }

    fn counters(&self) -> Result<Counters, Error> {
        Ok(Counters::default())
    }
}
