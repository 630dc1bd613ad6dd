/// What becomes of old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments go by age and by size.
    pub deletes: bool,
    /// The newest record of each key stays.
    pub compacts: bool,
}

impl Default for CleanupPolicy {
    fn default() -> Self {
        Self {
            deletes: true,
            compacts: false,
        }
    }
}

impl CleanupPolicy {
    /// Reads Kafka's `cleanup.policy`; `None` if it is no list of these two words, each once.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut policy = Self {
            deletes: false,
            compacts: false,
        };
        for word in value.split(',') {
            let chosen = match word.trim() {
                "delete" => &mut policy.deletes,
                "compact" => &mut policy.compacts,
                _ => return None,
            };
            if std::mem::replace(chosen, true) {
                return None;
            }
        }
        Some(policy)
    }
}
