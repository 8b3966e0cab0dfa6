//! What a test writes to the FIFO, one order a line.

use std::str::FromStr;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// `tick`, or `tick 12`: so many ticks, each when all viewers have had the one before.
    Tick(u64),
    /// `rush 200`: so many ticks, whoever cannot follow.
    Rush(u64),
    /// `skip 3`: time for so many ticks passes without one.
    Skip(u64),
    /// `feed NAME`: something of the scenario happens in the next tick.
    Feed(String),
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = || match rest {
            "" => Ok(1),
            digits => digits
                .parse()
                .map_err(|_| format!("'{line}': '{digits}' is not a number")),
        };
        match word {
            "tick" => number().map(Order::Tick),
            "rush" => number().map(Order::Rush),
            "skip" => number().map(Order::Skip),
            "feed" if !rest.is_empty() => Ok(Order::Feed(rest.to_owned())),
            _ => Err(format!("'{line}' is none of tick, rush, skip, feed NAME")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_words_with_a_number_or_a_name() {
        assert_eq!("tick".parse(), Ok(Order::Tick(1)));
        assert_eq!("tick 12".parse(), Ok(Order::Tick(12)));
        assert_eq!("rush 200".parse(), Ok(Order::Rush(200)));
        assert_eq!("skip 3".parse(), Ok(Order::Skip(3)));
        assert_eq!(
            "feed exit 31877".parse(),
            Ok(Order::Feed("exit 31877".to_owned()))
        );
        for bad in ["", "feed", "tick x", "tock", "tick -1"] {
            assert!(bad.parse::<Order>().is_err(), "{bad}");
        }
    }
}
