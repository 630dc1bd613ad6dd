use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// Has `stop` called once, on a thread of its own, when SIGTERM or SIGINT arrives. A second one
/// ends the process at once with the code that shells expect (128 + signal).
pub fn on_stop_signal(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut arriving = signals.forever();
            if arriving.next().is_some() {
                log::info!("stopping; a second signal ends the process at once");
                stop();
            }
            if let Some(signal) = arriving.next() {
                log::warn!("a second signal: ending without flushing");
                std::process::exit(128 + signal);
            }
        })?;
    Ok(())
}
