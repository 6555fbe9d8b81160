//! A system call as a person reads it: name and arguments, with strings and addresses from the
//! caller's memory where a filter's registers only point.

use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{self, Abi, Argument as Parameter, Prototype};

use super::text::Text;
use super::{Argument, Operation, Value, address, constant};

/// The longest string that is kept: `PATH_MAX` of linux/limits.h.
pub const MAX_STRING: usize = 4096;

/// The memory of whoever makes the call.
pub trait Memory {
    /// Reads what there is at `address`, up to the first page that cannot be read.
    ///
    /// # Errors
    /// Why nothing could be read.
    fn read(&self, address: u64, room: &mut [u8]) -> Result<usize, String>;

    /// Whether arguments and environment of programs may be looked at: they may hold secrets.
    fn tells_arguments(&self) -> bool {
        false
    }
}

/// Arguments whose memory is looked at although their C type does not say that it is a name.
const STRINGS: [(&str, &str); 6] = [
    ("mount", "dev_name"),
    ("mount", "dir_name"),
    ("mount", "type"),
    ("umount2", "name"),
    ("utime", "filename"),
    ("utimes", "filename"),
];

/// Names without an end: the next argument has their length.
const SIZED: [(&str, &str); 2] = [("sethostname", "name"), ("setdomainname", "name")];

/// `const char *` arguments that are data, which may be secret, and not names.
const DATA: [&str; 8] =
    ["buf", "ubuf", "uargs", "u_msg_ptr", "_callout_info", "cmdline_ptr", "addr", "_description"];

/// What a call is, and what its arguments are.
pub fn decode(data: &SeccompData, memory: &dyn Memory) -> Operation {
    let Some((abi, number)) = Abi::of(data) else {
        return Operation { call: None, abi: None, number: Some(data.nr), arguments: Vec::new() };
    };
    let prototype = table::by_number(abi, number);
    let arguments = prototype.map(|prototype| arguments(prototype, data, memory)).unwrap_or_default();
    Operation {
        call: prototype.map(|prototype| prototype.name),
        abi: Some(abi),
        number: Some(data.nr),
        arguments,
    }
}

/// A call by its registers, as a rule of `syscalls.deny` names it: `socket(family: 2, type: 1)`. What is
/// a pointer is left out. `None` for what the tables do not have, and for other ABIs than x86_64, which a
/// rule does not tell apart.
#[must_use]
pub fn rule(data: &SeccompData) -> Option<String> {
    let (Abi::X86_64, number) = Abi::of(data)? else { return None };
    let prototype = table::by_number(Abi::X86_64, number)?;
    let words = prototype.args.iter().zip(data.args).filter(|(parameter, _)| !parameter.pointer);
    let one = |(parameter, word): (&Parameter, u64)| {
        let word = word & (u64::MAX >> (64 - u32::from(parameter.width)));
        // Flags of a socket's type are no part of what a rule compares.
        let type_alone = parameter.name == "type" && matches!(prototype.name, "socket" | "socketpair");
        let word = if type_alone { word & 0xf } else { word };
        format!("{}: {word:#x}", parameter.name)
    };
    let words: Vec<String> = words.map(one).collect();
    Some(if words.is_empty() {
        prototype.name.to_owned()
    } else {
        format!("{}({})", prototype.name, words.join(", "))
    })
}

fn arguments(prototype: &'static Prototype, data: &SeccompData, memory: &dyn Memory) -> Vec<Argument> {
    let words = prototype.args.iter().zip(data.args);
    let length = |at: usize| data.args.get(at + 1).map_or(0, |len| *len as usize);
    let value = |at: usize, parameter: &Parameter, word: u64| {
        let word = word & (u64::MAX >> (64 - u32::from(parameter.width)));
        if !parameter.pointer {
            return Value::Word(number(prototype.name, parameter, word));
        }
        match () {
            () if word == 0 => Value::Word("NULL".to_owned()),
            () if is_string(prototype.name, parameter) => string(word, MAX_STRING, memory),
            () if SIZED.contains(&(prototype.name, parameter.name)) => {
                string(word, length(at).min(MAX_STRING), memory)
            }
            () if memory.tells_arguments() && matches!(parameter.name, "argv" | "envp") => {
                strings(word, prototype.abi, memory)
            }
            () if parameter.ctype == "struct sockaddr *" && sends(prototype.name) => {
                socket_address(word, length(at), memory)
            }
            () => Value::Pointer(word),
        }
    };
    let named = |(at, (parameter, word)): (usize, (&'static Parameter, u64))| Argument {
        name: parameter.name,
        value: value(at, parameter, word),
    };
    words.enumerate().map(named).collect()
}

fn is_string(call: &str, parameter: &Parameter) -> bool {
    (parameter.ctype == "const char *" && !DATA.contains(&parameter.name))
        || STRINGS.contains(&(call, parameter.name))
}

/// Arguments that are names, by their places from 0: what [`decode`] reads as strings.
pub(crate) fn names(prototype: &Prototype) -> impl Iterator<Item = usize> {
    let places = prototype.args.iter().enumerate();
    places.filter(|(_, parameter)| is_string(prototype.name, parameter)).map(|(place, _)| place)
}

/// Whether the string at `place` is looked up from the directory that the argument before it is.
pub(crate) fn from_directory(prototype: &Prototype, place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| prototype.args.get(before));
    before.is_some_and(|parameter| ["dfd", "dirfd"].iter().any(|end| parameter.name.ends_with(end)))
}

/// The argument whose length is the next one's value: an address, or how a file is opened.
pub(crate) fn sized(prototype: &Prototype) -> Option<usize> {
    let is = |parameter: &&Parameter| match parameter.ctype {
        "struct sockaddr *" => sends(prototype.name),
        "struct open_how *" => true,
        _ => false,
    };
    prototype.args.iter().position(|parameter| is(&parameter))
}

/// Calls that hand an address to the kernel; the others get one from it.
fn sends(call: &str) -> bool {
    matches!(call, "bind" | "connect" | "sendto")
}

fn number(call: &str, parameter: &Parameter, word: u64) -> String {
    if let Some(shown) = constant::show(call, parameter.name, word) {
        return shown;
    }
    let signed = match parameter.width {
        64 => word as i64,
        32 => i64::from(word as u32 as i32),
        16 => i64::from(word as u16 as i16),
        _ => i64::from(word as u8 as i8),
    };
    match parameter.name {
        "dfd" | "olddfd" | "newdfd" | "from_dfd" | "to_dfd" if signed == -100 => "AT_FDCWD".to_owned(),
        "mode" => format!("{word:#o}"),
        _ if parameter.signed => signed.to_string(),
        _ if word < 1 << 16 => word.to_string(),
        _ => format!("{word:#x}"),
    }
}

/// Up to its end, or `most` bytes.
fn string(at: u64, most: usize, memory: &dyn Memory) -> Value {
    let mut room = [0; MAX_STRING];
    match memory.read(at, &mut room[..most]) {
        Ok(len) => match room[..len].iter().position(|byte| *byte == 0) {
            Some(end) => Value::String(Text::new(&room[..end])),
            None if len < MAX_STRING && len == most => Value::String(Text::new(&room[..len])),
            None => Value::String(Text::beginning(&room[..len])),
        },
        Err(why) => Value::Unread(at, why),
    }
}

/// A null-terminated vector of strings, as far as it is short.
fn strings(at: u64, abi: Abi, memory: &dyn Memory) -> Value {
    const MOST: u64 = 64;
    const LONGEST: usize = 256;
    let width = if abi == Abi::X86_64 { 8 } else { 4 };
    let mut shown = Vec::new();
    for number in 0..MOST {
        let mut word = [0; 8];
        if memory.read(at + number * width, &mut word[..width as usize]).is_err() {
            break;
        }
        let place = u64::from_le_bytes(word);
        if place == 0 {
            return Value::Word(format!("[{}]", shown.join(", ")));
        }
        let mut room = [0; LONGEST];
        let Ok(len) = memory.read(place, &mut room) else { break };
        let text = match room[..len].iter().position(|byte| *byte == 0) {
            Some(end) => Text::new(&room[..end]),
            None => Text::beginning(&room[..len]),
        };
        shown.push(text.to_string());
    }
    Value::Word(format!("[{}, ...]", shown.join(", ")))
}

fn socket_address(at: u64, len: usize, memory: &dyn Memory) -> Value {
    let mut room = [0; address::MAX];
    let room = &mut room[..len.min(address::MAX)];
    match memory.read(at, room) {
        Ok(len) => Value::Address(address::show(&room[..len])),
        Err(why) => Value::Unread(at, why),
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.call, self.number, self.abi) {
            (Some(call), ..) => f.write_str(call)?,
            (None, Some(number), Some(abi)) => write!(f, "call {} of {}", number & !abi.bit(), abi.name())?,
            (None, Some(number), None) => write!(f, "call {number} of another architecture")?,
            (None, None, _) => f.write_str("an unknown call")?,
        }
        f.write_str("(")?;
        for (at, argument) in self.arguments.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", argument.name, argument.value)?;
        }
        f.write_str(")")?;
        match self.abi {
            Some(abi) if self.call.is_some() && abi != Abi::X86_64 => write!(f, " of {}", abi.name()),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) | Self::Address(word) => f.write_str(word),
            Self::String(text) => write!(f, "{text}"),
            Self::Pointer(at) => write!(f, "{at:#x}"),
            Self::Unread(at, why) => write!(f, "{at:#x} (unread: {why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that has these bytes at this address, and nothing else.
    struct At(u64, &'static [u8]);

    impl Memory for At {
        fn read(&self, address: u64, room: &mut [u8]) -> Result<usize, String> {
            let from =
                address.checked_sub(self.0).map(|from| from as usize).filter(|from| *from < self.1.len());
            let Some(from) = from else { return Err("EFAULT".into()) };
            let len = room.len().min(self.1.len() - from);
            room[..len].copy_from_slice(&self.1[from..from + len]);
            Ok(len)
        }
    }

    fn shown(abi: Abi, call: &str, args: &[u64], memory: &At) -> String {
        let nr = table::call(call).unwrap().number(abi).unwrap() | abi.bit();
        let mut data = SeccompData { nr, arch: abi.audit_arch(), ..SeccompData::default() };
        data.args[..args.len()].copy_from_slice(args);
        decode(&data, memory).to_string()
    }

    #[test]
    fn arguments_are_named_and_read() {
        let memory = At(0x1000, b"/etc/sh\x1badow\0rest");
        assert_eq!(
            shown(Abi::X86_64, "openat", &[(-100_i64) as u64, 0x1000, 0o2000000, 0], &memory),
            "openat(dfd: AT_FDCWD, filename: \"/etc/sh\\x1badow\", flags: O_RDONLY|O_CLOEXEC, mode: 0o0)"
        );
        assert_eq!(
            shown(Abi::X86_64, "mkdir", &[0x9000, 0o755], &memory),
            "mkdir(pathname: 0x9000 (unread: EFAULT), mode: 0o755)"
        );
        assert_eq!(
            shown(Abi::X86_64, "socket", &[0x1_0000_0002, 1, 0], &memory),
            "socket(family: AF_INET, type: SOCK_STREAM, protocol: 0)"
        );
    }

    #[test]
    fn every_abi_has_its_own_numbers() {
        let memory = At(0, b"");
        assert_eq!(
            shown(Abi::I386, "unshare", &[0x1000_0000], &memory),
            "unshare(unshare_flags: CLONE_NEWUSER) of i386"
        );
        let unknown = SeccompData { nr: 4000, arch: table::AUDIT_ARCH_X86_64, ..SeccompData::default() };
        assert_eq!(decode(&unknown, &memory).to_string(), "call 4000 of x86_64()");
        let foreign = SeccompData { nr: 1, arch: 7, ..SeccompData::default() };
        assert_eq!(decode(&foreign, &memory).to_string(), "call 1 of another architecture()");
    }

    #[test]
    fn addresses_are_read_as_far_as_the_caller_says() {
        let memory = At(0x100, &[2, 0, 1, 187, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(shown(Abi::X86_64, "connect", &[3, 0x100, 16], &memory).contains("uservaddr: 10.0.0.1:443"));
        assert!(shown(Abi::X86_64, "connect", &[3, 0x100, 4], &memory).contains("AF_INET, cut off"));
        assert!(shown(Abi::X86_64, "accept", &[3, 0x100, 16], &memory).contains("upeer_sockaddr: 0x100"));
    }

    #[test]
    fn data_is_never_read() {
        let memory = At(0x100, b"secret\0");
        let shown = shown(Abi::X86_64, "write", &[1, 0x100, 6], &memory);
        assert!(!shown.contains("secret"), "{shown}");
        let shown = self::shown(Abi::X86_64, "add_key", &[0x100, 0x100, 0x100, 6, 0], &memory);
        assert_eq!(shown.matches("secret").count(), 1, "{shown}");
    }

    #[test]
    fn a_string_without_an_end_is_marked() {
        assert!(shown(Abi::X86_64, "chdir", &[0x10], &At(0x10, b"/a/b")).contains("\"/a/b\"..."));
    }
}
