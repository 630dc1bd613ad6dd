use crate::wire::message;

message! {
    /// Where a leader can be reached, so that a client need not ask for metadata (KIP-951).
    NodeEndpoint<'a> {
        /// The broker's id.
        node_id: i32, 0..;
        /// Its host name or address.
        host: &'a str, 0..;
        /// Its port.
        port: i32, 0..;
        /// Its rack, if it has one.
        rack: Option<&'a str>, 0..;
    }

    /// Who leads a partition now (KIP-951).
    LeaderIdAndEpoch {
        /// The leader's id, -1 if unknown.
        leader_id: i32, 0.., default -1;
        /// Its epoch, -1 if unknown.
        leader_epoch: i32, 0.., default -1;
    }
}
