//! Which columns fit a width: by priority, until one does not.

use super::columns::every;
use super::columns::list_in;
use super::columns::Column;
use super::columns::Kind;
use super::columns::COLUMNS;

/// Names of columns from left to right, each with its priority; 1 goes last.
pub type Layout = [(&'static str, u8)];

/// Running processes.
pub static LIVE: &Layout = &[
    ("pid", 2),
    ("user", 5),
    ("name", 1),
    ("conns", 4),
    ("rx", 1),
    ("tx", 1),
    ("share", 2),
    ("peak", 8),
    ("total", 3),
    ("age", 10),
    ("rx_total", 11),
    ("tx_total", 12),
    ("udp", 13),
    ("v6", 14),
];

/// Ended processes.
pub static EXITED: &Layout = &[
    ("pid", 3),
    ("user", 8),
    ("name", 1),
    ("rx_total", 1),
    ("tx_total", 1),
    ("ended", 2),
    ("ran", 4),
    ("exit", 5),
    ("peak", 6),
    ("avg", 7),
];

/// Both.
pub static ALL: &Layout = &[
    ("pid", 2),
    ("user", 6),
    ("name", 1),
    ("state", 3),
    ("conns", 7),
    ("rx", 1),
    ("tx", 1),
    ("share", 4),
    ("peak", 8),
    ("total", 3),
    ("ended", 5),
    ("exit", 5),
    ("age", 10),
    ("rx_total", 11),
    ("tx_total", 12),
];

/// The live columns of `layout` that fit into `width` cells with one cell between them.
pub fn fitting(layout: &Layout, width: usize) -> Vec<&'static Column> {
    fitting_in(&every(COLUMNS), layout, width)
}

/// Of `all` the columns of `layout` that fit into `width` cells with one cell between them.
pub fn fitting_in<K: Kind>(
    all: &[&'static Column<K>],
    layout: &Layout,
    width: usize,
) -> Vec<&'static Column<K>> {
    let ids: Vec<_> = layout.iter().map(|(id, _)| *id).collect();
    let columns = list_in(all, &ids);
    let mut by_priority: Vec<_> = (0..columns.len()).collect();
    by_priority.sort_by_key(|index| layout[*index].1);
    let mut used = 0;
    let mut fits = vec![false; columns.len()];
    for index in by_priority {
        let gap = usize::from(used > 0);
        used += columns[index].width + gap;
        // Without the first priority the table says nothing, so it stays at any width.
        if used > width && layout[index].1 > 1 {
            break;
        }
        fits[index] = true;
    }
    columns
        .into_iter()
        .zip(fits)
        .filter_map(|(column, fits)| fits.then_some(column))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_terminals_keep_the_most_important_columns() {
        for (width, expected) in [
            (20, "name rx tx"),
            (40, "pid name rx tx"),
            (60, "pid name conns rx tx share total"),
            (80, "pid user name conns rx tx share peak total"),
            (90, "pid user name conns rx tx share peak total age"),
            (
                132,
                "pid user name conns rx tx share peak total age rx_total tx_total udp v6",
            ),
        ] {
            let ids: Vec<_> = fitting(LIVE, width)
                .iter()
                .map(|column| column.id)
                .collect();
            assert_eq!(ids.join(" "), expected, "{width}");
        }
    }

    #[test]
    fn every_name_in_a_layout_is_a_column() {
        for layout in [LIVE, EXITED, ALL] {
            assert_eq!(fitting(layout, 1000).len(), layout.len());
        }
    }
}
