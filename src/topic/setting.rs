use super::definitions::Values;
use thiserror::Error;

/// Why a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// No such setting.
    #[error("{0:?} is not a setting of topics that this broker serves")]
    Unknown(String),
    /// A value that does not parse or is out of range.
    #[error("{name}={value}: {problem}")]
    Invalid {
        /// The setting.
        name: String,
        /// The refused value.
        value: String,
        /// What would be accepted.
        problem: &'static str,
    },
}

/// A setting that topics have.
#[derive(Debug)]
pub struct SettingDefinition {
    /// Its name, Kafka's where Kafka has one.
    pub name: &'static str,
    /// Its value where nobody set it.
    pub default: &'static str,
    /// Kafka's code of its type (2 string, 3 int, 5 long, 7 list).
    pub kind: i8,
    /// What it does.
    pub documentation: &'static str,
    pub(super) apply: fn(&mut Values, &str) -> Result<(), &'static str>,
}

pub(super) fn number(
    value: &str,
    min: i64,
    max: i64,
    problem: &'static str,
) -> Result<i64, &'static str> {
    match value.trim().parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(problem),
    }
}

pub(super) fn limit(value: &str, problem: &'static str) -> Result<Option<i64>, &'static str> {
    number(value, -1, i64::MAX, problem).map(|number| (number >= 0).then_some(number))
}
