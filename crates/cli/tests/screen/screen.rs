//! The text of a screen, and how to find one's way on it.

use std::fmt;

/// Line by line, without blanks at the ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    pub lines: Vec<String>,
}

impl Screen {
    pub fn of(text: &str) -> Screen {
        Screen {
            lines: text
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect(),
        }
    }

    pub fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// The first line.
    pub fn header(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }

    /// The last line that is not empty.
    pub fn footer(&self) -> &str {
        let last = self.lines.iter().rev().find(|line| !line.is_empty());
        last.map_or("", String::as_str)
    }

    /// The line with a text.
    #[track_caller]
    pub fn line(&self, text: &str) -> &str {
        let found = self.lines.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no line has {text}\n{self}"))
    }

    /// The pids of a list, from the top: the first number of each line that has a pid column.
    pub fn pids(&self) -> Vec<u32> {
        self.rows().filter_map(first_number).collect()
    }

    /// The lines of the focused list that stand for a process.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        let inside = self.lines.iter().filter_map(|line| {
            let rest = line.strip_prefix(['┃', '|'])?;
            rest.split(['┃', '|']).next()
        });
        inside.filter(|row| first_number(row).is_some())
    }

    /// The row of a process.
    #[track_caller]
    pub fn process(&self, pid: u32) -> &str {
        let found = self.rows().find(|row| first_number(row) == Some(pid));
        found.unwrap_or_else(|| panic!("no process {pid}\n{self}"))
    }
}

fn first_number(row: &str) -> Option<u32> {
    let rest = row.trim_start_matches(['>', '•', '×', '*', 'x', ' ']);
    rest.split(' ').next()?.parse().ok()
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
