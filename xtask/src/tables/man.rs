//! Argument names as the man pages of section 2 print them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the man pages.
pub(super) struct Manual {
    folder: PathBuf,
}

impl Manual {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("man2") }
    }

    /// The argument names of a call where its page has a prototype of as many arguments;
    /// otherwise none: a wrapper of the C library that differs from the call says nothing.
    pub(super) fn names(&self, call: &str, count: usize) -> Vec<String> {
        // The library's name of `pread64` is `pread`, of `newfstatat` `fstatat`.
        let others = [Some(call), call.strip_suffix("64"), call.strip_prefix("new")];
        let found = others.into_iter().flatten().map(|name| self.synopsis_of(name, count));
        found.into_iter().find(|names| !names.is_empty()).unwrap_or_default()
    }

    fn synopsis_of(&self, call: &str, count: usize) -> Vec<String> {
        let text = self.page(call).unwrap_or_default();
        let plain = text.replace("\\fB", "").replace("\\fI", "").replace("\\fP", "").replace("\\fR", "");
        let text: String = synopsis(&plain);
        for pattern in [format!(" {call}("), format!("*{call}("), format!("SYS_{call},")] {
            for (at, _) in text.match_indices(&pattern) {
                let rest = &text[at + pattern.len()..];
                let Some(end) = rest.find(");") else { continue };
                let names: Option<Vec<String>> = rest[..end].split(',').map(name).collect();
                if let Some(names) = names.filter(|names| names.len() == count) {
                    return names;
                }
            }
        }
        Vec::new()
    }

    /// The source of a page of section 2.
    pub(super) fn page(&self, call: &str) -> Option<String> {
        let file = self.folder.join(format!("{call}.2.gz"));
        let output = Command::new("gzip").arg("-dc").arg(&file).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match text.trim().strip_prefix(".so man2/") {
            Some(other) => self.page(other.strip_suffix(".2")?),
            None => Some(text),
        }
    }
}

/// The synopsis as plain C: macros and quotes of roff removed.
fn synopsis(page: &str) -> String {
    let page = page.split_once(".SH SYNOPSIS").map_or("", |(_, rest)| rest);
    let page = page.split(".SH ").next().unwrap_or_default();
    let mut text = String::new();
    for line in page.lines() {
        let line = match line.split_once(' ') {
            Some((tag, rest)) if tag.starts_with('.') => rest,
            None if line.starts_with('.') => "",
            _ => line,
        };
        text.push(' ');
        text += &line.replace(['"'], "").replace("\\~", " ").replace("\\ ", " ");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("* ", "*")
}

/// The name of one declared parameter.
fn name(parameter: &str) -> Option<String> {
    let parameter = parameter.split('[').next()?.trim();
    let parameter =
        parameter.split_once("(*").map_or(parameter, |(_, rest)| rest.split(')').next().unwrap_or(rest));
    let start = parameter.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let name = &parameter[start..];
    (!name.is_empty() && name.starts_with(|c: char| c.is_ascii_lowercase())).then(|| name.to_owned())
}
