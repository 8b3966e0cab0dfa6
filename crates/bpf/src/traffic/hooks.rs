//! Attaching hooks one by one, with the reason for each that is refused.

use std::path::Path;

use crate::error::Result;
use crate::object::why as reason;
use crate::object::Constants;
use crate::object::Loaded;
use crate::object::Refused;
use crate::plan::Hook;
use crate::support::Support;

/// Hooks that are not attached, and why.
pub(super) type LeftOut = Vec<(Hook, String)>;

/// Attaches all of `hooks`, or none.
pub(super) fn attach(
    hooks: &[Hook],
    constants: Constants,
    support: &Support,
    directory: &Path,
) -> Result<std::result::Result<(), Refused>> {
    let loaded = Loaded::load(hooks, constants, support, directory)?;
    Ok(loaded.and_then(|loaded| loaded.attach(hooks)))
}

/// Attaches each hook on its own, so that one refusal costs only that hook. They are tried
/// together first, because each object that is loaded costs milliseconds.
pub(super) fn attach_each(
    hooks: &[Hook],
    constants: Constants,
    support: &Support,
    directory: &Path,
) -> Result<LeftOut> {
    let Some(refused) = (match hooks {
        [] => None,
        all => attach(all, constants, support, directory)?.err(),
    }) else {
        return Ok(Vec::new());
    };
    let rest: Vec<Hook> = hooks
        .iter()
        .copied()
        .filter(|hook| *hook != refused.hook)
        .collect();
    let mut left_out = vec![(refused.hook, reason(&refused.reason))];
    left_out.extend(attach_each(&rest, constants, support, directory)?);
    Ok(left_out)
}
