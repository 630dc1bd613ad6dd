//! corelane: the command line.

fn main() {}
