//! The committed eBPF objects, loaded into the running kernel as root; and that nothing of them is
//! left once their descriptors are closed.

use std::time::{Duration, Instant};

use ringfence::ebpf::{Absent, DENIAL, Kernel, Place};

/// Ids of the programs of this name that the kernel has.
fn loaded(name: &str) -> Vec<u32> {
    // One that ends between being listed and being asked for is an error.
    let programs = aya::programs::loaded_programs().filter_map(Result::ok);
    programs.filter(|program| program.name_as_str() == Some(name)).map(|program| program.id()).collect()
}

#[test]
fn an_object_is_loaded_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: ebpf::an_object_is_loaded_and_leaves_nothing: needs root");
        return;
    }
    let kernel = Kernel::open().unwrap();
    let before = loaded("gate_left");
    let mut ebpf = kernel.load(DENIAL, |_| {}).unwrap();
    kernel.attach(&mut ebpf, "gate_left", Place::Tracepoint("sys_exit")).unwrap();
    let mut ours = loaded("gate_left");
    ours.retain(|id| !before.contains(id));
    assert!(!ours.is_empty(), "nothing is loaded");
    drop(ebpf);
    // The kernel lets go of a link after a grace period.
    let deadline = Instant::now() + Duration::from_secs(10);
    // Other programs of this name come and go meanwhile.
    while loaded("gate_left").iter().any(|id| ours.contains(id)) {
        assert!(Instant::now() < deadline, "the program is still loaded");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_the_kernel_does_not_have_is_an_error_in_words() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: ebpf::what_the_kernel_does_not_have_is_an_error_in_words: needs root");
        return;
    }
    let kernel = Kernel::open().unwrap();
    let mut ebpf = kernel.load(DENIAL, |_| {}).unwrap();
    let error = kernel.attach(&mut ebpf, "gate_left", Place::Tracepoint("no_such_event")).unwrap_err();
    assert!(matches!(error, Absent::NoPlace { .. }), "{error}");
    assert!(error.to_string().contains("the tracepoint no_such_event"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}
