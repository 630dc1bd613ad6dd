//! What members of a classic group of consumers tell each other through the coordinator: the
//! bytes in JoinGroup's `metadata` and SyncGroup's `assignment`.
//!
//! Each value begins with its version. A reader takes a version that is higher than those it
//! knows for the highest known one: newer versions only add fields at the end.

use crate::wire::{Array, EncodeError, Format, Reader, Struct, Value, WireError, Writer, message};
use bytes::Bytes;
use std::ops::RangeInclusive;

/// The versions that are known.
const VERSIONS: RangeInclusive<i16> = 0..=3;

message! {
    /// What a member wants; its assignor's metadata.
    ConsumerProtocolSubscription<'a> {
        /// The topics.
        topics: Array<'a, &'a str>, 0..;
        /// What the assignor keeps there.
        user_data: Option<&'a [u8]>, 0..;
        /// The partitions that the member has (KIP-429).
        owned_partitions: Array<'a, ConsumerProtocolTopicPartitions<'a>>, 1.., else ignored;
        /// The generation in which it had them, -1 if unknown (KIP-792).
        generation_id: i32, 2.., default -1, else ignored;
        /// The member's rack (KIP-881).
        rack_id: Option<&'a str>, 3.., else ignored;
    }

    /// What a member gets.
    ConsumerProtocolAssignment<'a> {
        /// The partitions.
        assigned_partitions: Array<'a, ConsumerProtocolTopicPartitions<'a>>, 0..;
        /// What the assignor keeps there.
        user_data: Option<&'a [u8]>, 0..;
    }

    /// Partitions of a topic.
    ConsumerProtocolTopicPartitions<'a> {
        /// The topic's name.
        topic: &'a str, 0..;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 0..;
    }
}

/// A value of the consumers' protocol.
pub trait ConsumerProtocol<'a>: Struct + Value<'a> {
    /// The value's name.
    const NAME: &'static str;

    /// Reads a version and a value of it. Bytes that follow are left alone.
    ///
    /// # Errors
    /// What is wrong with the bytes; [`WireError::UnsupportedVersion`] below version 0.
    fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        if version < *VERSIONS.start() {
            return Err(WireError::UnsupportedVersion {
                message: Self::NAME,
                version,
            });
        }
        Self::read(&mut reader, format(version.min(*VERSIONS.end())))
    }

    /// The version and the value in it.
    ///
    /// # Errors
    /// [`EncodeError::UnsupportedVersion`], and a string that is too long.
    fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        if !VERSIONS.contains(&version) {
            return Err(EncodeError::UnsupportedVersion {
                message: Self::NAME,
                version,
            });
        }
        let mut writer = Writer::new();
        writer.i16(version);
        self.write(&mut writer, format(version))?;
        Ok(writer.into_bytes())
    }
}

impl<'a> ConsumerProtocol<'a> for ConsumerProtocolSubscription<'a> {
    const NAME: &'static str = "ConsumerProtocolSubscription";
}

impl<'a> ConsumerProtocol<'a> for ConsumerProtocolAssignment<'a> {
    const NAME: &'static str = "ConsumerProtocolAssignment";
}

/// No version has tagged fields.
const fn format(version: i16) -> Format {
    Format {
        version,
        flexible: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_above_those_known_reads_as_the_highest_known() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["orders"].into(),
            generation_id: 7,
            rack_id: Some("r1"),
            ..ConsumerProtocolSubscription::default()
        };
        let mut bytes = subscription.encode(3).expect("known").to_vec();
        bytes[1] = 9;
        bytes.extend_from_slice(b"what version 9 adds");
        assert_eq!(
            ConsumerProtocolSubscription::decode(&bytes),
            Ok(subscription)
        );
    }

    #[test]
    fn what_an_older_version_lacks_is_left_out() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["orders"].into(),
            generation_id: 7,
            ..ConsumerProtocolSubscription::default()
        };
        let bytes = subscription.encode(1).expect("known");
        let back = ConsumerProtocolSubscription::decode(&bytes).expect("whole");
        assert_eq!(back.generation_id, -1);
        assert_eq!(back.topics, subscription.topics);
    }

    #[test]
    fn versions_below_zero_and_cut_values_are_refused() {
        assert!(matches!(
            ConsumerProtocolAssignment::decode(&[0xff, 0xff, 0, 0, 0, 0]),
            Err(WireError::UnsupportedVersion { version: -1, .. })
        ));
        assert!(matches!(
            ConsumerProtocolAssignment::decode(&[0]),
            Err(WireError::Truncated { .. })
        ));
        assert!(matches!(
            ConsumerProtocolAssignment::decode(&[0, 0, 0x7f, 0xff, 0xff, 0xff]),
            Err(WireError::LengthTooLarge { .. })
        ));
        assert!(ConsumerProtocolAssignment::default().encode(4).is_err());
    }
}
