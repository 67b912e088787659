//! The differential test: each shape of a request and its answer is sent twice, directly and through the gateway, and what
//! both ends see may differ only as the table in `ARCHITECTURE.md` says.
//!
//! HTTP/1.1 has raw sockets at both ends, HTTP/2 the `h2` crate. A shape names the rows of the table that apply to it;
//! they are applied to what was seen directly, and the result must be what was seen through the gateway, byte by byte. A row
//! that no shape needs, and a shape that does not show its row, fail the test: the table is neither longer nor shorter than
//! the truth.

mod difference;
mod message;
mod one;
mod one_shapes;
mod two;
mod two_shapes;

use std::collections::BTreeSet;
use std::sync::Arc;

use difference::Difference;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const DOCUMENT: &str = include_str!("../../../ARCHITECTURE.md");

/// The least number of shapes that are compared.
const SHAPES: usize = 200;

/// How many are played at the same time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_both_ends_see_differs_only_as_documented() {
    let mut needed = BTreeSet::new();
    let mut playing = JoinSet::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    for shape in one_shapes::all() {
        needed.extend(shape.differs.iter().copied());
        let turns = Arc::clone(&turns);
        playing.spawn(async move {
            let _turn = turns.acquire().await;
            one::compare(&shape).await.map(|why| format!("HTTP/1.1, {}: {why}", shape.name))
        });
    }
    for shape in two_shapes::all() {
        let turns = Arc::clone(&turns);
        playing.spawn(async move {
            let _turn = turns.acquire().await;
            two::compare(&shape).await.map(|why| format!("HTTP/2, {}: {why}", shape.name))
        });
    }
    let shapes = playing.len();
    let mut wrong: Vec<String> = playing.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {shapes} shapes:\n{}", wrong.len(), wrong.join("\n"));
    assert!(shapes >= SHAPES, "{shapes} shapes");
    assert_eq!(needed, Difference::ALL.into_iter().collect(), "rows that no shape needs");
}

#[test]
fn the_document_lists_what_is_tested() {
    let (_, table) = DOCUMENT.split_once("<!-- test:differences -->").unwrap();
    let (table, _) = table.split_once("<!-- /test:differences -->").unwrap();
    let rows: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows, Difference::ALL.map(Difference::name));
}
