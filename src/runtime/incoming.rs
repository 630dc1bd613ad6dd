//! The bytes that a client sends, cut into frames.
//!
//! Small frames are cut out of one receive buffer, so that a pipelined burst costs one system
//! call; a large body goes straight into memory of exactly its size. That memory grows with the
//! bytes that have arrived, so a length alone takes none.

use super::socket::Socket;
use bytes::Bytes;
use std::io::{self, ErrorKind};

/// What is asked of the kernel at once while frames are small.
const RECEIVE_BYTES: usize = 16 * 1024;

/// What one wait takes; whatever else has arrived is taken without waiting.
const WAIT_BYTES: usize = 1024;

/// A body's memory runs ahead of its bytes by at most this, or by as much as has arrived.
const AHEAD_BYTES: usize = 256 * 1024;

const PREFIX_BYTES: usize = 4;

/// A connection's receive buffer.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out already.
    start: usize,
    /// The kernel had no more when asked last.
    drained: bool,
    /// Bytes received so far, ever.
    received: usize,
}

impl Incoming {
    /// Bytes received since this was asked last.
    pub(super) fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }

    /// Whether something waits here, the end of the stream included. Waits for nothing.
    pub(super) fn look(&mut self, socket: &Socket) -> io::Result<bool> {
        if !self.waiting().is_empty() {
            return Ok(true);
        }
        self.start = 0;
        // A connection of which nothing has arrived holds no buffer.
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.drained {
            return Ok(false);
        }
        buffer.clear();
        buffer.reserve_exact(WAIT_BYTES);
        let room = buffer.capacity();
        let taken = self.take(socket, &mut buffer, room)?;
        if taken.is_some() {
            self.buffer = buffer;
        }
        Ok(taken.is_some())
    }

    /// More may have arrived.
    pub(super) fn stir(&mut self) {
        self.drained = false;
    }

    /// Waits for a frame's length prefix. `None` when the peer ended the stream before one.
    pub(super) async fn prefix(&mut self, socket: &Socket) -> io::Result<Option<i32>> {
        loop {
            let waiting = self.waiting();
            if let Some(prefix) = waiting.first_chunk::<PREFIX_BYTES>() {
                let length = i32::from_be_bytes(*prefix);
                self.start += PREFIX_BYTES;
                return Ok(Some(length));
            }
            let partial = !waiting.is_empty();
            if self.fill(socket).await? == 0 {
                return if partial {
                    Err(ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(None)
                };
            }
        }
    }

    /// Waits for a frame's body of `length` bytes, which must have been admitted.
    pub(super) async fn body(&mut self, socket: &Socket, length: usize) -> io::Result<Bytes> {
        if let Some(body) = self.waiting().get(..length) {
            // Copied, so that a request that waits for long pins its own bytes and not a buffer.
            let body = Bytes::copy_from_slice(body);
            self.start += length;
            return Ok(body);
        }
        let head = self.waiting();
        let mut body = Vec::new();
        reserve(&mut body, length)?;
        body.extend_from_slice(head);
        self.start = self.buffer.len();
        while body.len() < length {
            reserve(&mut body, length)?;
            let room = (body.capacity() - body.len()).min(length - body.len());
            if self.receive(socket, &mut body, room).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            glommio::yield_if_needed().await;
        }
        Ok(body.into())
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Takes some more bytes into the buffer; 0 at the end of the stream.
    async fn fill(&mut self, socket: &Socket) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.drained && buffer.is_empty() {
            // A quiet connection holds no buffer.
            buffer = Vec::new();
        } else {
            buffer.reserve_exact(RECEIVE_BYTES);
        }
        let received = self.receive(socket, &mut buffer, RECEIVE_BYTES).await;
        self.buffer = buffer;
        received
    }

    /// Appends at most `at_most` bytes, waiting for some; 0 at the end of the stream.
    async fn receive(
        &mut self,
        socket: &Socket,
        buffer: &mut Vec<u8>,
        at_most: usize,
    ) -> io::Result<usize> {
        if !self.drained
            && let Some(received) = self.take(socket, buffer, at_most)?
        {
            return Ok(received);
        }
        let mut first = [0; WAIT_BYTES];
        let room = first.len().min(at_most);
        let received = socket.receive(&mut first[..room]).await?;
        self.drained = received < room;
        self.received += received;
        buffer.extend_from_slice(&first[..received]);
        Ok(received)
    }

    /// Appends at most `at_most` bytes that have arrived; `None` if none have.
    fn take(
        &mut self,
        socket: &Socket,
        buffer: &mut Vec<u8>,
        at_most: usize,
    ) -> io::Result<Option<usize>> {
        match socket.try_receive(buffer, at_most) {
            Ok(received) => {
                self.drained = received < at_most;
                self.received += received;
                Ok(Some(received))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.drained = true;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Makes room for more of a body of `length` bytes: as much again as has arrived, at least
/// [`AHEAD_BYTES`], never past its end.
fn reserve(body: &mut Vec<u8>, length: usize) -> io::Result<()> {
    if body.len() < body.capacity() {
        return Ok(());
    }
    let ahead = body.len().max(AHEAD_BYTES).min(length - body.len());
    body.try_reserve_exact(ahead)
        .map_err(|_| ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_bytes_that_arrived() {
        let length = 100 * 1024 * 1024;
        let mut body = Vec::new();
        reserve(&mut body, length).unwrap();
        assert!(body.capacity() <= AHEAD_BYTES);
        body.resize(body.capacity(), 0);
        reserve(&mut body, length).unwrap();
        assert!(body.capacity() <= 2 * AHEAD_BYTES);
    }

    #[test]
    fn a_body_takes_exactly_its_size() {
        let mut body = Vec::new();
        reserve(&mut body, 70_000).unwrap();
        assert_eq!(body.capacity(), 70_000);
    }
}
