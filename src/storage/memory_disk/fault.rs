//! What a simulated disk may be told to do wrong.

use std::io;

/// A kind of disk operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named like the method it stands for")]
pub enum Operation {
    Open,
    CreateDirectory,
    List,
    /// And an exchange.
    Rename,
    RemoveFile,
    RemoveDirectory,
    SyncDirectory,
    Write,
    Read,
    Reserve,
    Truncate,
    Sync,
    Populate,
}

impl Operation {
    /// Whether the operation changes what is on the disk, and so counts for `crash_after`.
    pub(super) const fn changes(self) -> bool {
        !matches!(self, Self::List | Self::Read | Self::Populate)
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The device reports an error (EIO).
    Device,
    /// The device is full (ENOSPC).
    NoSpace,
    /// The process may open no more files (EMFILE).
    TooManyFiles,
    /// The file system does not know the operation (EINVAL, as for an exchange).
    Unknown,
}

impl FaultKind {
    pub(super) fn error(self) -> io::Error {
        let errno = match self {
            Self::Device => rustix::io::Errno::IO,
            Self::NoSpace => rustix::io::Errno::NOSPC,
            Self::TooManyFiles => rustix::io::Errno::MFILE,
            Self::Unknown => rustix::io::Errno::INVAL,
        };
        errno.into()
    }
}

/// A failure to come.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) operation: Operation,
    /// How many operations of the kind still succeed.
    pub(super) after: u64,
    pub(super) kind: FaultKind,
    /// Whether all later ones fail too.
    pub(super) lasting: bool,
}

/// The error of every operation of a process that is dead.
pub(super) fn dead() -> io::Error {
    io::Error::other("the simulated process is dead")
}
