use crate::types::{CoreId, TopicPartition};

/// Which core owns which partition: `(hash(topic id) + partition) mod cores`, so that a small
/// topic's partitions lie on different cores and small topics start at different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    cores: u16,
}

impl Placement {
    /// Places over this many cores, at least one.
    pub fn new(cores: u16) -> Self {
        assert!(cores > 0, "a broker has at least one core");
        Self { cores }
    }

    /// How many cores there are.
    pub const fn cores(self) -> u16 {
        self.cores
    }

    /// All cores.
    pub fn all(self) -> impl Iterator<Item = CoreId> {
        (0..self.cores).map(CoreId::new)
    }

    /// The one core that owns this partition for as long as the process lives.
    pub fn owner(self, partition: TopicPartition) -> CoreId {
        // The id is random already: folding its halves is hash enough.
        let id = u128::from_be_bytes(partition.topic().to_bytes());
        let hash = ((id >> 64) as u64) ^ (id as u64);
        let number = partition.partition().get() as u64;
        let lane = hash % u64::from(self.cores) + number % u64::from(self.cores);
        CoreId::new((lane % u64::from(self.cores)) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    #[test]
    fn partitions_of_one_topic_go_round_the_cores() {
        let placement = Placement::new(4);
        let topic = TopicId::from_random_bytes([7; 16]);
        let owner = |p| placement.owner(TopicPartition::new(topic, PartitionIndex::new(p)));
        let first = owner(0).get();
        for partition in 0..12 {
            assert_eq!(owner(partition).get(), (first + partition as u16) % 4);
        }
    }
}
