//! HTTP on both legs: serve the workload, ask the upstream, show what passes to a judge, enforce what it says.
//!
//! Versions are never translated: both legs speak what the upstream chose. This module enforces a
//! [`crate::model::Verdict`] and never forms one; rules live behind [`Inspect`].

mod inspect;

pub use inspect::{BodyInspect, Exchange, Inspect, Step};
