//! The tenants whose tokens are issued and believed.

/// Stands for Active Directory Federation Services, whose paths differ from those of a tenant.
pub(crate) const ADFS: &str = "adfs";

/// The tenants that issue tokens here, in lower case.
#[derive(Debug)]
pub(crate) struct Tenants(Vec<String>);

impl Tenants {
    /// The configured tenant and further ones.
    pub(crate) fn new<'a>(own: &'a str, further: impl IntoIterator<Item = &'a String>) -> Self {
        let further = further.into_iter().map(String::as_str);
        Self([own, ADFS].into_iter().chain(further).map(str::to_ascii_lowercase).collect())
    }

    /// Whether tokens of this tenant, in lower case, are issued and believed.
    pub(crate) fn issues(&self, tenant: &str) -> bool {
        self.0.iter().any(|known| known == tenant)
    }
}
