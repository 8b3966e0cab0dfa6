//! `netmon-agent --check`: what this kernel allows, on a set of pins that is gone afterwards.

use std::io;
use std::io::Write;

use netmon_bpf::preemption::Preemption;
use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;

use crate::capabilities::capabilities;

/// Starts counting in a directory of its own, prints every hook and capability, and removes it
/// all. A running agent is not touched.
///
/// # Errors
/// As [`Probe::start`]; a closed stdout is none.
pub fn check(options: Options) -> anyhow::Result<()> {
    let name = format!("netmon-check-{}", std::process::id());
    let directory = options.directory.with_file_name(name);
    let outcome = print(&Options {
        directory: directory.clone(),
        fresh: false,
        ..options
    });
    if directory.exists() {
        Probe::unpin(&directory)?;
    }
    match outcome {
        Err(error) if broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn print(options: &Options) -> anyhow::Result<()> {
    let mut probe = Probe::start(options)?;
    probe.explore()?;
    let mut out = io::stdout().lock();
    writeln!(out, "hook set  {}", probe.hook_set())?;
    for state in probe.hooks() {
        let outcome = state.reason.as_deref().unwrap_or("ok");
        writeln!(
            out,
            "{:<15} {:<26} {outcome}",
            state.hook.kind, state.hook.target
        )?;
    }
    writeln!(out)?;
    let preemption = Preemption::find_out();
    for capability in capabilities(probe.hook_set(), &probe.hooks(), preemption, None) {
        let word = if capability.available { "ok" } else { "n/a" };
        let reason = capability.reason.unwrap_or_default();
        writeln!(out, "{:<15} {word:<4} {reason}", capability.name)?;
    }
    Ok(())
}
