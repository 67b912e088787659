//! `aya::Pod` for the shared records: the only unsafe code of this crate, for user space only.
#![expect(unsafe_code, reason = "aya::Pod is an unsafe marker trait")]

use crate::records::{
    BypassKey4, BypassKey6, DnsKey, DnsServer, Event, FlowKey, Policy, Settings, SkMeta, TargetCounts,
};

macro_rules! pod {
    ($($record:ty),+ $(,)?) => {$(
        // SAFETY: `repr(C)`, integer fields only, and the size assertions in `records` leave no room for padding, so
        // every bit pattern is a value and every byte is initialised.
        unsafe impl aya::Pod for $record {}
    )+};
}

pod!(FlowKey, SkMeta, Policy, Settings, BypassKey4, BypassKey6, DnsKey, DnsServer, Event, TargetCounts);
