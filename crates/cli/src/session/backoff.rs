//! When to try again: 0.2, 0.5, 1, 2, 5, 5, ... seconds.

use std::time::Duration;

const STEPS_MS: [u64; 5] = [200, 500, 1000, 2000, 5000];

/// The waits before each attempt to reach the agent again.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempts: usize,
}

impl Backoff {
    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let step = self.attempts.min(STEPS_MS.len() - 1);
        self.attempts += 1;
        Duration::from_millis(STEPS_MS[step])
    }

    /// Begins again with the shortest wait.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_five_seconds_and_no_further() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [200, 500, 1000, 2000, 5000, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_millis(), 200);
    }
}
