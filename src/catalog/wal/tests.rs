use super::*;
use lifeboat_core::model::{PointState, Window};
use proptest::prelude::*;

fn name(text: &str) -> SegmentName {
    SegmentName::parse(text.as_bytes()).unwrap()
}

#[test]
fn names_and_numbers_follow_the_segment_size() {
    let end_of_log = name("00000001000000020000001F");
    assert_eq!(end_of_log.to_string(), "00000001000000020000001F");
    assert_eq!(SegmentSize::DEFAULT.number(end_of_log), Some(2 * 256 + 0x1f));
    assert_eq!(SegmentSize(1 << 30).number(end_of_log), None, "only four of these fit into a log");
    assert_eq!(SegmentSize::DEFAULT.name(1, 0xff + 1).to_string(), "000000010000000100000000");
    for bad in ["", "00000001000000020000001f", "00000001000000020000001", "0000000100000002000000GG"] {
        assert_eq!(SegmentName::parse(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(parse_lsn("16/B374D848"), Some(0x16_B374_D848));
    for bad in ["", "/", "0/", "0/123456789", "x/1", "0/+1"] {
        assert_eq!(parse_lsn(bad), None, "{bad}");
    }
}

#[test]
fn the_segment_size_is_inferred_from_where_a_backup_began() {
    let infer = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|(lsn, n)| (parse_lsn(lsn).unwrap(), name(n))).collect();
        SegmentSize::infer(pairs.iter().copied())
    };
    assert_eq!(infer(&[("0/1F00028", "00000001000000000000001F")]), SegmentSize(1 << 20));
    assert_eq!(infer(&[("0/2000028", "000000010000000000000002")]), SegmentSize(16 << 20));
    assert_eq!(infer(&[("0/28", "000000010000000000000000")]), SegmentSize::DEFAULT);
    let both = [("0/28", "000000010000000000000000"), ("1/4000000", "000000010000000100000001")];
    assert_eq!(infer(&both), SegmentSize(64 << 20));
}

fn line(parent: Option<(u32, u64)>, numbers: &[u64]) -> Timeline {
    let mut line = Timeline { parent, ..Timeline::default() };
    numbers.iter().for_each(|n| line.add(*n, Some(*n as i64 * 1_000)));
    line.settle();
    line
}

#[test]
fn replay_follows_timelines_and_stops_at_holes() {
    let archive = Archive {
        timelines: BTreeMap::from([
            (1, line(None, &[3, 4, 5, 7, 8])),
            (2, line(Some((1, 5)), &[5, 6, 7])),
            (3, line(Some((1, 9)), &[9])),
            (4, line(Some((2, 8)), &[9, 10])),
        ]),
    };
    assert_eq!(archive.reach(1, 4), Some((7_000, 7)), "over timeline 2, not into the hole before 4");
    assert_eq!(archive.reach(1, 7), Some((9_000, 9)), "behind the hole, on to timeline 3");
    assert_eq!(archive.reach(1, 6), None);
    let holes = archive.holes(0);
    let short: Vec<_> = holes.iter().map(|h| (h.timeline, h.first, h.last)).collect();
    assert_eq!(short, [(1, 6, 6), (4, 8, 8)]);
    assert!(archive.holes(9).is_empty(), "older log may have expired");
    assert_eq!(archive.timelines[&1].first_missing(3, 8), Some(6));
    assert_eq!(archive.timelines[&1].first_missing(7, 8), None);
}

#[test]
fn ten_million_segments_fold_into_as_many_runs_as_there_are_holes() {
    let mut line = Timeline::default();
    (0..10_000_000u64).filter(|n| n % 4_000_000 != 7).for_each(|n| line.add(n, Some(n as i64)));
    line.settle();
    assert_eq!(line.runs().len(), 4);
    assert_eq!(line.first_missing(8, 9_999_999), Some(4_000_007));
}

#[test]
fn a_segment_kept_only_partially_at_a_switch_is_no_hole() {
    let archive =
        Archive { timelines: BTreeMap::from([(1, line(None, &[1, 2])), (2, line(Some((1, 3)), &[3, 4]))]) };
    assert_eq!(archive.holes(0), []);
    assert_eq!(archive.reach(1, 1), Some((4_000, 4)));
}

#[test]
fn history_names_the_parent_last() {
    let text = b"1\t0/3000000\tno recovery target specified\n\n2\t0/2C0A0C8\tbefore 2026\n";
    assert_eq!(parse_history(text), Some((2, 0x2C0_A0C8)));
    assert_eq!(parse_history(b"\xff\xfe"), None);
}

proptest! {
    #[test]
    fn runs_hold_what_was_added_in_any_order(numbers in proptest::collection::vec(0u64..200, 0..200)) {
        let line = line(None, &numbers);
        for n in 0..200 {
            prop_assert_eq!(line.run_at(n).is_some(), numbers.contains(&n));
        }
        for pair in line.runs().windows(2) {
            prop_assert!(pair[0].last + 1 < pair[1].first, "as few runs as there can be");
        }
    }
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text: String) {
        let _ = parse_history(&bytes);
        let _ = SegmentName::parse(&bytes);
        let _ = parse_lsn(&text);
    }
    #[test]
    fn numbers_and_names_are_the_same(bits in 20u32..=30, number in 0u64..1 << 34) {
        let size = SegmentSize(1 << bits);
        prop_assert_eq!(size.number(size.name(7, number)), Some(number));
    }
}

#[test]
fn a_window_ends_where_the_log_does_or_the_next_backup_began() {
    use super::cover::{Span, windows};
    let t = |s: i64| Time::from_timestamp(s, 0).unwrap();
    let span = |first, started: i64, completed: i64| Span {
        timeline: 1,
        first,
        last: first,
        started: Some(t(started)),
        completed: Some(t(completed)),
        usable: true,
    };
    let mut archive = Archive { timelines: BTreeMap::from([(1, line(None, &[1, 2, 3, 7, 8]))]) };
    let both = [span(1, 0, 1), span(7, 6, 7)];
    let ends =
        |archive: &Archive| windows(Some(archive), &both).iter().map(|w| (w.from, w.to)).collect::<Vec<_>>();
    assert_eq!(ends(&archive), [(t(1), t(3)), (t(7), t(8))]);
    // a copy stores everything late, and closes no hole by that
    let mut late = Timeline::default();
    [1, 2, 3, 7, 8].iter().for_each(|n| late.add(*n, Some(100_000)));
    archive.timelines.insert(1, late);
    archive.settle();
    assert_eq!(ends(&archive), [(t(1), t(6)), (t(7), t(100))]);
    assert_eq!(windows(None, &both), [Window { from: t(1), to: t(1) }, Window { from: t(7), to: t(7) }]);
}

#[test]
fn what_is_missing_is_lost_once_newer_log_has_been_there_for_long() {
    use super::cover::{MAX_GAPS, Naming, Span, Waits, gaps, lacking};
    let t = |s: i64| Time::from_timestamp(s, 0).unwrap();
    let size = SegmentSize::DEFAULT;
    let name = |line, number| size.name(line, number).to_string();
    let naming = Naming { name: &name, noun: "WAL segment" };
    let archive = Archive { timelines: BTreeMap::from([(1, line(None, &[1, 2, 4]))]) };
    let detail = |now| gaps(&archive, 0, &[], &naming, t(now))[0].detail.clone();
    assert_eq!(detail(60), "1 WAL segment is missing; it may still be on its way");
    assert_eq!(detail(4 + 600), "1 WAL segment is missing");
    assert!(gaps(&archive, 0, &[(1, 2), (4, 4)], &naming, t(60)).is_empty(), "expired on purpose");
    let span =
        |last| Span { timeline: 1, first: 1, last, started: None, completed: Some(t(5)), usable: false };
    let state = |archive: &Archive, last, waits, now| {
        lacking(Some(archive), &span(last), size, waits, t(now)).map(|(state, _)| state)
    };
    let (lost, under_way) = (Some(PointState::BrokenChain), Some(PointState::Incomplete));
    assert_eq!(state(&archive, 2, Waits::No, 9), None);
    assert_eq!(state(&archive, 3, Waits::No, 9), under_way, "4 came first");
    assert_eq!(state(&archive, 3, Waits::No, 604), lost, "4 has been there for long");
    assert_eq!(state(&archive, 3, Waits::Yes, 9), lost, "the tool had seen it");
    let archive = Archive { timelines: BTreeMap::from([(1, line(None, &[1, 2]))]) };
    assert_eq!(state(&archive, 3, Waits::Yes, 9), under_way);
    assert_eq!(state(&archive, 3, Waits::No, 900), lost);
    let torn: Vec<u64> = (0..1_000).map(|n| n * 2).collect();
    let archive = Archive { timelines: BTreeMap::from([(1, line(None, &torn))]) };
    assert_eq!(gaps(&archive, 0, &[], &naming, t(9_000)).len(), MAX_GAPS);
}
