//! What is selected in a list whose lines come, go and change places, and which part is visible.

/// A selection by what a line is, not by where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor<K> {
    /// What is selected.
    pub selected: Option<K>,
    /// The first visible line.
    pub offset: usize,
}

impl<K: Clone + PartialEq> Cursor<K> {
    /// Where the selection is among `keys`.
    pub fn place(&self, keys: &[K]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        keys.iter().position(|key| key == selected)
    }

    /// After the lines have changed: the selected one, which was at `before`, keeps its place on
    /// the screen if it can; `rows` are visible.
    pub fn settle(&mut self, before: Option<usize>, keys: &[K], rows: usize) {
        if let Some((before, after)) = before.zip(self.place(keys)) {
            self.offset = (self.offset + after).saturating_sub(before);
        }
        self.keep_in(keys.len(), rows);
    }

    /// Moves the selection by some lines; without one, selects the first or last visible line.
    pub fn select_by(&mut self, by: isize, keys: &[K], rows: usize) {
        let Some(last) = keys.len().checked_sub(1) else {
            return;
        };
        let at = match self.place(keys) {
            Some(at) => at.saturating_add_signed(by),
            None if by == isize::MIN => 0,
            None if by >= 0 => self.offset,
            None => (self.offset + rows).saturating_sub(1),
        };
        self.selected = keys.get(at.min(last)).cloned();
        self.reveal(keys, rows);
    }

    /// Selects what is on a visible row.
    pub fn select_row(&mut self, row: usize, keys: &[K], rows: usize) {
        if let Some(key) = keys.get(self.offset.saturating_add(row)) {
            self.selected = Some(key.clone());
            self.reveal(keys, rows);
        }
    }

    /// Moves the visible part without touching the selection.
    pub fn scroll(&mut self, by: isize, count: usize, rows: usize) {
        self.offset = self.offset.saturating_add_signed(by);
        self.keep_in(count, rows);
    }

    /// Moves the visible part to the selection.
    pub fn reveal(&mut self, keys: &[K], rows: usize) {
        if let Some(at) = self.place(keys) {
            self.offset = self.offset.min(at).max((at + 1).saturating_sub(rows));
        }
        self.keep_in(keys.len(), rows);
    }

    /// Numbers of the first and last visible line, from 1.
    pub fn visible(&self, count: usize, rows: usize) -> (usize, usize) {
        let last = self.offset.saturating_add(rows).min(count);
        ((self.offset + 1).min(last), last)
    }

    fn keep_in(&mut self, count: usize, rows: usize) {
        self.offset = self.offset.min(count.saturating_sub(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_line_keeps_its_place_on_the_screen() {
        let keys: Vec<u32> = (0..20).collect();
        let mut cursor = Cursor::default();
        cursor.select_by(1, &keys, 5);
        cursor.select_by(8, &keys, 5);
        assert_eq!((cursor.selected, cursor.offset), (Some(8), 4));
        let before = cursor.place(&keys);
        let swapped: Vec<u32> = (5..20).chain(0..5).collect();
        cursor.settle(before, &swapped, 5);
        // It went from place 8 to place 3, where the list cannot be scrolled far enough.
        assert_eq!((cursor.selected, cursor.offset), (Some(8), 0));
        cursor.select_by(isize::MAX, &swapped, 5);
        assert_eq!((cursor.selected, cursor.offset), (Some(4), 15));
        cursor.settle(Some(19), &swapped[..7], 5);
        assert_eq!(cursor.offset, 2);
        assert_eq!(cursor.visible(7, 5), (3, 7));
    }
}
