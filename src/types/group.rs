use super::integer;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

integer! {
    /// A group's generation: the number of its last completed rebalance, or of its last epoch in
    /// the consumer protocol (KIP-848). -1 says that the client is no member.
    Generation(i32)
}

impl Generation {
    /// What clients say that commit offsets without being a member.
    pub const NONE: Self = Self::new(-1);
}

/// Defines a name that is cheap to clone.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name.
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether nothing was named.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new("")
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name! {
    /// A group's name.
    GroupId
}

name! {
    /// A member of a group, by the id that the coordinator gave it; empty for one without.
    MemberId
}

name! {
    /// What names a static member across its restarts (KIP-345).
    InstanceId
}
