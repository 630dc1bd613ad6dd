//! The partition of a key, as Kafka's own clients choose it, so that an entity's records land in
//! the same partition whichever protocol or client sent them.

use crate::types::PartitionIndex;

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// MurmurHash2 (32 bits, Austin Appleby) with the seed of Kafka's default partitioner.
pub fn murmur2(key: &[u8]) -> u32 {
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// The partition of `key` in a topic of `partitions` partitions. Kafka clears the hash's sign bit
/// (rather than taking the absolute value) before the remainder.
///
/// # Panics
///
/// If `partitions` is not positive: no topic is without partitions.
pub fn partition_for_key(key: &[u8], partitions: i32) -> PartitionIndex {
    assert!(partitions > 0, "a topic has at least one partition");
    let positive = (murmur2(key) & 0x7fff_ffff) as i32;
    PartitionIndex::new(positive % partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_clients() {
        // Known answers of the Java client's murmur2.
        let cases: [(&[u8], i32); 8] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (
                b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
            (b"kafka", -798_503_068),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key) as i32, hash, "{key:?}");
        }
    }

    #[test]
    fn negative_hashes_keep_their_low_bits() {
        let positive = (-973_932_308_i32) & 0x7fff_ffff;
        assert_eq!(partition_for_key(b"21", 1000).get(), positive % 1000);
        assert_eq!(partition_for_key(b"21", 1).get(), 0);
    }
}
