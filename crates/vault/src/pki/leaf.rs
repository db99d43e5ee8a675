//! The server's certificate.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::authority::Authority;
use super::{Names, certificate_error};
use crate::error::Result;

/// The longest life that browsers and Apple's clients take is 398 days; ours ends a day and more before that.
pub(super) const LIFE: Duration = Duration::days(396);

/// How far back a certificate's life starts, for clients whose clock is slow.
pub(super) const CLOCK_SKEW: Duration = Duration::hours(1);

/// Issues a certificate and answers with it and its key, in PEM.
pub(super) fn issue(
    authority: &Authority,
    names: &Names,
    now: OffsetDateTime,
) -> Result<(String, Zeroizing<String>)> {
    let failed = |error| certificate_error("the server's certificate", &error);
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = params.not_before + LIFE;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Strongroom");
    params.subject_alt_names = names
        .dns()
        .into_iter()
        .map(|name| name.try_into().map(SanType::DnsName))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if names.with_loopback() {
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, authority.issuer()).map_err(failed)?;
    Ok((certificate.pem(), Zeroizing::new(key.serialize_pem())))
}

/// Whether a certificate still has a third of its life, is for these names, fits its key, and comes from the authority.
pub(super) fn is_good(
    certificate: &str,
    key: &str,
    authority: &Authority,
    names: &[String],
    now: OffsetDateTime,
) -> bool {
    let (Ok(der), Ok(key)) = (CertificateDer::from_pem_slice(certificate.as_bytes()), KeyPair::from_pem(key))
    else {
        return false;
    };
    let (Ok((_, leaf)), Ok((_, issuer))) =
        (X509Certificate::from_der(&der), X509Certificate::from_der(authority.der()))
    else {
        return false;
    };
    let (begins, ends) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    let now = now.unix_timestamp();
    let fresh = begins <= now && (ends - now) * 3 >= ends - begins;
    let listed: BTreeSet<&str> = leaf
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|names| names.value.general_names.iter().filter_map(dns_name).collect())
        .unwrap_or_default();
    fresh
        && listed == names.iter().map(String::as_str).collect()
        && leaf.public_key().raw == key.subject_public_key_info()
        && leaf.verify_signature(Some(issuer.public_key())).is_ok()
}

pub(super) fn dns_name<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    match name {
        GeneralName::DNSName(name) => Some(name),
        _ => None,
    }
}
