//! The datapath of a gateway that captures nothing: `pipelock run` without targets, which needs no kernel and no privilege.

use std::os::fd::BorrowedFd;

use super::{Armed, Counters, Datapath, Environment, Error, FlowTuple, Process, Steered, TargetSpec};
use crate::model::Workload;

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
