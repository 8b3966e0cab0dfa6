//! Output in the shapes of other tools, for scripts written for them. Frozen: they never grow.

pub mod net_proc_watch;
pub mod nethogs;
pub mod procnetmon2;

/// Text or JSON of the other tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Its text.
    Text,
    /// Its JSON.
    Json,
}

/// A number, or n/a.
fn or_na(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "n/a".to_owned(), |number| number.to_string())
}
