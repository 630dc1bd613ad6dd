use crate::types::{GroupId, PartitionIndex};

/// The partition of [`OFFSETS_TOPIC`](super::OFFSETS_TOPIC) that keeps a group, as Kafka chooses
/// it: tools that read the topic find a group where they look for it.
///
/// # Panics
/// If there are no partitions.
pub fn partition_of(group: &GroupId, partitions: i32) -> PartitionIndex {
    assert!(partitions > 0, "a topic has partitions");
    // Java's String.hashCode, over UTF-16 units.
    let hash = group.as_str().encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // Kafka's Utils.abs: the one value without a counterpart becomes 0.
    let hash = hash.checked_abs().unwrap_or(0);
    PartitionIndex::new(hash % partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        let of = |group: &str| partition_of(&GroupId::new(group), 50).get();
        // "a".hashCode() = 97, "ab" = 3105, "é" = 233.
        assert_eq!(of(""), 0);
        assert_eq!(of("a"), 47);
        assert_eq!(of("ab"), 5);
        assert_eq!(of("é"), 33);
        // The one string of this length whose hash is i32::MIN.
        assert_eq!(of("polygenelubricants"), 0);
    }
}
