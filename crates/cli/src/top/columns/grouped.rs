//! The columns of groups, and which of them fit.

use super::Column;
use super::Placed;
use super::MARGIN;
use super::NAME_ENOUGH;

const ALL: &[(Column, u16, u8)] = &[
    (Column::State, 1, 1),
    (Column::Name, 12, 1),
    (Column::Processes, 5, 3),
    (Column::Connections, 5, 4),
    (Column::Rx, 8, 1),
    (Column::Tx, 8, 1),
    (Column::Share, 4, 2),
    (Column::Total, 8, 3),
    (Column::RxTotal, 8, 11),
    (Column::TxTotal, 8, 12),
    (Column::Udp, 4, 13),
    (Column::V6, 4, 14),
];

/// The columns that fit into so many cells, from left to right.
pub fn fit(inner_width: u16) -> Vec<Placed> {
    let room = inner_width.saturating_sub(2 * MARGIN);
    let mut by_priority: Vec<_> = ALL.iter().collect();
    by_priority.sort_by_key(|(_, _, priority)| *priority);
    let mut used = 0;
    let taken: Vec<_> = by_priority
        .into_iter()
        .map_while(|(column, least, priority)| {
            let cells = least + u16::from(used > 0);
            // Names matter more than what can be read off elsewhere.
            let kept = if *priority > 10 { NAME_ENOUGH - 12 } else { 0 };
            (used + cells + kept <= room).then(|| {
                used += cells;
                *column
            })
        })
        .collect();
    let spare = room.saturating_sub(used);
    let mut x = MARGIN;
    ALL.iter()
        .filter(|(column, ..)| taken.contains(column))
        .map(|(column, least, _)| {
            let width = match column {
                Column::Name => least + spare,
                _ => *least,
            };
            let placed = Placed {
                column: *column,
                x,
                width,
            };
            x += width + 1;
            placed
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_groups_fill_the_row_and_never_more() {
        for width in 38..220 {
            let last = *fit(width).last().unwrap();
            assert_eq!(last.x + last.width + MARGIN, width, "{width}");
        }
        assert_eq!(fit(78).len(), 8);
    }
}
