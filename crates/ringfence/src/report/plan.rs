//! A plan as JSON: stable names, for programs that compare plans.

use serde::Serialize;

use crate::control::seccomp::Proof;
use crate::control::{Actual, Planned, Promise};
use crate::plan::{self, Mode, Plan};
use crate::policy::model::Aside;
use crate::policy::{Origin, Policy};

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'p> {
    version: u32,
    kind: &'static str,
    mode: &'static str,
    mode_because: Option<&'static str>,
    namespaces: Vec<&'static str>,
    program: Option<String>,
    wall_ms: Option<u128>,
    placeholders: Vec<String>,
    filter: Option<Filter<'p>>,
    steps: Vec<Step>,
    promises: Vec<Asked<'p>>,
    degraded: &'p [&'static str],
    aside: Vec<SetAside>,
}

#[derive(Serialize)]
struct Filter<'p> {
    instructions: usize,
    proven: bool,
    not_proven_because: Option<&'p str>,
}

#[derive(Serialize)]
struct SetAside {
    written: String,
    by: String,
}

#[derive(Serialize)]
struct Step {
    number: usize,
    control: String,
    stage: String,
    call: &'static str,
    arguments: String,
    policy: Option<String>,
}

#[derive(Serialize)]
struct Asked<'p> {
    name: &'static str,
    control: String,
    requested: &'p str,
    given: bool,
    missing: Option<&'p str>,
    policy: Option<String>,
}

/// The plan as one JSON document, indented, with a final newline. `proof`: of its filter.
#[must_use]
pub fn json(plan: &Plan<'_>, policy: &Policy, proof: Option<&Proof>) -> String {
    let (mode, because) = match plan.mode {
        Mode::InPlace => ("in-place", None),
        Mode::Supervised { why } => ("supervised", Some(why)),
    };
    let document = Document {
        version: VERSION,
        kind: "ringfence.plan",
        mode,
        mode_because: because,
        namespaces: plan::namespace_names(plan.namespaces()),
        program: plan.program.as_ref().map(|path| path.to_string_lossy().into_owned()),
        wall_ms: plan.wall.map(|wall| wall.as_millis()),
        placeholders: plan.placeholders.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        filter: proof.map(filter),
        steps: plan.steps.iter().enumerate().map(|(number, step)| one_step(number, step, policy)).collect(),
        promises: plan.promises.iter().map(|promise| asked(promise, policy)).collect(),
        degraded: &plan.degraded,
        aside: policy.aside.iter().map(|aside| set_aside(aside, policy)).collect(),
    };
    // Nothing in the document can fail to serialise: strings, numbers and lists of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn filter(proof: &Proof) -> Filter<'_> {
    match proof {
        Proof::Equal { instructions } => {
            Filter { instructions: *instructions, proven: true, not_proven_because: None }
        }
        Proof::TooComplex { instructions, why } => {
            Filter { instructions: *instructions, proven: false, not_proven_because: Some(why) }
        }
    }
}

fn set_aside(aside: &Aside, policy: &Policy) -> SetAside {
    SetAside { written: plan::quoted(aside.at, policy), by: plan::quoted(aside.by, policy) }
}

fn one_step(number: usize, planned: &Planned<'_>, policy: &Policy) -> Step {
    let detail = plan::detail(&planned.step);
    Step {
        number,
        control: plan::control_name(planned.control),
        stage: format!("{:?}", planned.stage).to_lowercase(),
        call: planned.step.name(),
        arguments: detail.trim_start_matches(" (").trim_end_matches(')').to_owned(),
        policy: line(planned.at, policy),
    }
}

fn asked<'p>(promise: &'p Promise, policy: &Policy) -> Asked<'p> {
    let missing = match &promise.actual {
        Actual::Full => None,
        Actual::Missing { why } => Some(why.as_str()),
    };
    Asked {
        name: promise.name,
        control: plan::control_name(promise.control),
        requested: &promise.requested,
        given: missing.is_none(),
        missing,
        policy: line(promise.at, policy),
    }
}

fn line(at: Option<Origin>, policy: &Policy) -> Option<String> {
    at.map(|at| plan::place(at, policy))
}
