//! Whether an agent is healthy, and if not, why.

use crate::session::agent::Agent;
use crate::text::sanitize;
use crate::units::span;

/// Everything that is wrong with `agent`, worst first; empty: healthy. A capability with a limit
/// is not wrong.
pub fn problems(agent: &Agent) -> Vec<String> {
    let mut problems: Vec<_> = agent
        .capabilities
        .missing()
        .map(|capability| match &capability.reason {
            Some(reason) => {
                format!(
                    "{} missing ({})",
                    sanitize(&capability.name),
                    sanitize(reason)
                )
            }
            None => format!("{} missing", sanitize(&capability.name)),
        })
        .collect();
    problems.extend(
        agent
            .losses
            .iter()
            .filter(|(_, events)| *events > 0)
            .map(|(cause, events)| format!("{events} events lost ({})", sanitize(cause))),
    );
    problems.extend(
        agent
            .history
            .problem
            .as_deref()
            .map(|p| sanitize(p).into_owned()),
    );
    let load = &agent.load;
    if load.ticks_late.saturating_mul(100) > load.ticks {
        problems.push(format!("{} of {} ticks late", load.ticks_late, load.ticks));
    }
    problems
}

/// One line for a monitoring system.
pub fn line(agent: &Agent, problems: &[String]) -> String {
    if !problems.is_empty() {
        return format!("degraded: {}\n", problems.join("; "));
    }
    let uptime = match agent.uptime() {
        Some(uptime) => format!(", up {}", span::format(uptime)),
        None => String::new(),
    };
    format!(
        "ok: netmon-agent {}{uptime}, nothing lost\n",
        sanitize(&agent.version)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::agent::Load;
    use crate::session::capabilities::Capability;

    fn capability(available: bool, reason: Option<&str>) -> Capability {
        Capability {
            name: "udp_rx".to_owned(),
            available,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn only_what_costs_numbers_is_a_problem() {
        let late = |ticks_late| Load {
            ticks: 1000,
            ticks_late,
            ..Load::default()
        };
        let with = |capability| Agent {
            capabilities: [capability].into_iter().collect(),
            ..Agent::default()
        };
        let lost = |events| Agent {
            losses: vec![("ring_full".to_owned(), events)],
            ..Agent::default()
        };
        for (agent, expected) in [
            (Agent::default(), ""),
            (with(capability(true, Some("TCP only"))), ""),
            (
                with(capability(false, Some("no hook"))),
                "udp_rx missing (no hook)",
            ),
            (with(capability(false, None)), "udp_rx missing"),
            (lost(0), ""),
            (lost(3), "3 events lost (ring_full)"),
            (
                Agent {
                    load: late(10),
                    ..Agent::default()
                },
                "",
            ),
            (
                Agent {
                    load: late(11),
                    ..Agent::default()
                },
                "11 of 1000 ticks late",
            ),
        ] {
            assert_eq!(problems(&agent).join("; "), expected);
        }
    }
}
