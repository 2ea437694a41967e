//! The listeners over real sockets, sentence by sentence of the dialect.

mod smoke;
