//! A broker of this process, and commands that are run against it.

use corelane::config::Settings;
use corelane::runtime::{Engine, EngineError, StartError};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A broker with its data directory, stopped and removed when dropped.
pub(crate) struct Broker {
    pub(crate) engine: Engine,
    pub(crate) data: TempDir,
}

impl Broker {
    /// `None`, said aloud, where the kernel or a sandbox refuses io_uring.
    pub(crate) fn start() -> Option<Self> {
        let data = tempfile::tempdir().expect("a directory");
        let settings = Settings {
            data: Some(data.path().to_owned()),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            ..Settings::default()
        };
        let config = settings.into_config(1).expect("valid settings");
        match Engine::start(config, false) {
            Ok(engine) => Some(Self { engine, data }),
            Err(EngineError::Start(StartError::RingRefused { reason, .. })) => {
                eprintln!("skipped: io_uring is refused here: {reason}");
                None
            }
            Err(error) => panic!("the broker does not start: {error}"),
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = corelane(arguments);
        let address = self.engine.address().to_string();
        command.args(["--bootstrap", &address]);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        run(self.command(arguments), input)
    }

    pub(crate) fn ok(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        output.stdout
    }
}

pub(crate) fn corelane(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelane"));
    command.args(arguments);
    command
}

pub(crate) fn run(mut command: Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A command that does not read its input closes the pipe; that is its right.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("no panic");
    output
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).expect("one JSON object")
}
