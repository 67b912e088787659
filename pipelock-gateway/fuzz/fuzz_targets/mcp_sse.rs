//! Events are cut alike by two readers. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::mcp_sse(data));
