use super::integer;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

integer! {
    /// A partition's number in its topic.
    PartitionIndex(i32)
}

/// A topic's lasting identity: a re-created topic of the same name has another one (KIP-516).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(Uuid);

impl TopicId {
    /// What the protocol says for "no topic id".
    pub const NONE: Self = Self(Uuid::nil());

    /// Makes an id of 16 bytes, big endian as on the wire.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Makes a random (version 4), never zero, id of 16 random bytes.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The 16 bytes, big endian as on the wire.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({})", self.0)
    }
}

/// A valid topic name: 1 to 249 of `a-z A-Z 0-9 . _ -`, neither `.` nor `..`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a name cannot name a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// No characters at all.
    #[error("the topic name is empty")]
    Empty,
    /// `.` or `..`, which are directories already.
    #[error("a topic cannot be named \".\" or \"..\"")]
    Dots,
    /// More than 249 characters.
    #[error("the topic name has {0} characters; at most 249 are allowed")]
    TooLong(usize),
    /// A character outside the allowed set.
    #[error(
        "the topic name has the character {0:?}; allowed are letters, digits, '.', '_' and '-'"
    )]
    Character(char),
}

impl TopicName {
    /// The longest name: a directory `<name>-<partition>` must stay within 255 bytes.
    pub const LENGTH_MAX: usize = 249;

    /// Checks a name by Kafka's rules.
    pub fn new(name: &str) -> Result<Self, TopicNameError> {
        if name.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if name == "." || name == ".." {
            return Err(TopicNameError::Dots);
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(character) = name.chars().find(|c| !allowed(c)) {
            return Err(TopicNameError::Character(character));
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(TopicNameError::TooLong(name.len()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// One partition of one topic, by the topic's lasting identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    topic: TopicId,
    partition: PartitionIndex,
}

impl TopicPartition {
    /// Names a partition.
    pub const fn new(topic: TopicId, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }

    /// The topic's identity.
    pub const fn topic(self) -> TopicId {
        self.topic
    }

    /// The partition's number.
    pub const fn partition(self) -> PartitionIndex {
        self.partition
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        assert!(TopicName::new("orders.v1_eu-west").is_ok());
        assert_eq!(TopicName::new(""), Err(TopicNameError::Empty));
        assert_eq!(TopicName::new(".."), Err(TopicNameError::Dots));
        assert_eq!(TopicName::new("a/b"), Err(TopicNameError::Character('/')));
        let long = "x".repeat(250);
        assert_eq!(TopicName::new(&long), Err(TopicNameError::TooLong(250)));
    }

    #[test]
    fn random_ids_are_never_zero() {
        assert_ne!(TopicId::from_random_bytes([0; 16]), TopicId::NONE);
    }
}
