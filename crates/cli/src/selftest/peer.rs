//! The hidden entry of the child processes: one side of one case, then its account on stdout.

use std::fs::File;
use std::os::fd::AsFd;

use clap::Args;
use nix::sched::CloneFlags;

use super::cases;
use super::ends::End;
use super::ends::Path;
use super::ends::Stop;
use super::ends::Variant;
use super::side::die_with_parent;
use super::side::print;
use super::side::Side;
use super::truth::Line;
use super::truth::Tally;

/// What the parent tells a child. Stdin is the line to the other side.
#[derive(Debug, Clone, Args)]
pub struct PeerArgs {
    /// Name of the case.
    pub case: String,
    /// Which of its two sides.
    pub end: End,
    /// Where the traffic goes.
    pub path: Path,
    /// With which addresses.
    pub variant: Variant,
    /// Network namespace to enter, as a file.
    #[arg(long)]
    pub netns: Option<std::path::PathBuf>,
}

/// Runs one side of a case to its end. Gives the exit code: 0 if it could do its part.
pub fn peer(args: &PeerArgs) -> u8 {
    die_with_parent();
    let line = start(args).unwrap_or_else(|stop| match stop {
        Stop::Skip(reason) => Line::Skipped(reason),
        Stop::Fail(reason) => Line::Failed(reason),
    });
    u8::from(print(&line) != 0)
}

fn start(args: &PeerArgs) -> Result<Line, Stop> {
    let case = cases::all()
        .find(|case| case.name == args.case)
        .ok_or_else(|| Stop::fail("no such case"))?;
    if let Some(path) = &args.netns {
        nix::sched::setns(File::open(path)?, CloneFlags::CLONE_NEWNET)?;
    }
    let [a, b] = case.parts;
    let (label, part) = if args.end == End::A { a } else { b };
    let side = Side {
        path: args.path,
        variant: args.variant,
        end: args.end,
        tally: Tally::default(),
        line: std::io::stdin().as_fd().try_clone_to_owned()?,
    };
    let outcome = part(&side);
    Ok(side.conclude(label, outcome))
}
