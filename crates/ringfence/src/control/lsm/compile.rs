//! Model and host become promises; there are no steps yet.

use super::Model;
use crate::control::{Actual, Compiled, Control, Promise};
use crate::host::{Host, Reading};
use crate::policy::{At, model::Label};

/// Compiles the model. Inheriting asks for nothing and reads nothing.
pub fn compile<'a>(model: &Model, host: &Host) -> Compiled<'a> {
    let asked = [
        ("lsm.apparmor", "apparmor", "AppArmor profile", &model.apparmor),
        ("lsm.selinux", "selinux", "SELinux context", &model.selinux),
    ];
    let promises =
        asked.into_iter().filter_map(|(name, lsm, what, label)| promise(name, lsm, what, label, host));
    Compiled { steps: Vec::new(), promises: promises.collect() }
}

fn promise(name: &'static str, lsm: &str, what: &str, label: &At<Label>, host: &Host) -> Option<Promise> {
    let requested = match &label.value {
        Label::Inherit => return None,
        Label::Generate => format!("{what} made from this policy"),
        Label::Named(named) => format!("{what} {named}"),
    };
    let why = missing(lsm, host);
    Some(Promise {
        name,
        control: Control::Lsm,
        requested,
        actual: Actual::Missing { why },
        at: Some(label.at),
    })
}

fn missing(lsm: &str, host: &Host) -> String {
    let fact = host.lsms();
    match &fact.value {
        Reading::Known(active) if active.iter().any(|name| name == lsm) => {
            format!("{lsm} is active here, but attaching is not built yet: write \"inherit\"")
        }
        Reading::Known(active) => format!(
            "not available on this host: the active LSMs are {} (read from {}); a kernel with {lsm} on its \
             list (boot parameter lsm=) would give it",
            active.join(", "),
            fact.from
        ),
        Reading::Absent(why) => format!("not available on this host: {why}"),
        Reading::Unknown(why) => format!("whether this host has {lsm} is unknown: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Origin;

    const AT: Origin = Origin { source: 0, offset: 3, len: 4 };

    fn model(apparmor: Label, selinux: Label) -> Model {
        Model { apparmor: At { value: apparmor, at: AT }, selinux: At { value: selinux, at: AT } }
    }

    fn whys(compiled: &Compiled<'_>) -> Vec<(&'static str, String)> {
        let why = |promise: &Promise| match &promise.actual {
            Actual::Missing { why } => why.clone(),
            Actual::Full => panic!("{} is said to be kept", promise.name),
        };
        compiled.promises.iter().map(|promise| (promise.name, why(promise))).collect()
    }

    #[test]
    fn inheriting_asks_for_nothing() {
        let compiled = compile(&model(Label::Inherit, Label::Inherit), &Host::for_tests());
        assert!(compiled.steps.is_empty() && compiled.promises.is_empty());
    }

    #[test]
    fn what_the_host_has_not_is_missing_with_its_list() {
        let named = Label::Named("system_u:system_r:x_t".to_owned());
        let compiled = compile(&model(Label::Generate, named), &Host::for_tests());
        let whys = whys(&compiled);
        assert_eq!(whys.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["lsm.apparmor", "lsm.selinux"]);
        assert!(whys.iter().all(|(_, why)| why.contains("lockdown, capability, landlock")), "{whys:?}");
        assert!(compiled.promises.iter().all(|promise| promise.at == Some(AT)));
        assert!(compiled.promises[1].requested.contains("system_u:system_r:x_t"));
    }

    #[test]
    fn an_active_one_is_not_silently_accepted() {
        let host = Host::for_tests().with_lsms(Reading::Known(vec!["apparmor".to_owned()]));
        let compiled = compile(&model(Label::Named("p".to_owned()), Label::Inherit), &host);
        assert!(whys(&compiled)[0].1.contains("not built yet"));
    }

    #[test]
    fn an_unknown_list_is_said_to_be_unknown() {
        let host = Host::for_tests().with_lsms(Reading::Unknown("no securityfs".to_owned()));
        let compiled = compile(&model(Label::Generate, Label::Inherit), &host);
        assert!(whys(&compiled)[0].1.contains("unknown: no securityfs"));
    }
}
