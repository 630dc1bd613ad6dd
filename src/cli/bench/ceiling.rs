//! Loopback TCP: one thread sends resident bytes, another reads and discards them.

use super::super::CliError;
use super::{Bounds, joined, report};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Larger than a processor's caches, as the page cache that a broker sends from is.
const SOURCE_BYTES: usize = 256 << 20;
/// What is sent at once, as by the broker.
const SEND_BYTES: usize = 256 << 10;
/// What the reader takes at once.
const RECEIVE_BYTES: usize = 1 << 20;

/// MB per second.
pub(super) fn measure(bounds: &Bounds) -> Result<f64, CliError> {
    let failed = |error| CliError::io("loopback TCP", error);
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let source = vec![0x5a_u8; SOURCE_BYTES];
    let mut sender = TcpStream::connect(address).map_err(failed)?;
    let (mut receiver, _) = listener.accept().map_err(failed)?;
    let sending = thread::spawn(move || {
        // Ends when the reader has seen enough and closes.
        for piece in source.chunks(SEND_BYTES).cycle() {
            if let Err(error) = sender.write_all(piece) {
                return match error.kind() {
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(()),
                    _ => Err(error),
                };
            }
        }
        Ok(())
    });
    let mut buffer = vec![0; RECEIVE_BYTES];
    let watch = bounds.start();
    let mut bytes = 0_u64;
    while !watch.is_over() {
        match receiver.read(&mut buffer).map_err(failed)? {
            0 => break,
            count => bytes += count as u64,
        }
    }
    let seconds = watch.seconds()?;
    drop(receiver);
    joined(sending.join()).map_err(failed)?;
    Ok(report::rounded(bytes as f64 / 1e6 / seconds))
}
