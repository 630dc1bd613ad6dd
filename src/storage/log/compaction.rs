//! Compaction of a log: when it is due, what it may touch, and how a cleaned segment takes the place
//! of others.
//!
//! It touches sealed segments that lie below the one which the durable checkpoint goes on in, so that
//! neither recovery's scan nor a journal ever meets what it wrote. The log goes on meanwhile; a run
//! whose segments expire under way is given up.

use super::completion::{Completed, Pending};
use super::{CompactionConfig, Log};
use crate::record::DecompressionLimits;
use crate::storage::call::{Calls, DiskCall};
use crate::storage::compaction::{
    CleanedSegment, Compaction, CompactionStage, CompactionTerms, Replacement, Source,
};
use crate::storage::index::SegmentIndex;
use crate::storage::producer_state::ProducerState;
use crate::storage::segment::{Segment, SegmentState, segment_files};
use crate::types::{Offset, Timestamp};
use std::io;
use std::sync::Arc;

/// How long a log is left alone after a compaction failed.
const RETRY_AFTER_MS: i64 = 5 * 60 * 1000;
/// A compressed batch unfolds at most this many times while it is cleaned.
const DECOMPRESSION_RATIO_MAX: usize = 1000;

/// How much there is to compact, in millionths of what can be; more than all if it is overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dirtiness(u64);

impl Dirtiness {
    const OVERDUE: Self = Self(u64::MAX);
}

/// What a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionBudget {
    /// Bytes of memory for keys.
    pub map_bytes_max: usize,
    /// Keys the hash of keys.
    pub seed: u64,
}

/// Where the compaction of a log stands.
#[derive(Debug, Default)]
pub(super) struct CompactionState {
    /// Below this offset a run left one record of each key.
    pub(super) clean_below: Offset,
    run: Run,
    not_before: Option<Timestamp>,
    /// A swap failed half-way: the next start ends it.
    is_broken: bool,
    /// Replaced, and not closed yet.
    replaced: Vec<Segment>,
}

#[derive(Debug, Default)]
enum Run {
    #[default]
    None,
    /// A disk call has it.
    UnderWay(Replacing),
    /// It waits for its next piece.
    Waiting(Box<Compaction>),
}

/// The offsets whose segments the piece under way replaces; empty if it does not.
type Replacing = std::ops::Range<Offset>;

impl Log {
    /// How much there is to compact, if a run is due and none is under way. `limit` is the high
    /// watermark.
    pub fn dirtiness(&self, now: Timestamp, limit: Offset) -> Option<Dirtiness> {
        let config = self.config.compaction.as_ref()?;
        let state = &self.compaction;
        let is_ready = matches!(state.run, Run::None)
            && !state.is_broken
            && state.not_before.is_none_or(|at| now >= at)
            && self.check_writable().is_ok();
        if !is_ready {
            return None;
        }
        self.dirtiness_below(limit.min(self.checkpointed.segment), config, now)
    }

    /// Whether a run waits for nothing but a checkpoint.
    pub fn wants_checkpoint(&self, now: Timestamp, limit: Offset) -> bool {
        let Some(config) = self.config.compaction.as_ref() else {
            return false;
        };
        let sealed = self
            .segments
            .iter()
            .rev()
            .find(|segment| segment.is_settled());
        let newest = sealed.map_or(Offset::ZERO, |segment| segment.end);
        let upto = limit.min(self.synced).min(newest);
        upto > self.checkpointed.segment && self.dirtiness_below(upto, config, now).is_some()
    }

    fn dirtiness_below(
        &self,
        upto: Offset,
        config: &CompactionConfig,
        now: Timestamp,
    ) -> Option<Dirtiness> {
        let (mut bytes, mut dirty_bytes, mut is_overdue) = (0, 0, false);
        for segment in self.compactable(config, now, upto) {
            bytes += segment.size;
            if segment.end > self.compaction.clean_below {
                dirty_bytes += segment.size;
                is_overdue |= self.is_overdue(segment, now);
            }
        }
        if dirty_bytes == 0 {
            return None;
        }
        if is_overdue {
            return Some(Dirtiness::OVERDUE);
        }
        let part = u128::from(dirty_bytes) * 1_000_000 / u128::from(bytes);
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        (part > u64::from(config.dirty_millionths_min)).then_some(Dirtiness(part))
    }

    /// The segments that may be compacted now: all from the first one on, up to one that may not.
    fn compactable<'a>(
        &'a self,
        config: &'a CompactionConfig,
        now: Timestamp,
        upto: Offset,
    ) -> impl Iterator<Item = &'a Segment> {
        let young = now.before(config.lag_ms_min);
        let is_compactable = move |segment: &&Segment| {
            let is_young = config.lag_ms_min > 0
                && segment.end > self.compaction.clean_below
                && segment.max.is_some_and(|(newest, _)| newest > young);
            segment.is_settled() && segment.size > 0 && segment.end <= upto && !is_young
        };
        self.segments.iter().take_while(is_compactable)
    }

    /// Starts a run, as [`Log::dirtiness`] said that one is due; [`Log::continue_compaction`] performs
    /// it.
    pub fn begin_compaction(
        &mut self,
        now: Timestamp,
        limit: Offset,
        producers: &ProducerState,
        budget: CompactionBudget,
    ) {
        let Some(config) = self.config.compaction.as_ref() else {
            return;
        };
        if self.dirtiness(now, limit).is_none() {
            return;
        }
        let source = |segment: &Segment| Source {
            path: segment_files(&self.directory, segment.base).log,
            base: segment.base,
            end: segment.end,
            file: segment.file.clone(),
            size: segment.size,
            is_cleaned: segment.is_cleaned,
        };
        let upto = limit.min(self.checkpointed.segment);
        let sources = self.compactable(config, now, upto).map(source).collect();
        let bytes_max = self.config.decompressed_bytes_max;
        let newest = producers
            .newest()
            .map(|(id, _, batch)| (id, batch.last_offset()));
        let terms = CompactionTerms {
            now,
            delete_retention_ms: config.delete_retention_ms,
            limits: DecompressionLimits::new(bytes_max, DECOMPRESSION_RATIO_MAX),
            producers: newest.collect(),
        };
        let run = Compaction::new(
            self.directory.clone(),
            &self.config,
            sources,
            self.compaction.clean_below.max(self.start),
            terms,
            (budget.map_bytes_max, budget.seed),
        );
        self.compaction.not_before = Some(Timestamp::new(now.get().saturating_add(RETRY_AFTER_MS)));
        self.compaction.run = Run::Waiting(Box::new(run));
    }

    /// Whether a run was started and has not ended.
    pub fn is_compacting(&self) -> bool {
        !matches!(self.compaction.run, Run::None)
    }

    /// Starts the next piece of a run, of about `bytes_max` bytes, unless one is under way; ends the
    /// run if there is none. Gives back whether a piece was started.
    pub fn continue_compaction(&mut self, bytes_max: usize, calls: &mut Calls) -> bool {
        let run = match std::mem::take(&mut self.compaction.run) {
            Run::Waiting(run) => run,
            other => {
                self.compaction.run = other;
                return false;
            }
        };
        if run.stage() == CompactionStage::Finished {
            self.compaction.clean_below = self.compaction.clean_below.max(run.clean_below());
            self.compaction.not_before = None;
            return false;
        }
        let sources = run.to_replace();
        let is_stale = sources.iter().any(|source| !self.holds(source));
        if is_stale || self.check_writable().is_err() || self.config.compaction.is_none() {
            self.give_up(*run, calls);
            return false;
        }
        let replacing = match (sources.first(), sources.last()) {
            (Some(first), Some(last)) => first.base..last.end,
            _ => Offset::ZERO..Offset::ZERO,
        };
        self.compaction.run = Run::UnderWay(replacing);
        let call = DiskCall::Compact { run, bytes_max };
        self.push(calls, Pending::Compact, call);
        true
    }

    /// Gives up a run that waits: nothing more is to begin.
    pub(super) fn end_compaction(&mut self, calls: &mut Calls) {
        match std::mem::take(&mut self.compaction.run) {
            Run::Waiting(run) => self.give_up(*run, calls),
            other => self.compaction.run = other,
        }
    }

    /// Whether a segment should have been compacted by now; one begun before the last start may.
    pub(super) fn is_overdue(&self, segment: &Segment, now: Timestamp) -> bool {
        let config = self.config.compaction.as_ref();
        let lag_ms_max = config.and_then(|config| config.lag_ms_max);
        let is_past = |lag_ms_max| {
            let begun = segment.begun;
            begun.is_none_or(|begun| begun < now.before(lag_ms_max))
        };
        lag_ms_max.is_some_and(is_past)
    }

    fn holds(&self, source: &Source) -> bool {
        let held = self.segment_of(source.base);
        held.is_some_and(|segment| Arc::ptr_eq(&segment.file, &source.file))
    }

    /// Ends a run that cannot be finished. What it put in place stays there.
    fn give_up(&mut self, run: Compaction, calls: &mut Calls) {
        self.compaction.run = Run::None;
        if let Some((file, path)) = run.into_unfinished() {
            let (files, paths) = (vec![file], vec![path]);
            self.push(calls, Pending::Remove, DiskCall::Remove { files, paths });
        }
    }

    /// A piece is done.
    pub(super) fn compacted(&mut self, mut run: Compaction, calls: &mut Calls) -> Completed {
        if let Some(replacement) = run.take_replacement() {
            self.replace(replacement);
            self.advance_start();
            self.remove_expired(None, calls);
        }
        if self.closing.is_some() {
            self.give_up(run, calls);
        } else {
            self.compaction.run = Run::Waiting(Box::new(run));
        }
        Completed::Nothing
    }

    /// A piece failed; the run is gone with it.
    pub(super) fn compaction_failed(&mut self, error: &io::Error) -> Completed {
        let directory = self.directory.display();
        match std::mem::take(&mut self.compaction.run) {
            Run::UnderWay(replacing) if !replacing.is_empty() => {
                self.compaction.is_broken = true;
                log::error!(
                    "putting a compacted segment in place in {directory}: {error}; the partition \
                     serves what it had, and is not compacted until the next start ends this"
                );
            }
            _ => log::warn!("compacting {directory}: {error}; it is tried again later"),
        }
        Completed::Nothing
    }

    /// Whether the segment that begins there is being replaced just now.
    pub(super) fn is_being_replaced(&self, base: Offset) -> bool {
        matches!(&self.compaction.run, Run::UnderWay(replacing) if replacing.contains(&base))
    }

    fn replace(&mut self, replacement: Replacement) {
        self.start_position.set(None);
        let Replacement { segment, replaced } = replacement;
        let first = self
            .segments
            .partition_point(|segment| segment.base < replaced[0]);
        let old = self.segments.drain(first..first + replaced.len());
        let old: Vec<Segment> = old.collect();
        assert!(
            old.iter().map(|segment| segment.base).eq(replaced),
            "what is being replaced stays where it is"
        );
        self.compaction.replaced.extend(old);
        self.segments.insert(first, segment.into());
    }

    /// Closes segments that were replaced, once no reader holds them.
    pub(super) fn close_replaced(&mut self, calls: &mut Calls) {
        let is_lent = |segment: &Segment| Arc::strong_count(&segment.file) > 1;
        let replaced = std::mem::take(&mut self.compaction.replaced);
        let (lent, free) = replaced.into_iter().partition::<Vec<_>, _>(is_lent);
        self.compaction.replaced = lent;
        let mut files = Vec::with_capacity(free.len());
        for segment in free {
            files.push(segment.file);
            if let SegmentIndex::Stored(index) = segment.index.into_inner() {
                files.extend(index.into_files());
            }
        }
        if !files.is_empty() {
            let paths = Vec::new();
            self.push(calls, Pending::Remove, DiskCall::Remove { files, paths });
        }
    }
}

impl From<CleanedSegment> for Segment {
    fn from(cleaned: CleanedSegment) -> Self {
        let CleanedSegment { base, file, .. } = cleaned;
        let mut segment = Self::empty(base, file, cleaned.size, cleaned.index);
        segment.size = cleaned.size;
        segment.synced = cleaned.size;
        segment.behind = cleaned.size;
        segment.end = cleaned.end;
        segment.max = cleaned.max;
        segment.state = SegmentState::Sealed;
        segment.is_cleaned = true;
        segment
    }
}
