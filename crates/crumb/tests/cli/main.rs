//! The program as people and scripts use it: each test runs the built executable
//! in a directory of its own.

mod after_sale;
mod bench;
mod explain;
mod keys;
mod links;
mod mock_buyer;
mod network;
mod program;
mod serve;
mod settings;
