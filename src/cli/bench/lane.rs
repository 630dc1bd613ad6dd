//! What the lanes that the bench measures by have in common: they run on the broker's own runtime,
//! admit every frame, and answer with empty ones.

use crate::broker::Part;
use crate::cli::CliError;
use crate::config::Nodes;
use crate::runtime::{Broker, Lane, Listeners, Settings};
use crate::shard::Effect;
use crate::storage::Disk;
use crate::types::{ConnectionId, CoreId, SlotId};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Starts lanes on a loopback port of their own.
pub(super) fn start<L: Lane>(
    cores: u16,
    connections_per_core_max: usize,
    disk: Arc<dyn Disk>,
    make: impl Fn(CoreId) -> io::Result<L> + Send + Sync + 'static,
) -> Result<Broker, CliError> {
    let settings = Settings {
        cores,
        pin: true,
        connections_per_core_max,
        frame_patience: Settings::FRAME_PATIENCE,
        disk,
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let started = Listeners::bind(listen, Nodes::Single, cores)
        .and_then(|listeners| Broker::start(listeners, &settings, make));
    started.map_err(|error| CliError::Message(error.to_string()))
}

/// Has the body of an announced frame read.
pub(super) fn admit(slots: &mut SlotId, connection: ConnectionId, length: i32) -> Effect {
    Effect::Admit {
        connection,
        slot: slots.take(),
        length: u32::try_from(length).unwrap_or(0),
    }
}

/// An empty frame, or the connection's end.
pub(super) fn answer<T>(connection: ConnectionId, slot: SlotId, result: &io::Result<T>) -> Effect {
    match result {
        Ok(_) => Effect::Respond {
            connection,
            slot,
            parts: vec![Part::Bytes(Bytes::from_static(&[0; 4]))],
        },
        Err(error) => close(connection, error),
    }
}

/// The connection's end.
pub(super) fn close(connection: ConnectionId, error: &io::Error) -> Effect {
    Effect::Close {
        connection,
        reason: error.to_string(),
    }
}
