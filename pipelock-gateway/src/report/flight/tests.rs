//! What a chain of receipts shows, and what it does not let pass.

use std::path::PathBuf;

use super::verify::{VerifyingKey, verify};
use super::*;
use crate::report::tests::{blocked, request};

/// A directory with a key, and how to open a recorder in it.
struct Desk {
    folder: tempfile::TempDir,
    key: VerifyingKey,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = generate_key().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, private.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { folder, key: VerifyingKey::from_pem(&public).unwrap() }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("receipts")
    }

    fn options(&self) -> FlightOptions {
        FlightOptions {
            directory: self.directory(),
            signing_key: self.folder.path().join("key"),
            max_entries_per_file: 10,
            retention_days: 0,
            max_total_bytes: 0,
            required: false,
            version: "1.2.3",
            policy: "defaults".to_owned(),
        }
    }

    /// Records so many requests in one run.
    fn record(options: &FlightOptions, count: usize) {
        // A process that another test starts has the lock of the one before for as long as it takes to begin.
        let until = Instant::now() + std::time::Duration::from_secs(20);
        let flight = loop {
            match Flight::open(options.clone(), &Metrics::new("test")) {
                Err(error) if Instant::now() < until && crate::model::error_chain(&error).contains("in use") => {
                    std::thread::yield_now();
                }
                opened => break opened.unwrap(),
            }
        };
        for _ in 0..count {
            flight.request(&blocked(1, 1));
        }
        flight.close(Instant::now() + std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(flight.acknowledged(), count as u64);
    }

    fn files(&self) -> Vec<PathBuf> {
        shelf::files(&self.directory()).unwrap()
    }
}

#[test]
fn receipts_of_two_runs_and_several_files_are_one_chain() {
    let desk = Desk::new();
    // Batches go into one file whole, so files are counted by their beginning.
    Desk::record(&desk.options(), 25);
    Desk::record(&desk.options(), 3);
    let shown = verify(&desk.directory(), &desk.key).unwrap();
    assert!(shown.valid && shown.closed, "{shown:#?}");
    // 28 requests, two openings, two closings.
    assert_eq!((shown.receipts, shown.first, shown.last), (32, Some(0), Some(31)));
    assert!(desk.files().len() >= 2);
    let text = std::fs::read_to_string(&desk.files()[0]).unwrap();
    assert!(text.contains("\"action_type\":\"request\"") && text.contains("\"verdict\":\"block\""), "{text}");
    assert!(text.contains("\"target\":\"https://") && !text.contains("/v1/"), "paths are not kept: {text}");
}

#[test]
fn a_change_of_any_byte_is_detected() {
    let desk = Desk::new();
    Desk::record(&desk.options(), 2);
    let file = desk.files().remove(0);
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        // Another letter, another digit, or the other case: each is one bit.
        changed[at] ^= [0x01, 0x20, 0x04][at % 3];
        std::fs::write(&file, &changed).unwrap();
        let shown = verify(&desk.directory(), &desk.key).unwrap();
        let torn = at + 1 == whole.len() && shown.torn_bytes > 0;
        assert!(!shown.valid || torn, "byte {at} of {} changed and nobody noticed", whole.len());
    }
}

#[test]
fn a_receipt_that_is_removed_moved_or_signed_by_another_is_detected() {
    let desk = Desk::new();
    Desk::record(&desk.options(), 6);
    let file = desk.files().remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat();
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    for changed in [without(3), swapped, [&lines[..3], &lines[2..]].concat()] {
        std::fs::write(&file, changed.join("\n") + "\n").unwrap();
        assert!(!verify(&desk.directory(), &desk.key).unwrap().valid, "{changed:#?}");
    }
    std::fs::write(&file, lines[..4].join("\n") + "\n").unwrap();
    let cut = verify(&desk.directory(), &desk.key).unwrap();
    assert!(cut.valid && !cut.closed, "an open end is told, and is all that can be");
    std::fs::write(&file, &text).unwrap();
    assert!(!verify(&desk.directory(), &Desk::new().key).unwrap().valid, "another's key");
}

#[test]
fn a_torn_tail_is_reported_repaired_and_the_chain_goes_on() {
    let desk = Desk::new();
    Desk::record(&desk.options(), 4);
    let file = desk.files().remove(0);
    let whole = std::fs::read(&file).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    // Every place at which a crash can have cut the last receipt, its line feed included.
    for at in last..whole.len() {
        for other in desk.files() {
            std::fs::remove_file(other).unwrap();
        }
        std::fs::write(&file, &whole[..at]).unwrap();
        let torn = verify(&desk.directory(), &desk.key).unwrap();
        assert!(torn.valid, "{torn:#?}");
        assert_eq!(torn.torn_bytes, (at - last) as u64);
        Desk::record(&desk.options(), 1);
        let shown = verify(&desk.directory(), &desk.key).unwrap();
        assert!(shown.valid && shown.closed && shown.torn_bytes == 0, "{shown:#?}");
        assert_eq!(shown.repairs, u64::from(at > last));
    }
}

#[test]
fn old_files_are_removed_beyond_the_bound_and_the_rest_still_verifies() {
    let desk = Desk::new();
    let options = || FlightOptions { max_entries_per_file: 1, max_total_bytes: 4096, ..desk.options() };
    for _ in 0..10 {
        Desk::record(&options(), 2);
    }
    let total: u64 = desk.files().iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(total < 3 * 4096, "{total}");
    let shown = verify(&desk.directory(), &desk.key).unwrap();
    assert!(shown.valid && shown.first > Some(0), "{shown:#?}");
}

#[test]
fn one_directory_belongs_to_one_gateway() {
    let desk = Desk::new();
    let first = Flight::open(desk.options(), &Metrics::new("test")).unwrap();
    let second = Flight::open(desk.options(), &Metrics::new("test")).err().unwrap();
    assert!(crate::model::error_chain(&second).contains("in use by another gateway"), "{second:?}");
    drop(first);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let desk = Desk::new();
    let path = desk.folder.path().join("key");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let error = SigningKey::load(&path).unwrap_err();
    assert!(error.to_string().contains("mode 0644"), "{error}");
}

#[test]
fn a_disk_that_cannot_be_written_stops_traffic_only_where_receipts_are_required_and_never_delays_it() {
    for required in [false, true] {
        let desk = Desk::new();
        let metrics = Metrics::new("test");
        // The opening fills the first file, so that the next receipt needs a new one, where none can be made.
        let options = FlightOptions { required, max_entries_per_file: 1, ..desk.options() };
        let flight = Flight::open(options, &metrics).unwrap();
        assert!(flight.in_order());
        std::fs::remove_dir_all(desk.directory()).unwrap();
        let began = Instant::now();
        for n in 0..100 {
            flight.request(&request(1, n));
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "nobody waits for a disk");
        eventually(|| metrics.render().contains("pipelock_receipts_lost_total{cause=\"write_error\"} 100\n"));
        assert_eq!((flight.in_order(), flight.acknowledged()), (!required, 0));
        // The disk is there again: the next receipt, of a request that was refused, sets things right.
        std::fs::create_dir(desk.directory()).unwrap();
        flight.request(&blocked(1, 101));
        eventually(|| flight.acknowledged() == 1);
        assert!(flight.in_order());
    }
}

fn eventually(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time");
        std::thread::yield_now();
    }
}
