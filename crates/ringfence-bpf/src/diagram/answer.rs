//! What programs return, as terminals: as much of the word as the kernel looks at.

use super::Error;
use super::store::{Ref, Store};
use super::vector::Vector;
use crate::filter::Action;

/// The part of a returned word that the kernel looks at. An action that it does not know keeps its
/// bits: alone it kills the process, but among stacked filters they decide which of them is
/// strictest.
pub(super) fn normal(value: u32) -> u32 {
    match Action::from_value(value) {
        Action::KillProcess => value & 0xffff_0000,
        action => action.value(),
    }
}

/// The terminal of a returned word.
pub(super) fn terminal(store: &mut Store, value: u32) -> Ref {
    store.answer(normal(value))
}

/// What a computed word answers, bit by bit from the highest.
pub(super) fn computed(store: &mut Store, bits: &Vector) -> Result<Ref, Error> {
    below(store, bits, 32, 0)
}

/// The bits from `len` up are those of `value`.
fn below(store: &mut Store, bits: &Vector, len: usize, value: u32) -> Result<Ref, Error> {
    let all = value | u32::MAX.checked_shr(32 - len as u32).unwrap_or(0);
    if len == 0 || (len <= 16 && normal(all) == normal(value)) {
        return Ok(terminal(store, value));
    }
    store.step()?;
    let bit = bits[len - 1];
    let set = value | 1 << (len - 1);
    match bit {
        Ref::TRUE => below(store, bits, len - 1, set),
        Ref::FALSE => below(store, bits, len - 1, value),
        _ => {
            let yes = below(store, bits, len - 1, set)?;
            let no = below(store, bits, len - 1, value)?;
            store.ite(bit, yes, no)
        }
    }
}
