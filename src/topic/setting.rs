use super::values::Values;
use thiserror::Error;

/// Why a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// No such setting.
    #[error("{0:?} is not a setting of topics that this broker serves")]
    Unknown(String),
    /// A setting of Kafka that is not served.
    #[error("{name} is not served: {reason}")]
    NotServed {
        /// The setting.
        name: &'static str,
        /// Why not, or what to set instead.
        reason: &'static str,
    },
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
    /// Kafka's code of its type (1 boolean, 2 string, 3 int, 5 long, 6 double, 7 list).
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

pub(super) fn only(value: &str, served: &str, problem: &'static str) -> Result<(), &'static str> {
    if value.trim() == served {
        Ok(())
    } else {
        Err(problem)
    }
}

pub(super) fn flag(value: &str) -> Result<bool, &'static str> {
    value.trim().parse().map_err(|_| "true or false is wanted")
}
