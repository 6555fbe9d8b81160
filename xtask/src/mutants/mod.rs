//! `cargo xtask mutants-of-policy`: the verifier, verified. One thing at a time is weakened in the
//! plan; the claims stay those of the unweakened policy, and one of them must be found broken.

mod ground;
mod list;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use bumpalo::Bump;
use ringfence::host::Host;
use ringfence::host::path::Surroundings;
use ringfence::launch::witness::{self, Witnesses};
use ringfence::plan::{self, Plan};
use ringfence::policy::{self, Flag, Origin, Policy};
use ringfence::verify::claims::{self, Scene};
use ringfence::verify::{Claim, Intent, Options, Subject, Verdict, verify};

use ground::Ground;
use list::{Change, Mutant};

const HELP: &str = "\
cargo xtask mutants-of-policy [FILTER]

  FILTER   only mutants whose name has this word

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
    /// Nothing was noticed.
    Survived,
}

pub(crate) fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let filter = match args.next().as_deref() {
        Some("--help" | "-h") => {
            println!("{HELP}");
            return Ok(());
        }
        other => other.unwrap_or_default().to_owned(),
    };
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
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let end = base.try_one(mutant)?;
        let (word, detail) = match &end {
            End::Caught(by) => ("caught", by.as_str()),
            End::Shallower(by) => ("shallower", by.as_str()),
            End::Refused(why) => ("refused", why.as_str()),
            End::Survived => ("SURVIVED", ""),
        };
        *tally.entry(word).or_default() += 1;
        if matches!(end, End::Survived) {
            survivors.push(mutant.name.as_str());
        }
        println!("{:<58} {word:<9} {}", mutant.name, detail.lines().next().unwrap_or_default());
    }
    println!("\n{} mutants: {tally:?}", mutants.len());
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
    fn steps(&self) -> anyhow::Result<Vec<(String, Option<Origin>)>> {
        let arena = Bump::new();
        let plan = compile(&self.policy, &self.host, &self.surroundings, &arena)?;
        let words = plan.steps.iter().map(|planned| {
            let detail: String = plan::detail(&planned.step).chars().take(40).collect();
            (format!("{}{detail}", planned.step.name()), planned.at)
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
        let claims: Vec<&Claim> = self.claims.iter().filter(|claim| mutant.concerns(claim)).collect();
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
            Ok(None) => self.shallower(&plan, mutant),
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
        let near = |claim: &&Claim| match mutant.at {
            Some(at) => claim.at == Some(at) && !claim.id.starts_with("gate/"),
            None => claim.id.starts_with("expect/") || claim.id.starts_with("namespace/"),
        };
        let mut claims: Vec<&Claim> = self.claims.iter().filter(near).collect();
        if claims.is_empty() {
            claims = self.claims.iter().filter(|claim| claim.id.starts_with("expect/")).collect();
        }
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
