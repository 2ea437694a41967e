//! Who buys a lead: a pure state machine.
