//! What was: one answer from the agent's history, read step by step.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;
use netmon_api::v1::query_history_response::Event;
use tonic::Streaming;

use super::rejected;
use super::Session;
use crate::failure::Failure;
use crate::row::decode;
use crate::row::decode::timestamp;
use crate::row::decode::Users;
use crate::row::past::PastRow;
use crate::row::past::Step;
use crate::row::past::Unattended;
use crate::row::past::Who;
use crate::row::past::Window;
use crate::row::Bytes;
use crate::row::Facts;
use crate::row::Flows;
use crate::row::Loopback;
use crate::row::Scope;
use crate::target::Target;

/// An answer under way. Dropping it ends the question. Of an answer only the descriptions of
/// processes are kept, one per process.
#[derive(Debug)]
pub struct History {
    stream: Streaming<v1::QueryHistoryResponse>,
    target: Target,
    patience: Duration,
    window: Window,
    group_by: v1::GroupBy,
    users: Users,
    processes: Vec<Option<Arc<Facts>>>,
    last: Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Seen,
    ToCome,
}

impl Session {
    /// Asks the history; returns when the agent has said what the answer covers. `what` was asked
    /// for, in case the agent keeps none.
    ///
    /// # Errors
    /// The agent is gone, does not answer in time, refuses, or keeps no history.
    pub async fn history(
        &mut self,
        request: v1::QueryHistoryRequest,
        what: &str,
    ) -> Result<History, Failure> {
        let patience = self.patience();
        let group_by = match request.group_by() {
            v1::GroupBy::Unspecified => v1::GroupBy::Process,
            group_by => group_by,
        };
        let stream = tokio::time::timeout(patience, self.client.query_history(request))
            .await
            .map_err(|_| Failure::silent(&self.target, patience))?;
        let failed = |status| match rejected(&self.target, &status) {
            Failure::Impossible { reason, .. } => Failure::Impossible {
                what: what.to_owned(),
                reason,
            },
            failure => failure,
        };
        let mut stream = stream.map_err(failed)?.into_inner();
        let first = tokio::time::timeout(patience, stream.message())
            .await
            .map_err(|_| Failure::silent(&self.target, patience))?
            .map_err(failed)?;
        let Some(Event::Header(header)) = first.and_then(|response| response.event) else {
            return Err(Failure::lost(
                &self.target,
                "the answer does not say what it covers",
            ));
        };
        Ok(History {
            stream,
            target: self.target.clone(),
            patience,
            window: window(header),
            group_by,
            users: Users::default(),
            processes: Vec::new(),
            last: Last::ToCome,
        })
    }
}

impl History {
    /// What the answer covers.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The processes told of so far, as they were at the end of the window.
    pub fn described(&self) -> impl Iterator<Item = &Facts> {
        self.processes.iter().flatten().map(Arc::as_ref)
    }

    /// Waits for the next step; `None`: that was all.
    ///
    /// # Errors
    /// The agent is gone, says nothing for too long, or its answer is incomplete.
    pub async fn next(&mut self) -> Result<Option<Step>, Failure> {
        let mut collected: Option<Step> = None;
        while self.last == Last::ToCome {
            let message = tokio::time::timeout(self.patience, self.stream.message())
                .await
                .map_err(|_| Failure::silent(&self.target, self.patience))?
                .map_err(|status| rejected(&self.target, &status))?
                .ok_or_else(|| Failure::lost(&self.target, "the answer is incomplete"))?;
            // A kind of event that this client does not know yet is skipped.
            let Some(Event::Part(part)) = message.event else {
                continue;
            };
            if part.last {
                self.last = Last::Seen;
            }
            for process in part.processes {
                let facts = decode::facts(process, &mut self.users);
                self.processes.push(facts.map(Arc::new));
            }
            // An answer about nothing ends without a step.
            let Some(said) = part.step else {
                continue;
            };
            let mut step = match collected.take() {
                Some(step) => step,
                None => empty(&said),
            };
            let rows = part.rows.into_iter();
            let end = step.end;
            step.rows.extend(rows.filter_map(|row| self.row(row, end)));
            if part.step_ends || part.last {
                return Ok(Some(step));
            }
            collected = Some(step);
        }
        Ok(collected)
    }

    fn row(&mut self, row: v1::HistoryRow, end: Timestamp) -> Option<PastRow> {
        let who = if self.group_by == v1::GroupBy::Process {
            let index = row.process.and_then(|index| usize::try_from(index).ok());
            let facts = index.and_then(|index| self.processes.get(index)?.as_ref());
            let Some(facts) = facts else {
                tracing::warn!(index = ?row.process, "history of a process that was never described");
                return None;
            };
            Who::Process(facts.at(end))
        } else {
            Who::Group {
                name: self.group(row.group),
                processes: row.processes,
            }
        };
        let mut flows = Flows::default();
        decode::apply_flows(&mut flows, &row.flows);
        Some(PastRow {
            who,
            flows,
            peaks: row.peaks.as_ref().map(decode::peaks),
            active: row.active_ns.map(Duration::from_nanos),
        })
    }

    // The agent knows users by number.
    fn group(&mut self, group: String) -> Option<String> {
        if group.is_empty() {
            return None;
        }
        let uid = match self.group_by {
            v1::GroupBy::User => group.parse().ok(),
            _ => None,
        };
        Some(uid.and_then(|uid| self.users.name(uid)).unwrap_or(group))
    }
}

/// Restricts `request` to the traffic in `scope`.
pub fn restrict(request: &mut v1::QueryHistoryRequest, scope: Scope) {
    if let Some(transport) = scope.transport {
        request.transports = vec![decode::wire_transport(transport).into()];
    }
    if let Some(family) = scope.family {
        request.families = vec![decode::wire_family(family).into()];
    }
    request.set_loopback(match scope.loopback {
        Loopback::Exclude => v1::LoopbackTraffic::Exclude,
        Loopback::Include => v1::LoopbackTraffic::Include,
        Loopback::Only => v1::LoopbackTraffic::Only,
    });
}

fn window(header: v1::HistoryHeader) -> Window {
    Window {
        since: timestamp(header.since.as_ref()),
        until: timestamp(header.until.as_ref()),
        step: decode::length(header.step_ns),
        kept: decode::length(header.kept_ns),
        ticks: header.ticks,
        ticks_missing: header.ticks_missing,
        gaps: header
            .gaps
            .iter()
            .map(|gap| Unattended {
                from: timestamp(gap.from.as_ref()),
                to: timestamp(gap.to.as_ref()),
                counters_kept: gap.counters_kept,
            })
            .collect(),
        oldest: timestamp(header.oldest.as_ref()),
        frames_damaged: header.frames_damaged,
        lower_bound: header.lower_bound,
    }
}

fn empty(step: &v1::HistoryStep) -> Step {
    let mut flows = Flows::default();
    decode::apply_flows(&mut flows, &step.flows);
    Step {
        end: timestamp(step.end_time.as_ref()).unwrap_or(Timestamp::UNIX_EPOCH),
        length: decode::length(step.length_ns),
        ticks: step.ticks,
        ticks_missing: step.ticks_missing,
        seq: step.seq,
        gap: step.gap,
        lower_bound: step.lower_bound,
        flows,
        peaks: step.peaks.as_ref().map(decode::peaks),
        unattributed: Bytes {
            rx: step.unattributed_rx_bytes,
            tx: step.unattributed_tx_bytes,
        },
        groups: step.groups,
        rows: Vec::new(),
    }
}
