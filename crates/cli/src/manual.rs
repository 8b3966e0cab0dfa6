//! `netmon completions`, `man` and `version`: what packages and bug reports need.

use std::fs;
use std::io;

use clap::CommandFactory as _;
use netmon_api::version::API_VERSION;

use crate::args::global::GlobalArgs;
use crate::args::info::CompletionsArgs;
use crate::args::info::ManArgs;
use crate::args::Cli;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::sink::Sink;
use crate::session::Session;
use crate::tell::Tell;
use crate::text::sanitize;

/// Prints a completion script.
///
/// # Errors
/// stdout cannot be written.
pub async fn completions(args: &CompletionsArgs) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "netmon", &mut script);
    print(String::from_utf8_lossy(&script).into_owned()).await
}

/// Writes manual pages.
///
/// # Errors
/// The directory or stdout cannot be written.
pub async fn man(args: &ManArgs) -> Result<Outcome, Failure> {
    let failed = |source: io::Error| Failure::File {
        what: "cannot write the manual pages".to_owned(),
        source,
    };
    if let Some(directory) = &args.directory {
        fs::create_dir_all(directory).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
        return Ok(Outcome::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(failed)?;
    print(String::from_utf8_lossy(&page).into_owned()).await
}

/// Prints the versions of this program and of the agent. An agent that cannot be reached is a note
/// on stderr: its version is unknown, and this program's is not.
///
/// # Errors
/// stdout cannot be written.
pub async fn version(global: &GlobalArgs) -> Result<Outcome, Failure> {
    let mut text = format!("netmon {} (API {API_VERSION})\n", env!("CARGO_PKG_VERSION"));
    match Session::open(&global.target()).await {
        Ok(session) => {
            let agent = session.agent();
            text.push_str(&format!(
                "netmon-agent {} (API {})\n",
                sanitize(&agent.version),
                sanitize(&agent.api)
            ));
        }
        Err(failure) => Tell::new(global).warning(&failure.headline()),
    }
    print(text).await
}

async fn print(text: String) -> Result<Outcome, Failure> {
    Sink::open(None)?.write(text).await?;
    Ok(Outcome::Done)
}
