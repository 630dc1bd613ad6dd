//! A blocking connection that keeps many requests under way: one thread sends, one receives.

use super::super::CliError;
use crate::client::connection::{Answer, Answered, Connection, Handshake, Outgoing, frame_length};
use crate::client::{ClientError, Request};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Answers larger than this are refused.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A silent broker fails the measurement instead of holding it.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Both halves of a connection.
#[derive(Debug, Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: String,
    stream: TcpStream,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// When each unanswered request was sent, or was due.
    sent: VecDeque<Instant>,
    /// Nothing more will be sent, or received.
    over: bool,
}

impl Link {
    /// Connects and agrees on versions.
    pub(super) fn connect(address: &str) -> Result<Self, CliError> {
        let failed = |error| CliError::io(format!("connecting to {address}"), error);
        let stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(SILENCE_MAX)).map_err(failed)?;
        let link = Self {
            shared: Arc::new(Shared {
                address: address.to_owned(),
                stream,
                state: Mutex::new(State {
                    connection: Connection::new(address, "corelane-bench"),
                    sent: VecDeque::new(),
                    over: false,
                }),
                changed: Condvar::new(),
            }),
        };
        let mut hello = link.state().connection.hello()?;
        loop {
            link.write(&hello)?;
            let answer = link.read_answer()?;
            let handshake = link.state().connection.welcome(&answer)?;
            match handshake {
                Handshake::Done => return Ok(link),
                Handshake::Again(again) => hello = again,
            }
        }
    }

    /// Waits until fewer than `window` requests are under way. False if the link is over.
    pub(super) fn wait_for_room(&self, window: usize) -> bool {
        let mut state = self.state();
        while state.sent.len() >= window && !state.over {
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.over
    }

    /// Sends a request; its latency counts from `since`.
    pub(super) fn send<'a, R: Request<'a>>(
        &self,
        request: &R,
        records: &[Bytes],
        answered: Answered,
        since: Instant,
    ) -> Result<(), CliError> {
        let outgoing = {
            let mut state = self.state();
            if answered == Answered::Yes {
                state.sent.push_back(since);
                self.shared.changed.notify_all();
            }
            state.connection.request(request, records, answered)?
        };
        self.write(&outgoing)
    }

    /// Asks the broker's versions once more: when it answers, it has taken everything before.
    pub(super) fn barrier(&self) -> Result<(), CliError> {
        let hello = self.state().connection.hello()?;
        self.write(&hello)?;
        self.read_answer().map(drop)
    }

    /// Waits for the next answer: it and when its request was sent. `None` once all is answered
    /// and nothing more will be sent.
    pub(super) fn receive(&self) -> Result<Option<(Answer, Instant)>, CliError> {
        {
            let mut state = self.state();
            while state.sent.is_empty() {
                if state.over {
                    return Ok(None);
                }
                state = self
                    .shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        let answer = self.read_answer()?;
        let since = self.state().sent.pop_front();
        self.shared.changed.notify_all();
        Ok(since.map(|since| (answer, since)))
    }

    /// Nothing more will be sent.
    pub(super) fn finish(&self) {
        self.state().over = true;
        self.shared.changed.notify_all();
    }

    /// Ends the connection under both halves.
    pub(super) fn abort(&self) {
        self.finish();
        // It may be gone already.
        let _ = self.shared.stream.shutdown(Shutdown::Both);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: io::Error) -> CliError {
        let error = match error.kind() {
            // How the system says that the read timeout is over.
            io::ErrorKind::WouldBlock => {
                let text = format!("no answer for {} s", SILENCE_MAX.as_secs());
                io::Error::new(io::ErrorKind::TimedOut, text)
            }
            _ => error,
        };
        CliError::io(format!("the connection to {}", self.shared.address), error)
    }

    fn write(&self, outgoing: &Outgoing) -> Result<(), CliError> {
        let mut slices: Vec<IoSlice<'_>> = outgoing
            .pieces
            .iter()
            .filter(|piece| !piece.is_empty())
            .map(|piece| IoSlice::new(piece))
            .collect();
        let mut left = slices.as_mut_slice();
        let mut stream = &self.shared.stream;
        while !left.is_empty() {
            match stream.write_vectored(left) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    fn read_answer(&self) -> Result<Answer, CliError> {
        let mut stream = &self.shared.stream;
        let mut prefix = [0; 4];
        stream
            .read_exact(&mut prefix)
            .map_err(|error| self.failed(error))?;
        let length = frame_length(&self.shared.address, prefix, ANSWER_BYTES_MAX)?;
        let mut frame = Vec::with_capacity(length);
        stream
            .take(length as u64)
            .read_to_end(&mut frame)
            .map_err(|error| self.failed(error))?;
        if frame.len() < length {
            return Err(self.failed(io::ErrorKind::UnexpectedEof.into()));
        }
        self.state()
            .connection
            .accept(frame.into())
            .map_err(ClientError::into)
    }
}
