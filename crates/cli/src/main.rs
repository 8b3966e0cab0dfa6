//! netmon: who uses the network, process by process.
#![deny(unsafe_code)]

mod args;
mod connections;
mod failure;
mod filter;
mod group;
mod log;
mod manual;
mod matching;
mod outcome;
mod output;
mod processes;
mod query;
mod rate;
mod resolve;
mod row;
mod selftest;
mod session;
mod status;
mod target;
mod tell;
mod text;
mod top;
mod trace;
mod units;
mod watch;

use std::future::Future;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::Parser as _;

use self::args::Cli;
use self::args::Command;
use self::failure::Failure;
use self::outcome::Outcome;

/// A child of `netmon selftest`; not for people, so not in the help.
#[derive(Debug, clap::Parser)]
struct Peer {
    #[command(flatten)]
    args: selftest::PeerArgs,
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    if words
        .peek()
        .is_some_and(|word| word == selftest::PEER_COMMAND)
    {
        return ExitCode::from(selftest::peer(&Peer::parse_from(words).args));
    }
    let Cli { global, command } = Cli::parse();
    let command = match command {
        Some(command) => command,
        None if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => {
            Command::Top(Box::default())
        }
        None => {
            let _ = write!(std::io::stderr(), "{}", Cli::command().render_help());
            return ExitCode::from(2);
        }
    };
    let result = log::start(&global, &command).and_then(|()| match command {
        Command::Top(args) if args.batch => block_on(watch::run(&args.batch(), &global)),
        Command::Top(args) => block_on(top::run(&args, &global)),
        Command::Watch(args) => block_on(watch::run(&args, &global)),
        Command::Query(args) => block_on(query::run(*args, &global)),
        Command::Processes(args) => block_on(processes::run(*args, &global)),
        Command::Connections(args) => block_on(connections::run(*args, &global)),
        Command::Trace(args) => block_on(trace::run(*args, &global)),
        Command::Status(args) => block_on(status::run(&args, &global)),
        Command::Selftest(args) => block_on(selftest::run(&args, &global)),
        Command::Completions(args) => block_on(manual::completions(&args)),
        Command::Man(args) => block_on(manual::man(&args)),
        Command::Version => block_on(manual::version(&global)),
    });
    match result {
        Ok(outcome) => ExitCode::from(outcome.exit_code()),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "netmon: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn block_on(command: impl Future<Output = Result<Outcome, Failure>>) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| Failure::File {
        what: "cannot start".to_owned(),
        source,
    })?;
    let result = runtime.block_on(command);
    // A write to a reader that never reads must not keep the program.
    runtime.shutdown_background();
    result
}
