use super::*;
use crate::record::{Batch, BatchBuilder, Compression};
use bytes::Bytes;
use proptest::prelude::*;

fn header(id: i64, epoch: i16, sequence: i32, count: usize) -> BatchHeader {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for _ in 0..count {
        builder.append(Timestamp::new(7), None, None, &[]);
    }
    if id >= 0 {
        let (id, epoch) = (ProducerId::new(id), ProducerEpoch::new(epoch));
        builder.set_producer(id, epoch, Sequence::new(sequence));
    }
    let bytes: Bytes = builder.build(Offset::ZERO).unwrap();
    *Batch::validate(bytes).unwrap().header()
}

fn record(state: &mut ProducerState, header: &BatchHeader, base: i64) {
    state.record(header, Offset::new(base), Timestamp::new(base));
}

fn duplicate_of(base: i64, last: i64) -> Result<SequenceCheck, SequenceError> {
    Ok(SequenceCheck::Duplicate {
        base_offset: Offset::new(base),
        last_offset: Offset::new(last),
        timestamp: Timestamp::new(7),
    })
}

#[test]
fn a_batch_sent_again_gets_its_first_offsets() {
    let mut state = ProducerState::default();
    let batches: Vec<_> = (0..7).map(|i| header(1, 0, i * 3, 3)).collect();
    for (i, batch) in batches.iter().enumerate() {
        assert_eq!(state.check(batch), Ok(SequenceCheck::Accept));
        record(&mut state, batch, 100 + i as i64 * 10);
    }
    for (i, batch) in batches.iter().enumerate() {
        let base = 100 + i as i64 * 10;
        if i < 2 {
            let refused = state.check(batch).unwrap_err();
            assert!(matches!(refused, SequenceError::Forgotten { .. }));
        } else {
            assert_eq!(state.check(batch), duplicate_of(base, base + 2));
        }
    }
    // The same beginning with another length is another batch.
    let refused = state.check(&header(1, 0, 18, 2)).unwrap_err();
    assert!(matches!(refused, SequenceError::Forgotten { .. }));
}

#[test]
fn gaps_are_refused_and_unknown_producers_start_anywhere() {
    let mut state = ProducerState::default();
    let first = header(1, 0, 500, 1);
    assert_eq!(state.check(&first), Ok(SequenceCheck::Accept));
    record(&mut state, &first, 0);
    let refused = state.check(&header(1, 0, 502, 1)).unwrap_err();
    let (sent, expected) = (Sequence::new(502), Sequence::new(501));
    let producer = ProducerId::new(1);
    let gap = SequenceError::OutOfOrder {
        producer,
        sent,
        expected,
    };
    assert_eq!(refused, gap);
}

#[test]
fn epochs_fence_and_begin_at_zero() {
    let mut state = ProducerState::default();
    record(&mut state, &header(1, 3, 9, 1), 0);
    let fenced = state.check(&header(1, 2, 10, 1)).unwrap_err();
    assert!(matches!(fenced, SequenceError::Fenced { .. }));
    let gap = state.check(&header(1, 4, 10, 1)).unwrap_err();
    assert!(matches!(gap, SequenceError::OutOfOrder { .. }));
    let begun = header(1, 4, 0, 2);
    assert_eq!(state.check(&begun), Ok(SequenceCheck::Accept));
    record(&mut state, &begun, 1);
    assert_eq!(state.check(&begun), duplicate_of(1, 2));
    let fenced = state.check(&header(1, 3, 9, 1)).unwrap_err();
    assert!(matches!(fenced, SequenceError::Fenced { .. }));
}

#[test]
fn sequences_wrap() {
    let mut state = ProducerState::default();
    let last = header(1, 0, i32::MAX - 1, 3);
    record(&mut state, &last, 50);
    assert_eq!(state.check(&last), duplicate_of(50, 52));
    assert_eq!(
        state.check(&header(1, 0, 1, 1)),
        Ok(SequenceCheck::Accept),
        "MAX - 1, MAX, 0 were sent"
    );
    let gap = state.check(&header(1, 0, 2, 1)).unwrap_err();
    assert!(matches!(gap, SequenceError::OutOfOrder { .. }));
    let old = state.check(&header(1, 0, i32::MAX - 2, 1)).unwrap_err();
    assert!(matches!(old, SequenceError::Forgotten { .. }));
}

#[test]
fn batches_without_a_producer_are_never_remembered() {
    let mut state = ProducerState::default();
    let plain = header(-1, 0, 0, 1);
    record(&mut state, &plain, 0);
    assert_eq!(state.check(&plain), Ok(SequenceCheck::Accept));
    assert!(state.is_empty());
}

#[test]
fn the_one_not_heard_of_for_longest_is_forgotten() {
    let mut state = ProducerState::new(2);
    for (at, id) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
        let sequence = if at == 2 { 1 } else { 0 };
        record(&mut state, &header(id, 0, sequence, 1), at);
    }
    assert_eq!(state.len(), 2);
    assert_eq!(state.check(&header(1, 0, 1, 1)), duplicate_of(2, 2));
    assert_eq!(
        state.check(&header(2, 0, 0, 1)),
        Ok(SequenceCheck::Accept),
        "forgotten"
    );
    state.expire(Timestamp::new(3));
    assert_eq!(state.len(), 1);
    state.expire(Timestamp::new(4));
    assert!(state.is_empty());
}

proptest! {
    /// What a snapshot up to an offset restores is what one would know that saw no more.
    #[test]
    fn a_snapshot_knows_nothing_of_what_is_lost(
        counts in prop::collection::vec((0_i64..3, 1_usize..4), 1..30),
        cut in 0_usize..30,
    ) {
        let (mut whole, mut cut_short) = (ProducerState::default(), ProducerState::default());
        let (mut next, mut sequences) = (0_i64, [0_i32; 3]);
        let mut upto = None;
        let mut all = Vec::new();
        for (i, (id, count)) in counts.iter().enumerate() {
            let header = header(*id, 0, sequences[*id as usize], *count);
            record(&mut whole, &header, next);
            if i < cut {
                record(&mut cut_short, &header, next);
            } else {
                upto.get_or_insert(next);
            }
            sequences[*id as usize] += *count as i32;
            next += *count as i64;
            all.push(header);
        }
        let mut restored = ProducerState::default();
        restored.restore(&whole.snapshot(Offset::new(upto.unwrap_or(next))));
        for header in &all {
            let (known, expected) = (restored.check(header), cut_short.check(header));
            // It may know fewer batches, but never one that was lost.
            let is_same = known == expected;
            let is_narrower = matches!(expected, Ok(SequenceCheck::Duplicate { .. }))
                && !matches!(known, Ok(SequenceCheck::Duplicate { .. }));
            let is_unknown = known == Ok(SequenceCheck::Accept);
            prop_assert!(is_same || is_narrower || is_unknown, "{known:?}, {expected:?}");
        }
    }
}

#[test]
fn the_newest_batch_of_each_producer_is_told() {
    let mut state = ProducerState::default();
    let now = Timestamp::new(1);
    state.record(&header(7, 0, 0, 3), Offset::new(0), now);
    state.record(&header(8, 2, 0, 1), Offset::new(3), now);
    state.record(&header(7, 0, 3, 2), Offset::new(4), now);
    let newest = state.newest();
    let newest: Vec<_> = newest
        .map(|(id, epoch, batch)| (id.get(), epoch.get(), batch.last_sequence.get()))
        .collect();
    assert_eq!(newest, [(8, 2, 0), (7, 0, 4)]);
}
