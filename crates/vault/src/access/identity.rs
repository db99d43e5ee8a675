//! Which principals are managed identities, and which of them a request means.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::Principal;

/// A principal that whoever reaches the listener is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) client_id: String,
    object_id: Uuid,
    /// The resource that Azure has for it; tokens name it in `xms_mirid`.
    pub(crate) resource_id: String,
}

impl Identity {
    /// The identity of this machine itself, which Azure would have for a virtual machine.
    pub(crate) fn system_assigned(principal: &Principal, tenant: &str) -> Self {
        Self::new(principal, resource_id(tenant, "Microsoft.Compute/virtualMachines/strongroom"))
    }

    /// An identity that is a resource of its own. Its id is made up unless it is given.
    pub(crate) fn user_assigned(principal: &Principal, given: Option<&str>, tenant: &str) -> Self {
        let id = given.map_or_else(
            || {
                let provider = "Microsoft.ManagedIdentity/userAssignedIdentities";
                resource_id(tenant, &format!("{provider}/{}", principal.name))
            },
            str::to_owned,
        );
        Self::new(principal, id)
    }

    fn new(principal: &Principal, resource_id: String) -> Self {
        Self { client_id: principal.client_id.clone(), object_id: principal.object_id, resource_id }
    }

    /// Whether a request could not tell the two apart.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.client_id.eq_ignore_ascii_case(&other.client_id)
            || self.resource_id.eq_ignore_ascii_case(&other.resource_id)
    }
}

/// The id of the one subscription that a tenant has here: made from its name, so that it is the same after each start.
pub(crate) fn subscription_id(tenant: &str) -> Uuid {
    let bytes = digest(&SHA256, format!("strongroom subscription of {tenant}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&bytes.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

fn resource_id(tenant: &str, rest: &str) -> String {
    format!("/subscriptions/{}/resourcegroups/strongroom/providers/{rest}", subscription_id(tenant))
}

/// How a request names an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    Unnamed,
    Client(String),
    Object(String),
    Resource(String),
}

/// Why no identity is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unclear {
    /// There is none, or none of this name.
    NotFound,
    /// There are several user-assigned ones, and the request names none.
    Several,
}

/// All identities of the listener.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    system: Option<Identity>,
    user: Vec<Identity>,
}

impl Identities {
    pub(crate) fn new(system: Option<Identity>, user: Vec<Identity>) -> Self {
        Self { system, user }
    }

    /// The identity that is meant. As on Azure, one that is not named is the system-assigned one, or else the only one.
    pub(crate) fn find(&self, selector: &Selector) -> Result<&Identity, Unclear> {
        let mut all = self.system.iter().chain(&self.user);
        let found = match selector {
            Selector::Unnamed => {
                return match (&self.system, self.user.as_slice()) {
                    (Some(system), _) => Ok(system),
                    (None, [only]) => Ok(only),
                    (None, []) => Err(Unclear::NotFound),
                    (None, _) => Err(Unclear::Several),
                };
            }
            Selector::Client(id) => all.find(|known| known.client_id.eq_ignore_ascii_case(id)),
            Selector::Object(id) => {
                Uuid::try_parse(id).ok().and_then(|id| all.find(|known| known.object_id == id))
            }
            Selector::Resource(id) => all.find(|known| known.resource_id.eq_ignore_ascii_case(id)),
        };
        found.ok_or(Unclear::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Credentials;

    fn principal(name: &str) -> Principal {
        Principal::new(name, &format!("id-of-{name}"), Credentials::default())
    }

    #[test]
    fn an_identity_is_found_by_each_of_its_ids_and_without_one_if_it_is_clear() {
        let (own, user) = (principal("own"), principal("user"));
        let system = Identity::system_assigned(&own, "adfs");
        let assigned = Identity::user_assigned(&user, None, "adfs");
        let given = Identity::user_assigned(&principal("other"), Some("/A/b"), "adfs");
        let both = Identities::new(Some(system), vec![assigned.clone(), given.clone()]);
        let client = |selector: Selector| both.find(&selector).map(|found| found.client_id.as_str());
        assert_eq!(client(Selector::Unnamed), Ok("id-of-own"));
        assert_eq!(client(Selector::Client("ID-of-user".into())), Ok("id-of-user"));
        assert_eq!(client(Selector::Client("id-of-own".into())), Ok("id-of-own"));
        assert_eq!(client(Selector::Object(user.object_id.to_string())), Ok("id-of-user"));
        assert_eq!(client(Selector::Resource("/a/B".into())), Ok("id-of-other"));
        assert_eq!(client(Selector::Resource(assigned.resource_id.to_uppercase())), Ok("id-of-user"));
        for unknown in
            [Selector::Client("x".into()), Selector::Object("x".into()), Selector::Resource("x".into())]
        {
            assert_eq!(client(unknown), Err(Unclear::NotFound));
        }
        let one = Identities::new(None, vec![assigned.clone()]);
        assert_eq!(one.find(&Selector::Unnamed).unwrap().client_id, "id-of-user");
        let two = Identities::new(None, vec![assigned, given]);
        assert_eq!(two.find(&Selector::Unnamed).unwrap_err(), Unclear::Several);
        assert_eq!(Identities::default().find(&Selector::Unnamed).unwrap_err(), Unclear::NotFound);
    }
}
