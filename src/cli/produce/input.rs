//! Where lines come from: files and stdin, read by a thread of their own, so that a slow pipe does
//! not hold up what was read before.

use super::super::CliError;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How much is read at a time, in bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// How many pieces are read ahead.
const PIECES_AHEAD: usize = 8;

/// What the reading thread reports, in order.
#[derive(Debug)]
pub(super) enum Piece {
    /// Some bytes of the source at hand.
    Bytes(Vec<u8>),
    /// The source at hand ended, whole.
    End,
    /// The source at hand cannot be read (any further).
    Failed {
        /// Its name.
        name: String,
        /// Why.
        error: io::Error,
    },
}

/// Everything that is to be read, in order.
#[derive(Debug)]
pub(super) struct Input {
    pieces: Receiver<Piece>,
}

impl Input {
    /// Starts to read `paths`, one after the other; `-` and no path at all mean stdin.
    pub(super) fn start(paths: Vec<PathBuf>) -> Result<Self, CliError> {
        let (sender, pieces) = sync_channel(PIECES_AHEAD);
        let paths = if paths.is_empty() {
            vec!["-".into()]
        } else {
            paths
        };
        std::thread::Builder::new()
            .name("input".into())
            .spawn(move || read_all(&paths, &sender))
            .map_err(|error| CliError::io("cannot start a thread to read the input", error))?;
        Ok(Self { pieces })
    }

    /// The channel of pieces; it is closed after the last source.
    pub(super) const fn pieces(&self) -> &Receiver<Piece> {
        &self.pieces
    }
}

/// The sum of the files' sizes, if all are regular files.
pub(super) fn total_bytes(paths: &[PathBuf]) -> Option<u64> {
    if paths.is_empty() {
        return None;
    }
    paths.iter().try_fold(0u64, |sum, path| {
        let metadata = path.metadata().ok()?;
        (metadata.is_file() && path != Path::new("-")).then(|| sum.saturating_add(metadata.len()))
    })
}

fn read_all(paths: &[PathBuf], sender: &SyncSender<Piece>) {
    for path in paths {
        let last = match read_one(path, sender) {
            Ok(true) => Piece::End,
            // Nobody listens any more.
            Ok(false) => return,
            Err(error) => Piece::Failed {
                name: name(path),
                error,
            },
        };
        if sender.send(last).is_err() {
            return;
        }
    }
}

/// Whether the source was read to its end.
fn read_one(path: &Path, sender: &SyncSender<Piece>) -> io::Result<bool> {
    let mut source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let length = match source.read(&mut piece) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if length == 0 {
            return Ok(true);
        }
        piece.truncate(length);
        if sender.send(Piece::Bytes(piece)).is_err() {
            return Ok(false);
        }
    }
}

fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "stdin".into();
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_file_is_named_and_the_others_are_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let good = directory.path().join("good");
        std::fs::write(&good, b"a\nb").expect("written");
        let bad = directory.path().join("bad");
        let paths = vec![bad.clone(), good.clone(), directory.path().to_owned()];
        let input = Input::start(paths).expect("a thread");
        let pieces: Vec<Piece> = input.pieces().iter().collect();
        assert!(matches!(&pieces[0], Piece::Failed { name, .. } if name.ends_with("bad")));
        assert!(matches!(&pieces[1], Piece::Bytes(bytes) if bytes == b"a\nb"));
        assert!(matches!(&pieces[2], Piece::End));
        assert!(matches!(&pieces[3], Piece::Failed { .. }), "a directory");
        assert_eq!(pieces.len(), 4);
        assert_eq!(total_bytes(&[good.clone(), good.clone()]), Some(6));
        assert_eq!(total_bytes(&[good, bad]), None);
    }
}
