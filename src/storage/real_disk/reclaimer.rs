//! Gives the space of removed files back little by little.
//!
//! To free a file is to tell the device what it may forget, where the file system is mounted with
//! `discard`, and meanwhile the device writes nothing else: a large segment removed at once stops
//! every acknowledgement for as long as that takes. So a removed file stays open here, and once
//! nobody else has it open it is cut from its end on, in small steps with pauses between them.
//!
//! Who has a file open says so by a shared lock on it (`flock`), which lives as long as the last
//! descriptor or mapping that came from it.

use super::{length_of, locked};
use crate::types::Position;
use rustix::fs::{FlockOperation, flock, fstatvfs};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is cut off at a time.
const STEP_BYTES: u64 = 1 << 20;
/// Between two steps.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// Pauses become shorter where much waits: about so long, and all of it would be gone.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
/// Where less of the file system is left than one part of so many, there are no pauses.
const SCARCE_PART: u64 = 20;
/// Until files that others have open are looked at again.
const LENT_PAUSE: Duration = Duration::from_millis(100);
/// Removed files that are held open at most; more go at once.
const FILES_MAX: usize = 1024;

/// See the module. Its thread begins with the first file and ends with this.
#[derive(Debug, Default)]
pub(super) struct Reclaimer {
    queue: Mutex<Option<SyncSender<File>>>,
}

impl Reclaimer {
    /// Holds a file that is about to be removed, if it is large enough to matter: removing the name
    /// does not give its space back then.
    pub(super) fn hold(path: &Path) -> Option<File> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        if !metadata.is_file() || metadata.len() <= STEP_BYTES {
            return None;
        }
        OpenOptions::new().write(true).open(path).ok()
    }

    /// Takes a file that was removed.
    pub(super) fn take(&self, file: File) {
        let mut queue = locked(&self.queue);
        let sender = match queue.as_ref() {
            Some(sender) => sender.clone(),
            None => {
                let (sender, receiver) = sync_channel(FILES_MAX);
                let builder = thread::Builder::new().name("reclaim".to_owned());
                if builder.spawn(move || reclaim_all(&receiver)).is_err() {
                    // It goes at once, and the next one tries again.
                    return;
                }
                queue.insert(sender).clone()
            }
        };
        drop(queue);
        // One too many goes at once.
        drop(sender.try_send(file));
    }
}

/// Says that a file is open, to whoever would cut it once it has lost its name. Not all file systems
/// have locks; on others files are not cut.
pub(super) fn share(file: &File) {
    let _ = flock(file, FlockOperation::NonBlockingLockShared);
}

fn reclaim_all(queue: &Receiver<File>) {
    let mut files = VecDeque::new();
    let mut lent = 0;
    loop {
        let pause = pause(&files, lent);
        if !wait(queue, &mut files, pause) {
            return;
        }
        let Some(file) = files.pop_front() else {
            continue;
        };
        match cut(&file) {
            Step::Cut => {
                lent = 0;
                files.push_front(file);
            }
            Step::Lent => {
                lent += 1;
                files.push_back(file);
            }
            Step::Done => lent = 0,
        }
    }
}

/// Takes in what comes during a pause, or until something comes if there is nothing to do. False once
/// nothing can come any more; what is left goes at once then.
fn wait(queue: &Receiver<File>, files: &mut VecDeque<File>, pause: Duration) -> bool {
    if files.is_empty() {
        let received = queue.recv();
        return received.map(|file| files.push_back(file)).is_ok();
    }
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match queue.recv_timeout(left) {
            Ok(file) if files.len() < FILES_MAX => files.push_back(file),
            Ok(file) => drop(file),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// How long to wait with the next step, when of these files the last `lent` ones are not to be cut.
fn pause(files: &VecDeque<File>, lent: usize) -> Duration {
    if lent >= files.len() {
        return LENT_PAUSE;
    }
    if files.front().is_some_and(is_scarce) {
        return Duration::ZERO;
    }
    let steps = files.iter().map(|file| length(file).div_ceil(STEP_BYTES));
    let steps = u32::try_from(steps.sum::<u64>()).unwrap_or(u32::MAX);
    PAUSE_MAX.min(DRAINED_WITHIN / steps.max(1))
}

fn is_scarce(file: &File) -> bool {
    fstatvfs(file).is_ok_and(|volume| volume.f_bavail < volume.f_blocks / SCARCE_PART)
}

fn length(file: &File) -> u64 {
    length_of(file).map_or(0, Position::get)
}

/// What became of a file.
enum Step {
    Cut,
    /// Others have it open.
    Lent,
    /// It is to be closed, which frees the rest.
    Done,
}

fn cut(file: &File) -> Step {
    // Somebody may have given it another name, to keep it.
    let is_nameless = file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
    if !is_nameless {
        return Step::Done;
    }
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Step::Lent,
        Err(_) => return Step::Done,
    }
    let kept = length(file).saturating_sub(STEP_BYTES);
    if kept > 0 && file.set_len(kept).is_ok() {
        Step::Cut
    } else {
        Step::Done
    }
}

#[cfg(test)]
mod tests {
    use super::super::RealDisk;
    use super::*;
    use crate::storage::disk::{Disk, OpenMode, write_all};

    const BYTES: u64 = 3 * STEP_BYTES + 1;

    /// A disk with a file on it, and the file as nobody knows of it.
    fn with_file(path: &Path) -> (RealDisk, File) {
        let disk = RealDisk::new();
        let file = disk.open(path, OpenMode::CreateNew).unwrap();
        write_all(&*file, Position::ZERO, &vec![7; BYTES as usize]).unwrap();
        (disk, File::open(path).unwrap())
    }

    fn wait_until(is_so: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < until, "it never comes");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_nobody_reads_any_more_is_cut_step_by_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let (disk, file) = with_file(&path);
        disk.discard_file(&path).unwrap();
        wait_until(|| length(&file) == 1);
    }

    #[test]
    fn what_is_open_or_mapped_is_whole_until_it_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let (disk, file) = with_file(&path);
        let upto = Position::new(BYTES);
        let open = disk.open(&path, OpenMode::ReadOnly).unwrap();
        let range = open.mapped(Position::ZERO, upto).unwrap();
        disk.discard_file(&path).unwrap();
        // Another one is cut meanwhile.
        let (_, cut) = with_file(&path);
        disk.discard_file(&path).unwrap();
        wait_until(|| length(&cut) == 1);
        assert_eq!(length(&file), BYTES);
        drop(open);
        thread::sleep(2 * LENT_PAUSE);
        assert_eq!(length(&file), BYTES, "it is mapped");
        drop(range);
        wait_until(|| length(&file) == 1);
    }

    #[test]
    fn a_file_with_another_name_stays_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("f"), directory.path().join("g"));
        let (disk, file) = with_file(&path);
        std::fs::hard_link(&path, &other).unwrap();
        disk.discard_file(&path).unwrap();
        let (_, cut) = with_file(&path);
        disk.discard_file(&path).unwrap();
        wait_until(|| length(&cut) == 1);
        assert_eq!(length(&file), BYTES);
    }
}
