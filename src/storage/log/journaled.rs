//! What a journal made durable before the segments are synced, and what it has still to.

use super::Log;
use crate::storage::disk::FileRef;
use crate::storage::journal::{BlockBuilder, EntryHeader};
use crate::types::{LeaderEpoch, Offset, Position, TopicPartition};
use std::io;

/// What of a log is not durable.
#[derive(Debug)]
pub enum Undurable {
    /// Nothing.
    Nothing,
    /// The end of one segment.
    Tail(Tail),
    /// More than one segment, or a log that takes nothing more: only a sync helps, if anything.
    Spread,
}

/// The end of a segment that a journal can make durable.
#[derive(Debug, Clone)]
pub struct Tail {
    partition: TopicPartition,
    epoch: LeaderEpoch,
    file: FileRef,
    base: Offset,
    end: Offset,
    from: Position,
    length: usize,
}

impl Log {
    /// Everything below is on the device, in its segment or in the journal.
    pub fn durable(&self) -> Offset {
        self.synced.max(self.journaled)
    }

    /// What is not durable yet.
    pub fn undurable(&self) -> Undurable {
        let base = self.durable();
        let Some(segment) = self.segments.back().filter(|_| base < self.end) else {
            return Undurable::Nothing;
        };
        if base < segment.base || self.failure.is_some() {
            return Undurable::Spread;
        }
        let from = segment.durable();
        Undurable::Tail(Tail {
            partition: TopicPartition::new(self.topic, self.partition),
            epoch: self.leader_epoch,
            file: segment.file.clone(),
            base,
            end: self.end,
            from: Position::new(from),
            length: usize::try_from(segment.size - from).unwrap_or(usize::MAX),
        })
    }

    /// A journal holds this durably.
    pub fn journaled(&mut self, tail: &Tail) {
        let holder = self.segments.iter_mut().find(|segment| {
            segment.base <= tail.base && std::sync::Arc::ptr_eq(&segment.file, &tail.file)
        });
        if let Some(segment) = holder {
            let upto = tail.from.advanced(tail.length as u64).get();
            segment.journaled = segment.journaled.max(upto);
        }
        self.journaled = self.journaled.max(tail.end);
    }

    /// The journal failed: the log takes nothing more.
    pub fn journal_failed(&mut self, reason: &str) {
        self.fail(reason.to_owned(), false);
    }

    /// Everything below survives a start that has lost the journal's marks.
    pub fn checkpointed(&self) -> Offset {
        self.checkpointed.synced
    }

    /// The epoch of the newest batch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }
}

impl Tail {
    /// Bytes of batches.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The offset after the last.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Copies the batches into a block. They were written a moment ago, so reading them does not
    /// wait for the device.
    pub fn put_into(&self, block: &mut BlockBuilder) -> io::Result<()> {
        let header = EntryHeader {
            partition: self.partition,
            epoch: self.epoch,
            base: self.base,
        };
        block.push(&header, self.length, |room| {
            if self.file.read_at(self.from, room)? < room.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(())
        })
    }
}
