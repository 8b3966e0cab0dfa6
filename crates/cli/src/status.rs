//! `netmon status`: what the agent counts, what it cannot, how it is doing.

mod health;
mod record;
pub mod report;

use crate::args::global::GlobalArgs;
use crate::args::info::StatusArgs;
use crate::failure::access::Access;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::json;
use crate::output::record::object;
use crate::output::sink::Sink;
use crate::output::value::Charset;
use crate::output::value::Style;
use crate::session::Session;
use crate::units::time::TimeFormat;

/// Runs the command.
///
/// # Errors
/// The agent cannot be reached, or the output cannot be written.
pub async fn run(args: &StatusArgs, global: &GlobalArgs) -> Result<Outcome, Failure> {
    let session = Session::open(&global.target()).await?;
    let agent = session.agent();
    let problems = health::problems(agent);
    let mut text = String::new();
    if args.json {
        json::document(
            &object("status", record::status(agent, &problems)),
            &mut text,
        );
    } else if args.check {
        text.push_str(&health::line(agent, &problems));
    } else {
        let style = Style {
            units: global.units(),
            time: global.time.unwrap_or(TimeFormat::Local),
            charset: Charset::of_locale(),
        };
        let access = Access::examine(global.socket.clone());
        text.push_str(&report::text(agent, &access, &style));
    }
    Sink::open(None)?.write(text).await?;
    if args.check && !problems.is_empty() {
        return Ok(Outcome::Degraded);
    }
    Ok(Outcome::Done)
}
