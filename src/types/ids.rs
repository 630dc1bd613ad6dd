use super::integer;

integer! {
    /// A data core, counted from 0. Core 0 is also the registrar of catalog and producer ids.
    CoreId(u16)
}

integer! {
    /// A broker node as Kafka clients see it.
    NodeId(i32)
}

integer! {
    /// A client's connection, unique in the life of the core that serves it.
    ConnectionId(u64)
}

integer! {
    /// A request's place in its connection's order; answers leave in the order of their slots.
    SlotId(u64)
}

integer! {
    /// A request from one core to another, unique in the life of the asking core.
    RequestId(u64)
}

integer! {
    /// A disk call under way, unique in the life of the core that issued it.
    IoId(u64)
}

integer! {
    /// A batch on its way into a partition, unique in the life of the core that owns it.
    AppendToken(u64)
}

integer! {
    /// A deletion of a partition's records, unique in the life of the core that owns it.
    DeletionToken(u64)
}

integer! {
    /// A fetch session (KIP-227), 0 for none. Names its core, too.
    FetchSessionId(i32)
}

impl FetchSessionId {
    /// No session.
    pub const NONE: Self = Self::new(0);
}

impl CoreId {
    /// The core that owns catalog, settings and producer-id blocks.
    pub const REGISTRAR: Self = Self::new(0);

    /// This core's place in a list of all cores.
    pub const fn index(self) -> usize {
        self.get() as usize
    }
}

macro_rules! counter {
    ($($name:ident),*) => {$(
        impl $name {
            /// Takes the current number and moves on to the next one.
            pub fn take(&mut self) -> Self {
                let current = *self;
                *self = Self::new(current.get() + 1);
                current
            }
        }
    )*};
}
counter!(
    ConnectionId,
    SlotId,
    RequestId,
    IoId,
    AppendToken,
    DeletionToken
);
