//! DNS messages of workloads and servers. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::dns(data));
