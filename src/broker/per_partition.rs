use super::scatter::{Outgoing, Scatter};
use super::{BrokerError, Context, CoreRequest, Questions, TopicRef};
use crate::topic::Topic;
use crate::types::{CoreId, PartitionIndex, TopicPartition};

/// Something about partitions, by topic, in the client's order.
pub type ByTopic<T> = Vec<(TopicRef, Vec<(PartitionIndex, T)>)>;

/// A question about each of some partitions, under way at the cores that own them.
#[derive(Debug)]
pub struct PerPartition<R> {
    topics: Vec<(TopicRef, Vec<PartitionIndex>)>,
    results: Scatter<Result<R, BrokerError>>,
}

impl<R> PerPartition<R> {
    /// Splits the questions over the cores that own the partitions; `ask` makes a core's question
    /// of those that concern it.
    pub fn start<Q>(
        asked: ByTopic<Q>,
        context: &Context<'_>,
        ask: impl Fn(Vec<(TopicPartition, Q)>) -> CoreRequest,
    ) -> (Self, Questions) {
        Self::start_if(asked, context, |_| Ok(()), ask)
    }

    /// The same; no core is asked about topics that `check` refuses.
    pub(super) fn start_if<Q>(
        asked: ByTopic<Q>,
        context: &Context<'_>,
        check: impl Fn(&Topic) -> Result<(), BrokerError>,
        ask: impl Fn(Vec<(TopicPartition, Q)>) -> CoreRequest,
    ) -> (Self, Questions) {
        let mut results = Scatter::new();
        let mut outgoing = Outgoing::new();
        let mut topics = Vec::with_capacity(asked.len());
        for (name, partitions) in asked {
            let topic = context.topic(&name);
            let topic = topic.and_then(|topic| check(topic).map(|()| topic));
            let mut indexes = Vec::with_capacity(partitions.len());
            for (index, question) in partitions {
                indexes.push(index);
                let owner = match &topic {
                    Ok(topic) => context.owner(topic, index),
                    Err(unknown) => Err(unknown.clone()),
                };
                match owner {
                    Ok((core, partition)) => {
                        results.expect_from(core);
                        outgoing.push(core, (partition, question));
                    }
                    Err(error) => results.settle(Err(error)),
                }
            }
            topics.push((name, indexes));
        }
        let questions = outgoing.into_cores();
        let questions = questions.map(|(core, items)| (core, ask(items))).collect();
        (Self { topics, results }, questions)
    }

    /// Takes a core's answers.
    pub fn reply(&mut self, from: CoreId, answers: Vec<Result<R, BrokerError>>) {
        self.results.fill(from, answers);
    }

    /// Whether every core has replied.
    pub fn is_complete(&self) -> bool {
        self.results.is_complete()
    }

    /// The answers, once complete.
    pub fn finish(self) -> ByTopic<Result<R, BrokerError>> {
        let mut results = self.results.into_results();
        let topics = self.topics.into_iter().map(|(topic, indexes)| {
            let answers = indexes.into_iter().zip(&mut results).collect();
            (topic, answers)
        });
        topics.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;

    fn asked(partitions: &[i32]) -> ByTopic<i32> {
        let number = |&index| (PartitionIndex::new(index), index * 10);
        vec![
            (TopicRef::Name("nothing".to_owned()), vec![number(&0)]),
            (
                TopicRef::Name("orders".to_owned()),
                partitions.iter().map(number).collect(),
            ),
        ]
    }

    /// Each core answers its partitions' numbers.
    fn answered(fixture: &Fixture, own_node: bool) -> Vec<Result<i32, BrokerError>> {
        let context = fixture.context(own_node);
        let seen = std::cell::RefCell::new(Vec::new());
        let asked = asked(&[3, 0, 9, 1, 2]);
        let (mut operation, questions) = PerPartition::start(asked, &context, |items| {
            seen.borrow_mut().push(items);
            CoreRequest::Unwatch
        });
        for ((core, _), items) in questions.iter().zip(seen.take()) {
            assert!(!operation.is_complete());
            assert!(
                items
                    .iter()
                    .all(|(partition, _)| fixture.owner(partition.partition().get()) == *core)
            );
            let answers = items
                .into_iter()
                .map(|(_, question)| Ok(question))
                .collect();
            operation.reply(*core, answers);
        }
        assert!(operation.is_complete());
        let topics = operation.finish();
        let orders = topics.into_iter().next_back().expect("two topics").1;
        orders.into_iter().map(|(_, answer)| answer).collect()
    }

    #[test]
    fn answers_come_in_the_order_of_questions() {
        let unknown = Err(BrokerError::UnknownTopicOrPartition);
        assert_eq!(
            answered(&Fixture::new(Nodes::Single), false),
            [Ok(30), Ok(0), unknown, Ok(10), Ok(20)]
        );
    }

    #[test]
    fn a_cores_own_node_answers_for_its_own_partitions_only() {
        let fixture = Fixture::new(Nodes::PerCore);
        let answers = answered(&fixture, true);
        for (index, answer) in [3, 0, 9, 1, 2].into_iter().zip(answers) {
            let expected = match index {
                9 => Err(BrokerError::UnknownTopicOrPartition),
                own if fixture.owner(own) == CoreId::new(0) => Ok(own * 10),
                _ => Err(BrokerError::NotLeader),
            };
            assert_eq!(answer, expected, "{index}");
        }
    }
}
