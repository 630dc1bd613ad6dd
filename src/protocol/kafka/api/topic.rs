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

/// The topic where a message may name it either way; a name counts more than an id, but Java's
/// consumer sends an empty one beside the id.
pub(super) fn topic_ref_either(name: Option<&str>, id: Uuid) -> TopicRef {
    let name = name.unwrap_or_default();
    if name.is_empty() && !id.is_nil() {
        TopicRef::Id(topic_id(id))
    } else {
        TopicRef::Name(name.to_owned())
    }
}

pub(super) fn uuid(id: TopicId) -> Uuid {
    Uuid::from_bytes(id.to_bytes())
}

fn topic_id(id: Uuid) -> TopicId {
    TopicId::from_bytes(id.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_where_the_name_is_empty_or_left_out() {
        let id = Uuid::from_bytes([5; 16]);
        let named = |name: &str| TopicRef::Name(name.to_owned());
        for name in [None, Some("")] {
            assert_eq!(topic_ref_either(name, id), TopicRef::Id(topic_id(id)));
            assert_eq!(topic_ref_either(name, Uuid::nil()), named(""));
        }
        assert_eq!(topic_ref_either(Some("orders"), id), named("orders"));
    }
}
