//! A started server, builders and a fake clock for tests.
