//! Packets of the agent, for as long as somebody reads them.

use std::time::Duration;

use netmon_api::v1;
use netmon_api::v1::watch_packets_response::Event as Wire;
use tonic::Code;
use tonic::Status;
use tonic::Streaming;

use super::rejected;
use super::Session;
use crate::failure::Failure;
use crate::row::packet;
use crate::row::packet::Counts;
use crate::row::packet::Packet;
use crate::row::packet::Point;
use crate::text::sanitize;

const ATTACHING: Duration = Duration::from_secs(60);

/// A running trace. Dropping it ends it.
#[derive(Debug)]
pub struct Trace {
    session: Session,
    events: Streaming<v1::WatchPacketsResponse>,
    points: Vec<Point>,
}

/// What happens on a trace.
#[derive(Debug)]
pub enum Event {
    /// Packets at points, in the order of the kernel.
    Packets(Vec<Packet>),
    /// What has been counted so far.
    Counts(Counts),
}

impl Session {
    /// Starts a trace, and waits until its points are attached.
    ///
    /// # Errors
    /// The agent cannot or will not, is gone, or does not answer in time.
    pub async fn trace(mut self, request: v1::WatchPacketsRequest) -> Result<Trace, Failure> {
        // Loading some twenty programs takes seconds on a slow machine.
        let patience = self.patience().max(ATTACHING);
        let target = self.target.clone();
        let start = async {
            let answer = self.client.watch_packets(request).await;
            let mut events = answer.map_err(|status| self.refused(&status))?.into_inner();
            loop {
                let message = events.message().await;
                let message = message.map_err(|status| self.refused(&status))?;
                let Some(message) = message else {
                    return Err(self.lost(None));
                };
                if let Some(Wire::Started(started)) = message.event {
                    let points = started.points.into_iter().map(packet::point).collect();
                    return Ok(Trace {
                        session: self,
                        events,
                        points,
                    });
                }
            }
        };
        tokio::time::timeout(patience, start)
            .await
            .map_err(|_| Failure::silent(&target, patience))?
    }

    fn refused(&self, status: &Status) -> Failure {
        let reason = sanitize(status.message()).into_owned();
        match status.code() {
            Code::Unimplemented | Code::FailedPrecondition => Failure::Impossible {
                what: "trace".to_owned(),
                reason,
            },
            _ => rejected(&self.target, status),
        }
    }
}

impl Trace {
    /// The agent.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Where packets are seen, and where not. Packets name them by their index.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Why there is nothing more.
    pub fn ended(&self) -> Failure {
        self.session.lost(None)
    }

    /// Waits for what happens next. `None`: the agent ended the trace after the last counts. May be
    /// dropped and called again at any time without losing an event.
    ///
    /// # Errors
    /// The agent is gone, or says nothing any more.
    pub async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let patience = self.session.patience();
        loop {
            // Counts come every second, so silence is the end of the agent.
            let message = tokio::time::timeout(patience, self.events.message())
                .await
                .map_err(|_| Failure::silent(&self.session.target, patience))?
                .map_err(|status| self.session.refused(&status))?;
            let Some(message) = message else {
                return Ok(None);
            };
            match message.event {
                Some(Wire::Events(events)) => {
                    let packets = events.events.into_iter().map(packet::packet).collect();
                    return Ok(Some(Event::Packets(packets)));
                }
                Some(Wire::Statistics(statistics)) => {
                    return Ok(Some(Event::Counts(packet::counts(statistics))));
                }
                // What later agents tell besides.
                Some(Wire::Started(_)) | None => {}
            }
        }
    }
}
