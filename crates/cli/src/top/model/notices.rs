//! What the viewer has to tell: a banner for some seconds, and the list of all of them.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// Messages kept.
const MOST: usize = 200;
/// How long a banner stays.
const STAY: Duration = Duration::from_secs(5);

/// A message and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub time: Timestamp,
    /// What. Not sanitised.
    pub text: String,
}

/// All messages, and the one that is a banner now.
#[derive(Debug, Default)]
pub struct Notices {
    all: VecDeque<Notice>,
    until: Option<Duration>,
}

impl Notices {
    /// Adds a message and shows it. `now` is the running time of the viewer.
    pub fn add(&mut self, time: Timestamp, now: Duration, text: String) {
        if self.all.len() == MOST {
            self.all.pop_front();
        }
        self.all.push_back(Notice { time, text });
        self.until = Some(now + STAY);
    }

    /// Takes the banner away when its time is over. True: it was.
    pub fn expire(&mut self, now: Duration) -> bool {
        let over = self.until.is_some_and(|until| now >= until);
        if over {
            self.until = None;
        }
        over
    }

    /// The text of the banner, if there is one.
    pub fn banner(&self) -> Option<&str> {
        self.until?;
        self.all.back().map(|notice| notice.text.as_str())
    }

    /// All messages, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.all.iter().rev()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }
}
