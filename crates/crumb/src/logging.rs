//! Log lines on standard error.
//!
//! A line never holds people's data or a secret: no query strings, bodies, field
//! values, keys or credentials.

use crate::config::{LogFormat, Settings};
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;

/// Starts logging as the settings say, panics included.
pub fn start(settings: &Settings) {
    let filter = EnvFilter::new(&settings.log_level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start of logging in one process keeps the first: nothing to do.
    let _ = match settings.log_format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
        LogFormat::Text => lines.with_ansi(false).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
}

/// Logs where a panic happened, and its text only where that is a literal of the
/// program: a formatted one may hold what a stranger sent.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let text = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
    tracing::error!(place, text, "a part of the program failed; this is a bug");
}
