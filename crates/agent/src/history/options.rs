//! What to keep, and where.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::BootId;

/// One resolution: how far back, and in steps of which length. Written `24h@1s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// How far back, in time that was recorded: neither a clock that is set nor time without an
    /// agent makes anything older.
    pub span: Duration,
    /// At most a tick: every tick is kept.
    pub step: Duration,
}

/// How to keep history.
#[derive(Debug, Clone)]
pub struct Options {
    /// `None`: in memory only.
    pub directory: Option<PathBuf>,
    /// Finest first; at least one.
    pub tiers: Vec<Tier>,
    /// Bytes of all tiers together.
    pub size: u64,
    /// Length of a tick.
    pub tick: Duration,
    /// The running boot.
    pub boot: BootId,
    /// Written frames reach the medium within this time.
    pub sync: Duration,
    /// Frames in a file, at most.
    pub segment_frames: usize,
    /// Bytes in memory that wait for a disk that does not take them; then the oldest go.
    pub unsaved: u64,
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Options {
    /// On disk: 24 hours by ticks, a week by 10 seconds, a month by minutes; 1 GiB.
    pub fn on_disk(directory: PathBuf, tick: Duration, boot: BootId) -> Self {
        Options {
            directory: Some(directory),
            tiers: vec![
                Tier::new(DAY, 1),
                Tier::new(7 * DAY, 10),
                Tier::new(30 * DAY, 60),
            ],
            size: 1 << 30,
            tick,
            boot,
            sync: Duration::from_secs(5),
            segment_frames: 300,
            unsaved: 8 << 20,
        }
    }

    /// In memory: an hour by ticks, a day by 10 seconds; 24 MiB.
    pub fn in_memory(tick: Duration, boot: BootId) -> Self {
        Options {
            directory: None,
            tiers: vec![Tier::new(HOUR, 1), Tier::new(DAY, 10)],
            size: 24 << 20,
            ..Options::on_disk(PathBuf::new(), tick, boot)
        }
    }
}

impl Tier {
    fn new(span: u64, step: u64) -> Self {
        Tier {
            span: Duration::from_secs(span),
            step: Duration::from_secs(step),
        }
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not SPAN@STEP such as 24h@1s");
        let (span, step) = text.split_once('@').ok_or_else(wrong)?;
        let tier = Tier {
            span: duration(span).ok_or_else(wrong)?,
            step: duration(step).ok_or_else(wrong)?,
        };
        if tier.step.is_zero() || tier.span < tier.step {
            return Err(format!("'{text}' keeps less than one step"));
        }
        Ok(tier)
    }
}

/// Parses `SPAN@STEP[,SPAN@STEP...]`.
///
/// # Errors
/// A sentence: what is not understood, or tiers that are not ever coarser and longer.
pub fn tiers(text: &str) -> Result<Vec<Tier>, String> {
    let tiers: Vec<Tier> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let ordered = |pair: &[Tier]| pair[0].step < pair[1].step && pair[0].span < pair[1].span;
    if !tiers.windows(2).all(ordered) {
        return Err(format!(
            "'{text}': each part must reach further back than the one before, in longer steps"
        ));
    }
    Ok(tiers)
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => HOUR * 1000,
        "d" => DAY * 1000,
        _ => return None,
    };
    let milliseconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
    // Nanoseconds must fit.
    (milliseconds <= u64::MAX / 1_000_000).then(|| Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_spans_and_steps() {
        let day = tiers("24h@1s,7d@10s,30d@1m").unwrap();
        assert_eq!(
            day,
            Options::on_disk(PathBuf::new(), Duration::from_secs(1), BootId(0)).tiers
        );
        assert_eq!(tiers("1h@100ms").unwrap().len(), 1);
        for bad in [
            "",
            "1h",
            "@1s",
            "1h@",
            "1h@0s",
            "1s@1h",
            "1h@1s,",
            "1h@1s,2h@1s",
            "1h@1s,1h@10s",
            "99999999999999999999h@1s",
            "9999999999999999h@1s",
            "-1h@1s",
            "1.5h@1s",
        ] {
            assert!(tiers(bad).is_err(), "{bad}");
        }
    }
}
