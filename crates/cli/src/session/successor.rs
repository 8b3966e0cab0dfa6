//! A second subscription that takes the place of the first one without a hole: it is opened and
//! read beside the first, until both have told of the same tick.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::watch_traffic_response::Event as Wire;

use super::fold::Fold;
use super::watch::current;
use super::watch::next_message;
use super::watch::Details;
use super::watch::Messages;
use super::Session;
use crate::failure::Failure;
use crate::row::Sample;

/// A subscription that has told of a tick.
#[derive(Debug)]
pub struct Successor {
    /// Where its next messages come from.
    pub stream: Messages,
    /// What it has told so far.
    pub fold: Fold,
    /// The last tick of that.
    pub sample: Sample,
    /// What it was asked for.
    pub details: Details,
}

type Opening = Pin<Box<dyn Future<Output = Result<Successor, Failure>> + Send>>;

/// How far a successor is.
#[derive(Default)]
pub enum Coming {
    /// None is wanted.
    #[default]
    Nobody,
    /// It has not told of a tick yet.
    Opening(Opening),
    /// It has.
    Open(Box<Successor>),
}

impl fmt::Debug for Coming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Opening(_) => "Opening",
            Self::Open(_) => "Open",
        })
    }
}

impl Coming {
    /// Begins to open one.
    pub fn begin(
        session: Session,
        request: v1::WatchTrafficRequest,
        fold: Fold,
        details: Details,
    ) -> Self {
        Self::Opening(Box::pin(open(session, request, fold, details)))
    }

    /// Whether it has to be read, when the first subscription has told of the tick `last`.
    pub fn is_behind(&self, last: Option<u64>) -> bool {
        match self {
            Self::Nobody => false,
            Self::Opening(_) => true,
            Self::Open(successor) => last.is_some_and(|last| successor.sample.seq < last),
        }
    }

    /// The successor, once it can go on where the first subscription has ended: `last` is the last
    /// tick of that.
    pub fn take(&mut self, last: Option<u64>) -> Option<Successor> {
        let Self::Open(successor) = self else {
            return None;
        };
        let sample = &successor.sample;
        let begin = sample.seq.saturating_sub(u64::from(sample.merged));
        if last.is_some_and(|last| sample.seq != last && begin != last) {
            return None;
        }
        match std::mem::take(self) {
            Self::Open(successor) => Some(*successor),
            Self::Nobody | Self::Opening(_) => None,
        }
    }

    /// Goes on a little. May be dropped and called again without losing anything.
    ///
    /// # Errors
    /// It cannot be opened, or is lost.
    pub async fn step(&mut self, patience: Duration) -> Result<(), Failure> {
        match self {
            Self::Nobody => std::future::pending().await,
            Self::Opening(opening) => {
                let successor = opening.as_mut().await?;
                *self = Self::Open(Box::new(successor));
            }
            Self::Open(successor) => match next_message(&mut successor.stream, patience).await {
                Ok(Wire::Snapshot(part)) => {
                    if let Some(sample) = successor.fold.snapshot(part) {
                        successor.sample = current(sample);
                    }
                }
                Ok(Wire::Update(update)) => successor.sample = successor.fold.update(update),
                // What it has missed the first subscription has told.
                Ok(Wire::Gap(_)) => {}
                Err(_) => {
                    return Err(Failure::Ended {
                        reason: "the new subscription was lost".to_owned(),
                    });
                }
            },
        }
        Ok(())
    }
}

async fn open(
    mut session: Session,
    request: v1::WatchTrafficRequest,
    mut fold: Fold,
    details: Details,
) -> Result<Successor, Failure> {
    let patience = session.patience();
    let mut stream = session.subscribe(request).await?;
    loop {
        match next_message(&mut stream, patience).await {
            Ok(Wire::Snapshot(part)) => {
                if let Some(sample) = fold.snapshot(part) {
                    return Ok(Successor {
                        stream,
                        fold,
                        sample: current(sample),
                        details,
                    });
                }
            }
            // What is missing before the snapshot the first subscription tells.
            Ok(_) => {}
            Err(ended) => return Err(ended.why(&session)),
        }
    }
}
