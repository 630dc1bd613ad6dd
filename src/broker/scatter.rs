use crate::types::CoreId;
use std::collections::BTreeMap;

/// Results in the client's order, of which some are known at once and the others come back from
/// the cores that were asked.
#[derive(Debug)]
pub(super) struct Scatter<R> {
    results: Vec<Option<R>>,
    asked: BTreeMap<CoreId, Vec<usize>>,
}

impl<R> Scatter<R> {
    pub(super) fn new() -> Self {
        Self {
            results: Vec::new(),
            asked: BTreeMap::new(),
        }
    }

    /// The next result is known.
    pub(super) fn settle(&mut self, result: R) {
        self.results.push(Some(result));
    }

    /// The next result is the next one that `core` replies.
    pub(super) fn expect_from(&mut self, core: CoreId) {
        self.asked.entry(core).or_default().push(self.results.len());
        self.results.push(None);
    }

    /// Takes a core's replies, as many as were asked of it.
    pub(super) fn fill(&mut self, core: CoreId, replies: Vec<R>) {
        let places = self
            .asked
            .remove(&core)
            .expect("a core replies once, and only if asked");
        assert_eq!(places.len(), replies.len(), "one reply per item");
        for (place, reply) in places.into_iter().zip(replies) {
            let slot = self
                .results
                .get_mut(place)
                .expect("places come from expect_from");
            assert!(slot.replace(reply).is_none(), "a place is filled once");
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.asked.is_empty()
    }

    /// All results in the client's order.
    pub(super) fn into_results(self) -> impl Iterator<Item = R> {
        assert!(self.asked.is_empty(), "every core has replied");
        self.results
            .into_iter()
            .map(|result| result.expect("every place is filled"))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        self.results.iter().flatten()
    }
}

/// Items on their way to the cores that own them.
#[derive(Debug)]
pub(super) struct Outgoing<T>(BTreeMap<CoreId, Vec<T>>);

impl<T> Outgoing<T> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn push(&mut self, core: CoreId, item: T) {
        self.0.entry(core).or_default().push(item);
    }

    pub(super) fn into_cores(self) -> impl Iterator<Item = (CoreId, Vec<T>)> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_back_in_the_order_they_were_asked_for() {
        let (a, b) = (CoreId::new(0), CoreId::new(1));
        let mut scatter = Scatter::new();
        scatter.expect_from(b);
        scatter.settle("known");
        scatter.expect_from(a);
        scatter.expect_from(b);
        assert!(!scatter.is_complete());
        scatter.fill(a, vec!["a0"]);
        scatter.fill(b, vec!["b0", "b1"]);
        assert!(scatter.is_complete());
        assert_eq!(
            scatter.into_results().collect::<Vec<_>>(),
            ["b0", "known", "a0", "b1"]
        );
    }

    #[test]
    #[should_panic(expected = "a core replies once")]
    fn a_reply_that_nobody_asked_for_is_a_bug() {
        Scatter::<()>::new().fill(CoreId::new(3), vec![()]);
    }
}
