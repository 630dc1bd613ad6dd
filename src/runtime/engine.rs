//! A whole broker on this machine's disk: data directory, recovery, shards, ports.

use super::broker::{Broker, Settings, StopHandle};
use super::error::StartError;
use super::listeners::{Addresses, Listeners};
use super::stats::CoreStatsSnapshot;
use crate::config::Config;
use crate::shard::{Boot, BootError};
use crate::storage::{DataDirectory, DataDirectoryError, Disk, RealDisk};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;

/// A broker that serves the data directory of its configuration until it is stopped. Dropping it
/// stops it cleanly.
#[derive(Debug)]
pub struct Engine {
    // Before the directory: its lock is given back when nothing writes any more.
    broker: Broker,
    _directory: DataDirectory,
}

/// Why a broker cannot be started.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The data directory is in use, not writable, or of another format.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// The catalog cannot be read or written.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// Ports, threads or io_uring are refused.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Engine {
    /// Locks the data directory, recovers it and serves clients. `pin` gives each core a processor
    /// of its own, which a broker inside another program had better not take.
    pub fn start(mut config: Config, pin: bool) -> Result<Self, EngineError> {
        let listeners = Listeners::bind(config.listen, config.nodes, config.cores)?;
        if config.advertised.1 == 0 {
            config.advertised.1 = listeners.addresses().shared.port();
        }
        if let Ok(data) = std::path::absolute(&config.data) {
            // As clients are told of it.
            config.data = data;
        }
        let directory = DataDirectory::open(&config.data)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
        let settings = Settings {
            cores: config.cores,
            pin,
            connections_per_core_max: config.limits.connections_per_core_max,
            frame_patience: Settings::FRAME_PATIENCE,
            disk: Arc::clone(&disk),
        };
        let boot = Boot::load(&*disk, Arc::new(config), fastrand::u64(..))?;
        let broker = Broker::start(listeners, &settings, move |core| boot.shard(&*disk, core))?;
        Ok(Self {
            broker,
            _directory: directory,
        })
    }

    /// The address for all cores.
    pub fn address(&self) -> SocketAddr {
        self.broker.address()
    }

    /// All addresses.
    pub fn addresses(&self) -> &Addresses {
        self.broker.addresses()
    }

    /// What the cores tell about themselves, in core order.
    pub fn stats(&self) -> Vec<CoreStatsSnapshot> {
        self.broker.stats()
    }

    /// Lets another thread stop the broker.
    pub fn stop_handle(&self) -> StopHandle {
        self.broker.stop_handle()
    }

    /// Waits until the broker has been stopped and everything is flushed.
    pub fn wait(self) {
        self.broker.wait();
    }
}
