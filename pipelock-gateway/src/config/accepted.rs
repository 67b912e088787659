//! Sections of the reference that nothing here reads yet, or that cannot mean anything in a gateway: checked to the last key
//! and named in a note, so that a file written for the reference loads unchanged and nobody is left in the dark.
//!
//! A section that comes into force moves to a file of its own, with its table.

mod agents;
mod evidence;
mod mcp;
mod sessions;
mod traffic;

pub(super) use agents::{
    AGENTS, BEHAVIORAL_BASELINE, FILE_SENTRY, GIT_PROTECTION, MEDIATION_ENVELOPE, NO_LICENCE, RULES, SANDBOX, SENTRY,
};
pub(super) use evidence::HEALTH_WATCHDOG;
pub(super) use mcp::{A2A_SCANNING, MCP_BINARY_INTEGRITY, MCP_TOOL_PROVENANCE, MCP_WS_LISTENER};
pub(super) use sessions::AIRLOCK;
pub(super) use traffic::{ADDRESS_PROTECTION, BROWSER_SHIELD, MEDIA_POLICY, REVERSE_PROXY, SEED_PHRASES};
