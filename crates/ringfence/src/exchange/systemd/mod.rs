//! systemd units: every directive of systemd.exec(5) that becomes a seccomp filter.
//!
//! Source: systemd.exec(5), and what systemd 252 was seen to load. Each directive is a filter of its
//! own for each ABI, which allows the other ABIs; they are loaded in a fixed order. Groups are those
//! of the table of names. A unit in a drop-in directory, and what the manager adds by itself, is not
//! part of the text and not imported.

mod directive;
mod setting;

use std::collections::BTreeSet;

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::table::Abi;

use super::libseccomp::{Filter as Rules, Rule};
use super::{Error, Filter, Gate, Imported, Language, Note};
use setting::{Settings, Source};

/// The order in which systemd looks at ABIs: the native one last.
const ABIS: [Abi; 3] = [Abi::I386, Abi::X32, Abi::X86_64];

pub(super) fn import(text: &str, name: &str) -> Result<Imported, Error> {
    let mut settings = Settings::default();
    for line in setting::lines(text, name)? {
        settings.take(&line)?;
    }
    let mut unit = Unit { blocked: BTreeSet::new(), stack: Vec::new(), name };
    directive::apply(&settings, &mut unit)?;
    let mut notes = settings.notes;
    if unit.stack.is_empty() {
        notes.push(Note::new("no directive of this unit becomes a filter: everything is allowed"));
    }
    if !settings.elsewhere.is_empty() {
        let names: Vec<String> = settings.elsewhere.into_iter().collect();
        let text = format!("names that x86 does not have, and which say nothing: {}", names.join(", "));
        notes.push(Note::new(text));
    }
    let gate = Gate { name: String::new(), stack: unit.stack };
    Ok(Imported { language: Language::Systemd, gates: vec![gate], notes })
}

/// The filters so far.
struct Unit<'a> {
    /// ABIs that `SystemCallArchitectures=` has closed: later filters leave them out.
    blocked: BTreeSet<Abi>,
    stack: Vec<Filter>,
    name: &'a str,
}

impl Unit<'_> {
    /// One filter for each ABI that is open.
    fn each(
        &mut self,
        source: &Source,
        default: Action,
        rules: impl Fn(Abi) -> Option<Vec<Rule>>,
    ) -> Result<(), Error> {
        for abi in ABIS {
            if self.blocked.contains(&abi) {
                continue;
            }
            let Some(rules) = rules(abi) else { continue };
            let label = format!("{} on {}", source.directive, abi.name());
            let filter = Rules {
                abis: AbiSet::NONE.with(abi),
                default,
                bad_arch: Action::Allow,
                rules,
                origins: vec![format!("{}:{}", self.name, source.line)],
            };
            self.push(label, filter)?;
        }
        Ok(())
    }

    fn push(&mut self, label: String, filter: Rules) -> Result<(), Error> {
        let place = filter.origins.first().cloned().unwrap_or_default();
        let contradicts =
            |_| Error::new(format!("libseccomp refuses the rules of {label}")).at(place.clone());
        let listing = filter.listing().map_err(contradicts)?;
        self.stack.push(Filter::listing(label, listing));
        Ok(())
    }
}
