//! Gaps in the serial numbers of events: each missing number is an event that was not received.
//!
//! Events can come out of order, because processors take numbers before they queue: a number that
//! comes late fills its gap.

use std::collections::BTreeSet;

/// How many missing numbers are remembered one by one; a larger gap is only counted.
const MOST: usize = 1 << 16;

/// The numbers seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Serials {
    highest: Option<u64>,
    missing: BTreeSet<u64>,
    counted: u64,
}

impl Serials {
    /// One record's number.
    pub fn see(&mut self, serial: u64) {
        match self.highest {
            Some(highest) if serial <= highest => {
                self.missing.remove(&serial);
            }
            Some(highest) => {
                let gap = serial - highest - 1;
                let room = (MOST - self.missing.len()) as u64;
                let kept = gap.min(room);
                // The newest are the likeliest to come late.
                self.missing.extend(serial - kept..serial);
                self.counted += gap - kept;
                self.highest = Some(serial);
            }
            None => self.highest = Some(serial),
        }
    }

    /// Numbers between the first and the highest that never came.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing.len() as u64 + self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(serials: &[u64]) -> u64 {
        let mut seen = Serials::default();
        serials.iter().for_each(|serial| seen.see(*serial));
        seen.missing()
    }

    #[test]
    fn gaps_are_counted() {
        assert_eq!(missing(&[]), 0);
        assert_eq!(missing(&[7, 7, 8, 8, 9]), 0);
        assert_eq!(missing(&[7, 10]), 2);
        assert_eq!(missing(&[1, 1_000_000]), 999_998);
    }

    #[test]
    fn what_comes_late_fills_its_gap() {
        assert_eq!(missing(&[7, 10, 9, 8]), 0);
        assert_eq!(missing(&[7, 10, 8]), 1);
        assert_eq!(missing(&[7, 9, 8, 8, 6]), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Serials::default();
        seen.see(1);
        seen.see(u64::MAX);
        assert_eq!(seen.missing(), u64::MAX - 2);
        assert_eq!(seen.missing.len(), MOST);
    }
}
