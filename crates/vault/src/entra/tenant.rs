//! Tenants: the first segment of every path of the token service.
//!
//! The configured tenant, `adfs` and those of `tenants` in `vault.yaml` issue tokens. `common` and `organizations` stand for
//! any tenant: their documents can be read, but an application has to say which tenant it signs in to.

use super::fault::Fault;
use crate::tokens::Tenants;

/// Segments that are no tenant of their own.
const SHARED: [&str; 2] = ["common", "organizations"];

/// The tenant that a token is asked of.
pub(super) fn for_token(tenants: &Tenants, segment: &str) -> Result<String, Fault> {
    let tenant = segment.to_ascii_lowercase();
    match () {
        () if tenants.issues(&tenant) => Ok(tenant),
        () if SHARED.contains(&tenant.as_str()) => Err(Fault::SharedTenant),
        () => Err(Fault::UnknownTenant(shown(segment))),
    }
}

/// The tenant whose documents are asked for.
pub(super) fn for_document(tenants: &Tenants, segment: &str) -> Result<String, Fault> {
    let tenant = segment.to_ascii_lowercase();
    if tenants.issues(&tenant) || SHARED.contains(&tenant.as_str()) {
        return Ok(tenant);
    }
    Err(Fault::InvalidTenant(shown(segment)))
}

/// As much of a segment as may stand in an error.
fn shown(segment: &str) -> String {
    segment.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// The issuer in a tenant's documents; the shared ones name no tenant, as Microsoft's do.
pub(super) fn in_issuer(tenant: &str) -> &str {
    if SHARED.contains(&tenant) { "{tenantid}" } else { tenant }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_tenants_issue_tokens_and_the_shared_ones_have_documents_only() {
        let tenants = Tenants::new("Contoso.example", [&"72F988BF-86f1-41af-91ab-2d7cd011db47".to_owned()]);
        for known in ["contoso.example", "ADFS", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            assert_eq!(for_token(&tenants, known), Ok(known.to_ascii_lowercase()));
            assert_eq!(for_document(&tenants, known), Ok(known.to_ascii_lowercase()));
        }
        for shared in ["common", "Organizations"] {
            assert_eq!(for_token(&tenants, shared), Err(Fault::SharedTenant));
            assert!(for_document(&tenants, shared).is_ok());
        }
        for unknown in ["fabrikam.example", "", "a b"] {
            assert_eq!(for_token(&tenants, unknown), Err(Fault::UnknownTenant(unknown.into())));
            assert_eq!(for_document(&tenants, unknown), Err(Fault::InvalidTenant(unknown.into())));
        }
        assert_eq!(for_token(&tenants, &"x".repeat(99)), Err(Fault::UnknownTenant("x".repeat(64))));
    }
}
