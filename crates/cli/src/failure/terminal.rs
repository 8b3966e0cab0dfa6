//! Whether a screen can be shown here, and what to use instead.

use std::fs::File;
use std::io;
use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;

use super::Failure;

/// Checks stdin, stdout and TERM.
///
/// # Errors
/// What is missing, and the command that needs none of it.
pub fn check() -> Result<(), Failure> {
    let (input, output) = (io::stdin(), io::stdout());
    if !output.is_terminal() {
        return Err(not_a_terminal("stdout", kind(&output)));
    }
    if !input.is_terminal() {
        return Err(not_a_terminal("stdin", kind(&input)));
    }
    check_term(std::env::var("TERM").ok().as_deref())
}

fn check_term(term: Option<&str>) -> Result<(), Failure> {
    match term {
        None | Some("") => Err(instead(
            "TERM is not set; this terminal cannot move the cursor".to_owned(),
        )),
        Some("dumb") => Err(instead(
            "TERM is 'dumb'; this terminal cannot move the cursor".to_owned(),
        )),
        Some(_) => Ok(()),
    }
}

fn not_a_terminal(stream: &str, kind: &str) -> Failure {
    instead(format!("'top' needs a terminal, but {stream} is {kind}"))
}

fn instead(why: String) -> Failure {
    Failure::Terminal(format!(
        "{why}\n  For scripts use:\n      netmon watch --format jsonl"
    ))
}

fn kind(stream: &impl AsFd) -> &'static str {
    let file = stream.as_fd().try_clone_to_owned().map(File::from);
    let Ok(kind) = file
        .and_then(|file| file.metadata())
        .map(|meta| meta.file_type())
    else {
        return "closed";
    };
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_file() {
        "a file"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_must_be_able_to_move_the_cursor() {
        for (term, ok) in [
            (Some("xterm-256color"), true),
            (Some("linux"), true),
            (Some("dumb"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(check_term(term).is_ok(), ok, "{term:?}");
        }
    }
}
