//! The agent as the loop sees it: a subscription, and answers about itself.

use tokio::sync::mpsc;

use super::run::News;
use super::run::Source;
use crate::session::agent::Agent;
use crate::session::watch::Details;
use crate::session::watch::Watch;
use crate::session::Session;
use crate::target::Target;

/// A running subscription, and a second connection for questions.
#[derive(Debug)]
pub struct Feed {
    watch: Watch,
    target: Target,
    sender: mpsc::Sender<Agent>,
    answers: mpsc::Receiver<Agent>,
}

impl Feed {
    /// Follows a subscription; questions go to the same agent.
    pub fn new(watch: Watch, target: Target) -> Self {
        let (sender, answers) = mpsc::channel(1);
        Self {
            watch,
            target,
            sender,
            answers,
        }
    }
}

impl Source for Feed {
    async fn next(&mut self) -> News {
        tokio::select! {
            Some(event) = self.watch.next() => News::Event(event),
            Some(agent) = self.answers.recv() => News::Agent(Box::new(agent)),
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
                place.send(session.agent().clone());
            }
        });
    }
}
