//! What must hold of a batch before any partition sees it.
//!
//! Headers are checked always. Records are decoded only where a setting of the topic is about each of
//! them.

use super::BrokerError;
use super::offsets_topic::is_offsets_topic;
use crate::record::{
    Batch, BatchError, Compression, DecompressionLimits, TimestampType, is_damaged,
};
use crate::topic::{TimestampSource, Topic, TopicSettings};
use crate::types::Timestamp;
use bytes::Bytes;

/// Makes a batch of what was sent, if the topic may take it.
pub(super) fn check(
    topic: &Topic,
    records: Option<Bytes>,
    knows_zstandard: bool,
    now: Timestamp,
) -> Result<Batch, BrokerError> {
    if is_offsets_topic(topic.name.as_str()) {
        return Err(BrokerError::InternalTopic("write to it"));
    }
    let bytes = records.unwrap_or_default();
    let limit = topic.settings.message_bytes_max();
    if bytes.len() > limit {
        let size = bytes.len();
        return Err(BrokerError::MessageTooLarge { size, limit });
    }
    let batch = Batch::validate(bytes.clone()).map_err(|error| refused(&error, &bytes))?;
    let header = batch.header();
    if header.is_control() {
        let problem = "control batches are the broker's to write";
        return Err(BrokerError::InvalidRecord(problem.into()));
    }
    if header.is_transactional() {
        return Err(BrokerError::TransactionsNotSupported);
    }
    if header.compression() == Compression::Zstd && !knows_zstandard {
        return Err(BrokerError::UnsupportedCompression);
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        let problem = "only the broker stamps records with LogAppendTime";
        return Err(BrokerError::InvalidTimestamp(problem.into()));
    }
    let times = Times::of(&topic.settings, now);
    times.check_header(&batch)?;
    let needs_keys = topic.settings.cleanup().compacts;
    if needs_keys || times.concern_each_record() {
        check_records(&batch, needs_keys, &times)?;
    }
    Ok(batch)
}

/// A batch that changed on its way may be sent again, and clients do so; one that was made wrong is
/// as wrong the next time.
fn refused(error: &BatchError, bytes: &[u8]) -> BrokerError {
    let is_damaged = match error {
        BatchError::Checksum { .. }
        | BatchError::LengthOutOfRange(_)
        | BatchError::UnknownMagic(_) => true,
        BatchError::OldMagic(_) => false,
        _ => is_damaged(bytes),
    };
    if is_damaged {
        BrokerError::CorruptMessage(error.to_string())
    } else {
        BrokerError::InvalidRecord(error.to_string())
    }
}

/// The timestamps that a topic takes (KIP-937).
struct Times {
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Times {
    fn of(settings: &TopicSettings, now: Timestamp) -> Self {
        match settings.timestamp_source() {
            TimestampSource::CreateTime => Self {
                earliest: settings.timestamp_before_ms_max().map(|ms| now.before(ms)),
                latest: settings.timestamp_after_ms_max().map(|ms| now.after(ms)),
            },
            TimestampSource::LogAppendTime => Self {
                earliest: None,
                latest: None,
            },
        }
    }

    /// Whether the header does not tell enough: it has the first and the largest timestamp, but not
    /// the smallest.
    fn concern_each_record(&self) -> bool {
        self.earliest.is_some()
    }

    fn check_header(&self, batch: &Batch) -> Result<(), BrokerError> {
        let header = batch.header();
        // Old versions of a widely used client do not set the largest one.
        let largest = match header.max_timestamp() {
            Timestamp::NONE => header.base_timestamp(),
            max => max,
        };
        self.check_late(largest)
    }

    fn check_late(&self, time: Timestamp) -> Result<(), BrokerError> {
        match self.latest {
            Some(latest) if time > latest => Err(BrokerError::InvalidTimestamp(format!(
                "{time} is past {latest}, which is now and message.timestamp.after.max.ms"
            ))),
            _ => Ok(()),
        }
    }

    fn check(&self, time: Timestamp) -> Result<(), BrokerError> {
        if time == Timestamp::NONE {
            return Ok(());
        }
        if let Some(earliest) = self.earliest
            && time < earliest
        {
            return Err(BrokerError::InvalidTimestamp(format!(
                "{time} is before {earliest}, which is now less message.timestamp.before.max.ms"
            )));
        }
        self.check_late(time)
    }
}

/// A compacted topic is kept by key, so every record must have one that can be read.
fn check_records(batch: &Batch, needs_keys: bool, times: &Times) -> Result<(), BrokerError> {
    let refused = |error| refused(&error, batch.bytes());
    let records = batch
        .records(&DecompressionLimits::default())
        .map_err(refused)?;
    for (number, record) in records.iter().enumerate() {
        let record = record.map_err(refused)?;
        if needs_keys && record.key.is_none() {
            let problem = format!("record {number} has no key, which a compacted topic needs");
            return Err(BrokerError::InvalidRecord(problem));
        }
        times.check(record.timestamp)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, with_log_append_time};
    use crate::types::{Offset, TopicId, TopicName};

    const NOW: Timestamp = Timestamp::new(1_000_000);

    fn topic(settings: &[(&str, &str)]) -> Topic {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Topic {
            name: TopicName::new("t").expect("valid"),
            id: TopicId::from_bytes([3; 16]),
            partitions: 1,
            settings: TopicSettings::new(settings.collect()).expect("valid"),
        }
    }

    #[test]
    fn a_compacted_topic_takes_records_with_keys_only() {
        let topic = topic(&[("cleanup.policy", "compact,delete")]);
        for (keys, is_fine) in [([Some("a"), Some("")], true), ([Some("a"), None], false)] {
            for compression in Compression::ALL {
                let mut builder = BatchBuilder::new(compression, None);
                for key in keys {
                    builder.append(Timestamp::new(1), key.map(str::as_bytes), None, &[]);
                }
                let bytes = builder.build(Offset::ZERO).expect("it is valid");
                let checked = check(&topic, Some(bytes), true, NOW);
                let refused = matches!(checked, Err(BrokerError::InvalidRecord(_)));
                assert_eq!((checked.is_ok(), refused), (is_fine, !is_fine));
            }
        }
    }

    fn batch_at(times: &[i64]) -> Bytes {
        let mut builder = BatchBuilder::new(Compression::Snappy, None);
        for time in times {
            builder.append(Timestamp::new(*time), None, None, &[]);
        }
        builder.build(Offset::ZERO).expect("it is valid")
    }

    fn is_taken(topic: &Topic, times: &[i64]) -> bool {
        match check(topic, Some(batch_at(times)), true, NOW) {
            Ok(_) => true,
            Err(BrokerError::InvalidTimestamp(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn records_may_lie_an_hour_ahead_unless_told_otherwise() {
        let now = NOW.get();
        let defaults = topic(&[]);
        assert!(is_taken(&defaults, &[0, now, now + 3_600_000]));
        assert!(!is_taken(&defaults, &[0, now + 3_600_001, now]));
        let any = topic(&[("message.timestamp.after.max.ms", "9223372036854775807")]);
        assert!(is_taken(&any, &[i64::MAX]));
        let strict = topic(&[("message.timestamp.after.max.ms", "0")]);
        assert!(is_taken(&strict, &[now]) && !is_taken(&strict, &[now + 1]));
    }

    #[test]
    fn every_record_counts_where_the_past_has_a_limit() {
        let now = NOW.get();
        let recent = topic(&[("message.timestamp.before.max.ms", "10")]);
        assert!(is_taken(&recent, &[now - 10, now]));
        assert!(!is_taken(&recent, &[now, now - 11, now]));
        assert!(
            is_taken(&recent, &[-1]),
            "no timestamp is none that is wrong"
        );
    }

    #[test]
    fn the_broker_stamps_with_its_own_time_alone() {
        let stamped = topic(&[
            ("message.timestamp.type", "LogAppendTime"),
            ("message.timestamp.before.max.ms", "10"),
            ("message.timestamp.after.max.ms", "10"),
        ]);
        assert!(is_taken(&stamped, &[0, i64::MAX]));
        let sent = Batch::validate(batch_at(&[1])).expect("valid");
        let claimed = with_log_append_time(&sent, NOW).into_bytes();
        let refused = check(&stamped, Some(claimed), true, NOW);
        assert!(matches!(refused, Err(BrokerError::InvalidTimestamp(_))));
    }
}
