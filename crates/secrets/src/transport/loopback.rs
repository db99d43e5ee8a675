//! Where a host name leads: `localhost` and all below it to this machine, everything else to the system's resolver.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves `localhost` and `*.localhost` to loopback by itself (RFC 6761, section 6.3), which Debian's resolver does
/// not, and asks the system for all other names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resolver;

/// The system's resolver has no address for a name.
#[derive(Debug)]
pub struct UnknownHost {
    /// The name.
    pub host: String,
    reason: String,
}

impl fmt::Display for UnknownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no address is known for host {} ({})", self.host, self.reason)
    }
}

impl std::error::Error for UnknownHost {}

/// Whether `host` is this machine: a loopback address, `localhost`, or a name below it.
pub fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or_else(|_| is_localhost(bare), |address| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// The addresses of `host`: this machine's for `localhost` and all below it, else those that the system knows.
///
/// # Errors
/// [`UnknownHost`] if it knows none.
pub async fn addresses(host: &str) -> Result<Vec<IpAddr>, UnknownHost> {
    if is_localhost(host) {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let unknown = |reason: String| UnknownHost { host: host.to_owned(), reason };
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| unknown(error.to_string()))?;
    Ok(found.map(|address| address.ip()).collect())
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = addresses(&host).await?;
            // Port 0 stands for the port of the URL.
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_all_names_below_it_are_this_machine() {
        for host in
            ["localhost", "LOCALHOST", "v1.vault.localhost", "v1.vault.localhost.", "127.0.0.1", "[::1]"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in ["notlocalhost", "localhost.example", "v1.vault.azure.net", "10.0.0.1", ""] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[tokio::test]
    async fn names_below_localhost_resolve_without_asking_the_system() {
        let addresses = Resolver.resolve("nobody-knows-this.vault.localhost".parse().unwrap()).await.unwrap();
        assert!(addresses.into_iter().all(|address| address.ip().is_loopback()));
    }
}
