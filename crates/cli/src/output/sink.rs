//! Where the text goes: stdout or a file, one whole tick at a time.

use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::outcome::Signals;
use crate::text::sanitize;

/// An open output.
pub struct Sink {
    // `None` while a write is under way, and for ever if that write was abandoned.
    out: Option<Box<dyn Write + Send>>,
    name: String,
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is out.
    Whole,
    /// Nobody reads any more, which is no error: `| head` has seen enough.
    Unread,
}

impl Sink {
    /// `None`: stdout. A file that exists is replaced.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self {
                out: Some(Box::new(io::stdout())),
                name: "stdout".to_owned(),
            });
        };
        let name = sanitize(&path.to_string_lossy()).into_owned();
        match File::create(path) {
            Ok(file) => Ok(Self {
                out: Some(Box::new(file)),
                name,
            }),
            Err(source) => Err(Failure::File {
                what: format!("cannot write {name}"),
                source,
            }),
        }
    }

    /// Like [`write`](Self::write), but ends when a signal comes: after the text, or a second later
    /// when nobody reads it. Gives the signal.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_whole(
        &mut self,
        text: impl Into<Vec<u8>>,
        signals: &mut Signals,
    ) -> Result<(Written, Option<Outcome>), Failure> {
        let bytes = text.into();
        if bytes.is_empty() {
            return Ok((Written::Whole, None));
        }
        let write = self.write(bytes);
        tokio::pin!(write);
        tokio::select! {
            written = &mut write => Ok((written?, None)),
            outcome = signals.next() => {
                match tokio::time::timeout(Duration::from_secs(1), &mut write).await {
                    Ok(written) => Ok((written?, Some(outcome))),
                    Err(_) => Ok((Written::Whole, Some(outcome))),
                }
            }
        }
    }

    /// Writes and flushes `text`. A reader that does not read holds up this call, not the runtime.
    ///
    /// # Errors
    /// The text could not be written for another reason than a closed pipe.
    pub async fn write(&mut self, text: impl Into<Vec<u8>>) -> Result<Written, Failure> {
        let bytes = text.into();
        let Some(mut out) = self.out.take() else {
            return Ok(Written::Unread);
        };
        let written = tokio::task::spawn_blocking(move || {
            let result = out.write_all(&bytes).and_then(|()| out.flush());
            (out, result)
        });
        let result = match written.await {
            Ok((out, result)) => {
                self.out = Some(out);
                result
            }
            Err(error) => Err(io::Error::other(error)),
        };
        match result {
            Ok(()) => Ok(Written::Whole),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::Unread),
            Err(source) => Err(Failure::File {
                what: format!("cannot write {}", self.name),
                source,
            }),
        }
    }
}
