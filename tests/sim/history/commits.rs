//! What groups keep as offsets: a register for each partition of a group, with everything that was
//! asked of it. A value that is read must have been written, must not have been refused, and nothing
//! that was acknowledged before it was asked for may have come after it.

use std::collections::BTreeMap;

/// A partition by its topic's place in the list of topics.
pub(crate) type Spot = (usize, i32);

/// Names a register: the group's number, and the partition.
type Key = (usize, Spot);

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody knows; it may have happened, or may yet.
    Open,
    Done,
    /// It did not happen and never will.
    Refused,
}

/// A change of a register: to the commit of that number, or to nothing.
#[derive(Debug)]
struct Change {
    to: Option<u64>,
    asked: u64,
    /// From when on it no longer happens.
    ended: Option<u64>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy)]
struct Commit {
    key: Key,
    offset: i64,
    at: usize,
}

/// A deletion that was asked for: the registers and the places of the changes in them.
#[derive(Debug, Clone)]
pub(crate) struct Forgetting(Vec<(Key, usize)>);

#[derive(Debug, Default)]
pub(crate) struct Commits {
    registers: BTreeMap<Key, Vec<Change>>,
    commits: Vec<Commit>,
    /// Counts questions and answers.
    clock: u64,
    /// When somebody first asked for a topic's deletion.
    deleted: BTreeMap<usize, u64>,
    /// Offsets may be forgotten at any time, as they expire.
    pub(crate) expire: bool,
    /// Commits that were acknowledged, for the summary.
    pub(crate) acks: u64,
}

impl Commits {
    /// The time, for a question that is asked now.
    pub(crate) fn ask(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A commit is about to be sent; its number is sent beside it.
    pub(crate) fn commits(&mut self, group: usize, spot: Spot, offset: i64) -> u64 {
        let number = self.commits.len() as u64;
        let key = (group, spot);
        let at = self.change(key, Some(number));
        self.commits.push(Commit { key, offset, at });
        number
    }

    /// What became of a commit is known.
    pub(crate) fn committed(&mut self, number: u64, fate: Fate) {
        let Commit { key, at, .. } = self.commits[number as usize];
        self.acks += u64::from(fate == Fate::Done);
        self.settle(key, at, fate);
    }

    /// Somebody is about to ask for a group's offsets to be forgotten: of one partition, or all.
    pub(crate) fn forgets(&mut self, group: usize, spot: Option<Spot>) -> Forgetting {
        let all = self.registers.keys().copied();
        let keys: Vec<Key> = match spot {
            Some(spot) => vec![(group, spot)],
            None => all.filter(|(of, _)| *of == group).collect(),
        };
        let changes = keys.into_iter().map(|key| (key, self.change(key, None)));
        Forgetting(changes.collect())
    }

    pub(crate) fn forgot(&mut self, forgetting: &Forgetting, fate: Fate) {
        for (key, at) in &forgetting.0 {
            self.settle(*key, *at, fate);
        }
    }

    fn change(&mut self, key: Key, to: Option<u64>) -> usize {
        let asked = self.ask();
        let register = self.registers.entry(key).or_default();
        register.push(Change {
            to,
            asked,
            ended: None,
            fate: Fate::Open,
        });
        register.len() - 1
    }

    fn settle(&mut self, key: Key, at: usize, fate: Fate) {
        let now = self.ask();
        let register = self.registers.get_mut(&key).expect("it was asked for");
        let change = &mut register[at];
        if fate != Fate::Open {
            change.fate = fate;
            change.ended = Some(now);
        }
    }

    /// Nothing that was asked before happens any more, but for what the log has.
    pub(crate) fn process_ended(&mut self) {
        let now = self.ask();
        let changes = self.registers.values_mut().flatten();
        for change in changes.filter(|change| change.ended.is_none()) {
            change.ended = Some(now);
        }
    }

    pub(crate) fn topic_deleted(&mut self, topic: usize) {
        let now = self.ask();
        self.deleted.entry(topic).or_insert(now);
    }

    /// The partitions of a group of which something was committed.
    pub(crate) fn spots(&self, group: usize) -> Vec<Spot> {
        let keys = self.registers.keys().filter(|(of, _)| *of == group);
        keys.map(|(_, spot)| *spot).collect()
    }

    /// Somebody was told what a group has committed; -1 is nothing.
    pub(crate) fn read(&mut self, group: usize, spot: Spot, asked: u64, told: (i64, &str)) {
        let (offset, metadata) = told;
        let to = (offset >= 0).then(|| self.named(group, spot, offset, metadata));
        let key = (group, spot);
        if let Some(number) = to
            && self.commits[number as usize].key != key
        {
            return self.check_other_topic(key, number);
        }
        let never = Change {
            to: None,
            asked: 0,
            ended: Some(0),
            fate: Fate::Done,
        };
        let register = self.registers.entry(key).or_default();
        let later = register
            .iter()
            .filter(|d| d.fate == Fate::Done && d.ended < Some(asked));
        let later = later.map(|change| change.asked).max().unwrap_or(0);
        let could_be = |change: &Change| {
            let is_overtaken = change.ended.is_some_and(|ended| ended < later);
            change.to == to && change.fate != Fate::Refused && !is_overtaken
        };
        let fits = register.iter().any(could_be) || could_be(&never);
        let fits = fits || (to.is_none() && self.expire);
        assert!(
            fits,
            "group {group} {spot:?}: {told:?} was told of a question at {asked}, after {:#?}",
            register.iter().rev().take(12).collect::<Vec<_>>()
        );
        // Whoever reads later must not see what came before.
        let at = self.change(key, to);
        let register = self.registers.get_mut(&key).expect("made just now");
        register[at].asked = asked;
        self.settle(key, at, Fate::Done);
    }

    /// The commit that was told.
    fn named(&self, group: usize, spot: Spot, offset: i64, metadata: &str) -> u64 {
        let number = metadata.parse().ok();
        let number: u64 = number.unwrap_or_else(|| {
            panic!("group {group} {spot:?}: {metadata:?} was never committed with {offset}")
        });
        let commit = self.commits.get(number as usize);
        let commit = commit.unwrap_or_else(|| panic!("there was no commit {number}"));
        let (of, (_, index)) = commit.key;
        assert_eq!(
            (of, index, commit.offset),
            (group, spot.1, offset),
            "{spot:?}: commit {number} was told"
        );
        number
    }

    /// A topic was made anew under its old name: its group must have forgotten what it had read.
    fn check_other_topic(&self, key: Key, number: u64) {
        let Commit {
            key: (group, spot),
            at,
            ..
        } = self.commits[number as usize];
        let change = &self.registers[&(group, spot)][at];
        let deleted = self.deleted.get(&spot.0);
        assert!(
            change.ended.is_none() || deleted.is_none_or(|deleted| change.ended > Some(*deleted)),
            "{key:?}: an offset of {spot:?} was told, whose topic is gone: {change:?} ({deleted:?})"
        );
    }
}
