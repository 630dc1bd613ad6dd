//! The cases: data in `cases/*.yaml`, whose form README.md explains.

use crate::schema::{Api, Schema};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Requests that belong together, in order.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    /// The APIs whose versions are run through; the others are asked in their newest.
    pub sweep: Vec<String>,
    /// Topics that exist before the first step.
    pub topics: BTreeMap<String, Topic>,
    /// Runs beside no other such case: they use the group without a name, or list all groups.
    pub in_turn: bool,
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    #[serde(default = "one")]
    pub partitions: i32,
    #[serde(default)]
    pub configs: BTreeMap<String, Value>,
}

fn one() -> i32 {
    1
}

#[derive(Debug)]
pub enum Step {
    Ask(Box<Ask>),
    /// The answer to what was asked under this name with `later`.
    Await(String),
    /// Milliseconds.
    Sleep(u64),
}

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    #[serde(skip)]
    pub api: String,
    #[serde(skip)]
    pub fields: Value,
    /// A fixed version.
    pub at: Option<i16>,
    /// The connection's name.
    #[serde(default)]
    pub on: String,
    /// Do not wait for the answer; an `await` of this name takes it.
    pub later: Option<String>,
    /// Values of the answer by path, for later steps.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// Ask again, for some seconds, until the answer has these values.
    #[serde(default)]
    pub until: BTreeMap<String, Value>,
    /// Bytes taken from the end of the request.
    #[serde(default)]
    pub cut: usize,
    /// How long to wait for an answer, in milliseconds.
    #[serde(default = "eight_seconds")]
    pub patience: u64,
    /// Not compared: only there to bring both sides into a state.
    #[serde(default)]
    pub silent: bool,
}

fn eight_seconds() -> u64 {
    8_000
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    case: String,
    sweep: Option<Value>,
    #[serde(default)]
    topics: BTreeMap<String, Topic>,
    #[serde(default)]
    in_turn: bool,
    steps: Vec<Map<String, Value>>,
}

/// The cases of all files in a folder.
pub fn load(folder: &Path, schema: &Schema) -> Result<Vec<Case>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let given: Vec<Given> =
            serde_yaml_ng::from_str(&text).with_context(|| file.display().to_string())?;
        let area = file.file_stem().unwrap_or_default().to_string_lossy();
        for case in given {
            let name = format!("{area}/{}", case.case);
            let case = case.into_case(name.clone(), schema);
            cases.push(case.with_context(|| name)?);
        }
    }
    Ok(cases)
}

impl Given {
    fn into_case(self, name: String, schema: &Schema) -> Result<Case> {
        let steps: Vec<Step> = self.steps.into_iter().map(step).collect::<Result<_>>()?;
        let mut apis: Vec<String> = Vec::new();
        for step in &steps {
            if let Step::Ask(ask) = step {
                schema.api(&ask.api)?;
                apis.retain(|api| *api != ask.api);
                apis.push(ask.api.clone());
            }
        }
        let sweep = match self.sweep {
            None => apis.last().cloned().into_iter().collect(),
            Some(Value::String(word)) if word == "none" => Vec::new(),
            Some(Value::String(word)) if word == "all" => apis,
            Some(list) => serde_json::from_value(list)?,
        };
        Ok(Case {
            name,
            sweep,
            topics: self.topics,
            in_turn: self.in_turn,
            steps,
        })
    }
}

fn step(mut given: Map<String, Value>) -> Result<Step> {
    if let Some(name) = given.get("await") {
        return Ok(Step::Await(
            name.as_str().context("await: NAME")?.to_owned(),
        ));
    }
    if let Some(time) = given.get("sleep") {
        return Ok(Step::Sleep(time.as_u64().context("sleep: MILLISECONDS")?));
    }
    let is_api = |name: &&String| name.starts_with(|first: char| first.is_ascii_uppercase());
    let Some(api) = given.keys().find(is_api).cloned() else {
        bail!("a step without an API: {given:?}");
    };
    let fields = given.remove(&api).unwrap_or_default();
    let mut ask: Ask = serde_json::from_value(Value::Object(given))?;
    ask.api = api;
    ask.fields = if fields.is_null() {
        Value::Object(Map::new())
    } else {
        fields
    };
    Ok(Step::Ask(Box::new(ask)))
}

impl Case {
    /// How often the case runs: once for each version of the API that has most of them.
    pub fn runs(&self, schema: &Schema) -> Result<i16> {
        let mut runs = 1;
        for api in &self.sweep {
            let versions = schema.api(api)?.versions;
            runs = runs.max(versions.last - versions.first + 1);
        }
        Ok(runs)
    }

    /// The version of a request in the `run`th run; the first is all newest.
    pub fn version(&self, api: &Api, ask: &Ask, run: i16) -> i16 {
        match ask.at {
            Some(version) => version,
            None if self.sweep.contains(&api.name) => {
                (api.versions.last - run).max(api.versions.first)
            }
            None => api.versions.last,
        }
    }
}
