//! The scheme `guide`: a readable name for every field, and never the same for two.
//!
//! A plain name is the kind, the parts of the fully qualified name and those of the field's path, with `-` between them. It
//! is given only if it can be read back in one way: as many parts of the qualified name as the kind has, each of them and
//! each key of a free map made of `[a-z0-9]`, and for the rest a path of the catalogue, whose field names are lower-cased
//! (no kind has two paths that differ only in case). Every other field gets a hashed name: what can be read of the parts,
//! then `--` and a hash of what they are exactly. No plain name holds `--`, so the two forms never meet.

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::BASE32_NOPAD;
use strongroom_entities::catalogue::{Place, place};
use strongroom_entities::{EntityKind, FieldPath, Step, split_fqn};
use strongroom_secrets::SecretName;
use uuid::Uuid;

/// How many bytes of the hash a name carries: 80 bits, 16 characters of base32.
const HASH_BYTES: usize = 10;

/// How long `--` and the hash are.
const SUFFIX_LENGTH: usize = 2 + HASH_BYTES * 8 / 5;

/// The longest beginning behind which the shortest hashed name of every kind still fits.
pub(super) fn longest_base() -> usize {
    let longest_kind = EntityKind::ALL.iter().map(|kind| kind.name_segment().len()).max().unwrap_or_default();
    SecretName::MAX_LENGTH - SUFFIX_LENGTH - longest_kind
}

/// The steps of a path without the beginning that all secret fields of the kind share.
pub(super) fn below_root(kind: EntityKind, path: &FieldPath) -> &[Step] {
    let steps = path.steps();
    let root = kind.secret_root();
    let shares = steps.len() >= root.len()
        && root.iter().zip(steps).all(|(root, step)| matches!(step, Step::Key(key) if key == root));
    if shares { &steps[root.len()..] } else { steps }
}

/// The name behind `base`, which ends with its `-` and is no longer than [`longest_base`].
pub(super) fn name(base: &str, kind: EntityKind, fqn: &str, path: &FieldPath) -> SecretName {
    plain_parts(kind, fqn, path)
        .and_then(|parts| SecretName::new(format!("{base}{}-{}", kind.name_segment(), parts.join("-"))).ok())
        .unwrap_or_else(|| hashed_name(base, kind, fqn, path, None))
}

/// The parts of a plain name behind the kind, if the field can have one.
fn plain_parts(kind: EntityKind, fqn: &str, path: &FieldPath) -> Option<Vec<String>> {
    let mut parts = split_fqn(fqn);
    if parts.len() != kind.fqn_parts() {
        return None;
    }
    let below = below_root(kind, path);
    let free_key = match place(kind, path) {
        Place::SecretField => None,
        Place::FreeMapEntry => below.len().checked_sub(1),
        Place::Elsewhere => return None,
    };
    parts.extend(below.iter().enumerate().map(|(position, step)| match step {
        Step::Key(key) if Some(position) == free_key => key.clone(),
        Step::Key(key) => key.to_ascii_lowercase(),
        Step::Index(index) => index.to_string(),
    }));
    parts.iter().all(|part| is_plain(part)).then_some(parts)
}

fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The hashed name of a field; with the entity's id in the hash, if another owner has the one without.
#[allow(clippy::expect_used, reason = "the alphabet and the length are made to fit just here")]
pub(super) fn hashed_name(
    base: &str,
    kind: EntityKind,
    fqn: &str,
    path: &FieldPath,
    id: Option<Uuid>,
) -> SecretName {
    let mut readable = kind.name_segment().to_owned();
    let fields = below_root(kind, path).iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    });
    for part in split_fqn(fqn).into_iter().chain(fields) {
        let words = part.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        for word in words {
            readable.push('-');
            readable.push_str(&word.to_ascii_lowercase());
        }
    }
    readable.truncate(SecretName::MAX_LENGTH - SUFFIX_LENGTH - base.len());
    let readable = readable.trim_end_matches('-');
    let hash = BASE32_NOPAD.encode(&hash(kind, fqn, path, id)).to_ascii_lowercase();
    SecretName::new(format!("{base}{readable}--{hash}")).expect("legal characters, and cut to fit")
}

/// The hash of what a field is exactly. Each text stands behind its length and each list behind its count, so that two
/// different fields never feed it the same bytes.
fn hash(kind: EntityKind, fqn: &str, path: &FieldPath, id: Option<Uuid>) -> [u8; HASH_BYTES] {
    fn number(context: &mut Context, number: usize) {
        context.update(&(number as u64).to_be_bytes());
    }
    fn text(context: &mut Context, text: &str) {
        number(context, text.len());
        context.update(text.as_bytes());
    }
    let mut context = Context::new(&SHA256);
    text(&mut context, kind.entity_type());
    let parts = split_fqn(fqn);
    number(&mut context, parts.len());
    for part in &parts {
        text(&mut context, part);
    }
    number(&mut context, path.steps().len());
    for step in path.steps() {
        match step {
            Step::Key(key) => {
                context.update(b"k");
                text(&mut context, key);
            }
            Step::Index(index) => {
                context.update(b"i");
                number(&mut context, *index);
            }
        }
    }
    if let Some(id) = id {
        context.update(id.as_bytes());
    }
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&context.finish().as_ref()[..HASH_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const BASE: &str = "openmetadata-";

    fn of(kind: EntityKind, fqn: &str, path: &str) -> String {
        name(BASE, kind, fqn, &path.parse().unwrap()).as_str().to_owned()
    }

    /// Splits a hashed name into what can be read and the hash.
    fn split(name: &str) -> (&str, &str) {
        let (readable, hash) = name.rsplit_once("--").expect("a hashed name");
        assert_eq!(hash.len(), 16);
        assert!(hash.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{hash}");
        (readable, hash)
    }

    #[test]
    fn a_simple_field_has_the_plain_name_of_the_guide() {
        for (kind, fqn, path, expected) in [
            (
                EntityKind::DatabaseService,
                "sales",
                "connection.config.authType.password",
                "openmetadata-database-sales-authtype-password",
            ),
            (
                EntityKind::McpService,
                "tools",
                "connection.config.servers[2].apiKey",
                "openmetadata-mcp-tools-servers-2-apikey",
            ),
            (
                EntityKind::DatabaseService,
                "sales",
                "connection.config.connectionOptions.sslmode",
                "openmetadata-database-sales-connectionoptions-sslmode",
            ),
            (
                EntityKind::IngestionPipeline,
                "sales.nightly",
                "sourceConfig.config.dbtConfigSource.dbtCloudAuthToken",
                "openmetadata-ingestionpipeline-sales-nightly-sourceconfig-config-dbtconfigsource-dbtcloudauthtoken",
            ),
            (
                EntityKind::User,
                "loader",
                "authenticationMechanism.config.JWTToken",
                "openmetadata-bot-loader-config-jwttoken",
            ),
        ] {
            assert_eq!(of(kind, fqn, path), expected);
        }
    }

    #[test]
    fn any_other_name_is_readable_as_far_as_it_goes_and_hashed() {
        for (fqn, expected) in [
            ("pg_shop", "openmetadata-database-pg-shop-password"),
            ("Sales", "openmetadata-database-sales-password"),
            ("\"pg.dotted  name\"", "openmetadata-database-pg-dotted-name-password"),
            ("--a--", "openmetadata-database-a-password"),
            ("сервис", "openmetadata-database-password"),
            ("", "openmetadata-database-password"),
        ] {
            assert_eq!(
                split(&of(EntityKind::DatabaseService, fqn, "connection.config.password")).0,
                expected
            );
        }
    }

    #[test]
    fn a_hashed_name_stays_the_same_for_ever() {
        assert_eq!(
            of(EntityKind::DatabaseService, "pg_shop", "connection.config.authType.password"),
            "openmetadata-database-pg-shop-authtype-password--7t3gaykv2pq3yhb4"
        );
    }

    #[test]
    fn keys_of_free_maps_keep_their_case_apart() {
        let option = |key: &str| {
            of(EntityKind::DatabaseService, "a", &format!("connection.config.connectionOptions.{key}"))
        };
        assert_eq!(option("token"), "openmetadata-database-a-connectionoptions-token");
        assert_eq!(split(&option("Token")).0, "openmetadata-database-a-connectionoptions-token");
        assert_ne!(option("Token"), option("TOKEN"));
    }

    #[test]
    fn a_name_fits_exactly_or_is_cut() {
        let frame = "openmetadata-database--password".len();
        let longest = of(EntityKind::DatabaseService, &"a".repeat(127 - frame), "connection.config.password");
        assert_eq!(longest.len(), 127);
        assert!(!longest.contains("--"));
        let cut = of(EntityKind::DatabaseService, &"a".repeat(128 - frame), "connection.config.password");
        assert_eq!(cut.len(), 127);
        split(&cut);
        let base = "b".repeat(longest_base() - 1) + "-";
        let shortest = name(&base, EntityKind::IngestionPipeline, "a.b", &FieldPath::default());
        assert!(shortest.as_str().starts_with(&format!("{base}ingestionpipeline--")));
        assert_eq!(shortest.as_str().len(), 127);
    }

    #[test]
    fn with_an_id_the_name_is_another_one_for_each_id() {
        let path: FieldPath = "connection.config.password".parse().unwrap();
        for fqn in ["sales", "my_sales"] {
            let kind = EntityKind::DatabaseService;
            let plain = name(BASE, kind, fqn, &path);
            let one = hashed_name(BASE, kind, fqn, &path, Some(Uuid::from_u128(1)));
            let two = hashed_name(BASE, kind, fqn, &path, Some(Uuid::from_u128(2)));
            assert_ne!(plain, one);
            assert_ne!(one, two);
            assert_eq!(one, hashed_name(BASE, kind, fqn, &path, Some(Uuid::from_u128(1))));
        }
    }

    /// The paths of every connection type, list elements written `[0]` and `[1]`, and a few that no type has.
    fn paths(kind: EntityKind) -> Vec<String> {
        let catalogue: Value =
            serde_json::from_str(include_str!("../../../entities/data/secret-fields.json")).unwrap();
        let root = kind.secret_root().join(".");
        let entity = match kind {
            EntityKind::User => "AuthenticationMechanism",
            EntityKind::Workflow => "AutomationWorkflow",
            _ => "IngestionPipeline",
        };
        let mut found: Vec<String> = if kind.is_service() {
            let types = catalogue["services"][kind.name_segment()].as_object().unwrap();
            types
                .values()
                .flat_map(|paths| paths.as_array().unwrap())
                .map(|path| path.as_str().unwrap().to_owned())
                .collect()
        } else {
            let paths = catalogue["entities"][entity].as_array().unwrap();
            paths
                .iter()
                .map(|path| path.as_str().unwrap().replace("<the paths of that connection>", "password"))
                .collect()
        };
        found.sort();
        found.dedup();
        found
            .iter()
            .flat_map(|path| [path.replace("[]", "[0]"), path.replace("[]", "[1]")])
            .chain(
                [
                    "connectionOptions.a",
                    "connectionOptions.A",
                    "connectionoptions.a",
                    "connectionOptions[0]",
                    "a",
                ]
                .map(str::to_owned),
            )
            .map(|path| if root.is_empty() { path } else { format!("{root}.{path}") })
            .flat_map(|path| [path.to_lowercase(), path])
            .collect()
    }

    #[test]
    fn no_two_fields_of_the_whole_catalogue_share_a_name() {
        let mut seen: HashMap<String, (EntityKind, &str, FieldPath)> = HashMap::new();
        for kind in EntityKind::WITH_SECRETS {
            for fqn in ["a", "a.b", "A", "a-b"] {
                for path in paths(*kind) {
                    let path: FieldPath = path.parse().unwrap();
                    let name = name(BASE, *kind, fqn, &path).key();
                    if let Some(other) = seen.insert(name.clone(), (*kind, fqn, path.clone())) {
                        assert_eq!(other, (*kind, fqn, path), "{name}");
                    }
                }
            }
        }
        assert!(seen.len() > 2000, "{}", seen.len());
    }

    fn any_fqn() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{0,2}", "[abA_.\"\\- é]{0,5}", "[a-b]{90,130}", any::<String>()]
    }

    fn any_path() -> impl Strategy<Value = FieldPath> {
        let key = prop_oneof![
            prop::sample::select(vec![
                "connection",
                "config",
                "password",
                "authType",
                "authtype",
                "connectionOptions",
                "servers",
                "apiKey"
            ])
            .prop_map(str::to_owned),
            "[ab01A_\\-]{0,3}",
        ];
        let step = prop_oneof![4 => key.prop_map(Step::Key), 1 => (0..3_usize).prop_map(Step::Index)];
        (any::<bool>(), prop::collection::vec(step, 0..4)).prop_map(|(rooted, below)| {
            let root = if rooted {
                FieldPath::of_keys(["connection", "config"]).steps().to_vec()
            } else {
                Vec::new()
            };
            FieldPath::new(root.into_iter().chain(below).collect())
        })
    }

    fn any_field() -> impl Strategy<Value = (EntityKind, String, FieldPath)> {
        (prop::sample::select(EntityKind::WITH_SECRETS), any_fqn(), any_path())
    }

    proptest! {
        #[test]
        fn two_different_fields_never_share_a_name(fields in prop::collection::vec(any_field(), 2..60)) {
            let mut seen = HashMap::new();
            for field in fields {
                let (kind, fqn, path) = &field;
                let name = name(BASE, *kind, fqn, path).key();
                if let Some(other) = seen.insert(name.clone(), field.clone()) {
                    prop_assert_eq!(other, field, "{}", name);
                }
            }
        }

        #[test]
        fn a_moved_split_point_makes_another_name(a in "[a-c_.-]{1,3}", b in "[a-c_.-]{1,3}", c in "[a-c_.-]{1,3}") {
            let path: FieldPath = "sourceConfig.config.appConfig.botToken".parse().unwrap();
            let one = name(BASE, EntityKind::IngestionPipeline, &format!("{a}-{b}.{c}"), &path);
            let other = name(BASE, EntityKind::IngestionPipeline, &format!("{a}.{b}-{c}"), &path);
            prop_assert_ne!(one, other);
        }

        #[test]
        fn every_name_is_lower_case_begins_with_its_kind_and_is_read_in_one_way((kind, fqn, path) in any_field()) {
            let name = name(BASE, kind, &fqn, &path);
            let rest = name.as_str().strip_prefix(BASE).and_then(|name| name.strip_prefix(kind.name_segment())).unwrap();
            prop_assert!(rest.starts_with('-'));
            prop_assert!(!rest.bytes().any(|byte| byte.is_ascii_uppercase()));
            prop_assert!(rest.matches("--").count() <= 1 && !rest.contains("---") && !rest.ends_with('-'));
        }
    }
}
