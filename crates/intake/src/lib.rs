//! Leads: accept, route, settle.
