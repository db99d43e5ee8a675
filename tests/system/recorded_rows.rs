//! The rows of a real server fit into the tables that Strongroom makes.

use strongroom_entities::EntityKind;
use strongroom_metastore::{Access, Include, Metastore, Options};
use strongroom_tests::fixtures::recorded::{Recording, State};

#[tokio::test]
async fn every_recorded_row_is_accepted_and_read_back() {
    let recording = Recording::read();
    for state in [State::Before, State::After] {
        let folder = strongroom_tests::scratch();
        let path = folder.path().join("metastore.db");
        recording.load(&path, state).await;
        let metastore = Metastore::open(&Options { path, access: Access::ReadOnly }).await.unwrap();
        for kind in EntityKind::ALL {
            let rows = recording.rows(state).into_iter().filter(|row| row.table == kind.table());
            let expected = rows.map(|row| row.json).collect::<Vec<_>>();
            let count = metastore.count(*kind, Include::All).await.unwrap();
            assert_eq!(count, expected.len() as u64, "{kind} {state:?}");
            for document in expected {
                let id = document["id"].as_str().unwrap().parse().unwrap();
                assert_eq!(metastore.get(*kind, id).await.unwrap().unwrap().json, document);
            }
        }
    }
}
