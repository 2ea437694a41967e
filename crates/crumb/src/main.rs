//! The program: commands, configuration, and the joining of all parts.

mod bench;
mod cli;
mod clock;
mod commands;
mod config;
mod data_dir;
mod demo;
mod descriptors;
mod handoff;
mod logging;
mod mock_buyer;
mod no_store;
mod owner;
mod printing;
mod secrets;

use clap::Parser as _;
use clap::error::ErrorKind;
use cli::{Cli, ConfigCommand, TailCommand, Typed};
use commands::{Command, Reply, WithoutAStore};
use config::Settings;
use owner::Owner;
use std::process::ExitCode;

/// What a request says is allocated by the thread that answers it and freed by the one that
/// writes it. The system's allocator has both wait for each other there.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away needs no help text.
            let _ = error.print();
            // Not clap's 2, by which `plan` says that something would change.
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(u8::from(!asked));
        }
    };
    let reply = run(&cli).unwrap_or_else(|error| Reply::failed(&format!("{error:#}")));
    ExitCode::from(printing::print(&reply, std::io::stdout(), std::io::stderr()))
}

fn run(cli: &Cli) -> commands::Result {
    if let Typed::Config(ConfigCommand::Default) = &cli.command {
        return Ok(Reply::printed(config::documented_defaults()));
    }
    if let Typed::Demo(arguments) = &cli.command {
        return demo::run(cli.flags(), arguments).map(|()| Reply::default());
    }
    if let Typed::Bench(command) = &cli.command {
        return bench::run(command);
    }
    if let Typed::MockBuyer(arguments) = &cli.command {
        return mock_buyer::run(arguments).map(|()| Reply::default());
    }
    let settings = Settings::read(&cli.flags())?;
    if let Typed::Serve(arguments) = &cli.command {
        return commands::serve::run(&settings, arguments).map(|()| Reply::default());
    }
    if let Typed::Replay(arguments) = &cli.command {
        return commands::replay::run(&settings, arguments);
    }
    if let Typed::Import(arguments) = &cli.command {
        return commands::import::run(&settings, arguments);
    }
    if let Typed::Tail(TailCommand::Pixels(arguments)) = &cli.command {
        return commands::tail::pixels(&settings, arguments);
    }
    let command = Command::of(&cli.command)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Some(command) => {
                match (data_dir::present_store(&settings.store), command.without_a_store()) {
                    (Ok(_), _) | (Err(_), WithoutAStore::Made) => {}
                    (Err(_), WithoutAStore::NotMissed) => return commands::beside_no_store(command).await,
                    (Err(missing), WithoutAStore::Missed) => return Err(missing),
                }
                Owner::of(&settings)?.carry_out(command).await
            }
            None => commands::config::check(&settings).await,
        }
    })
}
