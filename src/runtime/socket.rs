//! A client's socket: system calls that never wait, and waits through the executor.
//!
//! - Bytes are taken and sent by `recv` and `sendmsg` with `MSG_DONTWAIT` on the descriptor:
//!   straight into place, many pieces at once, ranges of mappings included.
//! - Only when that would block does the executor's stream wait, with a short read or the first
//!   piece of a write.
//! - A range of a mapping is never loaded from here: its address goes to the kernel alone, which
//!   answers a read error of the disk with `EFAULT` where a load would end the process.

#![expect(
    unsafe_code,
    reason = "raw descriptors, uninitialised buffers and mapped memory meet the kernel here"
)]

use crate::storage::mapping::MappedRange;
use bytes::{Buf, Bytes};
use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;

/// How many pieces one `sendmsg` takes; the kernel's own limit is 1 024.
const PIECES_PER_SEND: usize = 64;

/// Contiguous bytes to send.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// In memory.
    Bytes(Bytes),
    /// The rest, from `sent` on, of a range of a mapping.
    Mapped { range: Rc<MappedRange>, sent: usize },
}

impl Piece {
    /// How many bytes are left to send.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Mapped { range, sent } => range.length() - sent,
        }
    }

    /// Skips bytes that were sent, at most [`Piece::length`].
    pub(super) fn advance(&mut self, by: usize) {
        assert!(by <= self.length(), "no more is sent than there is");
        match self {
            Self::Bytes(bytes) => bytes.advance(by),
            Self::Mapped { sent, .. } => *sent += by,
        }
    }

    /// The memory, for system calls alone.
    fn memory(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Mapped { range, sent } => {
                assert!(*sent <= range.length());
                // SAFETY: the range is mapped for reading for as long as `range` lives, which this
                // borrow keeps alive, and `sent` lies within it. The slice goes to the kernel only
                // (`sendmsg`, `send`): no byte of it is loaded by this process, so neither a
                // concurrent append past the range nor a failing disk is seen through it.
                unsafe {
                    std::slice::from_raw_parts(range.pointer().add(*sent), range.length() - sent)
                }
            }
        }
    }
}

/// A connected TCP socket that belongs to the executor of this thread.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: RawFd,
    // Borrowed only within a poll, so the reading and the writing task never meet here.
    stream: RefCell<TcpStream>,
}

impl Socket {
    /// Takes over a connected socket.
    pub(super) fn new(socket: OwnedFd) -> Self {
        let descriptor = socket.into_raw_fd();
        // SAFETY: the descriptor is open, a stream socket, and handed over: nobody else closes it.
        let stream = unsafe { TcpStream::from_raw_fd(descriptor) };
        debug_assert_eq!(stream.as_raw_fd(), descriptor);
        Self {
            descriptor,
            stream: RefCell::new(stream),
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: `stream` owns the descriptor and lives as long as the borrow of `self`.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }

    /// Appends at most `at_most` of the bytes that have arrived to `buffer`, whose spare capacity
    /// must allow for them. Returns how many; 0 at the end of the stream. `WouldBlock` if none
    /// have arrived.
    pub(super) fn try_receive(&self, buffer: &mut Vec<u8>, at_most: usize) -> io::Result<usize> {
        let length = buffer.len();
        let spare: &mut [MaybeUninit<u8>] = buffer.spare_capacity_mut();
        assert!(at_most > 0 && at_most <= spare.len(), "room was reserved");
        let room = &mut spare[..at_most];
        let ((received, _rest), _) =
            rustix::net::recv(self.descriptor(), room, RecvFlags::DONTWAIT)?;
        let received = received.len();
        // SAFETY: `recv` has written `received` bytes right after the first `length`, and they fit
        // because `room` is part of the spare capacity.
        unsafe { buffer.set_len(length + received) };
        Ok(received)
    }

    /// Waits until bytes arrive and takes some. Returns how many; 0 at the end of the stream.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, buffer)).await
    }

    /// Sends what the kernel takes now of the pieces, in order, and returns how many bytes that
    /// was. `WouldBlock` if it takes none. `EFAULT` if a mapped range cannot be read.
    pub(super) fn try_send<'a>(
        &self,
        pieces: impl Iterator<Item = &'a Piece>,
        at_most: usize,
    ) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); PIECES_PER_SEND];
        let (mut count, mut left) = (0, at_most);
        for (slot, piece) in slices.iter_mut().zip(pieces) {
            if left == 0 {
                break;
            }
            let memory = piece.memory();
            let taken = memory.len().min(left);
            *slot = IoSlice::new(memory.get(..taken).unwrap_or_default());
            left -= taken;
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let mut control = SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(
            self.descriptor(),
            slices,
            &mut control,
            flags,
        )?)
    }

    /// Waits until the peer takes bytes and sends some of this piece. Returns how many.
    pub(super) async fn send(&self, piece: &Piece) -> io::Result<usize> {
        poll_fn(|context| {
            Pin::new(&mut *self.stream.borrow_mut()).poll_write(context, piece.memory())
        })
        .await
    }

    /// Ends both directions. Waits under way complete: reads with 0, writes with an error.
    pub(super) fn shutdown(&self) {
        match rustix::net::shutdown(self.descriptor(), Shutdown::Both) {
            Ok(()) | Err(Errno::NOTCONN) => {}
            Err(error) => log::debug!("shutting a socket down: {error}"),
        }
    }
}
