//! A private certificate authority: made once, kept for ten years, good for few names.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::{Names, certificate_error, leaf};
use crate::error::Result;

/// Long enough that nobody has to trust a new one while a machine lives.
const LIFE: Duration = Duration::days(3650);

/// An authority that can issue certificates.
pub(super) struct Authority {
    certificate: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new one.
    pub(super) fn generate(names: &Names, now: OffsetDateTime) -> Result<Self> {
        let failed = |error| certificate_error("a certificate authority", &error);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.not_before = now - leaf::CLOCK_SKEW;
        params.not_after = params.not_before + LIFE;
        params.distinguished_name = distinguished_name(names.title(), &key);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permitted(names),
            excluded_subtrees: excluded(names),
        });
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            certificate: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Takes what was made before, unless it is unreadable, made for another domain, or too near its end to issue a
    /// certificate that it outlives.
    pub(super) fn load(certificate: &str, key: &str, names: &Names, now: OffsetDateTime) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).ok()?;
        let key = KeyPair::from_pem(key).ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let ends = OffsetDateTime::from_unix_timestamp(parsed.validity().not_after.timestamp()).ok()?;
        let own_key = parsed.public_key().raw == key.subject_public_key_info();
        if !own_key || ends < now + leaf::LIFE || !is_for(&parsed, names) {
            return None;
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).ok()?;
        Some(Self { certificate: certificate.to_owned(), der: der.into_owned(), issuer })
    }

    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(super) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

/// A part of the key's digest keeps two authorities apart in a trust store that knows them by name.
fn distinguished_name(title: &str, key: &KeyPair) -> DistinguishedName {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
    let mark: String = digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Strongroom");
    // A common name ends at 64 characters.
    let short: String = title.chars().take(32).collect();
    name.push(DnType::CommonName, format!("Strongroom vault {short} {mark}"));
    name
}

/// The only names and addresses that the authority can vouch for.
fn permitted(names: &Names) -> Vec<GeneralSubtree> {
    let mut permitted: Vec<_> =
        names.permitted().into_iter().map(|domain| GeneralSubtree::DnsName(domain.to_owned())).collect();
    if names.with_loopback() {
        permitted.push(GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])));
        permitted.push(GeneralSubtree::IpAddress(CidrSubnet::V6(
            std::net::Ipv6Addr::LOCALHOST.octets(),
            [255; 16],
        )));
    }
    permitted
}

/// All of IPv4 and IPv6, for an authority that may not vouch for addresses: a kind of name that no subtree permits would be
/// unbounded.
fn excluded(names: &Names) -> Vec<GeneralSubtree> {
    if names.with_loopback() {
        return vec![];
    }
    vec![
        GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
        GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
    ]
}

fn is_for(certificate: &X509Certificate<'_>, names: &Names) -> bool {
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::NameConstraints(constraints) => {
            let subtrees = constraints.permitted_subtrees.iter().flatten();
            let permitted: Vec<&str> = subtrees
                .filter_map(|subtree| match subtree.base {
                    GeneralName::DNSName(name) => Some(name),
                    _ => None,
                })
                .collect();
            permitted == names.permitted()
        }
        _ => false,
    })
}
