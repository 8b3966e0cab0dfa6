//! What a process moves in each tick: given for some ticks, made up to fit the total for the others.

use anyhow::bail;

use super::scenario::Process;
use super::scenario::Scenario;
use super::scenario::Size;
use super::STEP;

/// Received and sent.
pub type Pair = [u64; 2];

/// A process through time.
#[derive(Debug, Clone)]
pub struct Series {
    /// Moved before the first reading.
    pub base: Pair,
    /// Of tick 1 and so on, up to the end of the past.
    past: Vec<Pair>,
    /// What later ticks are like.
    rate: Pair,
    phase: u64,
}

impl Series {
    /// Of a process of a scenario.
    ///
    /// # Errors
    /// What is given does not fit the total.
    pub fn of(process: &Process, scenario: &Scenario) -> anyhow::Result<Series> {
        let phase = u64::from(process.pid);
        let bytes = |pair: [Size; 2]| pair.map(|size| size.0);
        let (rate, total) = (bytes(process.rate), bytes(process.total));
        let begin = scenario.now.0 - scenario.ticks * STEP;
        // Tick n ends so many steps after the first reading.
        let tick = |time: u64| time.saturating_sub(begin).div_ceil(STEP);
        let first = process.started.map_or(1, |time| tick(time.0).max(1));
        let last = process.exit.map_or(scenario.ticks, |end| tick(end.at.0));
        let is_new = process.started.is_some_and(|time| time.0 > begin);
        let mut given: Vec<Option<Pair>> = vec![None; scenario.ticks as usize];
        for burst in &process.burst {
            for (n, pair) in burst.rx.iter().zip(&burst.tx).enumerate() {
                let at = tick(burst.at.0) as usize + n;
                match at.checked_sub(1).and_then(|at| given.get_mut(at)) {
                    Some(slot) => *slot = Some([pair.0 .0, pair.1 .0]),
                    None => bail!("a burst of process {} is not in the past", process.pid),
                }
            }
        }
        if process.exit.is_none() {
            if let Some(now) = given.last_mut() {
                now.get_or_insert(rate);
            }
        }
        let mut series = Series {
            base: [0; 2],
            past: vec![[0; 2]; given.len()],
            rate,
            phase,
        };
        for side in 0..2 {
            let known: u64 = given.iter().flatten().map(|pair| pair[side]).sum();
            let Some(mut rest) = total[side].checked_sub(known) else {
                bail!("the bursts of process {} exceed its total", process.pid);
            };
            let lives = |n: u64| (first..=last).contains(&n);
            let open = |n: u64| lives(n) && given[n as usize - 1].is_none();
            let mut weights: u64 = (1..=scenario.ticks)
                .filter(|n| open(*n))
                .map(|n| long_wave(phase, n, side))
                .sum();
            for n in 1..=scenario.ticks {
                let moved = match given[n as usize - 1] {
                    Some(pair) => pair[side],
                    None if !lives(n) => 0,
                    None if is_new => {
                        let weight = long_wave(phase, n, side);
                        let part = share(rest, weight, weights);
                        (rest, weights) = (rest - part, weights - weight);
                        part
                    }
                    None => {
                        let part = rate[side] * long_wave(phase, n, side) / 100;
                        let Some(left) = rest.checked_sub(part) else {
                            bail!("process {} would move more than its total", process.pid);
                        };
                        rest = left;
                        part
                    }
                };
                series.past[n as usize - 1][side] = moved;
            }
            if is_new && rest > 0 {
                bail!(
                    "process {} has no tick for the rest of its total",
                    process.pid
                );
            }
            series.base[side] = rest;
        }
        Ok(series)
    }

    /// From now on it moves about that much.
    pub fn set_rate(&mut self, rate: Pair) {
        self.rate = rate;
    }

    /// Moved in tick `n`, from 1.
    pub fn tick(&self, n: u64) -> Pair {
        let known = (n as usize).checked_sub(1);
        if let Some(pair) = known.and_then(|n| self.past.get(n)) {
            return *pair;
        }
        [0, 1].map(|side| self.rate[side] * wave(self.phase, n, side) / 100)
    }
}

/// `part` of `whole` of an amount.
pub fn share(amount: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(amount) * u128::from(part);
    let quotient = product.checked_div(u128::from(whole)).unwrap_or(0);
    u64::try_from(quotient).unwrap_or(u64::MAX)
}

/// Percent of the usual in the past: swings that a chart of a minute shows.
fn long_wave(phase: u64, n: u64, side: usize) -> u64 {
    let seed = phase.wrapping_mul(5) + side as u64 * 3;
    wave(phase, n, side) - 34 + swing(n + seed % 41, 41, 34)
}

/// Percent of the usual: two slow swings and some noise, from whole numbers so that every machine makes
/// the same.
fn wave(phase: u64, n: u64, side: usize) -> u64 {
    let seed = phase.wrapping_mul(7) + side as u64 * 5;
    let noise = (seed ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
    64 + swing(n + seed % 23, 23, 16) + swing(n + seed % 11, 11, 10) + noise
}

/// From 0 to `height` and back in `period` ticks.
fn swing(n: u64, period: u64, height: u64) -> u64 {
    let at = n % period * 2;
    at.min(period * 2 - at) * height / period
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_stay_near_the_usual() {
        for phase in [1, 602, 21934] {
            for n in 0..10_000 {
                let percent = wave(phase, n, 0);
                assert!((64..106).contains(&percent), "{percent}");
                let percent = long_wave(phase, n, 0);
                assert!((30..106).contains(&percent), "{percent}");
            }
        }
    }
}
