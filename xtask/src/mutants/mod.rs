//! `cargo xtask mutants-of-policy`: the verifier, verified. One thing at a time is weakened in the
//! plan; the claims stay those of the unweakened policy, and one of them must be found broken.

mod ground;
mod list;
mod page;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::witness::{self, Witnesses};
use ringfence::plan::{self, Plan};
use ringfence::policy::{self, Flag, Policy};
use ringfence::verify::claims::{self, Scene};
use ringfence::verify::{Claim, Intent, Options, Subject, Verdict, verify};

use ground::Ground;
use list::{Change, Dropped, Mutant};
use page::Row;
use ringfence_sys::step::{Dir, Slot, Step};

const HELP: &str = "\
cargo xtask mutants-of-policy [FILTER]

  FILTER   only mutants whose name has this word
  --write  all of them, and the table goes into docs/mutants.md of the working directory

Each row: the mutant, how it ended, and the claim that caught it. Exit status 1 where one survives.";

/// Claims whose depth is compared, for one mutant.
const MOST_FOR_DEPTH: usize = 12;

/// How a mutant ended.
enum End {
    /// A claim was found broken.
    Caught(String),
    /// The weakened plan cannot be compiled or carried out: nothing would be contained by it.
    Refused(String),
    /// Every claim still holds, but fewer controls hold one of them: `verify --depth` tells.
    Shallower(String),
    /// It is no weakness that an attempt inside could see; why.
    Equal(String),
    /// Nothing was noticed.
    Survived,
}

pub(crate) fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut write = false;
    let filter = match args.next().as_deref() {
        Some("--help" | "-h") => {
            println!("{HELP}");
            return Ok(());
        }
        Some("--write") => {
            write = true;
            String::new()
        }
        other => other.unwrap_or_default().to_owned(),
    };
    let root = std::env::current_dir()?;
    let ground = Ground::make()?;
    // The default policy gives the working directory: one that it gives anyway.
    std::env::set_current_dir("/usr/share")?;
    let base = Base::new(&ground)?;
    let mutants: Vec<Mutant> = list::all(&base.policy, &base.steps()?, &ground)
        .into_iter()
        .filter(|mutant| mutant.name.contains(&filter))
        .collect();
    base.sound()?;
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut survivors, mut rows) = (Vec::new(), Vec::new());
    for mutant in &mutants {
        let end = base.try_one(mutant)?;
        let (word, detail) = match &end {
            End::Caught(by) => ("caught", by.as_str()),
            End::Shallower(by) => ("shallower", by.as_str()),
            End::Refused(why) => ("refused", why.as_str()),
            End::Equal(why) => ("equal", why.as_str()),
            End::Survived => ("SURVIVED", ""),
        };
        *tally.entry(word).or_default() += 1;
        if matches!(end, End::Survived) {
            survivors.push(mutant.name.as_str());
        }
        let detail = detail.lines().next().unwrap_or_default();
        println!("{:<78} {word:<9} {detail}", mutant.name);
        rows.push(Row { name: mutant.name.clone(), word, detail: detail.to_owned() });
    }
    println!("\n{} mutants: {tally:?}", mutants.len());
    if write {
        std::fs::write(root.join("docs/mutants.md"), page::page(&rows, &tally, &ground.at("")))?;
    }
    if !survivors.is_empty() {
        bail!("{} mutants survived: {}", survivors.len(), survivors.join(", "));
    }
    Ok(())
}

/// The unweakened policy and what it claims.
struct Base {
    policy: Policy,
    flags: Vec<Flag>,
    host: Host,
    surroundings: Surroundings,
    claims: Vec<Claim>,
    witnesses: Witnesses,
}

impl Base {
    fn new(ground: &Ground) -> anyhow::Result<Self> {
        let (host, surroundings) = (Host::live(), Surroundings::live());
        let flags = ground.flags();
        let policy = load(&flags)?;
        let witnesses = Witnesses::put_up()?;
        let scene = Scene {
            entries: witness::entries()?,
            process: std::process::id(),
            umip: host.cpu().value.flags.contains("umip"),
            descriptor: witnesses.descriptor(),
            port: witnesses.port(),
            abstract_name: witnesses.name().map(str::to_owned),
            user: host.caller().value.euid,
            permitted: host.caller().value.permitted,
            landlock: host.landlock().value.abi,
        };
        let claims = {
            let arena = Bump::new();
            let plan = compile(&policy, &host, &surroundings, &arena)?;
            let subject = Subject { policy: &policy, plan: &plan, surroundings: &surroundings };
            claims::claims(&subject, &scene).map_err(|wrong| anyhow::anyhow!("{wrong}"))?
        };
        let claims = claims.into_iter().filter(|claim| claim.intent != Intent::Tell).collect();
        Ok(Self { policy, flags, host, surroundings, claims, witnesses })
    }

    /// The steps of the plan, in words.
    fn steps(&self) -> anyhow::Result<Vec<Dropped>> {
        let arena = Bump::new();
        let plan = compile(&self.policy, &self.host, &self.surroundings, &arena)?;
        let steps: Vec<Step<'_>> = plan.steps.iter().map(|planned| planned.step).collect();
        let words = plan.steps.iter().enumerate().map(|(number, planned)| {
            let detail: String = plan::detail(&planned.step).chars().take(60).collect();
            let words = format!("{}{detail}", planned.step.name());
            let path = path(&planned.step, &steps[number..]);
            let access = match planned.step {
                Step::LandlockPath { access, .. } => access,
                _ => 0,
            };
            let cover = path.as_ref().is_some_and(|path| path.starts_with("/proc"));
            Dropped { kind: planned.step.name(), words, at: planned.at, path, access, cover }
        });
        Ok(words.collect())
    }

    /// Without a weakness nothing is broken; otherwise no mutant means anything.
    fn sound(&self) -> anyhow::Result<()> {
        let arena = Bump::new();
        let plan = compile(&self.policy, &self.host, &self.surroundings, &arena)?;
        match self.broken(&plan, &self.claims.iter().collect::<Vec<_>>())? {
            None => Ok(()),
            Some(id) => bail!("the unweakened policy is broken already: {id}"),
        }
    }

    fn try_one(&self, mutant: &Mutant) -> anyhow::Result<End> {
        let arena = Bump::new();
        let mut claims: Vec<&Claim> = self.claims.iter().filter(|claim| mutant.concerns(claim)).collect();
        // What is about a path has to be noticed by a claim about it, where there is one.
        if claims.iter().any(|claim| mutant.names(claim)) {
            claims.retain(|claim| mutant.names(claim));
        }
        if claims.is_empty() {
            bail!("no claim concerns `{}`: {:?}", mutant.name, mutant.caught_by);
        }
        let mut plan = match &mutant.change {
            Change::Flags(more) => {
                let flags: Vec<Flag> = self.flags.iter().chain(more).cloned().collect();
                match load(&flags).and_then(|policy| self.compiled(policy, &arena)) {
                    Ok(plan) => plan,
                    Err(error) => return Ok(End::Refused(format!("{error:#}"))),
                }
            }
            _ => compile(&self.policy, &self.host, &self.surroundings, &arena)?,
        };
        match &mutant.change {
            Change::Flags(_) => {}
            Change::DropStep(at) => drop(plan.steps.remove(*at)),
            Change::Widen(at, rights) => {
                if let Step::LandlockPath { access, .. } = &mut plan.steps[*at].step {
                    *access |= rights;
                }
            }
            Change::Unhandle(right) => {
                for planned in &mut plan.steps {
                    match &mut planned.step {
                        Step::LandlockCreate { attr, .. } => attr.fs &= !right,
                        Step::LandlockPath { access, .. } => *access &= !right,
                        _ => {}
                    }
                }
                // A rule without any right is an error, landlock_add_rule(2).
                let empty = |step: &Step<'_>| matches!(step, Step::LandlockPath { access: 0, .. });
                plan.steps.retain(|planned| !empty(&planned.step));
            }
            Change::DropNamespace(flag) => plan.clone_flags &= !flag,
            Change::LeakDescriptor => {
                let kept = self.witnesses.descriptor() as u32;
                for planned in &mut plan.steps {
                    if let ringfence_sys::step::Step::CloseRange { last, .. } = &mut planned.step
                        && *last == u32::MAX
                    {
                        *last = kept - 1;
                    }
                }
            }
        }
        match self.broken(&plan, &claims) {
            Ok(Some(id)) => Ok(End::Caught(id)),
            Ok(None) => match (self.shallower(&plan, mutant)?, mutant.equal) {
                (End::Survived, Some(why)) => Ok(End::Equal(why.to_owned())),
                (end, _) => Ok(end),
            },
            Err(error) => Ok(End::Refused(format!("{error:#}"))),
        }
    }

    fn compiled<'a>(&self, policy: Policy, arena: &'a Bump) -> anyhow::Result<Plan<'a>> {
        compile(&policy, &self.host, &self.surroundings, arena)
    }

    /// Whether a claim of the same policy line has lost one of the controls that held it.
    fn shallower(&self, plan: &Plan<'_>, mutant: &Mutant) -> anyhow::Result<End> {
        let arena = Bump::new();
        let sound = compile(&self.policy, &self.host, &self.surroundings, &arena)?;
        let near = |claim: &&Claim| match (&mutant.path, mutant.at) {
            (Some(path), _) if path.len() > 1 => {
                claim.intent == Intent::Deny && claim.id.contains(path.as_str())
            }
            (Some(_), _) => claim.id == "file/deny/write/" || claim.id.starts_with("expect/deny"),
            (None, Some(at)) => claim.at == Some(at) && !claim.id.starts_with("gate/"),
            (None, None) => mutant.concerns(claim) && claim.intent == Intent::Deny,
        };
        let mut claims: Vec<&Claim> = self.claims.iter().filter(near).collect();
        if claims.is_empty() {
            claims = self.claims.iter().filter(|claim| claim.id.starts_with("expect/")).collect();
        }
        // Other paths that begin alike have longer names.
        claims.sort_by_key(|claim| claim.id.len());
        claims.truncate(MOST_FOR_DEPTH);
        let before = self.holding(&sound, &claims)?;
        let after = self.holding(plan, &claims)?;
        for (id, held) in &before {
            let lost = held.iter().find(|control| !after.get(id).is_some_and(|held| held.contains(control)));
            if let Some(lost) = lost {
                return Ok(End::Shallower(format!("{id} without {lost}")));
            }
        }
        Ok(End::Survived)
    }

    fn holding(&self, plan: &Plan<'_>, claims: &[&Claim]) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let subject = Subject { policy: &self.policy, plan, surroundings: &self.surroundings };
        let claims: Vec<Claim> = claims.iter().map(|claim| (*claim).clone()).collect();
        let report = verify(subject, &claims, Vec::new(), Options { depth: true }, &|_, _| {})?;
        let held = report.findings.into_iter().filter_map(|finding| {
            let controls = finding.holding?.iter().map(|control| plan::control_name(*control)).collect();
            Some((finding.id, controls))
        });
        Ok(held.collect())
    }

    /// The first claim that a plan breaks.
    fn broken(&self, plan: &Plan<'_>, claims: &[&Claim]) -> anyhow::Result<Option<String>> {
        let subject = Subject { policy: &self.policy, plan, surroundings: &self.surroundings };
        let claims: Vec<Claim> = claims.iter().map(|claim| (*claim).clone()).collect();
        let report = verify(subject, &claims, Vec::new(), Options::default(), &|_, _| {})?;
        let broken =
            report.findings.into_iter().find(|finding| matches!(finding.verdict, Verdict::Broken(_)));
        Ok(broken.map(|finding| finding.id))
    }
}

/// The path of the view that a step is about; of a detached tree the one that it is put at.
fn path(step: &Step<'_>, from_here: &[Step<'_>]) -> Option<String> {
    let text = |path: &std::ffi::CStr| path.to_string_lossy().into_owned();
    let put = |slot: Slot| {
        from_here.iter().find_map(|later| match later {
            Step::MoveMount { tree, path, .. } if *tree == slot => Some(format!("/{}", text(path))),
            _ => None,
        })
    };
    match step {
        Step::LandlockPath { path, .. } => Some(text(path)),
        Step::CloneTree { slot, .. } | Step::NewFilesystem { slot, .. } => put(*slot),
        // What is put nowhere is the root of the view.
        Step::MountSetattr { dir: Dir::Slot(slot), path, .. } if path.is_empty() => {
            put(*slot).or_else(|| Some("/".into()))
        }
        Step::MoveMount { path, .. } | Step::Mkdir { path, .. } | Step::Mkfile { path, .. } => {
            Some(format!("/{}", text(path)))
        }
        _ => None,
    }
}

fn load(flags: &[Flag]) -> anyhow::Result<Policy> {
    let none = |name: &str| Err(std::io::Error::other(format!("no file {name}")));
    policy::load(&policy::Request { policies: &[], flags, loader: &none })
        .map_err(|wrong| anyhow::anyhow!("{wrong}"))
}

fn compile<'a>(
    policy: &Policy,
    host: &Host,
    surroundings: &Surroundings,
    arena: &'a Bump,
) -> anyhow::Result<Plan<'a>> {
    let request = plan::Request {
        policy,
        command: &[],
        environment: &[],
        surroundings,
        terminal: 0,
        watched: false,
        traced: false,
    };
    plan::compile(&request, host, arena)
        .map_err(|failure| match failure {
            plan::Failure::Refused(list) => {
                anyhow::anyhow!(
                    "{}",
                    list.first().map_or_else(String::new, |refused| refused.message.clone())
                )
            }
            other => anyhow::anyhow!("{other}"),
        })
        .context("the plan is refused")
}
