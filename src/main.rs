//! The `axon` command.

fn main() {}
