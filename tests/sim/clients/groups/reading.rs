//! How far a member has read what it is assigned.

use super::Context;
use crate::history::Spot;
use std::collections::BTreeMap;

/// Positions; none where the committed offset was not asked for yet.
#[derive(Debug, Default)]
pub(super) struct Reading(BTreeMap<Spot, Option<i64>>);

impl Reading {
    /// Reads these partitions from now on; what was read before goes on.
    pub(super) fn assign(&mut self, spots: &[Spot]) {
        self.0.retain(|spot, _| spots.contains(spot));
        for spot in spots {
            self.0.entry(*spot).or_default();
        }
    }

    pub(super) fn found(&mut self, offsets: &[(Spot, i64)]) {
        for (spot, offset) in offsets {
            if let Some(position) = self.0.get_mut(spot) {
                *position = Some((*offset).max(0));
            }
        }
    }

    /// Partitions whose topics are there and whose committed offsets are not known.
    pub(super) fn unknown(&self, context: &Context<'_>) -> Vec<Spot> {
        let unknown = self.0.iter().filter(|(_, position)| position.is_none());
        let unknown = unknown.map(|(spot, _)| *spot);
        unknown
            .filter(|spot| context.topics.is_live_topic(spot.0))
            .collect()
    }

    /// Reads on, and yields what may be committed then.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) -> Vec<(Spot, i64)> {
        let mut read = Vec::new();
        for (spot, position) in &mut self.0 {
            let Some(position) = position.as_mut() else {
                continue;
            };
            if !context.topics.is_live_topic(spot.0) {
                continue;
            }
            let place = context.topics.place(spot.0, spot.1);
            let end = context.history.visible_end(place.id());
            if end > *position {
                *position = context.rng.i64(*position..=end);
            }
            if context.rng.u8(..3) > 0 {
                read.push((*spot, *position));
            }
        }
        read
    }
}
