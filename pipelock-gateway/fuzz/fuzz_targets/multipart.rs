//! Parts are told alike however the body is cut. The claim itself is in `pipelock_gateway::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pipelock_gateway::fuzzing::multipart(data));
