//! One of the two brokers: runs a case's steps against it.

use crate::case::{Ask, Case, Step};
use crate::connection::{Answer, Connection};
use crate::schema::{Api, Field, Kind, Schema};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The id of no topic.
const NO_TOPIC: &str = "6f1b6f0e-0000-4000-8000-000000000001";

/// How long `until` asks again.
const UNTIL: Duration = Duration::from_secs(10);

/// What a step brought.
#[derive(Debug)]
pub struct Outcome {
    pub step: usize,
    pub api: String,
    pub version: i16,
    pub value: Value,
}

/// A case's run on one side.
#[derive(Debug)]
pub struct Run<'a> {
    schema: &'a Schema,
    address: SocketAddr,
    /// Before the names of this run's topics and groups: the same on both sides.
    pub prefix: String,
    /// Values saved from answers.
    pub saved: BTreeMap<String, Value>,
    /// Topics' ids by name.
    pub ids: BTreeMap<String, String>,
    connections: BTreeMap<String, Connection>,
    pending: BTreeMap<String, (usize, &'a Ask, i16, i32)>,
}

impl<'a> Run<'a> {
    pub fn new(schema: &'a Schema, address: SocketAddr, prefix: String) -> Self {
        Self {
            schema,
            address,
            prefix,
            saved: BTreeMap::new(),
            ids: BTreeMap::new(),
            connections: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Runs the case for the `run`th time; what the steps brought, in order.
    pub fn case(&mut self, case: &'a Case, run: i16) -> Result<Vec<Outcome>> {
        self.make_topics(case)?;
        let mut outcomes = Vec::new();
        for (at, step) in case.steps.iter().enumerate() {
            match step {
                Step::Sleep(time) => std::thread::sleep(Duration::from_millis(*time)),
                Step::Await(name) => {
                    let (asked, ask, version, correlation) = self
                        .pending
                        .remove(name)
                        .with_context(|| format!("nothing was asked as {name}"))?;
                    let api = self.schema.api(&ask.api)?;
                    let answer = self.receive(api, ask, version, correlation)?;
                    outcomes.extend(self.outcome(asked, ask, version, &answer));
                }
                Step::Ask(ask) => {
                    let api = self.schema.api(&ask.api)?;
                    let version = case.version(api, ask, run);
                    let deadline = Instant::now() + UNTIL;
                    let answer = loop {
                        let fields = match self.fill(&ask.fields) {
                            Ok(fields) => fields,
                            Err(error) => break Some(Answer::None(error.to_string())),
                        };
                        let fields = self.with_ids(&api.request.fields, fields, version);
                        let connection = self.connection(&ask.on)?;
                        let correlation = connection.send(api, version, &fields, ask.cut)?;
                        if let Some(name) = &ask.later {
                            let asked = (at, &**ask, version, correlation);
                            self.pending.insert(name.clone(), asked);
                            break None;
                        }
                        let answer = self.receive(api, ask, version, correlation)?;
                        if self.is_reached(ask, &answer)? || Instant::now() > deadline {
                            break Some(answer);
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    };
                    if let Some(answer) = answer {
                        outcomes.extend(self.outcome(at, ask, version, &answer));
                    }
                }
            }
        }
        Ok(outcomes)
    }

    fn make_topics(&mut self, case: &Case) -> Result<()> {
        if case.topics.is_empty() {
            return Ok(());
        }
        let create = self.schema.api("CreateTopics")?;
        let topics = case.topics.iter().map(|(name, topic)| {
            let configs = topic.configs.iter();
            let configs = configs.map(|(name, value)| json!({"Name": name, "Value": value}));
            json!({
                "Name": format!("{}{name}", self.prefix),
                "NumPartitions": topic.partitions,
                "ReplicationFactor": 1,
                "Configs": configs.collect::<Vec<_>>(),
            })
        });
        let fields = json!({"Topics": topics.collect::<Vec<_>>(), "timeoutMs": 30_000});
        let answer = self.ask(create, &fields)?;
        let results = answer["Topics"].as_array().cloned().unwrap_or_default();
        if results.len() != case.topics.len() || results.iter().any(|one| one["ErrorCode"] != 0) {
            bail!("the case's topics: {answer}");
        }
        // A broker of Kafka's hears of a new topic after its controller has answered.
        let metadata = self.schema.api("Metadata")?;
        let topics = case.topics.keys().map(|name| {
            json!({"TopicId": uuid::Uuid::nil().to_string(), "Name": format!("{}{name}", self.prefix)})
        });
        let fields = json!({"Topics": topics.collect::<Vec<_>>(), "AllowAutoTopicCreation": false});
        let deadline = Instant::now() + UNTIL;
        loop {
            let answer = self.ask(metadata, &fields)?;
            let topics = answer["Topics"].as_array().cloned().unwrap_or_default();
            let is_ready = |topic: &Value| {
                let partitions = topic["Partitions"].as_array().cloned().unwrap_or_default();
                topic["ErrorCode"] == 0 && partitions.iter().all(|one| one["ErrorCode"] == 0)
            };
            if topics.iter().all(is_ready) && self.lead(case)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the case's topics are not there: {answer}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether the partitions of the case's topics answer.
    fn lead(&mut self, case: &Case) -> Result<bool> {
        let topics = case.topics.iter().map(|(name, topic)| {
            let partitions = (0..topic.partitions).map(|index| json!({"PartitionIndex": index, "Timestamp": -1}));
            json!({"Name": format!("{}{name}", self.prefix), "Partitions": partitions.collect::<Vec<_>>()})
        });
        let fields =
            json!({"ReplicaId": -1, "TimeoutMs": 1000, "Topics": topics.collect::<Vec<_>>()});
        let answer = self.ask(self.schema.api("ListOffsets")?, &fields)?;
        let topics = answer["Topics"].as_array().cloned().unwrap_or_default();
        Ok(topics.iter().all(|topic| {
            let partitions = topic["Partitions"].as_array().cloned().unwrap_or_default();
            partitions.iter().all(|one| one["ErrorCode"] == 0)
        }))
    }

    /// Asks in the newest version, for a decoded answer.
    pub fn ask(&mut self, api: &Api, fields: &Value) -> Result<Value> {
        let version = api.versions.last;
        let connection = self.connection("")?;
        let correlation = connection.send(api, version, fields, 0)?;
        let patience = Duration::from_secs(20);
        match connection.receive(api, version, correlation, patience)? {
            Answer::Decoded(value) => {
                self.learn_ids(&value);
                Ok(value)
            }
            Answer::None(word) => bail!("{}: {word}", api.name),
        }
    }

    fn connection(&mut self, name: &str) -> Result<&mut Connection> {
        if !self.connections.contains_key(name) {
            let connection = Connection::open(self.address)?;
            self.connections.insert(name.to_owned(), connection);
        }
        self.connections.get_mut(name).context("it was put there")
    }

    fn receive(&mut self, api: &Api, ask: &Ask, version: i16, correlation: i32) -> Result<Answer> {
        let patience = Duration::from_millis(ask.patience);
        let connection = self.connection(&ask.on)?;
        let answer = connection.receive(api, version, correlation, patience)?;
        match &answer {
            Answer::Decoded(value) => {
                self.learn_ids(value);
                for (name, path) in &ask.save {
                    let saved = at_path(value, path).cloned().unwrap_or_default();
                    self.saved.insert(name.clone(), saved);
                }
            }
            // The next request goes over a new one.
            Answer::None(_) => {
                self.connections.remove(&ask.on);
            }
        }
        Ok(answer)
    }

    fn is_reached(&self, ask: &Ask, answer: &Answer) -> Result<bool> {
        let value = answer.value();
        for (path, wanted) in &ask.until {
            if at_path(&value, path) != Some(&self.fill(wanted)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn outcome(&self, step: usize, ask: &Ask, version: i16, answer: &Answer) -> Option<Outcome> {
        (!ask.silent).then(|| Outcome {
            step,
            api: ask.api.clone(),
            version,
            value: answer.value(),
        })
    }

    /// `^name` is a name of this run's own, `$name` a saved value.
    fn fill(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => match (text.strip_prefix('^'), text.strip_prefix('$')) {
                (Some(name), _) => json!(format!("{}{name}", self.prefix)),
                (_, Some(name)) => match self.saved.get(name) {
                    None | Some(Value::Null) => bail!("nothing was saved as {name}"),
                    Some(value) => value.clone(),
                },
                _ => value.clone(),
            },
            Value::Array(items) => {
                let items = items.iter().map(|item| self.fill(item));
                Value::Array(items.collect::<Result<_>>()?)
            }
            Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Value::Object(members.collect::<Result<Map<_, _>>>()?)
            }
            other => other.clone(),
        })
    }

    /// Gives a topic's id where the version has no name of it.
    fn with_ids(&self, fields: &[Field], value: Value, version: i16) -> Value {
        let Value::Object(mut members) = value else {
            return value;
        };
        let has = |name: &str| {
            let mut fields = fields.iter();
            fields.any(|field| field.name == name && field.versions.contains(version))
        };
        if has("TopicId") && !has("Name") && !has("Topic") && !members.contains_key("TopicId") {
            let name = members.get("Name").or(members.get("Topic"));
            if let Some(name) = name.and_then(Value::as_str) {
                let id = self.ids.get(name).map_or(NO_TOPIC, String::as_str);
                members.insert("TopicId".into(), json!(id));
            }
        }
        for field in fields {
            let Some(value) = members.get_mut(&field.name) else {
                continue;
            };
            match (&field.kind, &mut *value) {
                (Kind::Struct(inner), _) => *value = self.with_ids(inner, value.take(), version),
                (Kind::Array(item), Value::Array(items)) => {
                    if let Kind::Struct(inner) = &**item {
                        for item in items {
                            *item = self.with_ids(inner, item.take(), version);
                        }
                    }
                }
                _ => {}
            }
        }
        Value::Object(members)
    }

    fn learn_ids(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                let name = ["Name", "Topic", "TopicName"]
                    .iter()
                    .find_map(|key| members.get(*key));
                if let (Some(Value::String(name)), Some(Value::String(id))) =
                    (name, members.get("TopicId"))
                    && !uuid::Uuid::parse_str(id).is_ok_and(|id| id.is_nil())
                {
                    self.ids.insert(name.clone(), id.clone());
                }
                members.values().for_each(|value| self.learn_ids(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.learn_ids(value)),
            _ => {}
        }
    }
}

/// `Topics.0.ErrorCode`.
fn at_path<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(value, |value, part| match part.parse::<usize>() {
            Ok(at) => value.get(at),
            Err(_) => value.get(part),
        })
}
