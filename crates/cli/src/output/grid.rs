//! Cells in columns: how wide each column is, and rows of that width.

use super::columns::Align;
use super::columns::Column;
use super::columns::Kind;
use super::value::Charset;
use crate::text;

/// How wide each of `columns` is for these rows of cells. `limit`: cells of the terminal; names are
/// cut to fit into it, numbers never.
pub fn widths<K: Kind>(
    columns: &[&Column<K>],
    rows: &[Vec<String>],
    limit: Option<usize>,
) -> Vec<usize> {
    let needed = |index: usize| rows.iter().map(|row| text::width(&row[index])).max();
    let mut widths: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| column.width.max(needed(index).unwrap_or(0)))
        .collect();
    let Some(limit) = limit else {
        return widths;
    };
    // Names give way to numbers: a cut number is a wrong number.
    for (index, column) in columns.iter().enumerate() {
        if column.id == "user" {
            widths[index] = column.width;
        }
    }
    let name = |column: &&Column<K>| column.id == "name" || column.id == "group";
    if let Some(name) = columns.iter().position(name) {
        let others: usize = widths.iter().sum::<usize>() - widths[name];
        let spare = limit.saturating_sub(others + columns.len() - 1);
        widths[name] = widths[name].min(spare.max(columns[name].width));
    }
    // Then long addresses, the own one first.
    for id in ["local", "remote"] {
        if let Some(index) = columns.iter().position(|column| column.id == id) {
            let others: usize = widths.iter().sum::<usize>() - widths[index];
            let spare = limit.saturating_sub(others + columns.len() - 1);
            widths[index] = widths[index].min(spare.max(columns[index].width));
        }
    }
    widths
}

/// Appends one row as a line.
pub fn write_row<K: Kind>(
    columns: &[&Column<K>],
    widths: &[usize],
    row: &[String],
    charset: Charset,
    out: &mut String,
) {
    let start = out.len();
    for (index, cell) in row.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        let cell = match columns[index].align {
            Align::Left => text::clip(cell, widths[index], charset.ellipsis()),
            Align::Right => cell.into(),
        };
        let padding = widths[index].saturating_sub(text::width(&cell));
        match columns[index].align {
            Align::Left => {
                out.push_str(&cell);
                out.extend(std::iter::repeat_n(' ', padding));
            }
            Align::Right => {
                out.extend(std::iter::repeat_n(' ', padding));
                out.push_str(&cell);
            }
        }
    }
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}
