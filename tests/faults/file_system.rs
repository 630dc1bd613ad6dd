//! Directories that outlive a failure, and file systems that are mounted for a test.

use crate::cycles::say;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A directory that is removed unless the test fails.
#[derive(Debug)]
pub(crate) struct Directory(Option<TempDir>);

impl Directory {
    pub(crate) fn make() -> Self {
        Self(Some(TempDir::with_prefix("corelane-faults-").unwrap()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().unwrap().path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some(directory) = self.0.take()
            && std::thread::panicking()
        {
            say(&format!(
                "its data is kept in {}",
                directory.keep().display()
            ));
        }
    }
}

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Mount {
    arguments: Vec<String>,
    point: PathBuf,
    is_mounted: bool,
}

impl Mount {
    /// Mounts at `point`, which must exist; why not, if not.
    pub(crate) fn make(arguments: &[&str], point: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount a file system".into());
        }
        let mut mount = Self {
            arguments: arguments.iter().map(|&argument| argument.into()).collect(),
            point: point.to_owned(),
            is_mounted: false,
        };
        mount.mount()?;
        Ok(mount)
    }

    pub(crate) fn mount(&mut self) -> Result<(), String> {
        run(Command::new("mount").args(&self.arguments).arg(&self.point))?;
        self.is_mounted = true;
        Ok(())
    }

    /// Unmounts. A process that was killed may hold files for a moment longer.
    pub(crate) fn unmount(&mut self) -> Result<(), String> {
        let mut refused = String::new();
        for _ in 0..500 {
            match run(Command::new("umount").arg(&self.point)) {
                Ok(_) => {
                    self.is_mounted = false;
                    return Ok(());
                }
                Err(error) => refused = error,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(refused)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.is_mounted
            && let Err(error) = self.unmount()
        {
            say(&error);
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.point));
        }
    }
}

/// Runs a command; what it complained of, if it failed.
fn run(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{program}: {}", complaint.trim()))
    }
}

/// An ext4 file system in a file, whose power can be cut.
#[derive(Debug)]
pub(crate) struct Image {
    switch: Switch,
    mount: Mount,
    /// Last, so that it is removed after the unmounting.
    directory: TempDir,
}

impl Image {
    /// Makes and mounts one; why not, if that cannot be.
    pub(crate) fn make(mebibytes: u64) -> Result<Self, String> {
        let directory = TempDir::with_prefix("corelane-power-").unwrap();
        let (file, point) = (
            directory.path().join("image"),
            directory.path().join("mount"),
        );
        std::fs::create_dir(&point).unwrap();
        File::create(&file)
            .unwrap()
            .set_len(mebibytes << 20)
            .unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file))?;
        let mount = Mount::make(&["-o", "loop", file.to_str().unwrap()], &point)?;
        Ok(Self {
            switch: Switch::make()?,
            mount,
            directory,
        })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("mount")
    }

    /// From now on nothing reaches the device, not even the file system's own journal.
    pub(crate) fn cut(&mut self) {
        let path = self.path();
        self.switch.cut(&path);
    }

    /// What a machine does that comes up again.
    pub(crate) fn reboot(&mut self) {
        self.mount.unmount().unwrap();
        self.mount.mount().unwrap();
    }
}

/// The ioctl EXT4_IOC_SHUTDOWN without a flush of the log. A process of its own makes it: from here
/// it would take `unsafe`, and a process that is there already takes no time to start.
#[derive(Debug)]
struct Switch {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

const SWITCH: &str = "
import fcntl, os, struct, sys
for path in sys.stdin:
    mount = os.open(path.rstrip('\\n'), os.O_RDONLY)
    fcntl.ioctl(mount, 0x8004587D, struct.pack('I', 2))
    os.close(mount)
    print('cut', flush=True)
";

impl Switch {
    fn make() -> Result<Self, String> {
        let mut child = Command::new("python3")
            .args(["-c", SWITCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("python3: {error}"))?;
        Ok(Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    fn cut(&mut self, path: &Path) {
        writeln!(self.stdin, "{}", path.display()).unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "cut\n", "the file system refuses to shut down");
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
