//! What a simulated disk holds, behind the lock of its handles.

use super::directory_node::{Change, DirectoryNode, Inode};
use super::fault::{self, Fault, FaultKind, Operation};
use super::file_node::FileNode;
use crate::storage::disk::DirectoryEntry;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

const ROOT: Inode = 0;

#[derive(Debug, Clone)]
enum Node {
    File(FileNode),
    Directory(DirectoryNode),
}

#[derive(Debug, Clone)]
pub(super) struct State {
    nodes: BTreeMap<Inode, Node>,
    next_inode: Inode,
    /// Open handles per inode: an unlinked file lives as long as one is open.
    handles: BTreeMap<Inode, usize>,
    /// Files whose bytes nobody needs.
    discarded: BTreeSet<Inode>,
    /// Changes that may have made nodes unreachable since those were last looked for.
    loosened: usize,
    rng: fastrand::Rng,
    /// Counts process lives; handles of an earlier one are dead.
    pub(super) generation: u64,
    pub(super) operations: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) crashed: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) capacity: Option<u64>,
    pub(super) cold: bool,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: BTreeMap::from([(ROOT, Node::Directory(DirectoryNode::default()))]),
            next_inode: ROOT + 1,
            handles: BTreeMap::new(),
            discarded: BTreeSet::new(),
            loosened: 0,
            rng: fastrand::Rng::with_seed(seed),
            generation: 0,
            operations: 0,
            crash_at: None,
            crashed: false,
            faults: Vec::new(),
            capacity: None,
            cold: false,
        }
    }

    pub(super) fn process_crash(&mut self) {
        self.generation += 1;
        self.handles.clear();
        self.loosened += 1;
        self.crash_at = None;
        self.crashed = false;
        self.forget_unreachable();
    }

    pub(super) fn power_cut(&mut self) {
        self.forget_unreachable();
        self.cut_discarded();
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => file.power_cut(&mut self.rng),
                Node::Directory(directory) => directory.power_cut(&mut self.rng),
            }
        }
        self.process_crash();
    }

    /// What was discarded and is not open was being given back: its end may be gone, whether the name
    /// comes back or not.
    fn cut_discarded(&mut self) {
        for inode in std::mem::take(&mut self.discarded) {
            if let Some(Node::File(file)) = self.nodes.get_mut(&inode)
                && !self.handles.contains_key(&inode)
                && self.rng.bool()
            {
                file.truncate(self.rng.usize(..=file.bytes().len()));
            }
        }
    }

    pub(super) fn evict(&mut self) {
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.evict();
            }
        }
    }

    /// Counts an operation and fails it if it was to fail.
    pub(super) fn begin(&mut self, operation: Operation) -> io::Result<()> {
        if !operation.changes() {
            return self.begin_unchanged(operation);
        }
        self.operations += 1;
        if self.crash_at.is_some_and(|at| self.operations > at) {
            self.crashed = true;
        }
        self.begin_unchanged(operation)
    }

    /// The same for an operation that changes nothing.
    pub(super) fn begin_unchanged(&mut self, operation: Operation) -> io::Result<()> {
        if self.crashed {
            return Err(fault::dead());
        }
        let mut failure = None;
        self.faults.retain_mut(|fault| {
            if fault.operation != operation || failure.is_some() {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            failure = Some(fault.kind);
            fault.lasting
        });
        failure.map_or(Ok(()), |kind| Err(kind.error()))
    }

    /// Writes; a failing write may leave a part behind, as real ones do: its beginning in the page
    /// cache, or with `direct` any of its sectors on the device.
    pub(super) fn write(
        &mut self,
        inode: Inode,
        position: usize,
        bytes: &[u8],
        direct: bool,
    ) -> io::Result<()> {
        let was_crashed = self.crashed;
        let begun = self.begin(Operation::Write);
        let begun = begun.and_then(|()| self.check_space(inode, position + bytes.len()));
        let room = match &begun {
            Ok(()) => bytes.len(),
            Err(_) if was_crashed => 0,
            Err(_) => self.room_left(inode, position).min(bytes.len()),
        };
        let (whole, mut rng) = (begun.is_ok(), self.rng.fork());
        let file = self.file_mut(inode)?;
        match direct {
            true if whole => file.write_direct(position, bytes),
            true => file.write_torn(position, &bytes[..room], &mut rng),
            false if whole => file.write(position, bytes),
            false => file.write(position, &bytes[..rng.usize(0..=room)]),
        }
        begun
    }

    /// Fails if the file cannot grow to `upto` bytes.
    pub(super) fn check_space(&mut self, inode: Inode, upto: usize) -> io::Result<()> {
        let Some(capacity) = self.capacity else {
            return Ok(());
        };
        let space = self.file_mut(inode)?.space();
        let more = upto.saturating_sub(space) as u64;
        // What is unreachable takes no space, but is looked for only where that matters.
        let fits = |used| more == 0 || used + more <= capacity;
        if fits(self.space_of_nodes()) || fits(self.space_used()) {
            return Ok(());
        }
        Err(FaultKind::NoSpace.error())
    }

    fn room_left(&mut self, inode: Inode, position: usize) -> usize {
        let Ok(file) = self.file_mut(inode) else {
            return 0;
        };
        let own = file.space().saturating_sub(position);
        match self.capacity {
            Some(capacity) => own + capacity.saturating_sub(self.space_used()) as usize,
            None => usize::MAX,
        }
    }

    pub(super) fn space_used(&mut self) -> u64 {
        self.forget_unreachable();
        self.space_of_nodes()
    }

    fn space_of_nodes(&self) -> u64 {
        let files = self.nodes.values().map(|node| match node {
            Node::File(file) => file.space() as u64,
            Node::Directory(_) => 0,
        });
        files.sum()
    }

    pub(super) fn opened(&mut self, inode: Inode) {
        *self.handles.entry(inode).or_default() += 1;
    }

    pub(super) fn closed(&mut self, inode: Inode) {
        if let Some(count) = self.handles.get_mut(&inode) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&inode);
                self.loosen();
            }
        }
    }

    pub(super) fn resolve(&mut self, path: &Path) -> io::Result<Inode> {
        let mut inode = ROOT;
        for name in components(path) {
            let directory = self.directory_mut(inode)?;
            inode = *directory
                .names()
                .get(&name)
                .ok_or(rustix::io::Errno::NOENT)?;
        }
        Ok(inode)
    }

    pub(super) fn file_mut(&mut self, inode: Inode) -> io::Result<&mut FileNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(rustix::io::Errno::ISDIR.into()),
            None => Err(rustix::io::Errno::NOENT.into()),
        }
    }

    pub(super) fn directory_mut(&mut self, inode: Inode) -> io::Result<&mut DirectoryNode> {
        match self.nodes.get_mut(&inode) {
            Some(Node::Directory(directory)) => Ok(directory),
            Some(Node::File(_)) => Err(rustix::io::Errno::NOTDIR.into()),
            None => Err(rustix::io::Errno::NOENT.into()),
        }
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<Inode> {
        let (parent, name) = self.parent(path)?;
        if self.directory_mut(parent)?.names().contains_key(&name) {
            return Err(rustix::io::Errno::EXIST.into());
        }
        Ok(self.link(parent, name, Node::File(FileNode::default())))
    }

    pub(super) fn create_directory(&mut self, path: &Path) -> io::Result<()> {
        let mut inode = ROOT;
        for name in components(path) {
            let known = self.directory_mut(inode)?.names().get(&name).copied();
            inode = match known {
                Some(known) => known,
                None => self.link(inode, name, Node::Directory(DirectoryNode::default())),
            };
        }
        self.directory_mut(inode).map(drop)
    }

    pub(super) fn list(&mut self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let inode = self.resolve(path)?;
        let names = self.directory_mut(inode)?.names().clone();
        let entry = |(name, inode)| DirectoryEntry {
            name,
            is_directory: matches!(self.nodes.get(&inode), Some(Node::Directory(_))),
        };
        Ok(names.into_iter().map(entry).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.resolve(from)?;
        let (from_parent, from) = self.parent(from)?;
        let (to_parent, to) = self.parent(to)?;
        assert_eq!(
            from_parent, to_parent,
            "the storage renames within a directory only"
        );
        let target = self.directory_mut(to_parent)?.names().get(&to).copied();
        if let Some(target) = target {
            let replaceable = matches!(self.nodes.get(&target), Some(Node::File(_)))
                && matches!(self.nodes.get(&inode), Some(Node::File(_)));
            if !replaceable {
                return Err(rustix::io::Errno::EXIST.into());
            }
        }
        self.directory_mut(from_parent)?
            .change(Change::Rename { from, to });
        self.loosen();
        Ok(())
    }

    pub(super) fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        for path in [one, other] {
            let inode = self.resolve(path)?;
            self.file_mut(inode)?;
        }
        let (parent, one) = self.parent(one)?;
        let (other_parent, other) = self.parent(other)?;
        assert_eq!(
            parent, other_parent,
            "the storage exchanges within a directory only"
        );
        self.directory_mut(parent)?
            .change(Change::Exchange { one, other });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, is_directory: bool) -> io::Result<()> {
        let inode = self.resolve(path)?;
        if is_directory {
            if !self.directory_mut(inode)?.names().is_empty() {
                return Err(rustix::io::Errno::NOTEMPTY.into());
            }
        } else {
            self.file_mut(inode)?;
        }
        let (parent, name) = self.parent(path)?;
        self.directory_mut(parent)?.change(Change::Unlink { name });
        self.loosen();
        Ok(())
    }

    pub(super) fn discard(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.resolve(path)?;
        self.remove(path, false)?;
        self.discarded.insert(inode);
        Ok(())
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            self.create_directory(parent)?;
        }
        let inode = match self.resolve(path) {
            Ok(inode) => inode,
            Err(_) => self.create(path)?,
        };
        let file = self.file_mut(inode)?;
        file.truncate(0);
        file.write(0, bytes);
        file.sync();
        let (parent, _) = self.parent(path)?;
        self.directory_mut(parent)?.sync();
        Ok(())
    }

    fn parent(&mut self, path: &Path) -> io::Result<(Inode, String)> {
        let name = components(path).pop().ok_or(rustix::io::Errno::INVAL)?;
        let parent = path.parent().ok_or(rustix::io::Errno::INVAL)?;
        Ok((self.resolve(parent)?, name))
    }

    fn link(&mut self, parent: Inode, name: String, node: Node) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        self.nodes.insert(inode, node);
        if let Ok(directory) = self.directory_mut(parent) {
            directory.change(Change::Link { name, inode });
        }
        inode
    }

    /// Nodes may be unreachable now, which is looked into now and then only, as it walks them all.
    pub(super) fn loosen(&mut self) {
        self.loosened += 1;
        if self.loosened > 64 + self.nodes.len() {
            self.forget_unreachable();
        }
    }

    fn forget_unreachable(&mut self) {
        if std::mem::take(&mut self.loosened) == 0 {
            return;
        }
        let mut reached = FxHashSet::from_iter([ROOT]);
        let mut open: Vec<Inode> = self.handles.keys().copied().collect();
        open.push(ROOT);
        while let Some(inode) = open.pop() {
            reached.insert(inode);
            if let Some(Node::Directory(directory)) = self.nodes.get(&inode) {
                open.extend(directory.inodes().filter(|child| !reached.contains(child)));
            }
        }
        self.nodes.retain(|inode, _| reached.contains(inode));
    }
}

fn components(path: &Path) -> Vec<String> {
    let normal = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    normal.collect()
}
