//! What the debug object's log calls say, on stderr of a development build. Never in a release.

use aya::Ebpf;
use aya_log::EbpfLogger;

use super::{Error, sys};

/// Forwards log records to the `log` crate's sink for as long as the runtime lives. Must be called inside one.
pub(super) fn start(object: &mut Ebpf) -> Result<(), Error> {
    let failed = |e: std::io::Error| Error::io("watching", "AYA_LOGS", e);
    let logger = EbpfLogger::init(object).map_err(|e| failed(std::io::Error::other(e)))?;
    let mut logger = sys::watch(logger).map_err(failed)?;
    tokio::spawn(async move {
        while let Ok(mut ready) = logger.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    });
    Ok(())
}
