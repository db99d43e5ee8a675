//! `adminListen`: where whoever runs the vault asks how it is.

use std::net::SocketAddr;

use crate::error::{Error, Result};

/// The port if none is named.
const PORT: u16 = 8444;

/// Where to listen for `/healthz`, `/readyz` and `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdminListen {
    Off,
    /// Nobody asked for it: if the address is taken, the vault starts without.
    Default(SocketAddr),
    Given(SocketAddr),
}

impl AdminListen {
    /// Reads what the configuration says. `main` is the address of the port with TLS: if its port is chosen by the system,
    /// so is this one.
    pub(super) fn check(given: Option<&str>, main: SocketAddr) -> Result<Self> {
        match given {
            None => Ok(Self::Default(([127, 0, 0, 1], if main.port() == 0 { 0 } else { PORT }).into())),
            Some("off") => Ok(Self::Off),
            Some(text) => text.parse().map(Self::Given).map_err(|_| {
                Error::configuration(format!("adminListen: {text:?} is not an IP address and a port"))
                    .with_hint("write it like 127.0.0.1:8444, or off")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_loopback_unless_told_otherwise() {
        let check = |given, main: &str| AdminListen::check(given, main.parse().unwrap());
        let default = |address: &str| AdminListen::Default(address.parse().unwrap());
        assert_eq!(check(None, "0.0.0.0:443").unwrap(), default("127.0.0.1:8444"));
        assert_eq!(check(None, "127.0.0.1:0").unwrap(), default("127.0.0.1:0"));
        assert_eq!(check(Some("off"), "127.0.0.1:0").unwrap(), AdminListen::Off);
        let given = check(Some("0.0.0.0:9000"), "127.0.0.1:0").unwrap();
        assert_eq!(given, AdminListen::Given("0.0.0.0:9000".parse().unwrap()));
        let error = check(Some("localhost:9000"), "127.0.0.1:0").unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("adminListen: \"localhost:9000\""), "{error}");
    }
}
