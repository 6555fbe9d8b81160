//! The same deed by another call.

use super::gate::{Gate, Place, add};
use super::{Finding, Id, Severity};
use crate::diagram::{Error, Set};
use crate::table::{self, Abi, CallId, Route};

pub(super) fn find(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    for abi in Abi::ALL {
        let mut by_uring = Vec::new();
        for call in table::with_siblings() {
            let Some(place) = gate.place(abi, call) else { continue };
            if place.runs == Set::FULL {
                continue;
            }
            let deliberate = place.runs != Set::EMPTY || denies_by_list(gate, abi);
            for route in table::routes(call, abi) {
                match route {
                    Route::Uring { name, .. } => by_uring.push((call, name)),
                    _ if deliberate => other_call(gate, place, call, route, findings)?,
                    _ => {}
                }
            }
        }
        uring(gate, abi, &by_uring, findings);
    }
    Ok(())
}

/// Whether the filter lets run what it does not name: then every denial of a whole call is meant. A
/// filter that names what may run leaves calls out that nobody thought of, and programs use the
/// newer one.
fn denies_by_list(gate: &Gate<'_>, abi: Abi) -> bool {
    let nr = abi.bit() + table::highest(abi) + 1;
    gate.space.at(gate.runs, abi.audit_arch(), nr) != Set::EMPTY
}

fn other_call(
    gate: &mut Gate<'_>,
    denied: Place,
    call: CallId,
    route: Route,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let (other, how, open) = match route {
        Route::Call(other) => {
            let Some(place) = gate.place(denied.abi, other) else { return Ok(()) };
            (place, other.name().to_owned(), place.runs)
        }
        Route::Multiplexed { call: other, function } => {
            let Some(place) = gate.place(denied.abi, other) else { return Ok(()) };
            // ipc(2) keeps a version in the high 16 bits, socketcall(2) has no more than 20 functions.
            let chosen = gate.argument(0, u64::MAX, u64::from(function))?;
            let denied_there = gate.space.not(place.runs)?;
            let open = match gate.space.and(chosen, denied_there)?.is_empty() {
                true => gate.space.and(chosen, place.runs)?,
                false => Set::EMPTY,
            };
            (place, format!("{}({function})", other.name()), open)
        }
        Route::Uring { .. } => return Ok(()),
    };
    let whole = matches!(route, Route::Multiplexed { .. }) || open == Set::FULL;
    if open == Set::EMPTY || !whole {
        return Ok(());
    }
    let not = gate.space.not(denied.runs)?;
    let (Some(blocked), Some(runs)) = (gate.witness(denied, not), gate.witness(other, open)) else {
        return Ok(());
    };
    let denial = if denied.runs == Set::EMPTY { "is denied" } else { "is restricted by its arguments" };
    let hidden = table::hidden(table::call(other.prototype.name).unwrap_or(call));
    let behind = hidden.map_or(String::new(), |hidden| format!(" ({} is behind a pointer)", hidden.what));
    add(
        findings,
        Finding {
            id: Id::SiblingGap,
            severity: Severity::Medium,
            call: Some(call),
            abis: vec![denied.abi],
            message: format!("{} {denial}, but {how} does the same and is open{behind}", call.name()),
            witnesses: vec![blocked, runs],
            instructions: Vec::new(),
            fix: match route {
                Route::Call(other) => {
                    format!("give {0} the same rule, or deny it: `{0} -> ENOSYS`", other.name())
                }
                _ => format!(
                    "deny it: `{}({function})`",
                    other.prototype.name,
                    function = match route {
                        Route::Multiplexed { function, .. } => function,
                        _ => 0,
                    }
                ),
            },
        },
    );
    Ok(())
}

/// One finding for all that io_uring does in place of denied calls.
fn uring(gate: &Gate<'_>, abi: Abi, denied: &[(CallId, &'static str)], findings: &mut Vec<Finding>) {
    let place = |name: &str| table::call(name).and_then(|call| gate.place(abi, call));
    let (Some(setup), Some(enter)) = (place("io_uring_setup"), place("io_uring_enter")) else { return };
    if setup.runs == Set::EMPTY || enter.runs == Set::EMPTY || denied.is_empty() {
        return;
    }
    let mut names: Vec<&str> = denied.iter().map(|(call, _)| call.name()).collect();
    names.dedup();
    let witnesses = [gate.witness(setup, setup.runs), gate.witness(enter, enter.runs)];
    add(
        findings,
        Finding {
            id: Id::IoUringOpen,
            severity: Severity::Medium,
            call: table::call("io_uring_setup"),
            abis: vec![abi],
            message: format!(
                "io_uring is open, and does what the filter denies or restricts: {}",
                names.join(", ")
            ),
            witnesses: witnesses.into_iter().flatten().collect(),
            instructions: Vec::new(),
            fix: "deny it: `io_uring_setup`, `io_uring_enter` and `io_uring_register`".into(),
        },
    );
}
