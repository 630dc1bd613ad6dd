//! `corelane serve` as a process: what it says, and what it ends with.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of a process has sockets and clocks"
)]
#![expect(clippy::unwrap_used, reason = "a test that fails names its line")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const CORELANE: &str = env!("CARGO_BIN_EXE_corelane");

/// A broker on a free port; killed if a test fails.
struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Serving {
    fn start(data: &TempDir) -> Self {
        let mut child = Command::new(CORELANE)
            .args(["serve", "--cores", "2", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let told = line.strip_prefix("corelane is ready on ");
        let address = told.and_then(|told| told.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("not ready: {line}"));
        Self {
            address: address.to_owned(),
            child,
            stderr,
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(arguments: &[&str], data: &TempDir) -> Output {
    Command::new(CORELANE)
        .args(["serve", "--data"])
        .arg(data.path())
        .args(arguments)
        .output()
        .unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_says_when_it_is_ready_and_ends_cleanly_by_either_signal() {
    let data = TempDir::new().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut serving = Serving::start(&data);
        TcpStream::connect(&serving.address).unwrap();
        serving.signal(signal);
        assert_eq!(serving.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        serving.stderr.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("stopped"), "{rest}");
    }
}

#[test]
fn a_port_or_directory_in_use_is_named() {
    let (data, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = Serving::start(&data);
    let port = serving.address.rsplit(':').next().unwrap();
    let refused = serve(&["--listen", &serving.address], &other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains(&format!("port {port} is in use")));
    let refused = serve(&["--listen", "127.0.0.1:0"], &data);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains(data.path().to_str().unwrap()));
}

#[test]
fn a_wildcard_address_alone_is_wrong_usage() {
    let data = TempDir::new().unwrap();
    let refused = serve(&["--listen", "0.0.0.0:0"], &data);
    assert_eq!(refused.status.code(), Some(2));
    assert!(complaint(&refused).contains("--advertised-address"));
}

#[test]
fn a_machine_without_io_uring_is_told_what_to_do() {
    let data = TempDir::new().unwrap();
    // The limit of locked memory is the one refusal that needs no privilege to bring about.
    let refused = Command::new("sh")
        .arg("-c")
        .arg("ulimit -l 64; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"")
        .arg(CORELANE)
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let complaint = complaint(&refused);
    assert!(complaint.contains("io_uring") && complaint.contains("ulimit -l"));
}
