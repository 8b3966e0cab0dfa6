//! `--step auto`: a round length that cuts a window into steps that can be read.

use std::time::Duration;

use jiff::Timestamp;
use netmon_api::v1;

use super::when::Edges;
use super::WHAT;
use crate::failure::Failure;
use crate::session::Session;

/// Steps at most.
const MOST: u32 = 120;

/// Lengths that divide a minute, an hour or a day, so that steps look alike on any clock.
const ROUND: [u64; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
];

/// How long the window is. Where it begins with the oldest, the agent is asked for it.
///
/// # Errors
/// As [`Session::history`].
pub async fn length(
    session: &mut Session,
    request: &v1::QueryHistoryRequest,
    edges: &Edges,
    now: Timestamp,
) -> Result<Duration, Failure> {
    let last = edges.until.unwrap_or(now);
    if let Some(since) = edges.since() {
        return Ok(Duration::try_from(last.duration_since(since)).unwrap_or_default());
    }
    let question = v1::QueryHistoryRequest {
        top: 1,
        ..request.clone()
    };
    let history = session.history(question, WHAT).await?;
    Ok(history.window().length().unwrap_or_default())
}

/// The shortest round step that is a multiple of `tick` and cuts `window` into [`MOST`] or fewer.
pub fn round(window: Duration, tick: Duration) -> Duration {
    let tick = tick.max(Duration::from_nanos(1));
    let fits = |step: &Duration| {
        step.saturating_mul(MOST) >= window && step.as_nanos().is_multiple_of(tick.as_nanos())
    };
    let mut round = ROUND.iter().map(|seconds| Duration::from_secs(*seconds));
    if let Some(step) = round.clone().find(fits) {
        return step;
    }
    // Longer than 120 days, or a tick that divides no round step: whole days, or whole ticks.
    let unit = round
        .next_back()
        .filter(|day| day.as_nanos().is_multiple_of(tick.as_nanos()))
        .unwrap_or(tick);
    let units = window
        .as_nanos()
        .div_ceil(u128::from(MOST) * unit.as_nanos())
        .max(1);
    unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_is_round_and_short_enough() {
        for (window, tick_ms, expected) in [
            (0, 1000, 1),
            (120, 1000, 1),
            (121, 1000, 2),
            (600, 1000, 5),
            (3600, 1000, 30),
            (86_400, 1000, 900),
            (86_400, 10_000, 900),
            (600, 200, 5),
            (60, 10_000, 10),
            (600, 7000, 7),
            (1200 * 86_400, 1000, 10 * 86_400),
        ] {
            assert_eq!(
                round(Duration::from_secs(window), Duration::from_millis(tick_ms)),
                Duration::from_secs(expected),
                "{window} {tick_ms}"
            );
        }
    }

    proptest! {
        #[test]
        fn there_are_never_more_steps(window in 0_u64..400_000_000_000, tick in 1_u64..100_000) {
            let window = Duration::from_millis(window);
            let tick = Duration::from_millis(tick);
            let step = round(window, tick);
            prop_assert!(step.saturating_mul(MOST) >= window);
            prop_assert_eq!(step.as_nanos() % tick.as_nanos(), 0);
        }
    }
}
