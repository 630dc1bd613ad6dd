use super::Call;
use crate::broker::{LeaderHint, NodeEndpoint, Part};
use crate::protocol::kafka::messages::{self, LeaderIdAndEpoch, ResponseHeader};
use crate::wire::{Array, Chunk, EncodeError, Message, Writer};

/// The frame of a response: length, header, message.
pub(super) fn frame<'a>(call: &Call, message: &impl Message<'a>) -> Result<Vec<Part>, EncodeError> {
    frame_with_records(call, message, Vec::new())
}

/// The frame of a response that refers to `records` by their places in it, each once, in order.
pub(super) fn frame_with_records<'a>(
    call: &Call,
    message: &impl Message<'a>,
    records: Vec<Part>,
) -> Result<Vec<Part>, EncodeError> {
    let mut writer = Writer::framed();
    let header = ResponseHeader {
        correlation_id: call.correlation_id(),
    };
    header.encode(&mut writer, call.api(), call.version());
    message.encode(&mut writer, call.version())?;
    let mut records = records.into_iter();
    let chunks = writer.finish()?.into_iter();
    let parts = chunks.map(|chunk| match chunk {
        Chunk::Bytes(bytes) => Part::Bytes(bytes),
        Chunk::External { length, .. } => {
            let part = records.next().expect("one part per reference");
            assert_eq!(part.length(), length as usize, "parts are in order");
            part
        }
    });
    Ok(parts.collect())
}

/// Who leads a partition instead, the default if nobody is known to (KIP-951).
pub(super) fn current_leader(hint: Option<LeaderHint>) -> LeaderIdAndEpoch {
    hint.map_or_else(LeaderIdAndEpoch::default, |hint| LeaderIdAndEpoch {
        leader_id: hint.node.get(),
        leader_epoch: hint.epoch.get(),
    })
}

/// Where leaders are reached (KIP-951).
pub(super) fn node_endpoints(endpoints: &[NodeEndpoint]) -> Array<'_, messages::NodeEndpoint<'_>> {
    let endpoints = endpoints.iter().map(|endpoint| messages::NodeEndpoint {
        node_id: endpoint.node.get(),
        host: &endpoint.host,
        port: i32::from(endpoint.port),
        rack: None,
    });
    endpoints.collect()
}
