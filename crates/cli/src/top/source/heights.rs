//! The highest ticks of the steps of an answer. An agent tells them of the traffic that was asked for,
//! and the viewer shows it without and with the machine's own: both are asked, beside the question
//! itself, which is about everything.

use netmon_api::v1;

use crate::row::past::Step;
use crate::row::Loopback;
use crate::row::Scope;
use crate::session::history::restrict;
use crate::session::history::History;
use crate::session::Session;
use crate::top::model::heights::Heights;
use crate::top::model::recall::Question;

/// Two more answers about the same time. What an agent does not tell is not known.
#[derive(Debug)]
pub struct HeightsOf {
    sides: [Option<Side>; 2],
}

#[derive(Debug)]
struct Side {
    history: History,
    /// A step that was read too early.
    ahead: Option<Step>,
}

impl HeightsOf {
    /// Asks. `request`: the question itself.
    pub async fn ask(
        session: &mut Session,
        request: v1::QueryHistoryRequest,
        question: Question,
    ) -> Self {
        let mut sides = [None, None];
        for (side, loopback) in sides.iter_mut().zip([Loopback::Exclude, Loopback::Include]) {
            let mut request = v1::QueryHistoryRequest {
                idle: false,
                ..request.clone()
            };
            let scope = Scope {
                loopback,
                ..question.scope
            };
            restrict(&mut request, scope);
            let history = session.history(request, "the past").await;
            *side = history.ok().map(|history| Side {
                history,
                ahead: None,
            });
        }
        Self { sides }
    }

    /// Those of a step. Steps come in their order.
    pub async fn of(&mut self, step: &Step) -> Heights {
        let mut found = [None, None];
        for (found, side) in found.iter_mut().zip(&mut self.sides) {
            if let Some(side) = side {
                *found = side.same(step).await;
            }
        }
        let [without, with] = &found;
        Heights::stored([without.as_ref(), with.as_ref()])
    }
}

impl Side {
    /// The same step in this answer; `None`: it has none, or another one that has grown meanwhile.
    async fn same(&mut self, step: &Step) -> Option<Step> {
        loop {
            let next = match self.ahead.take() {
                Some(ahead) => ahead,
                None => self.history.next().await.ok()??,
            };
            if next.end > step.end {
                self.ahead = Some(next);
                return None;
            }
            if next.end == step.end {
                return (next.seq == step.seq).then_some(next);
            }
        }
    }
}
