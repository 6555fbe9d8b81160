//! A truncation that is found is one: the kernel takes both inputs for the same call.

use std::thread;

use ringfence_bpf::diagram::Space;
use ringfence_bpf::disassemble::assemble;
use ringfence_bpf::filter::Action;
use ringfence_bpf::finding::{self, Id};

use crate::call;

const EPERM: isize = -1;
const CLOSE: usize = 3;
const SOCKET: u32 = 41;

/// `socket(AF_UNIX, …)` denied as a 64-bit value: the witness gets one all the same.
#[test]
fn a_denied_family_passes_with_other_bits_above() {
    let program = assemble(
        "ld [arch]\njeq #AUDIT_ARCH_X86_64, next, allow\nld [nr]\njeq #x86_64:socket, next, allow\n\
         ld [arg0.high]\njeq #0, next, allow\nld [arg0.low]\njeq #1, deny, allow\n\
         allow: ret ALLOW\ndeny: ret ERRNO(EPERM)",
    )
    .unwrap();
    let mut space = Space::default();
    let filter = space.program(&program).unwrap();
    let found = finding::check(&mut space, filter, &[&program]).unwrap();
    let hole = found.iter().find(|found| found.id == Id::TruncationBypass).unwrap();
    let [denied, runs] = hole.witnesses[..] else { panic!("{hole:#?}") };
    assert_eq!((denied.data.nr, denied.action, runs.action), (SOCKET, Action::Errno(1), Action::Allow));
    thread::spawn(move || {
        call::no_new_privs();
        assert_eq!(call::install(program.insns()), 0);
        // A stream of no protocol, whatever the witness has there: the filter looks at the family.
        let socket = |family: u64| {
            // SAFETY: a descriptor of this process, or an error.
            unsafe { call::raw(SOCKET as usize, [family as usize, 1, 0, 0, 0, 0]) }
        };
        assert_eq!(socket(denied.data.args[0]), EPERM);
        let descriptor = socket(runs.data.args[0]);
        assert!(descriptor >= 0, "socket({:#x}) answers {descriptor}", runs.data.args[0]);
        // SAFETY: the descriptor is ours and nobody else has seen it.
        assert_eq!(unsafe { call::raw(CLOSE, [descriptor as usize, 0, 0, 0, 0, 0]) }, 0);
    })
    .join()
    .unwrap();
}
