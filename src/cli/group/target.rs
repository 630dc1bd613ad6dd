//! Where `group reset-offsets` moves offsets to.

use super::super::time;
use crate::types::Timestamp;
use clap::Args;
use jiff::Zoned;

/// Where offsets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The first offset that is kept.
    Earliest,
    /// The end of the log.
    Latest,
    /// This offset.
    Offset(i64),
    /// The first record at or after this time.
    Time(Timestamp),
    /// So far from where they are.
    Shift(i64),
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TargetArgs {
    /// To the first record that is kept
    #[arg(long)]
    to_earliest: bool,
    /// To the end, past all records
    #[arg(long)]
    to_latest: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// To the first record at or after a time: RFC 3339, ms since 1970, or relative (-1h)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = moment)]
    to_datetime: Option<Timestamp>,
    /// Forward by so many records, or back if negative
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    shift_by: Option<i64>,
    /// To the first record of the last so long: 90m, 2h30m, PT1H
    #[arg(long, value_name = "DURATION", value_parser = ago)]
    by_duration: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time::parse(text, &Zoned::now())
}

fn ago(text: &str) -> Result<Timestamp, String> {
    before(text, &Zoned::now())
}

fn before(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    if text.starts_with(['-', '+']) {
        return Err("a duration has no sign; give 90m or PT1H".into());
    }
    time::parse(&format!("-{text}"), now)
}

impl TargetArgs {
    pub(super) fn target(&self) -> Target {
        let chosen = [
            self.to_earliest.then_some(Target::Earliest),
            self.to_latest.then_some(Target::Latest),
            self.to_offset.map(Target::Offset),
            self.to_datetime.or(self.by_duration).map(Target::Time),
            self.shift_by.map(Target::Shift),
        ];
        let mut chosen = chosen.into_iter().flatten();
        chosen.next().expect("one of the group is required")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn target(arguments: &[&str]) -> Result<Target, String> {
        let command = TargetArgs::augment_args(Command::new("reset"));
        let arguments = ["reset"].iter().chain(arguments);
        let matches = command.try_get_matches_from(arguments);
        let matches = matches.map_err(|error| error.to_string())?;
        let args = TargetArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        Ok(args.target())
    }

    #[test]
    fn exactly_one_target_is_taken() {
        assert_eq!(target(&["--to-earliest"]), Ok(Target::Earliest));
        assert_eq!(target(&["--to-latest"]), Ok(Target::Latest));
        assert_eq!(target(&["--to-offset", "7"]), Ok(Target::Offset(7)));
        assert_eq!(target(&["--shift-by", "-7"]), Ok(Target::Shift(-7)));
        let time = Target::Time(Timestamp::new(1_000));
        assert_eq!(target(&["--to-datetime", "1000"]), Ok(time));
        assert!(matches!(
            target(&["--to-datetime", "-1h"]),
            Ok(Target::Time(_))
        ));
        assert!(matches!(
            target(&["--by-duration", "1h"]),
            Ok(Target::Time(_))
        ));
        assert!(target(&[]).is_err());
        assert!(target(&["--to-earliest", "--to-latest"]).is_err());
        assert!(target(&["--to-offset", "-7"]).is_err());
        assert!(target(&["--by-duration", "soon"]).is_err());
    }

    #[test]
    fn durations_of_both_forms_lead_back() {
        let now: Zoned = "2026-11-20T12:00:00+01:00[Europe/Vienna]"
            .parse()
            .expect("a valid time");
        let moment = Ok(Timestamp::new(1_795_168_800_000)); // 2026-11-20T10:00:00Z
        assert_eq!(before("1h", &now), moment);
        assert_eq!(before("PT1H", &now), moment);
        assert!(before("-1h", &now).is_err());
    }
}
