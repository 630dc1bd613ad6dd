use crate::broker::TopicRef;
use crate::types::TopicId;
use uuid::Uuid;

/// A topic as messages name it: by name in older versions, by id in newer ones, with the other
/// one empty.
pub(super) fn topic_fields(topic: &TopicRef) -> (&str, Uuid) {
    match topic {
        TopicRef::Name(name) => (name, Uuid::nil()),
        TopicRef::Id(id) => ("", uuid(*id)),
    }
}

/// The topic that a message names, given whether its version does so by id.
pub(super) fn topic_ref(name: &str, id: Uuid, by_id: bool) -> TopicRef {
    if by_id {
        TopicRef::Id(topic_id(id))
    } else {
        TopicRef::Name(name.to_owned())
    }
}

/// The topic where a message may name it either way; a name counts more than an id.
pub(super) fn topic_ref_either(name: Option<&str>, id: Uuid) -> TopicRef {
    match name {
        None if !id.is_nil() => TopicRef::Id(topic_id(id)),
        // No name at all is answered like an empty one.
        name => TopicRef::Name(name.unwrap_or_default().to_owned()),
    }
}

pub(super) fn uuid(id: TopicId) -> Uuid {
    Uuid::from_bytes(id.to_bytes())
}

fn topic_id(id: Uuid) -> TopicId {
    TopicId::from_bytes(id.into_bytes())
}
