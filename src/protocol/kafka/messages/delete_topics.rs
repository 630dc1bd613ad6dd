use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Deletes topics.
    DeleteTopicsRequest<'a> (key ApiKey::DeleteTopics as i16, versions 1..=6, flexible 4) {
        /// The topics by name or id (KIP-516).
        topics: Array<'a, DeleteTopicState<'a>>, 6..;
        /// The topics by name.
        topic_names: Array<'a, &'a str>, 0..=5, else ignored;
        /// How long the client waits, in ms.
        timeout_ms: i32, 0..;
    }

    /// A topic to delete.
    DeleteTopicState<'a> {
        /// Its name, or null.
        name: Option<&'a str>, 6..;
        /// Its id, or zero.
        topic_id: Uuid, 6..;
    }

    /// What became of the topics.
    DeleteTopicsResponse<'a> (key ApiKey::DeleteTopics as i16, versions 1..=6, flexible 4) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// The topics.
        responses: Array<'a, DeletableTopicResult<'a>>, 0..;
    }

    /// What became of a topic.
    DeletableTopicResult<'a> {
        /// The name; null for an id that is unknown.
        name: Option<&'a str>, 0.., nullable 6..;
        /// The id.
        topic_id: Uuid, 6.., else ignored;
        /// Why the topic was not deleted.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 5.., else ignored;
    }
}
