//! Amounts with units: bytes, time, processors, counts.

use super::Fault;
use crate::policy::diagnostic::quote;

const SIZE_HELP: &str = "write bytes as a number with K, M, G or T (powers of 1024), such as \"512M\"";
const DURATION_HELP: &str =
    "write numbers with d, h, m, s or ms, largest first, such as \"10m\" or \"1h30m\"";

/// A limit, or `unlimited`: what a lower layer limited is not limited by the policy any more.
pub(crate) fn unless_unlimited<T>(
    text: &str,
    parse: fn(&str) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    if text == "unlimited" { Ok(None) } else { parse(text).map(Some) }
}

/// Bytes: `2G`, `512M`, `64K`, or a plain number.
pub(crate) fn size(text: &str) -> Result<u64, Fault> {
    let fault = || Fault::value(text, format!("{} is not a size", quote(text)), SIZE_HELP);
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        Some(b'T') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let number = digits_only(digits).ok_or_else(fault)?;
    number.checked_shl(shift).filter(|bytes| bytes >> shift == number).ok_or_else(|| too_large(text))
}

/// Bytes, at least one page: with less no program starts.
pub(crate) fn memory(text: &str) -> Result<u64, Fault> {
    match size(text)? {
        bytes if bytes < 4096 => {
            let help = "give at least 4K; a real program needs megabytes";
            Err(Fault::value(text, "no program runs in so little memory", help))
        }
        bytes => Ok(bytes),
    }
}

/// Milliseconds: `10m`, `1h30m`, `500ms`, `10s`.
pub(crate) fn duration(text: &str) -> Result<u64, Fault> {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let fault = || Fault::value(text, format!("{} is not a duration", quote(text)), DURATION_HELP);
    let (mut rest, mut total, mut units) = (text, 0u64, &UNITS[..]);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = digits_only(&rest[..digits]).ok_or_else(fault)?;
        let letters = &rest[digits..];
        let unit = &letters[..letters.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(letters.len())];
        let index = units.iter().position(|(name, _)| *name == unit).ok_or_else(fault)?;
        let part = number.checked_mul(units[index].1).ok_or_else(|| too_large(text))?;
        total = total.checked_add(part).ok_or_else(|| too_large(text))?;
        units = &units[index + 1..];
        rest = &letters[unit.len()..];
    }
    if total == 0 {
        return Err(Fault::value(text, "a duration of nothing", DURATION_HELP));
    }
    Ok(total)
}

/// Seconds, written as a duration: RLIMIT_CPU knows nothing shorter.
pub(crate) fn seconds(text: &str) -> Result<u64, Fault> {
    match duration(text)? {
        milliseconds if milliseconds % 1000 == 0 => Ok(milliseconds / 1000),
        _ => {
            Err(Fault::value(text, "RLIMIT_CPU counts whole seconds", "write whole seconds, such as \"10s\""))
        }
    }
}

/// Thousandths of a processor: `1.5` is 1500.
pub(crate) fn processors(text: &str) -> Result<u64, Fault> {
    const HELP: &str = "write processors as a number from 0.01 to 8192, such as 1.5";
    let number: f64 = text
        .parse()
        .map_err(|_| Fault::value(text, format!("{} is not a number of processors", quote(text)), HELP))?;
    // 8192 is the largest CONFIG_NR_CPUS of x86-64 (arch/x86/Kconfig).
    if !(0.01..=8192.0).contains(&number) {
        return Err(Fault::value(text, format!("{} processors cannot be given", quote(text)), HELP));
    }
    Ok((number * 1000.0).round() as u64)
}

/// A number of things, at least one.
pub(crate) fn count(text: &str) -> Result<u64, Fault> {
    match digits_only(text) {
        Some(0) => Err(Fault::value(text, "with none of them no program starts", "write a number from 1")),
        Some(number) if number <= u64::from(u32::MAX) => Ok(number),
        Some(_) => Err(too_large(text)),
        None if text.starts_with(|c: char| c.is_ascii_digit())
            && text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Err(too_large(text))
        }
        None => {
            Err(Fault::value(text, format!("{} is not a count", quote(text)), "write a whole number from 1"))
        }
    }
}

/// A decimal number without sign, space or separator.
pub(crate) fn digits_only(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn too_large(text: &str) -> Fault {
    let help = "write \"unlimited\" where there is to be no limit";
    Fault::value(text, format!("{} is more than the kernel can count", quote(text)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("512M"), Ok(512 << 20));
        assert_eq!(size("64K"), Ok(65536));
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("16777215T"), Ok(16_777_215 << 40));
        for bad in ["", "G", "2g", "2GB", "2GiB", "-1", "+1", " 1", "1 ", "1.5G", "0x10", "16777216T", "ä"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert!(size("99999999999999999999").is_err());
        assert!(memory("4095").is_err() && memory("4K") == Ok(4096));
    }

    #[test]
    fn durations_go_from_large_to_small() {
        assert_eq!(duration("10m"), Ok(600_000));
        assert_eq!(duration("1h30m"), Ok(5_400_000));
        assert_eq!(duration("500ms"), Ok(500));
        assert_eq!(duration("1d1h1m1s1ms"), Ok(90_061_001));
        for bad in ["", "10", "m", "1m1h", "1s1s", "1x", "0s", "1.5s", "-1s", "1 s", "1sec", "ä", "1ä"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("99999999999999999d").is_err());
        assert_eq!(seconds("2m"), Ok(120));
        assert!(seconds("1500ms").is_err());
    }

    #[test]
    fn processors_are_thousandths() {
        assert_eq!(processors("1.5"), Ok(1500));
        assert_eq!(processors("2"), Ok(2000));
        assert_eq!(processors("0.01"), Ok(10));
        for bad in ["0", "0.009", "-1", "nan", "inf", "8193", "", "one"] {
            assert!(processors(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_begin_at_one() {
        assert_eq!(count("256"), Ok(256));
        for bad in ["0", "-1", "4294967296", "99999999999999999999", "x", ""] {
            assert!(count(bad).is_err(), "{bad}");
        }
        assert_eq!(unless_unlimited("unlimited", count), Ok(None));
        assert_eq!(unless_unlimited("7", count), Ok(Some(7)));
    }
}
