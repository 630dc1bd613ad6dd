//! Disk calls that may block, as values: the shard emits them, the runtime performs them off the
//! core, the simulator performs, delays, reorders or fails them.
