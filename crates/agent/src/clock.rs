//! Boot clock inside, wall clock at the wire.

use std::time::Duration;
use std::time::SystemTime;

use nix::time::clock_gettime;
use nix::time::ClockId;

/// Where the wall clock stands against the boot clock. It moves when somebody sets the time, so
/// one is taken for each tick, and all times of a message are told by the same one.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    boot: u64,
    wall: SystemTime,
}

impl Anchor {
    /// Both clocks, now.
    pub fn now() -> Self {
        #[cfg(feature = "simulate")]
        if let Some((boot, wall)) = simulated::now() {
            return Anchor::of(boot, wall);
        }
        Anchor {
            boot: boot_now(),
            wall: SystemTime::now(),
        }
    }

    /// The wall-clock time of an instant of the boot clock, before or after the anchor.
    pub fn wall(&self, boot: u64) -> SystemTime {
        let moved = match boot.checked_sub(self.boot) {
            Some(after) => self.wall.checked_add(Duration::from_nanos(after)),
            None => self
                .wall
                .checked_sub(Duration::from_nanos(self.boot - boot)),
        };
        moved.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The same, as ns since 1970.
    pub fn wall_ns(&self, boot: u64) -> u64 {
        let since = self.wall(boot).duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
    }

    /// An anchor that was taken before: an instant by both clocks, ns since 1970 for the wall's.
    pub fn of(boot: u64, wall: u64) -> Self {
        Anchor {
            boot,
            wall: from_ns(wall),
        }
    }
}

/// Of ns since 1970.
pub fn from_ns(wall: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(wall)
}

/// The id of this boot of the machine, `None` where the kernel does not tell it.
pub fn boot_id() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u128::from_str_radix(&text.trim().replace('-', ""), 16).ok()
}

/// Nanoseconds since boot, suspended time included.
pub fn boot_now() -> u64 {
    #[cfg(feature = "simulate")]
    if let Some((boot, _)) = simulated::now() {
        return boot;
    }
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    // The call cannot fail with a clock that every supported kernel has.
    u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// The clock of a simulated agent, which stands still between two ticks. The whole program has it or
/// none of it: every time that is told comes from one of the two functions above.
#[cfg(feature = "simulate")]
pub mod simulated {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    /// The wall clock at the boot clock's zero, ns since 1970. 0: the clock of the machine is used.
    static ZERO: AtomicU64 = AtomicU64::new(0);
    /// The boot clock.
    static BOOT: AtomicU64 = AtomicU64::new(0);

    /// From now on it is `boot` (boot clock, ns), and the boot was at `zero` (ns since 1970).
    pub fn set(zero: u64, boot: u64) {
        BOOT.store(boot, Ordering::SeqCst);
        ZERO.store(zero, Ordering::SeqCst);
    }

    /// Boot clock and wall clock; `None`: not simulated.
    pub(super) fn now() -> Option<(u64, u64)> {
        let zero = ZERO.load(Ordering::SeqCst);
        let boot = BOOT.load(Ordering::SeqCst);
        (zero > 0).then(|| (boot, zero.saturating_add(boot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_distance_on_both_sides_of_the_anchor() {
        let anchor = Anchor {
            boot: 1_000,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(9),
        };
        let nine = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        assert_eq!(anchor.wall(1_500), nine + Duration::from_nanos(500));
        assert_eq!(anchor.wall(400), nine - Duration::from_nanos(600));
        assert!(anchor.wall(u64::MAX) > nine, "far ahead, and no overflow");
    }
}
