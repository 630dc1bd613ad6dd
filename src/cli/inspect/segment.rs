//! Segments, their indexes and their summaries.

use super::content::{BatchLine, Content, IndexContent, LogContent, SummaryContent};
use super::journal::Journals;
use crate::record::{BatchHeader, HEADER_BYTES, validate_slice};
use crate::types::Timestamp;
use crate::wire::{Reader, WireError};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is wanted of an examination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    /// Compute checksums and compare files with each other.
    pub(super) verify: bool,
    /// List every batch.
    pub(super) batches: bool,
}

/// What was found, and what is wrong.
pub(super) type Found = (Content, Vec<String>);

/// The base offset that a segment's file is named by.
pub(super) fn base_of(path: &Path) -> Option<i64> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| stem.parse().ok()).flatten()
}

/// Walks a segment batch by batch, up to the first thing that is none.
pub(super) fn log(path: &Path, base: i64, depth: Depth, journals: &Journals) -> io::Result<Found> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut content = LogContent {
        base_offset: base,
        next_offset: base,
        checksums_verified: depth.verify,
        ..LogContent::default()
    };
    let mut problems = Vec::new();
    let mut batch = Vec::new();
    while content.valid_bytes < length {
        match next_batch(&mut reader, length - content.valid_bytes, depth, &mut batch)? {
            Ok(header) => take_batch(&mut content, &header, depth, &mut problems),
            Err(_) if journals.hold(path, content.next_offset) => {
                content.goes_on_in_journal = true;
                break;
            }
            Err(reason) => {
                let rest = length - content.valid_bytes;
                problems.push(format!(
                    "no whole batch at byte {}: {reason}; {rest} bytes are left from there on",
                    content.valid_bytes
                ));
                break;
            }
        }
    }
    content.checksums_verified &= problems.is_empty();
    Ok((Content::Log(content), problems))
}

/// Reads a batch that ends within `remaining` bytes, or says why there is none.
fn next_batch(
    reader: &mut BufReader<File>,
    remaining: u64,
    depth: Depth,
    batch: &mut Vec<u8>,
) -> io::Result<Result<BatchHeader, String>> {
    batch.resize(remaining.min(HEADER_BYTES as u64) as usize, 0);
    reader.read_exact(batch)?;
    let header = match BatchHeader::read(batch) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let size = header.size();
    if size as u64 > remaining {
        return Ok(Err(format!("it has {size} bytes")));
    }
    let body = size.saturating_sub(HEADER_BYTES);
    if !depth.verify {
        reader.seek_relative(body as i64)?;
        return Ok(Ok(header));
    }
    // No longer than the rest of the file.
    batch.resize(size, 0);
    reader.read_exact(batch.get_mut(HEADER_BYTES..).unwrap_or_default())?;
    Ok(validate_slice(batch).map_err(|error| error.to_string()))
}

fn take_batch(
    content: &mut LogContent,
    header: &BatchHeader,
    depth: Depth,
    problems: &mut Vec<String>,
) {
    let (first, last) = (header.base_offset().get(), header.last_offset().get());
    if first < content.next_offset {
        problems.push(format!(
            "the batch at byte {} begins with offset {first}; {} was due",
            content.valid_bytes, content.next_offset
        ));
    }
    let compression = header.compression().name();
    if depth.batches {
        content.batch_list.push(BatchLine {
            position: content.valid_bytes,
            bytes: header.size(),
            base_offset: first,
            last_offset: last,
            records: header.record_count(),
            compression,
            max_timestamp: header.max_timestamp().get(),
            leader_epoch: header.leader_epoch().get(),
            producer_id: header.producer_id().get(),
            producer_epoch: header.producer_epoch().get(),
            base_sequence: header.base_sequence().get(),
        });
    }
    content.batches += 1;
    let before = first.saturating_sub(content.next_offset).max(0);
    let within = last - first + 1 - i64::from(header.record_count());
    content.offsets_missing += before.saturating_add(within).unsigned_abs();
    content.records += u64::from(header.record_count().unsigned_abs());
    content.valid_bytes += header.size() as u64;
    content.next_offset = last + 1;
    content
        .first_timestamp
        .get_or_insert(header.base_timestamp().get());
    content.max_timestamp = content
        .max_timestamp
        .max(Some(header.max_timestamp().get()));
    *content.compression.entry(compression).or_default() += 1;
}

/// Reads an offset index: (relative last offset, position) of 4 bytes each, both growing.
pub(super) fn offset_index(path: &Path, base: i64, depth: Depth) -> io::Result<Found> {
    let bytes = std::fs::read(path)?;
    let mut problems = Vec::new();
    let log = beside(path, depth)?;
    let (entries, rest) = bytes.as_chunks::<8>();
    note_rest(rest, &mut problems);
    let mut before: Option<(u32, u32)> = None;
    for (number, entry) in entries.iter().enumerate() {
        let [a, b, c, d, e, f, g, h] = *entry;
        let entry = (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        );
        if before.is_some_and(|before| before.0 >= entry.0 || before.1 >= entry.1) {
            problems.push(format!(
                "entry {number} does not lie behind the one before it"
            ));
        }
        before = Some(entry);
        let wrong = log
            .as_ref()
            .map(|log| points_wrong(log, base, entry))
            .transpose()?;
        problems.extend(wrong.flatten().map(|why| format!("entry {number}: {why}")));
    }
    let content = IndexContent {
        entries: entries.len() as u64,
        checked_against_log: log.is_some() && problems.is_empty(),
    };
    Ok((Content::OffsetIndex(content), problems))
}

/// Why no batch that ends with the entry's offset lies at its position, if so.
fn points_wrong(
    log: &File,
    base: i64,
    (relative, position): (u32, u32),
) -> io::Result<Option<String>> {
    let mut header = [0; HEADER_BYTES];
    let offset = base.saturating_add(i64::from(relative));
    let read = match log.read_exact_at(&mut header, position.into()) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Some(format!("byte {position} lies past the log's end")));
        }
        other => other.map(|()| BatchHeader::read(&header))?,
    };
    Ok(match read {
        Err(error) => Some(format!("no batch lies at byte {position}: {error}")),
        Ok(header) if header.last_offset().get() != offset => Some(format!(
            "the batch at byte {position} ends with offset {}, not {offset}",
            header.last_offset()
        )),
        Ok(_) => None,
    })
}

/// Reads a time index: (timestamp, relative offset) of 8 and 4 bytes, both growing.
pub(super) fn time_index(path: &Path) -> io::Result<Found> {
    let bytes = std::fs::read(path)?;
    let mut problems = Vec::new();
    let (entries, rest) = bytes.as_chunks::<12>();
    note_rest(rest, &mut problems);
    let mut before: Option<(Timestamp, u32)> = None;
    for (number, entry) in entries.iter().enumerate() {
        let [a, b, c, d, e, f, g, h, relative @ ..] = *entry;
        let timestamp = Timestamp::new(i64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let entry = (timestamp, u32::from_be_bytes(relative));
        if before.is_some_and(|before| before.0 >= entry.0 || before.1 > entry.1) {
            problems.push(format!(
                "entry {number} does not lie behind the one before it"
            ));
        }
        before = Some(entry);
    }
    let content = IndexContent {
        entries: entries.len() as u64,
        checked_against_log: false,
    };
    Ok((Content::TimeIndex(content), problems))
}

fn note_rest(rest: &[u8], problems: &mut Vec<String>) {
    if !rest.is_empty() {
        problems.push(format!(
            "{} bytes at the end are no whole entry",
            rest.len()
        ));
    }
}

/// The log of the same base offset, if it is there and wanted.
fn beside(path: &Path, depth: Depth) -> io::Result<Option<File>> {
    if !depth.verify {
        return Ok(None);
    }
    match File::open(path.with_extension("log")) {
        Ok(log) => Ok(Some(log)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a summary before its table of checksums, and those each of them covers at most.
const SUMMARY_HEADER_BYTES: usize = 80;
const CHUNK_BYTES_MAX: u32 = 64 << 20;

struct SummaryHeader {
    chunk_bytes: u32,
    base: i64,
    next: i64,
    log_bytes: u64,
    chunks: u32,
    table_crc: u32,
    is_compacted: bool,
}

/// Reads a segment's summary.
pub(super) fn summary(path: &Path, base: i64, depth: Depth) -> io::Result<Found> {
    let bytes = std::fs::read(path)?;
    let header = match summary_header(&bytes, base) {
        Ok(header) => header,
        Err(problem) => return Ok((Content::Unknown, vec![problem])),
    };
    let mut problems = Vec::new();
    let table = bytes.get(SUMMARY_HEADER_BYTES..).unwrap_or_default();
    let (table_chunks, rest) = table.as_chunks::<4>();
    if !rest.is_empty() || table_chunks.len() != header.chunks as usize {
        problems.push(format!(
            "it announces {} checksums and holds other ones",
            header.chunks
        ));
    } else if crc32c::crc32c(table) != header.table_crc {
        problems.push("the checksum of its checksums does not hold".into());
    }
    let log = beside(path, depth)?.filter(|_| problems.is_empty() && header.chunks > 0);
    if let Some(log) = &log {
        compare_chunks(log, &header, table_chunks, &mut problems)?;
    }
    let content = SummaryContent {
        base_offset: header.base,
        next_offset: header.next,
        log_bytes: header.log_bytes,
        chunks: header.chunks,
        is_compacted: header.is_compacted,
        checked_against_log: log.is_some() && problems.is_empty(),
    };
    Ok((Content::Summary(content), problems))
}

fn summary_header(bytes: &[u8], base: i64) -> Result<SummaryHeader, String> {
    let header = bytes
        .first_chunk::<SUMMARY_HEADER_BYTES>()
        .ok_or("it is shorter than a summary's header")?;
    let (covered, stored) = header.split_last_chunk::<4>().ok_or("it is empty")?;
    if !covered.starts_with(b"corelsum") {
        return Err("it is no segment summary".into());
    }
    if crc32c::crc32c(covered) != u32::from_be_bytes(*stored) {
        return Err("its checksum does not hold; it will be rebuilt".into());
    }
    let header = read_summary_header(covered).map_err(|error| error.to_string())?;
    if header.base != base {
        return Err(format!("it is of the segment from offset {}", header.base));
    }
    if !(1..=CHUNK_BYTES_MAX).contains(&header.chunk_bytes) {
        return Err(format!("chunks of {} bytes cannot be", header.chunk_bytes));
    }
    Ok(header)
}

/// Magic (8), version (4), chunk bytes (4), base (8), next (8), length (8), largest timestamp (8) and
/// its offset (8), checksums of the indexes (4, 4), count (4) and checksum (4) of the table, whether
/// compaction wrote the segment (4).
fn read_summary_header(covered: &[u8]) -> Result<SummaryHeader, WireError> {
    let mut reader = Reader::new(covered);
    reader.bytes(12)?;
    let chunk_bytes = reader.u32()?;
    let (base, next, log_bytes) = (reader.i64()?, reader.i64()?, reader.i64()?);
    reader.bytes(24)?;
    Ok(SummaryHeader {
        chunk_bytes,
        base,
        next,
        log_bytes: log_bytes.cast_unsigned(),
        chunks: reader.u32()?,
        table_crc: reader.u32()?,
        is_compacted: reader.u32()? & 1 != 0,
    })
}

fn compare_chunks(
    log: &File,
    header: &SummaryHeader,
    chunks: &[[u8; 4]],
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let mut buffer = vec![0; header.chunk_bytes as usize];
    let mut at = 0;
    for stored in chunks {
        let left = header.log_bytes.saturating_sub(at);
        let length = left.min(header.chunk_bytes.into()) as usize;
        let chunk = buffer.get_mut(..length).unwrap_or_default();
        match log.read_exact_at(chunk, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                problems.push(format!("the log ends before byte {}", header.log_bytes));
                return Ok(());
            }
            other => other?,
        }
        if crc32c::crc32c(chunk) != u32::from_be_bytes(*stored) {
            problems.push(format!(
                "the log's bytes {at} to {} changed",
                at + length as u64 - 1
            ));
        }
        at += length as u64;
    }
    Ok(())
}
