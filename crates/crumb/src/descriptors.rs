//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what the system allows the process anyway: the usual 1,024
/// is a default for programs that use `select`, and each visitor's connection
/// takes one.
pub fn raise_limit() {
    let allowed = getrlimit(Resource::Nofile).maximum;
    // Where even that is refused, the listener rests whenever the limit is reached.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed });
}
