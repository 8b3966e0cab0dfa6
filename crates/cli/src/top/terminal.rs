//! The terminal: taken for the screen, and given back as it was however the viewer ends.

use std::io;
use std::io::Write as _;
use std::panic;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Once;
use std::time::Duration;

use crossterm::cursor;
use crossterm::event::DisableMouseCapture;
use crossterm::event::EnableMouseCapture;
use crossterm::execute;
use crossterm::style;
use crossterm::terminal;
use nix::sys::signal::raise;
use nix::sys::signal::Signal;
use ratatui::backend::CrosstermBackend;
use ratatui::Terminal;

use super::clipboard;
use super::layout::Size;
use super::model::settings::Charset;
use super::model::settings::Mouse;
use super::model::Model;
use super::run::Display;
use super::view;

/// The terminal while it shows the screen. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    mouse: Mouse,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It cannot be switched to raw mode or does not take output.
    pub fn take(mouse: Mouse) -> io::Result<Self> {
        // With NO_COLOR set crossterm 0.29 writes an empty SGR for every colour, also the default
        // one, which resets reverse and bold. Whether there are colours is decided by the theme.
        style::force_color_output(true);
        restore_on_panic();
        enter(mouse)?;
        let terminal =
            Terminal::new(CrosstermBackend::new(io::stdout())).inspect_err(|_| leave())?;
        Ok(Self { terminal, mouse })
    }

    /// What the terminal shows without shifting columns: asks it how wide it draws a character
    /// that some draw twice as wide. Waits for its answer at most a moment.
    pub fn probe(&mut self) -> Charset {
        let asked = execute!(io::stdout(), cursor::MoveTo(0, 0), style::Print("●"));
        let narrow = asked.is_ok() && answers_within(Duration::from_millis(150)) == Some(1);
        // The character must not stay when the first frame has a blank there.
        let _ = self.terminal.clear();
        if narrow {
            Charset::Unicode
        } else {
            Charset::Ascii
        }
    }

    /// Its size.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn size(&self) -> io::Result<Size> {
        let size = self.terminal.size()?;
        Ok(Size {
            width: size.width,
            height: size.height,
        })
    }
}

impl Display for Screen {
    fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.terminal.draw(|frame| view::render(model, frame))?;
        #[cfg(feature = "test-panic")]
        if model.tick().is_some() && std::env::var_os("NETMON_TEST_PANIC").is_some() {
            panic!("NETMON_TEST_PANIC is set");
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(io::stdout(), style::Print(clipboard::sequence(text)))
    }

    fn mouse(&mut self, mouse: Mouse) -> io::Result<()> {
        self.mouse = mouse;
        match mouse {
            Mouse::Ours => execute!(io::stdout(), EnableMouseCapture),
            Mouse::Terminals => execute!(io::stdout(), DisableMouseCapture),
        }
    }

    fn suspend(&mut self) -> io::Result<Size> {
        leave();
        // The process stops here and goes on with SIGCONT. SIGTSTP, because the shell waits for it.
        raise(Signal::SIGTSTP)?;
        enter(self.mouse)?;
        self.terminal.clear()?;
        self.size()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn enter(mouse: Mouse) -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    terminal::enable_raw_mode()?;
    let entered =
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide).and_then(|()| {
            match mouse {
                Mouse::Ours => execute!(io::stdout(), EnableMouseCapture),
                Mouse::Terminals => Ok(()),
            }
        });
    entered.inspect_err(|_| leave())
}

/// The terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

// Also called from a panic, so nothing in here may fail loudly. Giving it back twice would put the
// cursor back to where it was before, and the shell would write over what was printed since.
fn leave() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        style::ResetColor,
        cursor::Show,
        terminal::LeaveAlternateScreen
    );
    let _ = terminal::disable_raw_mode();
    let _ = io::stdout().flush();
}

fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            leave();
            report(panic);
        }));
    });
}

// The column of the cursor. crossterm waits two seconds for an answer, too long for a terminal
// that never gives one, so the answer is read here.
fn answers_within(limit: Duration) -> Option<u16> {
    let mut out = io::stdout();
    out.write_all(b"\x1b[6n").and_then(|()| out.flush()).ok()?;
    let deadline = std::time::Instant::now() + limit;
    let mut answer = Vec::new();
    while answer.len() < 32 {
        let left = deadline.checked_duration_since(std::time::Instant::now())?;
        answer.extend(read_byte(left)?);
        if answer.ends_with(b"R") {
            break;
        }
    }
    column(&answer)
}

fn read_byte(limit: Duration) -> Option<[u8; 1]> {
    use nix::poll::poll;
    use nix::poll::PollFd;
    use nix::poll::PollFlags;
    use nix::poll::PollTimeout;
    use std::os::fd::AsFd as _;

    let stdin = io::stdin();
    let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(limit.as_millis()).ok()?;
    if poll(&mut ready, timeout).ok()? == 0 {
        return None;
    }
    let mut byte = [0];
    (nix::unistd::read(stdin.as_fd(), &mut byte).ok()? == 1).then_some(byte)
}

// Cells before the cursor, from `ESC [ row ; column R`.
fn column(answer: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, report) = text.rsplit_once("\x1b[")?;
    let (_, column) = report.strip_suffix('R')?.split_once(';')?;
    column.parse::<u16>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn the_cursor_report_tells_the_width_of_what_was_printed() {
        for (answer, expected) in [
            (&b"\x1b[1;2R"[..], Some(1)),
            (b"\x1b[1;3R", Some(2)),
            (b"j\x1b[12;80R", Some(79)),
            (b"\x1b[1;R", None),
            (b"1;2R", None),
            (b"", None),
        ] {
            assert_eq!(column(answer), expected);
        }
    }
}
