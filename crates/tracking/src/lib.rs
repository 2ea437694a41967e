//! Clicks: from a parsed request to a recorded click and its answer.
