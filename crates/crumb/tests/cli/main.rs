//! The program as people and scripts use it: each test runs the built executable
//! in a directory of its own.

mod after_sale;
mod alerts;
mod bench;
mod conversions;
mod deliveries;
mod demo;
mod explain;
mod findings;
mod keys;
mod killed;
mod lead;
mod links;
mod mock_buyer;
mod network;
mod outbound;
mod program;
mod replay;
mod secrets;
mod serve;
mod settings;
mod test_post;
