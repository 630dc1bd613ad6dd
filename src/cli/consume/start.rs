//! `--from`: where reading starts.

use super::super::time;
use crate::client::consumer::Start;
use crate::types::Offset;
use jiff::Zoned;

/// Reads `beginning`, `end`, an offset, or `@TIME`.
pub(super) fn parse(text: &str) -> Result<Start, String> {
    match text {
        "beginning" | "earliest" | "start" => return Ok(Start::Beginning),
        "end" | "latest" => return Ok(Start::End),
        _ => {}
    }
    if let Some(moment) = text.strip_prefix('@') {
        return time::parse(moment, &Zoned::now()).map(Start::Timestamp);
    }
    match text.parse::<i64>() {
        Ok(offset) if offset >= 0 => Ok(Start::Offset(Offset::new(offset))),
        _ => Err("give beginning, end, an offset such as 4711, or @TIME such as @-1h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;

    #[test]
    fn every_form_of_start_is_read() {
        assert_eq!(parse("beginning"), Ok(Start::Beginning));
        assert_eq!(parse("end"), Ok(Start::End));
        assert_eq!(parse("0"), Ok(Start::Offset(Offset::ZERO)));
        assert_eq!(parse("@1000"), Ok(Start::Timestamp(Timestamp::new(1000))));
        assert!(parse("-5").is_err());
        assert!(parse("@tomorrow-ish").is_err());
    }
}
