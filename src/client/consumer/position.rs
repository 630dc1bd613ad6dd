//! Where a partition is read, and where reading began and ends.

use super::{ConsumerConfig, Start, Until};
use crate::types::{Instant, Offset, Timestamp};

/// What ListOffsets is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// The first offset after the last readable record.
    Latest,
    /// The first offset that is kept.
    Earliest,
    /// The first offset at or after a time.
    At(Timestamp),
}

impl Wanted {
    /// The protocol's number for it (KIP-79, KIP-734).
    pub(super) const fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::At(timestamp) => timestamp.get(),
        }
    }
}

/// What is known of the offsets that a partition has.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    latest: Option<Offset>,
    earliest: Option<Offset>,
    /// The answer for a time; its inside is none if no record is that young.
    at: Option<Option<Offset>>,
}

/// One partition being read.
#[derive(Debug)]
pub(super) struct Position {
    start: Start,
    bounds: Bounds,
    /// The next offset to read, once it is known.
    next: Option<Offset>,
    /// The first offset not to read, once it is known, if there is to be one.
    until: Option<Offset>,
    /// It was out of range and is being found anew.
    was: Option<Offset>,
    /// A call that concerns it is under way.
    pub(super) busy: bool,
    /// Not asked for before that.
    pub(super) not_before: Instant,
    troubled_since: Option<Instant>,
    reason: String,
}

impl Position {
    pub(super) const fn new(start: Start) -> Self {
        Self {
            start,
            bounds: Bounds {
                latest: None,
                earliest: None,
                at: None,
            },
            next: None,
            until: None,
            was: None,
            busy: false,
            not_before: Instant::new(0),
            troubled_since: None,
            reason: String::new(),
        }
    }

    /// What must be known before it can be read.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        if self.next.is_some() {
            return None;
        }
        if self.bounds.latest.is_none() {
            return Some(Wanted::Latest);
        }
        if self.bounds.earliest.is_none() {
            return Some(Wanted::Earliest);
        }
        match self.start {
            Start::Timestamp(timestamp) if self.was.is_none() => Some(Wanted::At(timestamp)),
            _ => None,
        }
    }

    /// Takes an answer of ListOffsets; -1 means that there is no such offset. Returns from where to
    /// where reading jumped, if records were left out.
    pub(super) fn located(
        &mut self,
        wanted: Wanted,
        offset: i64,
        config: &ConsumerConfig,
    ) -> Option<(Offset, Offset)> {
        let offset = (offset >= 0).then(|| Offset::new(offset));
        match wanted {
            Wanted::Latest => self.bounds.latest = Some(offset.unwrap_or(Offset::ZERO)),
            Wanted::Earliest => self.bounds.earliest = Some(offset.unwrap_or(Offset::ZERO)),
            Wanted::At(_) => self.bounds.at = Some(offset),
        }
        let (latest, earliest) = (self.bounds.latest?, self.bounds.earliest?);
        let earliest = earliest.min(latest);
        let wished = match (self.was, self.start) {
            (Some(was), _) => was,
            (None, Start::Beginning) => earliest,
            (None, Start::End) => latest,
            (None, Start::Offset(offset)) => offset,
            (None, Start::Timestamp(_)) => self.bounds.at?.unwrap_or(latest),
        };
        let next = wished.clamp(earliest, latest);
        self.next = Some(next);
        if config.until == Until::End {
            // The log may have been cut since, so that the end that was seen never comes again.
            self.until = Some(self.until.map_or(latest, |until| until.min(latest)));
        }
        let was = self.was.take()?;
        (was != next).then_some((was, next))
    }

    /// The broker has no such offset: find out what it has.
    pub(super) fn out_of_range(&mut self) {
        self.was = self.next.take();
        self.bounds = Bounds::default();
    }

    /// The next offset to read, if it is known and wanted.
    pub(super) fn readable(&self) -> Option<Offset> {
        self.next.filter(|_| !self.is_done())
    }

    /// The first offset not to read, if there is one.
    pub(super) const fn until(&self) -> Option<Offset> {
        self.until
    }

    /// Moves on.
    pub(super) const fn advance(&mut self, next: Offset) {
        self.next = Some(next);
    }

    /// Whether everything wanted was read.
    pub(super) fn is_done(&self) -> bool {
        match (self.next, self.until) {
            (Some(next), Some(until)) => next >= until,
            _ => false,
        }
    }

    /// An attempt failed; another one may be made after a pause.
    pub(super) fn trouble(&mut self, now: Instant, reason: String, config: &ConsumerConfig) {
        self.not_before = now.after(config.retry_pause);
        self.troubled_since.get_or_insert(now);
        self.reason = reason;
    }

    /// An attempt succeeded.
    pub(super) const fn fine(&mut self) {
        self.troubled_since = None;
    }

    /// Why nothing came for longer than may be, if that is so.
    pub(super) fn stalled(&self, now: Instant, config: &ConsumerConfig) -> Option<&str> {
        let since = self.troubled_since?;
        (now >= since.after(config.stall_timeout)).then_some(self.reason.as_str())
    }
}
