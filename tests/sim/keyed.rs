//! Values as records: with a key, and in compacted topics some without a value, whose name is in a
//! header.

use crate::value::ValueId;
use corelane::record::{BatchBuilder, Record};
use corelane::types::Timestamp;

/// In what header a tombstone has its name.
const NAME_HEADER: &str = "name";

/// Adds a record to a batch.
pub(crate) fn append(
    builder: &mut BatchBuilder,
    id: ValueId,
    time: i64,
    filler: usize,
    is_compacted: bool,
) {
    let (time, key) = (Timestamp::new(time), id.key());
    if is_compacted && id.is_tombstone() {
        let name = id.encode(0);
        let headers: [(&str, Option<&[u8]>); 1] = [(NAME_HEADER, Some(&name))];
        builder.append(time, Some(&key), None, &headers);
    } else {
        builder.append(time, Some(&key), Some(&id.encode(filler)), &[]);
    }
}

/// The name of a record that was read, if it is whole.
pub(crate) fn name_of(record: &Record<'_>) -> Option<ValueId> {
    let header = record.headers().next().and_then(|header| header.value);
    let id = ValueId::decode(record.value.or(header)?)?;
    (record.key == Some(&id.key())).then_some(id)
}
