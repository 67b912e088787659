//! Header fields and body of a stateless request agree. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::mcp_agree(data));
