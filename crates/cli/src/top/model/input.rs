//! One line of text while it is being typed.

/// A line of text and the place in it where typing goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
    /// Byte index, on the border of a character.
    cursor: usize,
}

/// What a key does to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// One more character.
    Insert(char),
    /// Without the one before the cursor.
    Backspace,
    /// Without the one behind the cursor.
    Delete,
    /// One character back.
    Left,
    /// One character on.
    Right,
    /// To the begin.
    Home,
    /// To the end.
    End,
    /// Without the word before the cursor.
    DropWord,
    /// Nothing left.
    Clear,
}

impl Input {
    /// A line that begins with `text`, the cursor behind it.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            cursor: text.len(),
        }
    }

    /// All of it. Not sanitised.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before and behind the cursor.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Changes the line. Longer than `most` bytes it does not get.
    pub fn edit(&mut self, edit: Edit, most: usize) {
        let (before, behind) = self.parts();
        let back = before.chars().next_back().map_or(0, char::len_utf8);
        let on = behind.chars().next().map_or(0, char::len_utf8);
        match edit {
            // What moves the cursor of a terminal is no part of a line.
            Edit::Insert(c) if c.is_control() || self.text.len() + c.len_utf8() > most => {}
            Edit::Insert(c) => {
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
            Edit::Backspace => self.cut(self.cursor - back, self.cursor),
            Edit::Delete => self.cut(self.cursor, self.cursor + on),
            Edit::Left => self.cursor -= back,
            Edit::Right => self.cursor += on,
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
            Edit::DropWord => {
                let word = before.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.cut(word, self.cursor);
            }
            Edit::Clear => *self = Self::default(),
        }
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_edit() -> impl Strategy<Value = Edit> {
        prop_oneof![
            any::<char>().prop_map(Edit::Insert),
            Just(Edit::Backspace),
            Just(Edit::Delete),
            Just(Edit::Left),
            Just(Edit::Right),
            Just(Edit::Home),
            Just(Edit::End),
            Just(Edit::DropWord),
            Just(Edit::Clear),
        ]
    }

    #[test]
    fn a_line_is_edited_where_the_cursor_is() {
        let mut input = Input::new("unit:ngnx rx");
        for edit in [Edit::DropWord, Edit::Left, Edit::Left, Edit::Left] {
            input.edit(edit, 100);
        }
        input.edit(Edit::Insert('i'), 100);
        assert_eq!(input.parts(), ("unit:ngi", "nx "));
        input.edit(Edit::End, 100);
        input.edit(Edit::Backspace, 100);
        input.edit(Edit::Insert('\n'), 100);
        input.edit(Edit::Insert('x'), 10);
        assert_eq!(input.text(), "unit:nginx");
    }

    proptest! {
        #[test]
        fn no_edit_breaks_a_character(text in any::<String>(), edits in proptest::collection::vec(any_edit(), 0..30)) {
            let mut input = Input::new(&text);
            for edit in edits {
                input.edit(edit, 200);
                let (before, behind) = input.parts();
                prop_assert_eq!(format!("{before}{behind}"), input.text());
            }
        }
    }
}
