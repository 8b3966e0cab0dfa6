//! The agent as the loop sees it: a subscription, and answers to questions.

mod heights;

use std::net::IpAddr;
use std::time::Duration;

use netmon_api::v1;
use tokio::sync::mpsc;

use self::heights::HeightsOf;
use super::model::heights::Heights;
use super::model::recall::Question;
use super::model::stored::Builder;
use super::model::stored::Stored;
use super::model::stored::Sums;
use super::run::News;
use super::run::Source;
use crate::failure::Failure;
use crate::resolve::Resolver;
use crate::row::decode::wire_time;
use crate::row::Names;
use crate::session::watch::Details;
use crate::session::watch::Watch;
use crate::session::Session;
use crate::target::Target;

/// A running subscription, and a second connection for questions.
#[derive(Debug)]
pub struct Feed {
    watch: Watch,
    target: Target,
    filter: v1::Filter,
    resolver: Option<Resolver>,
    sender: mpsc::Sender<News>,
    answers: mpsc::Receiver<News>,
}

impl Feed {
    /// Follows a subscription; questions go to the same agent, about what `filter` takes.
    pub fn new(watch: Watch, target: Target, filter: v1::Filter) -> Self {
        // One answer about the agent, one of its history.
        let (sender, answers) = mpsc::channel(2);
        Self {
            watch,
            target,
            filter,
            resolver: None,
            sender,
            answers,
        }
    }
}

impl Source for Feed {
    async fn next(&mut self) -> News {
        tokio::select! {
            Some(event) = self.watch.next() => News::Event(event),
            Some(answer) = self.answers.recv() => answer,
            // With `Reconnect::Always`, and a sender at this end, neither is ever over.
            else => std::future::pending().await,
        }
    }

    fn want(&self, details: Details) {
        self.watch.want(details);
    }

    fn retry(&self) {
        self.watch.retry();
    }

    fn ask_agent(&mut self) {
        // A question that is still open answers this one too.
        let Ok(place) = self.sender.clone().try_reserve_owned() else {
            return;
        };
        let target = self.target.clone();
        tokio::spawn(async move {
            // No answer is no news: the subscription notices by itself that the agent is gone.
            if let Ok(session) = Session::open_once(&target).await {
                place.send(News::Agent(Box::new(session.agent().clone())));
            }
        });
    }

    fn names(&mut self, addresses: Vec<IpAddr>) -> Names {
        // Nothing is waited for: what comes later is there next time.
        let resolver = self
            .resolver
            .get_or_insert_with(|| Resolver::new(Duration::ZERO));
        let mut names = Names::new();
        resolver.learn(addresses.into_iter(), &mut names);
        names
    }

    fn ask_past(&mut self, question: Question) {
        let sender = self.sender.clone();
        let (target, filter) = (self.target.clone(), self.filter.clone());
        tokio::spawn(async move {
            let answer = read(&target, filter, question).await.map(Box::new);
            // Nobody is left to read it when the viewer has ended.
            let _ = sender.send(News::Past(answer)).await;
        });
    }
}

async fn read(target: &Target, filter: v1::Filter, question: Question) -> Result<Stored, Failure> {
    let sums = if filter == v1::Filter::default() {
        Sums::Machine
    } else {
        Sums::Selected
    };
    let request = v1::QueryHistoryRequest {
        filter: Some(filter),
        since: Some(wire_time(question.since)),
        until: Some(wire_time(question.until)),
        step_ns: u64::try_from(question.step.as_nanos()).unwrap_or(u64::MAX),
        idle: true,
        ..v1::QueryHistoryRequest::default()
    };
    let mut session = Session::open_once(target).await?;
    let mut history = session.history(request.clone(), "the past").await?;
    let tick = session.agent().tick;
    // A step that is one tick is as high as it is.
    let mut heights = match history.window().step {
        Some(step) if step > tick => Some(HeightsOf::ask(&mut session, request, question).await),
        _ => None,
    };
    let mut builder = Builder::new(sums);
    while let Some(step) = history.next().await? {
        let heights = match &mut heights {
            Some(heights) => heights.of(&step).await,
            None => Heights::default(),
        };
        builder.add(step, heights);
        // Keys come first, also while much of the answer has arrived.
        tokio::task::yield_now().await;
    }
    Ok(builder.finish(history.described()))
}
