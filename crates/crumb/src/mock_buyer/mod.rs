//! `crumb mock-buyer`: buyers to try a ping tree against, and their requests as they
//! come.

mod lines;

use crate::cli::MockBuyerArguments;
use crate::commands::ports::cannot_listen;
use crate::commands::serve::Signals;
use crate::descriptors;
use crate::owner::base_url;
use crumb_mock_buyer::{ANSWER_PARAMETERS, MockBuyers, Options, listed};
use lines::Lines;
use std::fmt::Write as _;
use std::io::Write as _;

/// Contracts with some of the buyers, as a part of a network file.
const NETWORK: &str = include_str!("network.toml");

/// Where the network file has the buyers.
const WRITTEN_BASE: &str = "http://127.0.0.1:8095";

/// Plays buyers until a signal ends it.
///
/// # Errors
/// Where the address cannot be listened on.
pub fn run(arguments: &MockBuyerArguments) -> anyhow::Result<()> {
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (lines, printing) = Lines::print_to(std::io::stdout());
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let shows_content = arguments.content;
        let watcher = move |request: &_| lines.print(lines::line(request, shows_content));
        let options = Options::default().listen(arguments.listen).watcher(watcher);
        let buyers = MockBuyers::start_with(options)
            .await
            .map_err(|error| cannot_listen("mock buyers'", "--listen", arguments.listen, &error))?;
        // Whoever closed our output wants no guide.
        let _ = std::io::stdout().write_all(guide(&base_url(buyers.address())).as_bytes());
        let _ = std::io::stdout().flush();
        signals.next().await;
        buyers.stop().await;
        anyhow::Ok(())
    })?;
    // With the server its watcher has ended; the last lines are printed.
    let _ = printing.join();
    Ok(())
}

/// What there is to try, and how to put it into a network.
fn guide(base: &str) -> String {
    let width = listed().iter().map(|listed| listed.target.len()).max().unwrap_or_default();
    let mut text = format!("\nBuyers to try a ping tree against, at {base}. Ctrl-C stops them.\n\n");
    for listed in listed() {
        let _ = writeln!(text, "  {base}{:<width$}  {}", listed.target, listed.does);
    }
    let _ = write!(
        text,
        "\n  Answers also take: {ANSWER_PARAMETERS}.\n  \
         The first part of a path says what is done; what follows is free: {base}/accept/big-carrier.\n\n\
         # For a network file. A server sells to this machine only if it is told that it may:\n\
         # CRUMB_OUTBOUND_ALLOW=127.0.0.0/8\n{}\n# Requests, as they come:\n\n",
        NETWORK.replace(WRITTEN_BASE, base)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_every_buyer_at_its_address_and_says_what_it_does() {
        let guide = guide("http://127.0.0.1:9999");
        for listed in listed() {
            let address = format!("  http://127.0.0.1:9999{} ", listed.target);
            let line = guide.lines().find(|line| line.starts_with(&address)).expect(listed.target);
            assert!(line.ends_with(listed.does), "{line}");
        }
        assert!(!guide.contains(":8095"), "{guide}");
    }
}
