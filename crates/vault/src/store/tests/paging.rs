//! Listings of many secrets.

use std::time::Duration;

use tokio::time::Instant;

use super::{Scene, Store, VaultId, on_both_databases};

/// How many secrets there are, of which each second one is deleted, and how many versions one of them has: first few, then many.
const FEW: i64 = 300;
const MANY: i64 = 20_000;
const PAGE: u32 = 20;

async fn every_page_costs_what_the_first_one_does_however_much_there_is(scene: &Scene) {
    let (store, vault) = scene.store().await;
    fill(&store, vault, 0, FEW).await;
    let mut small = Vec::new();
    for listing in Listing::ALL {
        small.push(quickest(&walk(&store, vault, listing).await.pages));
    }
    fill(&store, vault, FEW, MANY).await;
    let count = usize::try_from(MANY).unwrap();
    for (listing, small) in Listing::ALL.into_iter().zip(small) {
        let walk = walk(&store, vault, listing).await;
        assert_eq!(walk.entries, if matches!(listing, Listing::Versions) { count } else { count / 2 });
        let tenth = walk.pages.len() / 10;
        let first = quickest(&walk.pages[..tenth]);
        let last = quickest(&walk.pages[walk.pages.len() - tenth..]);
        assert!(
            first < small * 4 && last < small * 4,
            "{listing:?}: {first:?} for a page at the start, {last:?} at the end, {small:?} when there was little"
        );
    }
}

/// Makes secrets from one number to another. The database does it itself: one by one they would take minutes.
async fn fill(store: &Store, vault: VaultId, from: i64, to: i64) {
    const NUMBERS: &str =
        "WITH RECURSIVE number (n) AS (SELECT $1 + 1 UNION ALL SELECT n + 1 FROM number WHERE n < $2)";
    let secrets = format!(
        "{NUMBERS} INSERT INTO secret (vault, name_key, name, deleted_at, purge_at)
         SELECT $3, 's' || (100000 + n), 'S' || (100000 + n), CASE n % 2 WHEN 0 THEN 5 END, CASE n % 2 WHEN 0 THEN 1000 END
         FROM number"
    );
    let versions = "INSERT INTO version (secret, version, enabled, created, updated, data_key, sealed)
                    SELECT id, name, 1, 5, 5, 1, $1 FROM secret
                    WHERE id NOT IN (SELECT secret FROM version)";
    // One more of the first secret for each but the first.
    let more = format!(
        "{NUMBERS} INSERT INTO version (secret, version, enabled, created, updated, data_key, sealed)
         SELECT (SELECT id FROM secret WHERE name_key = 's100001'), 'v' || n, 1, 5, 5, 1, $3 FROM number WHERE n > 1"
    );
    let connection = &mut store.database.connect().await.unwrap();
    let trusted = sqlx::AssertSqlSafe::<String>;
    let (value, vault) = (vec![1_u8], vault.0);
    let numbers = |statement| sqlx::query(statement).bind(from).bind(to);
    numbers(trusted(secrets)).bind(vault).execute(&mut *connection).await.unwrap();
    sqlx::query(versions).bind(value.clone()).execute(&mut *connection).await.unwrap();
    numbers(trusted(more)).bind(value).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut *connection).await.unwrap();
}

#[derive(Debug, Clone, Copy)]
enum Listing {
    Live,
    Deleted,
    Versions,
}

impl Listing {
    const ALL: [Self; 3] = [Self::Live, Self::Deleted, Self::Versions];
}

struct Walk {
    entries: usize,
    /// How long each page took.
    pages: Vec<Duration>,
}

/// The quickest: what else a machine does makes pages slower, never quicker.
fn quickest(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

/// Reads a listing to its end.
async fn walk(store: &Store, vault: VaultId, listing: Listing) -> Walk {
    let mut walk = Walk { entries: 0, pages: vec![] };
    let (mut after, mut number) = (String::new(), 0);
    loop {
        let start = Instant::now();
        let page = match listing {
            Listing::Live => store.list(vault, &after, PAGE, 50).await.unwrap(),
            Listing::Deleted => store.list_deleted(vault, &after, PAGE, 50).await.unwrap(),
            Listing::Versions => store.list_versions(vault, "s100001", number, PAGE, 50).await.unwrap(),
        };
        let Some(last) = page.last() else { return walk };
        walk.pages.push(start.elapsed());
        walk.entries += page.len();
        (after, number) = (last.name.to_ascii_lowercase(), last.id);
    }
}

on_both_databases!(every_page_costs_what_the_first_one_does_however_much_there_is);
