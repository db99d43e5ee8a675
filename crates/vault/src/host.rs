//! The host that a request is for: it chooses the vault, and answers speak of it.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

/// A host name and, unless it is the default, a port, as the client wrote them. The name is in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    /// Parses the text of a `Host` header. It goes into URLs of answers, so nothing is let through but a name or an address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let legal = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                (1..=253).contains(&name.len())
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
            }
        };
        legal.then(|| Self { name: name.to_ascii_lowercase(), port })
    }

    /// HTTP/2 puts the host into the request's target, HTTP/1.1 into a header.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let text = match parts.uri.authority() {
            Some(authority) => authority.as_str(),
            None => parts.headers.get(header::HOST)?.to_str().ok()?,
        };
        Self::parse(text)
    }

    /// The first label, if the rest is `domain`.
    pub(crate) fn label_under(&self, domain: &str) -> Option<&str> {
        let label = self.name.strip_suffix(domain)?.strip_suffix('.')?;
        (!label.is_empty() && !label.contains('.')).then_some(label)
    }

    /// Whether it is `domain` or any name under it.
    pub(crate) fn is_under(&self, domain: &str) -> bool {
        self.name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Whether it names the machine that asks, or the address at which Azure's machines have their metadata service.
    pub(crate) fn is_this_machine(&self) -> bool {
        let bare = self.name.trim_start_matches('[').trim_end_matches(']');
        self.is_under("localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|address| {
                address.is_loopback() || address == std::net::Ipv4Addr::new(169, 254, 169, 254)
            })
    }

    /// A `:port` for another name of the same server, empty for the default port.
    pub(crate) fn port_suffix(&self) -> String {
        self.port.map(|port| format!(":{port}")).unwrap_or_default()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Host {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Self::of(parts).ok_or((StatusCode::BAD_REQUEST, "the request names no host\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_ports_are_understood() {
        for (text, shown) in [
            ("V1.Vault.Localhost:8443", "v1.vault.localhost:8443"),
            ("v1.vault.localhost", "v1.vault.localhost"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:8443", "[::1]:8443"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", ":1", "a:b", "a:70000", "a@b", "a/b", "a b", "a\"b", "[x]", "a:1:2", "::1"] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_goes_by_loopback_and_by_no_other_name() {
        for own in ["127.0.0.1:8445", "[::1]", "localhost", "v1.localhost:1", "169.254.169.254"] {
            assert!(Host::parse(own).unwrap().is_this_machine(), "{own}");
        }
        for other in
            ["192.0.2.1", "evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example"]
        {
            assert!(!Host::parse(other).unwrap().is_this_machine(), "{other}");
        }
    }

    #[test]
    fn a_vault_is_the_one_label_in_front_of_the_domain() {
        let label = |text| Host::parse(text).unwrap().label_under("vault.localhost").map(str::to_owned);
        assert_eq!(label("V1.vault.localhost:8443").as_deref(), Some("v1"));
        for other in
            ["vault.localhost", "a.b.vault.localhost", "v1vault.localhost", ".vault.localhost", "127.0.0.1"]
        {
            assert_eq!(label(other), None, "{other}");
        }
    }
}
