//! The client's own log: warnings to stderr, everything to a file if one is named.

use std::fs::File;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use crate::args::global::GlobalArgs;
use crate::args::Command;
use crate::failure::Failure;

/// Starts the log. While the screen belongs to `top` there is none but a file.
///
/// # Errors
/// The file cannot be written.
pub fn start(global: &GlobalArgs, command: &Command) -> Result<(), Failure> {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level);
    if let Some(path) = &global.log_file {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| Failure::File {
                what: format!("cannot write {}", path.display()),
                source,
            })?;
        builder
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            .init();
        return Ok(());
    }
    let screen = matches!(command, Command::Top(args) if !args.batch);
    if !screen {
        let coloured = global
            .color
            .is_on(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        builder
            .with_ansi(coloured)
            .with_writer(std::io::stderr)
            .init();
    }
    Ok(())
}
