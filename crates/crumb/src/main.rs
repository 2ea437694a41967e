//! The program: commands, configuration, and the joining of all parts.

mod cli;
mod clock;
mod commands;
mod config;
mod data_dir;
mod handoff;
mod logging;
mod secrets;

fn main() {}
