//! Which addresses mean this token service.

use std::net::IpAddr;

use axum::http::Uri;

/// What may follow the tenant in the audience of a client assertion: clients name the token endpoint that they found, or
/// the issuer.
const AUDIENCES: [&str; 5] = ["", "/", "/v2.0", "/oauth2/token", "/oauth2/v2.0/token"];

/// The host name of an address of this service: a name under the domain, or this machine. It is not taken from the `Host`
/// header, which whoever sends an assertion chooses too.
pub(super) fn own_host<'a>(url: &'a Uri, domain: &str) -> Option<&'a str> {
    let host = url.host()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let lower = bare.to_ascii_lowercase();
    let own = lower == domain
        || lower.strip_suffix(domain).is_some_and(|label| label.ends_with('.'))
        || lower == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let secure = url.scheme_str() == Some("https");
    let nobody = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (own && secure && nobody).then_some(host)
}

/// Whether the audience of a client assertion is a token endpoint of `tenant` here, in any of its spellings and at any port.
pub(super) fn is_own_endpoint(audience: &str, tenant: &str, domain: &str) -> bool {
    let Ok(url) = audience.parse::<Uri>() else { return false };
    let path =
        url.path().strip_prefix('/').and_then(|path| path.get(..tenant.len()).zip(path.get(tenant.len()..)));
    own_host(&url, domain).is_some()
        && url.query().is_none()
        && path
            .is_some_and(|(segment, rest)| segment.eq_ignore_ascii_case(tenant) && AUDIENCES.contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_tenants_token_endpoint_is_ours_and_nothing_else() {
        let own = |audience: &str| is_own_endpoint(audience, "adfs", "vault.localhost");
        for audience in [
            "https://login.vault.localhost:8443/adfs/oauth2/token",
            "https://login.vault.localhost/ADFS/oauth2/v2.0/token",
            "https://LOGIN.vault.localhost:8443/adfs/v2.0",
            "https://login.vault.localhost:8443/adfs",
            "https://v1.vault.localhost/adfs/",
            "https://127.0.0.1:8443/adfs/oauth2/token",
            "https://[::1]:8443/adfs/oauth2/token",
            "https://localhost/adfs/oauth2/token",
        ] {
            assert!(own(audience), "{audience}");
        }
        for audience in [
            "http://login.vault.localhost/adfs/oauth2/token",
            "https://login.vault.localhost/other/oauth2/token",
            "https://login.vault.localhost/adfsx/oauth2/token",
            "https://login.vault.localhost/adfs/oauth2/token?x=1",
            "https://login.vault.localhost/adfs/oauth2/authorize",
            "https://login.microsoftonline.com/adfs/oauth2/token",
            "https://notvault.localhost/adfs/oauth2/token",
            "https://vault.localhost.evil.example/adfs",
            "https://evil@login.vault.localhost/adfs",
            "https://192.0.2.1/adfs",
            "/adfs/oauth2/token",
            "adfs",
            "",
            "https://login.vault.localhost/éadfs",
        ] {
            assert!(!own(audience), "{audience}");
        }
    }
}
