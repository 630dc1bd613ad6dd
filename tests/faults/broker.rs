//! The broker as a process.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const CORELANE: &str = env!("CARGO_BIN_EXE_corelane");
/// The longest that a start or a clean stop may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running broker; killed when dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    child: Child,
    /// What it said on stderr.
    log: Arc<Mutex<Vec<String>>>,
    ready: Receiver<()>,
    listener: Option<JoinHandle<()>>,
}

/// A port that nobody has: not one of those that the system gives to clients, who would take it
/// while the broker is down.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// How many cores a start gets: mostly two. With another number partitions change their owners.
pub(crate) fn some_cores(rng: &mut fastrand::Rng) -> u8 {
    *rng.choice(&[2, 2, 2, 1, 3]).unwrap()
}

/// Runs `corelane` to its end.
pub(crate) fn corelane(arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(CORELANE);
    command.args(arguments).arg(path).output().unwrap()
}

impl Broker {
    /// Starts one and does not wait for it.
    pub(crate) fn spawn(data: &Path, address: &str, cores: u8) -> Self {
        let mut child = Command::new(CORELANE)
            .args(["serve", "--listen", address, "--cores", &cores.to_string()])
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (tell, ready) = channel();
        let kept = Arc::clone(&log);
        let listen = move || {
            for line in lines.map_while(Result::ok) {
                let is_ready = line.starts_with("corelane is ready on ");
                kept.lock().unwrap().push(line);
                if is_ready {
                    let _ = tell.send(());
                }
            }
        };
        let listener = Some(std::thread::spawn(listen));
        Self {
            child,
            log,
            ready,
            listener,
        }
    }

    /// Starts one that must come up.
    pub(crate) fn start(data: &Path, address: &str, cores: u8) -> Self {
        let mut broker = Self::spawn(data, address, cores);
        if let Err(why) = broker.wait_ready() {
            panic!("the broker does not start: {why}\n{}", broker.log());
        }
        broker
    }

    fn wait_ready(&mut self) -> Result<(), String> {
        match self.ready.recv_timeout(PATIENCE) {
            Ok(()) => Ok(()),
            Err(RecvTimeoutError::Timeout) => Err(format!("not ready after {PATIENCE:?}")),
            Err(RecvTimeoutError::Disconnected) => Err(format!("{}", self.wait())),
        }
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.join("\n")
    }

    /// Nothing that it logged is an error.
    pub(crate) fn assert_content(&self) {
        let log = self.log();
        let complains = |line: &str| line.contains("ERROR") || line.contains("panicked");
        assert!(!log.lines().any(complains), "the broker complains:\n{log}");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until SIGSTOP has reached every thread, and so until system calls have ended.
    pub(crate) fn wait_still(&self) {
        let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), either).unwrap();
    }

    /// Waits for its end, and for its last words.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let log = self.log();
            assert!(Instant::now() < deadline, "it does not end:\n{log}");
            std::thread::sleep(Duration::from_millis(1));
        };
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        status
    }

    /// SIGKILL, unless it ended already.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// SIGTERM, and it ends as it should.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            crate::cycles::say(&format!("the broker's log:\n{}", self.log()));
        }
    }
}
