//! `limits`: how much of this machine its clients may hold.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};

/// Bounds on connections and time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How many connections are open at a time on the port with TLS; further ones wait.
    pub connections: usize,
    /// How many seconds a connection may take for its handshake, and as many for its first request after that.
    pub handshake_seconds: u32,
    /// How many seconds a connection may take for the head of a request, or wait before it.
    pub head_seconds: u32,
    /// How many seconds a request may take, its body included.
    pub request_seconds: u32,
    /// After how many seconds without a byte in either direction a connection is closed.
    pub idle_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        // Many systems give a process 1,024 descriptors, and the database wants some.
        Self {
            connections: 900,
            handshake_seconds: 15,
            head_seconds: 60,
            request_seconds: 30,
            idle_seconds: 120,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=100_000).contains(&self.connections) {
            return Err(Error::configuration(format!(
                "limits: connections is {}, it must be from 1 to 100000",
                self.connections
            )));
        }
        let times = [
            ("handshakeSeconds", self.handshake_seconds),
            ("headSeconds", self.head_seconds),
            ("requestSeconds", self.request_seconds),
            ("idleSeconds", self.idle_seconds),
        ];
        match times.into_iter().find(|(_, seconds)| !(1..=3600).contains(seconds)) {
            Some((name, seconds)) => {
                Err(Error::configuration(format!("limits: {name} is {seconds}, it must be from 1 to 3600")))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds.into())
    }

    pub(crate) fn head(&self) -> Duration {
        Duration::from_secs(self.head_seconds.into())
    }

    pub(crate) fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds.into())
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }
}
