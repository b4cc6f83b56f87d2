//! Inventory sources that are a plugin's file (`plugin: NAME`).

pub mod aws_ec2;
mod composed;
pub mod constructed;
mod reader;
