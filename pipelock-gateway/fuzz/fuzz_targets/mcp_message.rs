//! A message is read as `serde_json` reads it, or refused. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::mcp_message(data));
