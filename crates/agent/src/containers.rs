//! Names of containers, looked up on a thread of its own: files may hang, the tick may not.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::names::resolver::Resolver;
use crate::names::resolver::ABSENCE_KEPT;
use crate::names::resolver::NAME_KEPT;
use crate::names::Container;
use crate::names::ContainerName;

/// A name that was found, for the first time or anew: containers can be renamed.
pub type Named = (Container, Arc<ContainerName>);

/// What is known, and the way to the thread. Never blocks.
#[derive(Debug)]
pub struct Containers {
    asks: SyncSender<Container>,
    answers: Receiver<Named>,
    /// Asked for; with the last name that came.
    known: HashMap<Container, Option<Arc<ContainerName>>>,
}

/// Questions and answers that may wait.
const WAITING: usize = 1024;
/// Machines run some hundreds of containers; past this all are asked for anew.
const MAX_KNOWN: usize = 4096;
/// How often a name that is not there is looked for, [`ABSENCE_KEPT`] apart.
const MISSES: u32 = 18;
/// How often the thread looks for what is due.
const STEP: Duration = Duration::from_secs(1);

impl Containers {
    /// Starts the thread; it reads what runtimes keep below `root` and ends some time after this is
    /// dropped. `None`, with a warning in the log: there is no thread to be had, and no names.
    pub fn start(root: PathBuf) -> Option<Self> {
        let (asks, asked) = mpsc::sync_channel(WAITING);
        let (answer, answers) = mpsc::sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("containers".to_owned());
        let started = thread.spawn(move || look_up(Resolver::new(root), &asked, &answer));
        if let Err(error) = started {
            tracing::warn!(%error, "no thread for the names of containers");
            return None;
        }
        Some(Containers {
            asks,
            answers,
            known: HashMap::new(),
        })
    }

    /// The name as far as it is known; one that is not is asked for, and comes with
    /// [`arrived`](Self::arrived) if there is one.
    pub fn name(&mut self, container: &Container) -> Option<Arc<ContainerName>> {
        if let Some(known) = self.known.get(container) {
            return known.clone();
        }
        if container.own_name().is_some() {
            return None;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        // Full: a file hangs. The next process of the container asks again.
        if self.asks.try_send(container.clone()).is_ok() {
            self.known.insert(container.clone(), None);
        }
        None
    }

    /// Names that have come since the last time.
    pub fn arrived(&mut self) -> Vec<Named> {
        let arrived: Vec<Named> = self.answers.try_iter().take(WAITING).collect();
        for (container, name) in &arrived {
            self.known.insert(container.clone(), Some(Arc::clone(name)));
        }
        arrived
    }
}

struct Watched {
    told: Option<Arc<ContainerName>>,
    due: Instant,
    misses: u32,
}

fn look_up(mut resolver: Resolver, asked: &Receiver<Container>, answer: &SyncSender<Named>) {
    let mut watched: HashMap<Container, Watched> = HashMap::new();
    loop {
        match asked.recv_timeout(STEP) {
            Ok(container) => {
                if watched.len() >= MAX_KNOWN {
                    watched.clear();
                }
                let fresh = Watched {
                    told: None,
                    due: Instant::now(),
                    misses: 0,
                };
                watched.insert(container, fresh);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for (container, state) in &mut watched {
            let now = Instant::now();
            if now < state.due {
                continue;
            }
            let Some(name) = resolver.name(container, now) else {
                state.misses += 1;
                state.due = now + ABSENCE_KEPT;
                continue;
            };
            state.misses = 0;
            state.due = now + NAME_KEPT;
            if state.told.as_ref() != Some(&name) {
                state.told = Some(Arc::clone(&name));
                if answer.send((container.clone(), name)).is_err() {
                    return;
                }
            }
        }
        // Gone, or of a runtime that leaves no names: a process that starts in it asks no more.
        watched.retain(|_, state| state.misses < MISSES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Runtime;

    #[test]
    fn a_name_arrives_later_and_is_then_known_at_once() {
        let root = tempfile::tempdir().unwrap();
        let id = "c0ffee".repeat(11)[..64].to_owned();
        let directory = root.path().join("var/lib/docker/containers").join(&id);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("config.v2.json"), r#"{"Name":"/shop"}"#).unwrap();
        let container = Container {
            runtime: Runtime::Docker,
            id,
            user: None,
            nested: false,
        };
        let mut containers = Containers::start(root.path().to_owned()).unwrap();
        assert_eq!(containers.name(&container), None, "the tick does not wait");
        let since = Instant::now();
        let arrived = loop {
            let arrived = containers.arrived();
            if !arrived.is_empty() {
                break arrived;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "no name");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].1.name, "shop");
        assert_eq!(containers.name(&container), Some(Arc::clone(&arrived[0].1)));
    }
}
