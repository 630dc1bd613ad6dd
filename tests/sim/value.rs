//! The values that producers write: each names itself, so that a reader knows whether it was
//! written, where, and whether all of it is there.

/// Names one record: a stream is one producer's records for one partition, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ValueId {
    pub(crate) stream: u32,
    pub(crate) number: u32,
}

impl std::fmt::Display for ValueId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.stream, self.number)
    }
}

/// How many keys there are.
const KEYS: u32 = 7;

/// The fixed part: stream, number, length of the filler.
const HEAD: usize = 12;

impl ValueId {
    /// The key: a few are shared by all streams.
    pub(crate) fn key(self) -> [u8; 4] {
        ((self.stream * 31 + self.number * 17) % KEYS).to_be_bytes()
    }

    /// Whether it has no value in a compacted topic.
    pub(crate) fn is_tombstone(self) -> bool {
        self.number % 5 == 3
    }

    /// The value, with a filler that follows from the name.
    pub(crate) fn encode(self, filler: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + filler);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend((filler as u32).to_be_bytes());
        bytes.extend((0..filler).map(|at| self.filler(at)));
        bytes
    }

    /// The name, if the value is whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = bytes.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let (stream, count, filler) = (number(0)?, number(4)?, number(8)?);
        let id = Self {
            stream,
            number: count,
        };
        let rest = bytes.get(HEAD..)?;
        let whole = rest.len() == filler as usize
            && (0..).zip(rest).all(|(at, byte)| *byte == id.filler(at));
        whole.then_some(id)
    }

    fn filler(self, at: usize) -> u8 {
        (self.stream as usize * 31 + self.number as usize * 7 + at) as u8
    }
}

#[test]
fn a_value_is_read_back_whole_or_not_at_all() {
    let id = ValueId {
        stream: 3,
        number: 700,
    };
    let bytes = id.encode(50);
    assert_eq!(ValueId::decode(&bytes), Some(id));
    assert_eq!(ValueId::decode(&bytes[..40]), None);
    let mut torn = bytes;
    torn[20] = 0;
    assert_eq!(ValueId::decode(&torn), None);
}
