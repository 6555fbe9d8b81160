//! From the network's mode to steps.

use ringfence_sys::step::Step;

use super::model::Model;
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage};
use crate::policy::model::NetMode;

/// The one step that `loopback` needs, and what holds the mode.
///
/// The network namespace itself is made by `control/namespace`; its `lo` is down at first.
///
/// # Errors
/// A mode that contradicts the namespaces, or that nothing would hold.
pub fn compile(model: &Model) -> Result<Compiled<'static>, Refusal> {
    let refusal = |message: &str, help: &str| {
        Err(Refusal { message: message.to_owned(), help: help.to_owned(), at: model.mode_at })
    };
    let mut out = Compiled::default();
    let requested = match (model.mode, model.own_namespace) {
        (NetMode::None, false) if !model.families_filtered => {
            return refusal(
                "net.mode = \"none\" is held by nothing: there is no own network namespace, and no filter on address \
                 families",
                "add \"net\" to namespaces.unshare, or use syscalls.mode = \"filter\"",
            );
        }
        (NetMode::Loopback, false) => {
            return refusal(
                "net.mode = \"loopback\" needs an own network: without one, `lo` is the host's",
                "add \"net\" to namespaces.unshare",
            );
        }
        (NetMode::Host, true) => {
            return refusal(
                "net.mode = \"host\" and an own network namespace contradict each other",
                "remove \"net\" from namespaces.unshare, or use net.mode = \"loopback\"",
            );
        }
        (NetMode::None, true) => "no network: an empty network namespace, `lo` down",
        (NetMode::None, false) => "no network: no socket of an internet family",
        (NetMode::Loopback, true) => "an own network with `lo` up, and nothing else",
        (NetMode::Host, false) => "the host's network",
    };
    if model.mode == NetMode::Loopback {
        let step = Step::LoopbackUp;
        out.steps.push(Planned { stage: Stage::Names, control: Control::Net, step, at: model.mode_at });
    }
    out.promises.push(Promise {
        name: "net.mode",
        control: Control::Net,
        requested: requested.to_owned(),
        actual: Actual::Full,
        at: model.mode_at,
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(mode: NetMode, own_namespace: bool, families_filtered: bool) -> Model {
        Model { mode, mode_at: None, own_namespace, families_filtered }
    }

    fn steps(model: &Model) -> Result<Vec<&'static str>, String> {
        let out = compile(model).map_err(|refusal| refusal.message)?;
        Ok(out.steps.iter().map(|planned| planned.step.name()).collect())
    }

    #[test]
    fn only_loopback_raises_lo() {
        assert_eq!(steps(&model(NetMode::Loopback, true, true)), Ok(vec!["ioctl(SIOCSIFFLAGS)"]));
        assert_eq!(steps(&model(NetMode::None, true, true)), Ok(vec![]));
        assert_eq!(steps(&model(NetMode::Host, false, false)), Ok(vec![]));
    }

    #[test]
    fn none_without_a_namespace_needs_the_filter() {
        assert_eq!(steps(&model(NetMode::None, false, true)), Ok(vec![]));
        assert!(steps(&model(NetMode::None, false, false)).unwrap_err().contains("held by nothing"));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(steps(&model(NetMode::Loopback, false, true)).is_err());
        assert!(steps(&model(NetMode::Host, true, false)).is_err());
    }
}
