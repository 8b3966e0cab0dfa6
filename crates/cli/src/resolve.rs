//! Names of addresses, asked of this machine's resolver on threads of their own.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::mpsc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use crate::row::Names;

// Look-ups at the same time, and addresses that are remembered as asked for.
const WORKERS: usize = 4;
const MOST: usize = 65_536;

/// Looks up names, each address once. An answer that comes late is there next time.
#[derive(Debug)]
pub struct Resolver {
    budget: Duration,
    asked: HashSet<IpAddr>,
    waiting: usize,
    questions: mpsc::Sender<IpAddr>,
    answers: mpsc::Receiver<(IpAddr, Option<String>)>,
}

impl Resolver {
    /// All calls together wait no longer than `budget`.
    pub fn new(budget: Duration) -> Self {
        let (questions, queue) = mpsc::channel();
        let (sender, answers) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..WORKERS {
            let (queue, sender) = (Arc::clone(&queue), sender.clone());
            // Not waited for: a look-up that hangs must not hold up the end of the program.
            std::thread::spawn(move || work(&queue, &sender));
        }
        Self {
            budget,
            asked: HashSet::new(),
            waiting: 0,
            questions,
            answers,
        }
    }

    /// Adds the names of `addresses` to `names` as far as they are known within the budget.
    pub fn learn(&mut self, addresses: impl Iterator<Item = IpAddr>, names: &mut Names) {
        for address in addresses {
            let fresh = self.asked.len() < MOST && self.asked.insert(address);
            if fresh && self.questions.send(address).is_ok() {
                self.waiting += 1;
            }
        }
        let begin = Instant::now();
        while self.waiting > 0 {
            let left = self.budget.saturating_sub(begin.elapsed());
            let Ok((address, name)) = self.answers.recv_timeout(left) else {
                break;
            };
            self.waiting -= 1;
            if let Some(name) = name {
                names.insert(address, name);
            }
        }
        self.budget = self.budget.saturating_sub(begin.elapsed());
    }
}

fn work(queue: &Mutex<mpsc::Receiver<IpAddr>>, answers: &mpsc::Sender<(IpAddr, Option<String>)>) {
    loop {
        let next = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok(address) = next else {
            return;
        };
        // Without a name the resolver writes the address.
        let name = dns_lookup::lookup_addr(&address)
            .ok()
            .filter(|name| !name.is_empty() && name.parse::<IpAddr>().is_err());
        if answers.send((address, name)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_never_takes_longer_than_its_budget() {
        let begin = Instant::now();
        let mut resolver = Resolver::new(Duration::from_millis(100));
        let mut names = Names::new();
        // Documentation addresses: nobody answers for them.
        let many = (0..200).map(|n| IpAddr::from([203, 0, 113, n]));
        resolver.learn(many.clone(), &mut names);
        resolver.learn(many, &mut names);
        assert!(begin.elapsed() < Duration::from_secs(1));
        assert_eq!(resolver.asked.len(), 200);
    }

    #[test]
    fn this_machine_knows_itself() {
        let mut resolver = Resolver::new(Duration::from_secs(5));
        let mut names = Names::new();
        let local = IpAddr::from([127, 0, 0, 1]);
        resolver.learn([local].into_iter(), &mut names);
        assert_eq!(names.get(&local).map(String::as_str), Some("localhost"));
    }
}
