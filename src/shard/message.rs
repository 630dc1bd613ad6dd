//! What cores say to each other.

use crate::broker::{CoreReply, CoreRequest};
use crate::topic::Catalog;
use crate::types::{FetchSessionId, RequestId, TopicPartition};
use std::sync::Arc;

/// A message between cores, or of a core to itself. Bytes in it are shared, never copied.
#[derive(Debug)]
pub enum Message {
    /// A question; one per request id and receiver, a fetch's repeated ones excepted.
    Request {
        /// Names the operation on the asking core.
        id: RequestId,
        /// What is asked.
        request: CoreRequest,
    },
    /// The answer.
    Reply {
        /// The operation that asked.
        id: RequestId,
        /// What is answered.
        reply: CoreReply,
    },
    /// A watched partition moved; the watch is forgotten.
    Wake {
        /// The fetch that watches.
        id: RequestId,
    },
    /// A partition that a fetch session watches moved; that watch is forgotten.
    Moved {
        /// The session.
        session: FetchSessionId,
        /// What moved.
        partition: TopicPartition,
    },
    /// From the registrar: the catalog from now on, durable already.
    Catalog(Arc<Catalog>),
    /// To the registrar: the catalog it sent last is in force on this core.
    CatalogApplied,
    /// To the registrar: this core has flushed everything and waits for the farewell.
    Flushed {
        /// Whether that went well on every partition.
        clean: bool,
    },
    /// From the registrar: every core has flushed, stop now.
    Farewell,
}
