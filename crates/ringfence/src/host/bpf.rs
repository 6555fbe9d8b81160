//! Whether programs of ours can be security modules here. Documentation/bpf/prog_lsm.rst.

use super::{Fact, Host, Reading};
use crate::ebpf::guard;

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Why not, in words, where it is so. Asks the kernel itself last: some refuse what they list.
pub(super) fn read(host: &Host) -> Fact<Result<(), String>> {
    Fact::new(found(host), "the list of LSMs, capabilities(7), and bpf(2)")
}

fn found(host: &Host) -> Result<(), String> {
    let lsms = host.lsms();
    match &lsms.value {
        Reading::Known(active) if active.iter().any(|name| name == "bpf") => {}
        Reading::Known(active) => {
            return Err(format!(
                "bpf is not among the active LSMs, {} (read from {}): boot with `bpf` in lsm=",
                active.join(", "),
                lsms.from
            ));
        }
        other => return Err(format!("whether bpf is among the active LSMs is not known: {other:?}")),
    }
    let caller = &host.caller().value;
    let may = caller.has(CAP_SYS_ADMIN) || (caller.has(CAP_BPF) && caller.has(CAP_PERFMON));
    if !may || !host.initial_user_namespace().value {
        return Err(
            "it takes CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, in the first user namespace".to_owned()
        );
    }
    guard::probe().map_err(|absent| absent.to_string())
}

pub(super) fn synthetic() -> Result<(), String> {
    Ok(())
}
