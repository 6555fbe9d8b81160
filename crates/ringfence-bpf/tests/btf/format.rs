//! As much of BTF as parameters of functions need. Source: `Documentation/bpf/btf.rst`.

use std::collections::HashMap;

/// What a parameter is.
pub(crate) enum Kind {
    Number { bytes: u32 },
    Pointer,
}

pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

struct Type<'a> {
    name: u32,
    kind: u32,
    /// Size or type, by kind.
    value: u32,
    data: &'a [u8],
}

pub(crate) struct Btf<'a> {
    types: Vec<Type<'a>>,
    strings: &'a [u8],
    functions: HashMap<&'a str, usize>,
}

const INT: u32 = 1;
const PTR: u32 = 2;
const ENUM: u32 = 6;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
/// typedef, volatile, const, restrict, type tag.
const THROUGH: [u32; 5] = [8, 9, 10, 11, 18];

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl<'a> Btf<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let head = word(bytes, 4)? as usize;
        let section = |at: usize| -> Option<&'a [u8]> {
            let (from, len) = (head + word(bytes, at)? as usize, word(bytes, at + 4)? as usize);
            bytes.get(from..from + len)
        };
        let (mut rest, strings) = (section(8)?, section(16)?);
        let mut btf = Self { types: Vec::new(), strings, functions: HashMap::new() };
        // Type 0 is void.
        btf.types.push(Type { name: 0, kind: 0, value: 0, data: &[] });
        while !rest.is_empty() {
            let (name, info, value) = (word(rest, 0)?, word(rest, 4)?, word(rest, 8)?);
            let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            let extra = match kind {
                1 | 14 | 17 => 4,
                3 => 12,
                4 | 5 | 15 | 19 => 12 * count,
                6 | 13 => 8 * count,
                _ => 0,
            };
            let data = rest.get(12..12 + extra)?;
            if kind == FUNC {
                let name = btf.string(name)?;
                let place = btf.types.len();
                btf.functions.insert(name, place);
            }
            btf.types.push(Type { name, kind, value, data });
            rest = &rest[12 + extra..];
        }
        Some(btf)
    }

    fn string(&self, at: u32) -> Option<&'a str> {
        let from = self.strings.get(at as usize..)?;
        std::str::from_utf8(from.split(|byte| *byte == 0).next()?).ok()
    }

    /// The parameters of a function, in order; `None` where the kernel has none of that name.
    pub(crate) fn function(&self, name: &str) -> Option<Vec<Parameter>> {
        let function = self.types.get(*self.functions.get(name)?)?;
        let proto = self.types.get(function.value as usize).filter(|proto| proto.kind == FUNC_PROTO)?;
        let parameter = |pair: &[u8]| {
            let name = self.string(word(pair, 0)?)?.to_owned();
            Some(Parameter { name, kind: self.kind(word(pair, 4)?)? })
        };
        proto.data.chunks(8).map(parameter).collect()
    }

    fn kind(&self, id: u32) -> Option<Kind> {
        let mut found = self.types.get(id as usize)?;
        while THROUGH.contains(&found.kind) {
            found = self.types.get(found.value as usize)?;
        }
        match found.kind {
            INT | ENUM => Some(Kind::Number { bytes: found.value }),
            PTR => Some(Kind::Pointer),
            _ => panic!("a parameter of kind {} ({:?})", found.kind, self.string(found.name)),
        }
    }
}
