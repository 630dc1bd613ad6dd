//! What the demo produces and how it knows each record again.
//!
//! A workload is a set of entities (an order, a stream of lines), each with a fixed sequence of
//! steps. Everything about a record follows from (entity, step, timestamp), so the verifier
//! regenerates what must be in the log and compares bytes: nothing has to be remembered.

/// One record to be: which entity, and its how-manieth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    /// The entity, counted from 0.
    pub(super) entity: u32,
    /// The step of the entity, counted from 0.
    pub(super) step: u32,
}

/// A deterministic stream of records.
pub(super) trait Workload: Sync {
    /// How many entities there are.
    fn entities(&self) -> u32;

    /// How many steps an entity has.
    fn steps(&self, entity: u32) -> u32;

    /// How many records there are in all.
    fn records(&self) -> u64;

    /// What one record is called in a report.
    fn noun(&self) -> &'static str;

    /// Writes the entity's key over what `key` holds.
    fn write_key(&self, entity: u32, key: &mut Vec<u8>);

    /// The entity that a key names.
    fn entity_of(&self, key: &[u8]) -> Option<u32>;

    /// Writes a record's value over what `value` holds.
    fn write_value(&self, item: Item, at_ms: i64, value: &mut Vec<u8>);
}

/// How many entities of one producer are in progress at a time, their steps interleaved.
const WINDOW: usize = 512;

/// The records of one producer in the order in which it sends them: the entities
/// `lane, lane + lanes, …`, [`WINDOW`] of them interleaved at random, each in the order of its steps.
#[derive(Debug)]
pub(super) struct Schedule<'a, W> {
    workload: &'a W,
    open: Vec<Item>,
    next_entity: u32,
    lanes: u32,
    rng: fastrand::Rng,
}

impl<'a, W: Workload> Schedule<'a, W> {
    /// The schedule of producer `lane` of `lanes`.
    pub(super) fn new(workload: &'a W, lane: u32, lanes: u32) -> Self {
        let mut schedule = Self {
            workload,
            open: Vec::with_capacity(WINDOW),
            next_entity: lane,
            lanes,
            rng: fastrand::Rng::with_seed(u64::from(lane)),
        };
        while schedule.open.len() < WINDOW && schedule.open_next() {}
        schedule
    }

    fn open_next(&mut self) -> bool {
        while self.next_entity < self.workload.entities() {
            let entity = self.next_entity;
            self.next_entity = entity.saturating_add(self.lanes);
            if self.workload.steps(entity) > 0 {
                self.open.push(Item { entity, step: 0 });
                return true;
            }
        }
        false
    }
}

impl<W: Workload> Iterator for Schedule<'_, W> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.open.is_empty() {
            return None;
        }
        let place = self.rng.usize(..self.open.len());
        let item = *self.open.get(place)?;
        if item.step + 1 < self.workload.steps(item.entity) {
            self.open.get_mut(place)?.step += 1;
        } else {
            self.open.swap_remove(place);
            self.open_next();
        }
        Some(item)
    }
}

/// Appends a number in decimal, with leading zeros up to `width`.
pub(super) fn push_decimal(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while let Some(slot) = start.checked_sub(1).and_then(|at| digits.get_mut(at)) {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 && digits.len() - start >= width {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Steps(Vec<u32>);

    impl Workload for Steps {
        fn entities(&self) -> u32 {
            self.0.len() as u32
        }
        fn steps(&self, entity: u32) -> u32 {
            self.0[entity as usize]
        }
        fn records(&self) -> u64 {
            self.0.iter().map(|steps| u64::from(*steps)).sum()
        }
        fn noun(&self) -> &'static str {
            "step"
        }
        fn write_key(&self, _: u32, _: &mut Vec<u8>) {}
        fn entity_of(&self, _: &[u8]) -> Option<u32> {
            None
        }
        fn write_value(&self, _: Item, _: i64, _: &mut Vec<u8>) {}
    }

    #[test]
    fn lanes_cover_every_step_once_and_in_order() {
        let workload = Steps((0..5000).map(|entity| entity % 6).collect());
        let mut next = vec![0; 5000];
        let mut interleaved = false;
        for lane in 0..3 {
            let mut previous = None;
            for item in Schedule::new(&workload, lane, 3) {
                assert_eq!(item.entity % 3, lane);
                assert_eq!(item.step, next[item.entity as usize]);
                next[item.entity as usize] += 1;
                interleaved |= item.step > 0 && previous != Some(item.entity);
                previous = Some(item.entity);
            }
        }
        assert_eq!(next, workload.0);
        assert!(interleaved);
    }

    #[test]
    fn decimals_are_padded() {
        let told = |number, width| {
            let mut out = Vec::new();
            push_decimal(&mut out, number, width);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(told(0, 1), "0");
        assert_eq!(told(42, 5), "00042");
        assert_eq!(told(123_456, 3), "123456");
        assert_eq!(told(u64::MAX, 1), u64::MAX.to_string());
    }
}
