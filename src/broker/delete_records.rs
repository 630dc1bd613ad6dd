use super::offsets_topic::is_offsets_topic;
use super::{BrokerError, ByTopic, Context, CoreRequest, PerPartition, Questions};
use crate::topic::Topic;
use crate::types::Offset;

/// Delete the records below an offset (KIP-107).
#[derive(Debug, Clone)]
pub struct DeleteRecordsRequest {
    /// The first offset that stays, of each partition; `None` deletes all that may be read.
    pub topics: ByTopic<Option<Offset>>,
}

impl DeleteRecordsRequest {
    /// Splits the deletions over the cores that own the partitions.
    pub fn start(self, context: &Context<'_>) -> (PerPartition<Offset>, Questions) {
        let ask = CoreRequest::DeleteRecords;
        PerPartition::start_if(self.topics, context, check_topic, ask)
    }
}

/// What groups committed is not deleted by offset, nor is what only a newer record of its key takes
/// away.
fn check_topic(topic: &Topic) -> Result<(), BrokerError> {
    if is_offsets_topic(topic.name.as_str()) {
        return Err(BrokerError::InternalTopic("delete its records"));
    }
    if !topic.settings.cleanup().deletes {
        let problem =
            "cleanup.policy=compact keeps the newest record of each key; add delete to it";
        return Err(BrokerError::PolicyViolation(problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::TopicRef;
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;
    use crate::coordinator::OFFSETS_TOPIC;
    use crate::topic::TopicSettings;
    use crate::types::PartitionIndex;
    use std::collections::BTreeMap;

    #[test]
    fn a_topic_that_is_only_compacted_keeps_its_records() {
        let mut fixture = Fixture::new(Nodes::Single);
        for (policy, refused) in [("compact", true), ("compact,delete", false)] {
            let set = BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]);
            let orders = fixture.catalog.by_name("orders").expect("it is there");
            fixture.catalog.put(Topic {
                settings: TopicSettings::new(set).expect("valid"),
                ..orders.as_ref().clone()
            });
            let topic = TopicRef::Name("orders".to_owned());
            let topics = vec![(topic, vec![(PartitionIndex::new(0), None)])];
            let request = DeleteRecordsRequest { topics };
            let (deletion, questions) = request.start(&fixture.context(false));
            assert_eq!(questions.is_empty(), refused);
            if refused {
                let answers = deletion.finish();
                let refusal = &answers[0].1[0].1;
                assert!(matches!(refusal, Err(BrokerError::PolicyViolation(_))));
            }
        }
    }

    #[test]
    fn an_internal_topic_is_left_alone() {
        let fixture = Fixture::with_groups(Nodes::Single);
        let all = |name: &str| {
            let partition = (PartitionIndex::new(0), None);
            (TopicRef::Name(name.to_owned()), vec![partition])
        };
        let topics = vec![all(OFFSETS_TOPIC), all("orders")];
        let request = DeleteRecordsRequest { topics };
        let (mut deletion, questions) = request.start(&fixture.context(false));
        let [(core, CoreRequest::DeleteRecords(items))] = questions.as_slice() else {
            panic!("one core is asked: {questions:?}");
        };
        assert_eq!(items.len(), 1);
        deletion.reply(*core, vec![Ok(Offset::new(7))]);
        let answers = deletion.finish();
        let refused = &answers[0].1[0].1;
        assert!(matches!(refused, Err(BrokerError::InternalTopic(_))));
        assert_eq!(answers[1].1[0].1, Ok(Offset::new(7)));
    }
}
