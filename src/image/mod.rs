//! Images: a graph that is run on a host which becomes a file.

pub mod packer;
pub mod steps;
