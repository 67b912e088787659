//! Claims about what is found and what passes. All texts here were made for these tests.

use super::*;
use crate::scan::hyperscan::Width;

#[test]
fn every_expression_compiles_and_is_bounded() {
    for family in families() {
        for (_, pattern) in family.patterns {
            assert!(searcher(pattern).is_ok(), "{}: {pattern}: {:?}", family.rule, searcher(pattern).err());
        }
        for trigger in family.triggers {
            let expression = Expression { source: folded_source(trigger), caseless: false };
            let width = expression.width();
            assert!(
                matches!(width, Ok(Width { min: 4.., max: Some(..=512) })),
                "{}: {trigger}: {width:?}",
                family.rule
            );
        }
    }
    assert!(DATABASES.is_some());
}

#[test]
fn a_stream_of_the_triggers_is_small() {
    let generation = DATABASES.as_ref().unwrap();
    for database in [0, 1] {
        let bytes = generation.database(database).unwrap().stream_bytes();
        assert!(bytes <= 800, "{bytes} bytes in database {database}");
    }
}
