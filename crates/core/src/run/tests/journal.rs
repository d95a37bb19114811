//! A journal of 64 KiB as a run really writes it: every truncation and every
//! single flipped bit. Reading goes line by line and stops at the first that
//! is not as written, so a change is read from the line that it lies in on;
//! some are read from the first line, to show that this is the same.

use super::*;
use crate::record::{parse, parse_after};

struct Written {
    bytes: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
    records: Vec<Record>,
}

fn written() -> (Written, Live) {
    let act = command(
        "act",
        json!({ "for_each": { "n": "00..59" }, "max_parallel": 3, "verify": http_probe(), "title": "Move {{ n }}" }),
    );
    let mut run = Live::start(json!([act]));
    let mut bytes = 0;
    while bytes < 64 << 10 {
        run.settle();
        let todo = run.machine.next(run.now).into_iter().next().expect("it is not over");
        match todo {
            Todo::Ask { step, question, .. } => {
                run.answer(step.as_str(), question, Some(question == Question::Verify))
            }
            Todo::Attend { step, .. } => run.ended(step.as_str(), Succeeded),
            other => panic!("{other:?}"),
        }
        let note =
            Verb::Note { text: format!("line {}: \u{1b}[2J “{}”", run.records.len(), "x".repeat(200)) };
        run.verb(note).unwrap();
        bytes = lines(&run).iter().map(Vec::len).sum();
    }
    let (mut all, mut starts) = (Vec::new(), Vec::new());
    for line in lines(&run) {
        starts.push(all.len());
        all.extend(line);
    }
    (Written { bytes: all, starts, records: run.records.clone() }, run)
}

fn lines(run: &Live) -> Vec<Vec<u8>> {
    let one = |r: &Record| encode(r.seq, r.at, &r.by, &r.prev, r.event().unwrap()).unwrap().0;
    run.records.iter().map(one).collect()
}

impl Written {
    /// The line that a byte lies in.
    fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|s| *s <= byte) - 1
    }
    fn above(&self, line: usize) -> Option<&Record> {
        line.checked_sub(1).map(|n| &self.records[n])
    }
}

#[test]
fn all_truncations_of_64_kib_are_shorter_runs() {
    let (w, run) = written();
    assert!(w.bytes.len() >= 64 << 10 && w.records.len() > 80, "{} {}", w.bytes.len(), w.records.len());
    assert_eq!(parse(&w.bytes).unwrap().records, w.records);
    let mut states = vec![Machine::new(&w.records[0]).unwrap()];
    for record in &w.records[1..] {
        let mut next = states[states.len() - 1].clone();
        next.apply(record).unwrap();
        states.push(next);
    }
    assert_eq!(states[states.len() - 1], run.machine);
    for cut in 0..=w.bytes.len() {
        let line = if cut == 0 { 0 } else { w.line(cut - 1) };
        let read = parse_after(w.above(line), &w.bytes[w.starts[line]..cut]).unwrap();
        let whole = line + read.records.len();
        assert_eq!(read.torn.is_some(), read.length as usize + w.starts[line] != cut, "{cut}");
        assert_eq!(read.records, w.records[line..whole], "{cut}");
        if cut % 1_009 == 0 {
            let all = parse(&w.bytes[..cut]).unwrap();
            assert_eq!((all.records.len(), all.torn), (whole, read.torn), "{cut}");
            if let Some(last) = whole.checked_sub(1) {
                assert_eq!(Machine::replay(&all.records).unwrap(), states[last], "{cut}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_64_kib_is_found_in_its_line() {
    let (mut w, _) = written();
    let end = |w: &Written, line: usize| w.starts.get(line).copied().unwrap_or(w.bytes.len());
    for byte in 0..w.bytes.len() {
        let line = w.line(byte);
        for bit in 0..8 {
            w.bytes[byte] ^= 1 << bit;
            // A line end that is gone joins two lines; more than two it cannot touch.
            let told = parse_after(w.above(line), &w.bytes[w.starts[line]..end(&w, line + 2)]);
            assert_eq!(told.map_err(|d| d.line), Err(line as u64 + 1), "bit {bit} of byte {byte}");
            if (byte * 8 + bit) % 10_007 == 0 {
                assert_eq!(parse(&w.bytes).unwrap_err().line, line as u64 + 1, "bit {bit} of byte {byte}");
            }
            w.bytes[byte] ^= 1 << bit;
        }
    }
}
