//! The network as code: parse, validate, plan, apply, export, and the compiled snapshot.
