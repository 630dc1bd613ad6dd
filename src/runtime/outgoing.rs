//! Responses on their way to a client, in the order in which they were given.

use super::socket::Piece;
use crate::broker::Part;
use crate::storage::FileRef;
use crate::types::{Position, SlotId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;

/// How much of a file without a mapping is read into memory at once.
const READ_BYTES: u64 = 256 * 1024;

/// One thing in the queue.
#[derive(Debug)]
enum Entry {
    Piece(Piece),
    /// A range of a file that has no mapping.
    File {
        file: FileRef,
        from: Position,
        upto: Position,
    },
    /// The response of this slot ends here.
    End(SlotId),
    /// The connection is to end here.
    Close(String),
}

/// What the writer has to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing: wait.
    Idle,
    /// Send [`Outgoing::pieces`]. The first is handed out for the case that none can be sent now.
    Send(Piece),
    /// Say that the response of this slot has left.
    Sent(SlotId),
    /// End the connection, for this reason.
    Close(String),
}

/// A connection's queue of responses. It is bounded by the slots that its shard gives out.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    entries: VecDeque<Entry>,
}

impl Outgoing {
    /// Queues a whole response.
    pub(super) fn respond(&mut self, slot: SlotId, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Bytes(bytes) if bytes.is_empty() => {}
                Part::Bytes(bytes) => self.entries.push_back(Entry::Piece(Piece::Bytes(bytes))),
                Part::File { length: 0, .. } => {}
                Part::File {
                    file,
                    position,
                    length,
                } => {
                    let upto = position.advanced(u64::from(length));
                    self.entries.push_back(range(file, position, upto));
                }
            }
        }
        self.entries.push_back(Entry::End(slot));
    }

    /// Queues the connection's end.
    pub(super) fn close(&mut self, reason: String) {
        self.entries.push_back(Entry::Close(reason));
    }

    /// Whether nothing is left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What to do next. Reads from a file without a mapping where it comes to that.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        match self.entries.front() {
            None => return Ok(Next::Idle),
            Some(Entry::Piece(piece)) => return Ok(Next::Send(piece.clone())),
            Some(Entry::File { .. } | Entry::End(_) | Entry::Close(_)) => {}
        }
        match self.entries.pop_front() {
            Some(Entry::End(slot)) => Ok(Next::Sent(slot)),
            Some(Entry::Close(reason)) => Ok(Next::Close(reason)),
            Some(Entry::File { file, from, upto }) => {
                let bytes = read(&file, from, upto)?;
                let from = from.advanced(bytes.len() as u64);
                if from < upto {
                    self.entries.push_front(Entry::File { file, from, upto });
                }
                let piece = Piece::Bytes(bytes);
                self.entries.push_front(Entry::Piece(piece.clone()));
                Ok(Next::Send(piece))
            }
            Some(Entry::Piece(_)) | None => unreachable!("handled above"),
        }
    }

    /// What can be sent in one go: pieces of one or several responses.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.entries
            .iter()
            .take_while(|entry| matches!(entry, Entry::Piece(_) | Entry::End(_)))
            .filter_map(|entry| match entry {
                Entry::Piece(piece) => Some(piece),
                _ => None,
            })
    }

    /// Takes bytes that were sent off the queue until one response or they end; to be called until
    /// it gives no response any more. One without bytes is reported by [`Outgoing::next`].
    pub(super) fn advance(&mut self, bytes: &mut usize) -> Option<SlotId> {
        loop {
            match self.entries.front_mut() {
                Some(Entry::End(slot)) => {
                    let slot = *slot;
                    self.entries.pop_front();
                    return Some(slot);
                }
                _ if *bytes == 0 => return None,
                Some(Entry::Piece(piece)) => {
                    let taken = piece.length().min(*bytes);
                    *bytes -= taken;
                    piece.advance(taken);
                    if piece.length() == 0 {
                        self.entries.pop_front();
                    }
                }
                _ => unreachable!("only pieces are sent"),
            }
        }
    }
}

/// A range as memory if the disk maps its files, else as what is left to read.
fn range(file: FileRef, from: Position, upto: Position) -> Entry {
    match file.mapped(from, upto) {
        Some(range) => Entry::Piece(Piece::Mapped {
            range: Rc::new(range),
            sent: 0,
        }),
        None => Entry::File { file, from, upto },
    }
}

fn read(file: &FileRef, from: Position, upto: Position) -> io::Result<Bytes> {
    let wanted = upto.since(from).min(READ_BYTES) as usize;
    let mut buffer = vec![0; wanted];
    let read = file.read_at(from, &mut buffer)?;
    if read < wanted {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SlotId;

    fn part(bytes: &'static [u8]) -> Part {
        Part::Bytes(Bytes::from_static(bytes))
    }

    /// The responses that so many bytes end.
    fn advance(outgoing: &mut Outgoing, mut bytes: usize) -> Vec<SlotId> {
        std::iter::from_fn(|| outgoing.advance(&mut bytes)).collect()
    }

    #[test]
    fn a_partial_send_resumes_where_it_ended_and_keeps_the_order() {
        let mut outgoing = Outgoing::default();
        outgoing.respond(SlotId::new(1), vec![part(b"abc"), part(b""), part(b"de")]);
        outgoing.respond(SlotId::new(2), vec![]);
        outgoing.respond(SlotId::new(3), vec![part(b"fgh")]);
        assert!(advance(&mut outgoing, 4).is_empty());
        let left: Vec<usize> = outgoing.pieces().map(Piece::length).collect();
        assert_eq!(left, [1, 3]);
        assert_eq!(advance(&mut outgoing, 2), [1, 2].map(SlotId::new));
        assert_eq!(advance(&mut outgoing, 2), [3].map(SlotId::new));
        assert!(matches!(outgoing.next(), Ok(Next::Idle)));
        outgoing.respond(SlotId::new(4), vec![]);
        assert!(matches!(outgoing.next(), Ok(Next::Sent(slot)) if slot == SlotId::new(4)));
    }

    #[test]
    fn nothing_behind_a_close_is_sent() {
        let mut outgoing = Outgoing::default();
        outgoing.respond(SlotId::new(1), vec![part(b"abc")]);
        outgoing.close("enough".to_owned());
        outgoing.respond(SlotId::new(2), vec![part(b"def")]);
        assert_eq!(outgoing.pieces().count(), 1);
        assert_eq!(advance(&mut outgoing, 3), [SlotId::new(1)]);
        assert!(matches!(outgoing.next(), Ok(Next::Close(reason)) if reason == "enough"));
    }
}
