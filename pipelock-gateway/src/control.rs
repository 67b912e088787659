//! What holds across connections and configurations: the kill switch, and what is remembered of each session.
//!
//! It decides nothing about content. A reload changes the policy it is asked under and keeps the state: who was held back
//! stays so. Next: the pipeline asks before it serves, and tells how each request ended.

mod kill;
mod sessions;
mod taint;

/// All of it, shared by a process.
#[derive(Debug, Default)]
pub struct Control {
    /// Whether everything is refused.
    pub kill: KillSwitch,
    /// What is remembered of each session.
    pub sessions: Sessions,
}

pub use kill::{KillSource, KillSwitch};
pub use sessions::{Escalation, Noted, Refused, Session, SessionView, Sessions};
