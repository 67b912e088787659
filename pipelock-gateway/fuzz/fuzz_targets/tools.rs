//! Tool definitions, call arguments, chains and results are read whatever they hold. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::tools(data));
