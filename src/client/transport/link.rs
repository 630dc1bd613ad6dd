//! One connection: a socket, its state, and the thread that reads it.

use super::clock::Clock;
use crate::client::connection::{
    Answer, Answered, Connection, CorrelationId, Handshake, Outgoing, frame_length,
};
use crate::client::{ClientError, Request};
use crate::types::{Instant, NodeId};
use bytes::Bytes;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

/// Bounds of a connection.
#[derive(Debug, Clone)]
pub(super) struct LinkConfig {
    pub(super) client_id: String,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) answer_bytes_max: usize,
}

/// Tells apart connections to the same node, one after the other.
pub(super) type LinkId = u64;

/// What a reading thread reports.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) node: NodeId,
    pub(super) link: LinkId,
    /// A frame without its length, or why there will be no more.
    pub(super) frame: Result<Bytes, ClientError>,
    /// When it was there, however late it is looked at.
    pub(super) at: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    connection: Connection,
    socket: TcpStream,
    reader: Option<JoinHandle<()>>,
}

/// A connection after its handshake, not yet read by a thread.
#[derive(Debug)]
pub(super) struct Opened {
    connection: Connection,
    socket: TcpStream,
    answer_bytes_max: usize,
}

impl Opened {
    /// Connects to `address` and agrees on versions.
    pub(super) fn connect(address: &str, config: &LinkConfig) -> Result<Self, ClientError> {
        let socket = open_socket(address, config.connect_timeout).map_err(|error| {
            ClientError::NoBroker {
                addresses: address.to_owned(),
                reason: reason(&error),
            }
        })?;
        let mut opened = Self {
            connection: Connection::new(address, config.client_id.clone()),
            socket,
            answer_bytes_max: config.answer_bytes_max,
        };
        let prepared = opened
            .socket
            .set_nodelay(true)
            .and_then(|()| {
                opened
                    .socket
                    .set_write_timeout(Some(config.request_timeout))
            })
            .and_then(|()| opened.socket.set_read_timeout(Some(config.connect_timeout)));
        prepared.map_err(|error| opened.lost(&error))?;
        let mut hello = opened.connection.hello()?;
        loop {
            write(&mut opened.socket, hello).map_err(|error| opened.lost(&error))?;
            let frame = read_frame(&mut opened.socket, address, config.answer_bytes_max)?;
            let answer = opened.connection.accept(frame)?;
            match opened.connection.welcome(&answer)? {
                Handshake::Done => break,
                Handshake::Again(again) => hello = again,
            }
        }
        Ok(opened)
    }

    fn lost(&self, error: &io::Error) -> ClientError {
        ClientError::Lost {
            broker: self.connection.broker().to_owned(),
            reason: reason(error),
        }
    }

    /// Asks and waits for the answer, before there is a thread that reads.
    pub(super) fn call<'a, R: Request<'a>>(&mut self, request: &R) -> Result<Answer, ClientError> {
        let outgoing = self.connection.request(request, &[], Answered::Yes)?;
        write(&mut self.socket, outgoing).map_err(|error| self.lost(&error))?;
        let frame = read_frame(
            &mut self.socket,
            self.connection.broker(),
            self.answer_bytes_max,
        )?;
        self.connection.accept(frame)
    }

    /// Starts the thread that reads and reports to `events`.
    pub(super) fn start(
        self,
        node: NodeId,
        id: LinkId,
        events: Sender<Incoming>,
        clock: Clock,
    ) -> Result<Link, ClientError> {
        // From here on the cores watch the time, and a connection may idle as long as it likes.
        self.socket
            .set_read_timeout(None)
            .map_err(|error| self.lost(&error))?;
        let mut socket = self
            .socket
            .try_clone()
            .map_err(|source| ClientError::System {
                what: "cannot share a socket with its thread",
                source,
            })?;
        let (broker, bytes_max) = (self.connection.broker().to_owned(), self.answer_bytes_max);
        let read = move || loop {
            let frame = read_frame(&mut socket, &broker, bytes_max);
            let ended = frame.is_err();
            let told = events.send(Incoming {
                node,
                link: id,
                frame,
                at: clock.now(),
            });
            if ended || told.is_err() {
                return;
            }
        };
        let reader = std::thread::Builder::new()
            .name(format!("broker-{node}"))
            .spawn(read)
            .map_err(|source| ClientError::System {
                what: "cannot start a thread to read a connection",
                source,
            })?;
        Ok(Link {
            id,
            connection: self.connection,
            socket: self.socket,
            reader: Some(reader),
        })
    }
}

impl Link {
    /// Sends a request; whatever is wrong with the connection ends it.
    pub(super) fn send<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        records: &[Bytes],
        answered: Answered,
    ) -> Result<CorrelationId, ClientError> {
        let outgoing = self.connection.request(request, records, answered)?;
        let correlation = outgoing.correlation;
        write(&mut self.socket, outgoing).map_err(|error| ClientError::Lost {
            broker: self.connection.broker().to_owned(),
            reason: reason(&error),
        })?;
        Ok(correlation)
    }

    /// Tells which request a frame answers.
    pub(super) fn accept(&mut self, frame: Bytes) -> Result<Answer, ClientError> {
        self.connection.accept(frame)
    }

    /// The broker's address.
    pub(super) fn broker(&self) -> &str {
        self.connection.broker()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Wakes the thread that reads. If the socket is closed already, it woke by itself.
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn open_socket(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An I/O error in the words of somebody who waits for a broker.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".into(),
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::UnexpectedEof => "the broker closed the connection".into(),
        _ => error.to_string(),
    }
}

fn write(socket: &mut TcpStream, outgoing: Outgoing) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = outgoing
        .pieces
        .iter()
        .map(|piece| IoSlice::new(piece))
        .collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match socket.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads one answer without its length, which is bounded before memory follows it.
fn read_frame(
    socket: &mut TcpStream,
    broker: &str,
    bytes_max: usize,
) -> Result<Bytes, ClientError> {
    let lost = |error: &io::Error| ClientError::Lost {
        broker: broker.to_owned(),
        reason: reason(error),
    };
    let mut prefix = [0; 4];
    socket
        .read_exact(&mut prefix)
        .map_err(|error| lost(&error))?;
    let length = frame_length(broker, prefix, bytes_max)?;
    let mut frame = Vec::with_capacity(length);
    let read = socket
        .take(length as u64)
        .read_to_end(&mut frame)
        .map_err(|error| lost(&error))?;
    if read < length {
        return Err(lost(&io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Connects to a peer that reads a little, says `bytes` and hangs up.
    fn connect_to(bytes: &'static [u8]) -> Result<Opened, ClientError> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let peer = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a client");
            let mut hello = [0; 16];
            socket.read_exact(&mut hello).expect("a request");
            socket.write_all(bytes).expect("a client that reads");
        });
        let config = LinkConfig {
            client_id: "test".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            answer_bytes_max: 1 << 20,
        };
        let opened = Opened::connect(&address, &config);
        peer.join().expect("no panic");
        opened
    }

    #[test]
    fn a_peer_of_another_protocol_is_told_apart() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            &[0xff; 8],
            &[0, 0, 0, 0],
        ] {
            let error = connect_to(bytes).expect_err("no broker");
            assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
        }
    }

    #[test]
    fn a_hang_up_in_the_middle_is_a_lost_connection() {
        for bytes in [&b""[..], &[0, 0], &[0, 0, 0, 100, 0, 0, 0, 0]] {
            let error = connect_to(bytes).expect_err("no broker");
            assert!(matches!(error, ClientError::Lost { .. }), "{error}");
        }
    }

    #[test]
    fn an_answer_to_another_request_ends_the_handshake() {
        let error = connect_to(&[0, 0, 0, 6, 0, 0, 0, 9, 0, 0]).expect_err("no broker");
        assert!(error.to_string().contains("request 9"), "{error}");
    }

    #[test]
    fn a_broker_that_knows_the_version_is_connected() {
        // Correlation 0, no error, one API (Metadata 0 to 12), no throttling, no tags.
        let answer = &[
            0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0,
        ];
        assert!(connect_to(answer).is_ok());
    }
}
