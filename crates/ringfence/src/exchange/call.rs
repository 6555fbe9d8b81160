//! One call as a person writes it: `i386:openat(AT_FDCWD, "/etc/passwd", O_RDWR | O_CREAT)`.

use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{self, Abi};

use super::Error;

/// What stands for an address: a filter sees only that it is there.
pub const ADDRESS: u64 = 0x1000;

/// The input of a call. Arguments are numbers, constants joined by `|`, `_` for 0, or a text in
/// quotation marks for an address ([`ADDRESS`]). Negative numbers have all 64 bits, as a program that
/// passes them as `long` has; missing arguments are 0.
///
/// # Errors
/// Unknown names, more than six arguments, or what is no call.
pub fn parse(text: &str) -> Result<SeccompData, Error> {
    let wrong = |message: String| {
        Error::new(message).at(text).help("write `ABI:NAME(ARGUMENT, …)`; without ABI: x86_64")
    };
    let (head, arguments) = match text.split_once('(') {
        Some((head, rest)) => {
            let rest =
                rest.trim_end().strip_suffix(')').ok_or_else(|| wrong("no `)` at the end".to_owned()))?;
            (head.trim(), rest)
        }
        None => (text.trim(), ""),
    };
    let (abi, name) = match head.split_once(':') {
        Some((abi, name)) => {
            let known = Abi::ALL.map(Abi::name);
            (Abi::from_name(abi).ok_or_else(|| Error::unknown("ABI", abi, known.into_iter()).at(text))?, name)
        }
        None => (Abi::X86_64, head),
    };
    let number = match (name.parse::<u32>(), table::by_name(abi, name)) {
        (Ok(number), _) => number,
        (_, Some(prototype)) => prototype.number,
        _ => {
            let known = table::prototypes(abi).iter().map(|prototype| prototype.name);
            return Err(Error::unknown("system call", name, known).at(text));
        }
    };
    let mut args = [0; 6];
    let values = split(arguments);
    if values.len() > args.len() {
        return Err(wrong(format!("{} arguments; a system call has six at most", values.len())));
    }
    for (argument, value) in args.iter_mut().zip(values) {
        *argument = self::value(value).map_err(|error| error.at(text))?;
    }
    Ok(SeccompData { nr: number | abi.bit(), arch: abi.audit_arch(), instruction_pointer: 0, args })
}

/// The arguments: commas inside quotation marks do not count.
fn split(text: &str) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut quoted = false;
    let comma = |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    text.split(comma).map(str::trim).collect()
}

fn value(text: &str) -> Result<u64, Error> {
    if text == "_" {
        return Ok(0);
    }
    if text.starts_with('"') {
        return Ok(ADDRESS);
    }
    let mut value = 0;
    for word in text.split('|').map(str::trim) {
        let (negative, digits) = match word.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, word),
        };
        let number = match digits.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        };
        let part = match number.or_else(|| table::constant(word).map(|value| value as u64)) {
            Some(number) if negative => number.wrapping_neg(),
            Some(number) => number,
            None => {
                let known = table::constants().iter().map(|constant| constant.name);
                return Err(Error::unknown("constant", word, known));
            }
        };
        value |= part;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_as_written() {
        let data = parse("openat(AT_FDCWD, \"/etc, (x)\", O_RDWR | O_CREAT)").unwrap();
        assert_eq!((data.nr, data.arch), (257, table::AUDIT_ARCH_X86_64));
        assert_eq!(data.args[..3], [-100_i64 as u64, ADDRESS, 0o102]);
        assert_eq!(parse("i386:ioctl(0, 0x5412)").unwrap().args[1], 0x5412);
        assert_eq!(parse("x32:getpid").unwrap().nr, 0x4000_0027);
        assert_eq!(parse("x86_64:9999(-1)").unwrap().args[0], u64::MAX);
    }

    #[test]
    fn what_is_no_call_says_why() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert!(error("opnat()").contains("`openat`"));
        assert!(error("i368:getpid()").contains("`i386`"));
        assert!(error("openat(1").contains("no `)`"));
        assert!(error("read(O_RDWRR)").contains("O_RDWR"));
        assert!(error("read(1,2,3,4,5,6,7)").contains("six"));
    }
}
