//! Which field claims which name: a few bytes each, so that a plan of any size fits into memory. Who claims a name is looked up
//! again in its row.

use std::ops::Range;

use strongroom_entities::EntityKind;
use strongroom_secrets::SecretName;
use uuid::Uuid;

/// A field that a name is for, or that refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) hash: u64,
    pub(super) entity: Uuid,
    pub(super) kind: EntityKind,
    /// Its place among the secret fields of the row.
    pub(super) field: u16,
    /// Whether it would be written under that name; else it refers to it already.
    pub(super) wanted: bool,
    /// Whether the vault has to hold the name, since it is kept there for this field.
    pub(super) expected: bool,
    /// Whether the entity's row would change.
    pub(super) changes: bool,
}

/// All claims of a plan; once they are sorted, those to one name stand together.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<Claim>);

impl Claim {
    /// The rest of a claim.
    pub(super) const NONE: Self = Self {
        hash: 0,
        entity: Uuid::nil(),
        kind: EntityKind::DatabaseService,
        field: 0,
        wanted: false,
        expected: false,
        changes: false,
    };
}

impl Claims {
    /// Adds a claim to a name.
    pub(super) fn push(&mut self, name: &SecretName, claim: Claim) {
        self.0.push(Claim { hash: hash(name), ..claim });
    }

    /// Sorts the claims, after the last one was added.
    pub(super) fn sort(&mut self) {
        self.0.sort_unstable_by_key(|claim| (claim.hash, claim.entity, claim.field));
    }

    /// The claims to a name, and where they stand.
    pub(super) fn to(&self, name: &SecretName) -> (Range<usize>, &[Claim]) {
        let hash = hash(name);
        let start = self.0.partition_point(|claim| claim.hash < hash);
        let count = self.0[start..].partition_point(|claim| claim.hash == hash);
        (start..start + count, &self.0[start..start + count])
    }

    /// The claims by name.
    pub(super) fn by_name(&self) -> impl Iterator<Item = &[Claim]> {
        self.0.chunk_by(|one, other| one.hash == other.hash)
    }

    /// All claims, in the order in which [`Self::to`] tells their places.
    pub(super) fn all(&self) -> &[Claim] {
        &self.0
    }
}

/// The name without case as a number (64-bit FNV-1a, finished as in SplitMix64): that two of a million names have the same is a
/// matter of one in ten million, and makes no more than a needless look.
fn hash(name: &SecretName) -> u64 {
    let mut hash = name.as_str().bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01B3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_to_one_name_are_found_together_whatever_its_case() {
        let name = |text: &str| SecretName::new(text).unwrap();
        let mut claims = Claims::default();
        for number in 0..1000_u16 {
            claims.push(&name(&format!("name-{}", number % 500)), Claim { field: number, ..Claim::NONE });
        }
        claims.sort();
        let (places, found) = claims.to(&name("NAME-7"));
        assert_eq!(found.iter().map(|claim| claim.field).collect::<Vec<_>>(), [7, 507]);
        assert_eq!(&claims.all()[places], found);
        assert_eq!(claims.to(&name("other")).1, []);
        assert_eq!(claims.by_name().count(), 500);
        assert!(size_of::<Claim>() <= 32);
    }
}
