//! A filter as the kernel's own reading of registers shows it.

use std::collections::HashMap;

use super::apply::Test;
use super::forget::Bits;
use super::order::NR;
use super::store::Ref;
use super::{Diagram, Error, Field, Space};
use crate::table::{self, Abi};

impl Space {
    /// The same filter with every bit of an argument that the kernel does not read taken as zero, for
    /// each call of the tables: what it answers to programs that write clean registers, whatever it
    /// answers to others.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn as_read(&mut self, diagram: Diagram) -> Result<Diagram, Error> {
        self.store.begin();
        let mut whole = diagram.0;
        for arch in [Abi::X86_64.audit_arch(), Abi::I386.audit_arch()] {
            let mut numbers = self.store.at_word(diagram.0, 0, arch);
            for abi in Abi::ALL.into_iter().filter(|abi| abi.audit_arch() == arch) {
                for prototype in table::prototypes(abi) {
                    let nr = abi.bit() | prototype.number;
                    let before = self.store.at_word(numbers, NR, nr);
                    let mut after = before;
                    for (at, argument) in prototype.args.iter().enumerate() {
                        let unread = !(u64::MAX >> (64 - u32::from(argument.width)));
                        let bits = Bits::of(Field::Argument(at as u8), unread);
                        after = self.zero(after, bits, &mut HashMap::new())?;
                    }
                    if after != before {
                        let here = Test::Masked { mask: u32::MAX, value: nr };
                        numbers = self.store.test(NR, here, after, numbers)?;
                    }
                }
            }
            whole = self.store.test(0, Test::Masked { mask: u32::MAX, value: arch }, numbers, whole)?;
        }
        Ok(Diagram(whole))
    }

    /// A function where some bits are zero.
    fn zero(&mut self, at: Ref, bits: Bits, known: &mut HashMap<Ref, Ref>) -> Result<Ref, Error> {
        let level = self.store.level(at);
        if bits.is_empty() || at.is_terminal() || bits.before(level) {
            return Ok(at);
        }
        if let Some(known) = known.get(&at) {
            return Ok(*known);
        }
        self.store.step()?;
        let (low, high) = self.store.ways(at, level);
        let below = self.zero(low, bits, known)?;
        let made = match bits.has(level) {
            true => below,
            false => {
                let high = self.zero(high, bits, known)?;
                self.store.make(level, below, high)?
            }
        };
        known.insert(at, made);
        Ok(made)
    }
}
