//! The tables against a running kernel and against syscalls(2): what each has, and how often they
//! agree. Texts come from the caller; nothing here reads a file.
//!
//! A kernel is asked by its symbols, not by calls: `/proc/kallsyms` names every entry point, and a
//! weak one (`COND_SYSCALL`, `kernel/sys_ni.c`) is `sys_ni_syscall` by another name, so that the
//! number answers ENOSYS. That holds for Linux 4.17 and later, where entry points have the prefixes
//! `__x64_` and `__ia32_`.

use std::collections::{BTreeMap, BTreeSet};

use crate::table::{self, Abi, Prototype, Version};

/// Entry points of a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kernel {
    release: Version,
    /// By symbol: whether there is code behind it.
    symbols: BTreeMap<String, bool>,
}

/// What syscalls(2) says: calls with the kernel that brought them and remarks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manual {
    calls: BTreeMap<String, (Version, String)>,
}

/// Why a text says nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// No symbol of an entry point.
    #[error("the symbols name no entry point: the kernel is older than 4.17, or hides its symbols")]
    Symbols,
    /// No table of calls.
    #[error("the page has no table of calls")]
    Page,
    /// The release is no version.
    #[error(transparent)]
    Release(#[from] table::BadVersion),
}

/// The table of one ABI against a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entries {
    /// Which.
    pub abi: Abi,
    /// Calls that both have, and calls that neither has.
    pub agree: usize,
    /// Calls that the table has code for and this build of the kernel has left out: ENOSYS.
    pub left_out: Vec<&'static Prototype>,
    /// Calls that are newer than this kernel: ENOSYS.
    pub newer: Vec<&'static Prototype>,
    /// Calls that should be there by their version, and are not: the table is wrong, or the vendor
    /// has changed the kernel.
    pub absent: Vec<&'static Prototype>,
    /// Calls that should not be there yet by their version, and are.
    pub early: Vec<&'static Prototype>,
}

/// syscalls(2) against a kernel, for x86_64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Calls of this kernel that the page names.
    pub named: usize,
    /// Calls of this kernel that the page does not name.
    pub unnamed: Vec<&'static str>,
    /// Calls that the page names without remark and with a version up to this kernel's, for which
    /// the kernel has no code.
    pub without_code: Vec<&'static str>,
    /// Calls for which the page has another version than the table: call, page, table.
    pub versions: Vec<(&'static str, Version, Version)>,
}

impl Kernel {
    /// From the texts of `/proc/kallsyms` and of `uname -r`.
    ///
    /// # Errors
    ///
    /// Where the texts name no entry point, or no version.
    pub fn new(kallsyms: &str, release: &str) -> Result<Self, Unusable> {
        let mut symbols = BTreeMap::new();
        for line in kallsyms.lines() {
            let mut fields = line.split_whitespace().skip(1);
            let (Some(kind), Some(name)) = (fields.next(), fields.next()) else { continue };
            if name.starts_with("__x64_") || name.starts_with("__ia32_") {
                symbols.insert(name.to_owned(), kind.eq_ignore_ascii_case("t"));
            }
        }
        if !symbols.contains_key("__x64_sys_read") {
            return Err(Unusable::Symbols);
        }
        Ok(Self { release: release.trim().parse()?, symbols })
    }

    /// Its version.
    pub fn release(&self) -> Version {
        self.release
    }

    /// Whether it has entry points for an ABI: a kernel built without x32 or i386 has none.
    pub fn has(&self, abi: Abi) -> bool {
        let symbol = match abi {
            Abi::X86_64 => return true,
            Abi::I386 => "__ia32_compat_sys_execve",
            Abi::X32 => "__x64_compat_sys_execve",
        };
        self.symbols.contains_key(symbol)
    }

    /// Whether there is code behind a call; `None` where it has no such entry point.
    pub fn code(&self, prototype: &Prototype) -> Option<bool> {
        let prefix = if prototype.abi == Abi::I386 { "__ia32_" } else { "__x64_" };
        self.symbols.get(&format!("{prefix}{}", prototype.entry()?)).copied()
    }

    /// Every call of an ABI against this kernel; `None` where it has not the ABI.
    pub fn entries(&self, abi: Abi) -> Option<Entries> {
        if !self.has(abi) {
            return None;
        }
        let mut found = Entries {
            abi,
            agree: 0,
            left_out: Vec::new(),
            newer: Vec::new(),
            absent: Vec::new(),
            early: Vec::new(),
        };
        for prototype in table::prototypes(abi).iter().filter(|prototype| prototype.entry().is_some()) {
            match (self.code(prototype), prototype.since <= self.release) {
                (Some(true), true) => found.agree += 1,
                (Some(false), true) => {
                    found.agree += 1;
                    found.left_out.push(prototype);
                }
                (None, false) => {
                    found.agree += 1;
                    found.newer.push(prototype);
                }
                (None, true) => found.absent.push(prototype),
                (Some(_), false) => found.early.push(prototype),
            }
        }
        Some(found)
    }

    /// Entry points of a kernel newer than the table that no table has: its new calls, and calls of
    /// other architectures. Empty for a kernel that is not newer.
    pub fn unknown(&self) -> Vec<&str> {
        let newest = table::KERNEL.parse::<Version>();
        if newest.is_ok_and(|newest| self.release <= newest) {
            return Vec::new();
        }
        let all = Abi::ALL.into_iter().flat_map(|abi| table::prototypes(abi).iter());
        let known: BTreeSet<&str> = all.filter_map(Prototype::entry).collect();
        let names = self.symbols.keys().filter_map(|symbol| symbol.strip_prefix("__x64_"));
        names.filter(|name| !known.contains(name)).collect()
    }
}

impl Manual {
    /// From the roff source of syscalls(2).
    ///
    /// # Errors
    ///
    /// [`Unusable::Page`].
    pub fn new(page: &str) -> Result<Self, Unusable> {
        let table = page.split_once(".TS").and_then(|(_, rest)| rest.split_once(".TE"));
        let (table, _) = table.ok_or(Unusable::Page)?;
        let (mut rows, mut cell) = (String::new(), false);
        for line in table.lines().filter(|line| !line.starts_with(".\\\"")) {
            if let Some(rest) = line.strip_prefix("T}") {
                cell = false;
                rows += rest.trim_end_matches("T{");
            } else {
                rows += line.trim_end_matches("T{");
            }
            cell |= line.ends_with("T{");
            rows.push(if cell { ' ' } else { '\n' });
        }
        for markup in ["\\f[B]", "\\f[I]", "\\f[]", "\\fB", "\\fI", "\\fP", "\\fR", ".BR ", ".B ", ".IR "] {
            rows = rows.replace(markup, "");
        }
        let row = |row: &str| {
            let mut fields = row.split('\t').map(str::trim);
            let name = fields.next()?.strip_suffix("(2)")?.trim().to_owned();
            let version = fields.next()?.split(';').next()?.parse().ok()?;
            Some((name, (version, fields.next().unwrap_or_default().to_owned())))
        };
        let calls: BTreeMap<String, (Version, String)> = rows.lines().filter_map(row).collect();
        if calls.len() < 100 {
            return Err(Unusable::Page);
        }
        Ok(Self { calls })
    }

    /// How many calls it lists.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it lists none: never, as [`Self::new`] fails then.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The page against a kernel and against the table.
    pub fn compare(&self, kernel: &Kernel) -> Page {
        let mut page = Page { named: 0, unnamed: Vec::new(), without_code: Vec::new(), versions: Vec::new() };
        let first = Version::new(2, 6, 0);
        for prototype in table::prototypes(Abi::X86_64) {
            let code = kernel.code(prototype) == Some(true);
            match self.calls.get(prototype.name) {
                Some((version, remark)) => {
                    page.named += usize::from(code);
                    if !code && remark.is_empty() && *version <= kernel.release {
                        page.without_code.push(prototype.name);
                    }
                    // The page does not say when a call came to x86_64, which is as old as 2.6.
                    if prototype.entry().is_some() && (*version).max(first) != prototype.since {
                        page.versions.push((prototype.name, *version, prototype.since));
                    }
                }
                None if code => page.unnamed.push(prototype.name),
                None => {}
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "0 T __x64_sys_read\n0 T __x64_sys_fchroot\n0 W __x64_sys_acct\n0 T __ia32_sys_read\n\
                           0 T __ia32_compat_sys_execve\n0 t __x64_sys_brand_new\n0 T unrelated\n";

    #[test]
    fn kernels() {
        let kernel = Kernel::new(SYMBOLS, "6.12.5-amd64\n").unwrap();
        assert!(kernel.has(Abi::X86_64) && kernel.has(Abi::I386) && !kernel.has(Abi::X32));
        assert_eq!(kernel.entries(Abi::X32), None);
        let found = kernel.entries(Abi::X86_64).unwrap();
        let names = |list: &[&Prototype]| list.iter().map(|p| p.name).collect::<Vec<_>>();
        assert_eq!(names(&found.early), ["fchroot"]);
        assert_eq!(names(&found.left_out), ["acct"]);
        assert!(names(&found.newer).contains(&"listns") && names(&found.absent).contains(&"write"));
        assert_eq!(found.agree, 2 + found.newer.len());
        assert!(kernel.unknown().is_empty(), "older than the table");
        let newer = Kernel::new(SYMBOLS, "9.1").unwrap();
        assert_eq!(newer.unknown(), ["sys_brand_new"]);
        assert_eq!(Kernel::new("0 T SyS_read", "4.9"), Err(Unusable::Symbols));
        assert!(matches!(Kernel::new(SYMBOLS, "nonsense"), Err(Unusable::Release(_))));
    }

    #[test]
    fn pages() {
        let mut text = String::from(".TS\nl l l.\n\\fBSystem call\\fP\t\\fBKernel\\fP\t\\fBNotes\\fP\n");
        text += "\\fBread\\fP(2)\t1.0\n\\f[B]fchroot\\f[](2)\t6.99\nT{\n.BR acct (2)\nT}\t1.0\tT{\nOld\nT}\n.\\\" comment\n";
        for at in 0..100 {
            text += &format!("filler{at}(2)\t2.6.{}\n", at % 30);
        }
        let manual = Manual::new(&(text + ".TE\n")).unwrap();
        assert_eq!(manual.len(), 103);
        let page = manual.compare(&Kernel::new(SYMBOLS, "7.3").unwrap());
        assert_eq!((page.named, page.without_code.len()), (2, 0), "the remark excuses acct");
        assert_eq!(page.versions, [("fchroot", Version::new(6, 99, 0), Version::new(7, 3, 0))]);
        assert!(page.unnamed.is_empty());
        assert_eq!(Manual::new("no table"), Err(Unusable::Page));
    }
}
