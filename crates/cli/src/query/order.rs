//! Who orders the rows: the agent where it can, so that it need not send those that are cut off.

use netmon_api::v1;

use crate::args::query::GroupChoice;
use crate::args::shaping::Order;
use crate::args::shaping::ShapingArgs;
use crate::failure::Failure;
use crate::output::columns::find_in;
use crate::output::past::columns;
use crate::output::past::columns::Column;
use crate::output::past::Question;

/// How rows are ordered and cut.
#[derive(Debug, Clone, Copy)]
pub struct Ordered {
    /// What the agent orders by.
    pub order: v1::HistoryOrder,
    /// From the lowest.
    pub ascending: bool,
    /// Rows that the agent sends at most; 0: all.
    pub top: u32,
    /// What is ordered by here; `None`: the agent's order is the one asked for.
    pub sort: Option<(&'static Column, Order)>,
}

impl Ordered {
    /// Reads the options.
    ///
    /// # Errors
    /// A column that does not exist, or rows cut by a column that only this side knows while they
    /// come step by step.
    pub fn new(
        shaping: &ShapingArgs,
        group: GroupChoice,
        question: Question,
    ) -> Result<Self, Failure> {
        let column = find_in(&columns::of(group), &shaping.sort.key)?;
        let order = shaping.sort.order.unwrap_or(column.first);
        let known = match column.id {
            "rate" | "bytes" => Some(v1::HistoryOrder::Bytes),
            "rx" | "rx_bytes" => Some(v1::HistoryOrder::RxBytes),
            "tx" | "tx_bytes" => Some(v1::HistoryOrder::TxBytes),
            "peak" => Some(v1::HistoryOrder::Peak),
            _ => None,
        };
        // Sums do not depend on it, so a row that nobody sees is asked for: 0 would be all of them.
        let top = shaping
            .top
            .map_or(0, |top| u32::try_from(top).unwrap_or(u32::MAX).max(1));
        let Some(known) = known else {
            if question == Question::Steps && top > 0 {
                return Err(Failure::Usage(format!(
                    "--top with --step needs --sort rate, rx, tx or peak, not {}",
                    column.id
                )));
            }
            return Ok(Self {
                order: v1::HistoryOrder::Bytes,
                ascending: false,
                top: 0,
                sort: Some((column, order)),
            });
        };
        Ok(Self {
            order: known,
            ascending: order == Order::Ascending,
            top,
            sort: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(key: &str, top: Option<usize>, question: Question) -> Result<Ordered, Failure> {
        let shaping = ShapingArgs {
            sort: key.parse().unwrap(),
            top,
            ..ShapingArgs::default()
        };
        Ordered::new(&shaping, GroupChoice::Process, question)
    }

    #[test]
    fn the_agent_orders_by_what_it_knows() {
        for (key, top, expected) in [
            ("rate", None, (v1::HistoryOrder::Bytes, false, 0, false)),
            (
                "bytes:asc",
                Some(3),
                (v1::HistoryOrder::Bytes, true, 3, false),
            ),
            ("rx", Some(0), (v1::HistoryOrder::RxBytes, false, 1, false)),
            (
                "tx_bytes",
                Some(9),
                (v1::HistoryOrder::TxBytes, false, 9, false),
            ),
            ("peak", Some(9), (v1::HistoryOrder::Peak, false, 9, false)),
            ("name", Some(9), (v1::HistoryOrder::Bytes, false, 0, true)),
            ("total", None, (v1::HistoryOrder::Bytes, false, 0, true)),
        ] {
            let ordered = ordered(key, top, Question::Totals).unwrap();
            let found = (
                ordered.order,
                ordered.ascending,
                ordered.top,
                ordered.sort.is_some(),
            );
            assert_eq!(found, expected, "{key} {top:?}");
        }
    }

    #[test]
    fn steps_are_cut_by_the_agent_only() {
        assert!(ordered("name", Some(3), Question::Steps).is_err());
        assert!(ordered("name", None, Question::Steps).is_ok());
        assert!(ordered("peak", Some(3), Question::Steps).is_ok());
    }
}
