//! The kill switch: on while any of four sources says so.

use tokio::sync::watch;

/// Who may turn it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KillSource {
    /// `kill_switch.enabled`.
    Config = 1,
    /// The API.
    Api = 2,
    /// SIGUSR1.
    Signal = 4,
    /// `kill_switch.sentinel_file`.
    Sentinel = 8,
}

impl KillSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Config, Self::Api, Self::Signal, Self::Sentinel];

    /// The name in logs, labels and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Api => "api",
            Self::Signal => "signal",
            Self::Sentinel => "sentinel",
        }
    }
}

/// The switch. Turning one source off leaves it on while another is.
#[derive(Debug)]
pub struct KillSwitch(watch::Sender<u8>);

impl Default for KillSwitch {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl KillSwitch {
    /// Turns a source on or off; says whether that changed anything.
    pub fn set(&self, source: KillSource, on: bool) -> bool {
        let bit = source as u8;
        self.0.send_if_modified(|sources| {
            let before = *sources;
            *sources = if on { before | bit } else { before & !bit };
            *sources != before
        })
    }

    /// Turns a source on if it was off, and off if it was on; says which it is now.
    pub fn toggle(&self, source: KillSource) -> bool {
        self.0.send_modify(|sources| *sources ^= source as u8);
        self.is_on(source)
    }

    /// Whether this source says so.
    #[must_use]
    pub fn is_on(&self, source: KillSource) -> bool {
        *self.0.borrow() & source as u8 != 0
    }

    /// Whether everything is refused.
    #[must_use]
    pub fn is_active(&self) -> bool {
        *self.0.borrow() != 0
    }

    /// Completes when everything is refused.
    pub async fn activated(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|sources| *sources != 0).await;
    }

    /// Completes when it is off.
    pub async fn released(&self) {
        let _ = self.0.subscribe().wait_for(|sources| *sources == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_on_while_any_source_says_so_and_whoever_waits_learns_it() {
        let switch = KillSwitch::default();
        assert!(switch.set(KillSource::Api, true) && !switch.set(KillSource::Api, true));
        switch.activated().await;
        assert!(switch.toggle(KillSource::Signal));
        assert!(switch.set(KillSource::Api, false) && switch.is_active());
        assert!(!switch.toggle(KillSource::Signal));
        switch.released().await;
        assert!(!switch.is_active());
    }
}
