//! The kernel's floor: what a launcher's calls cost when nothing else is done. One program a level
//! (`--cfg a`, `b`, `c`, `d`), which makes the containment that `bench/policies/LEVEL.toml` asks for by
//! the fewest calls known, with no error channel, no arguments to parse and nothing to decide.
//! `cargo xtask bench calls` shows where ringfence makes other calls than these.
//!
//! `floor PROGRAM [ARGUMENT…]`
#![no_std]
#![no_main]
#![allow(dead_code, static_mut_refs)]

#[path = "gate.rs"]
mod gate;

use gate::exit;

/// `struct sock_filter`s as the policy of this level compiles to.
static FILTER: &[u8] = include_bytes!(env!("FILTER"));

static mut STACKS: [[u64; 1024]; 2] = [[0; 1024]; 2];
static mut COMMAND: *const usize = core::ptr::null();
static mut ID_MAPS: [[u8; 32]; 2] = [[0; 32]; 2];
static mut ID_MAP_LENGTHS: [usize; 2] = [0; 2];

macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {{
        let mut all = [0usize; 6];
        let given: &[usize] = &[$($argument as usize),*];
        let mut at = 0;
        while at < given.len() { all[at] = given[at]; at += 1; }
        gate::call($number, all)
    }};
}

/// Ends with the step's number where a call fails, so that a broken floor is seen.
macro_rules! must {
    ($step:expr, $($call:tt)*) => {{
        let answer = call!($($call)*);
        if answer < 0 { exit($step) }
        answer
    }};
}

const AT_FDCWD: isize = -100;
const RDONLY_NOSUID_NODEV: u64 = 7;
const MS_PRIVATE: u64 = 1 << 18;

#[unsafe(no_mangle)]
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: one thread; argv[1] is at stack + 2 words.
    unsafe { COMMAND = stack.add(2) };
    #[cfg(a)]
    in_place();
    #[cfg(not(a))]
    supervised()
}

#[cfg(a)]
fn in_place() -> ! {
    must!(1, 157, 38, 1);
    landlock();
    must!(3, 436, 3, u32::MAX, 0);
    command()
}

/// Everything that file rights, ports and scopes are handled for; reading and execution below `/`.
#[cfg(a)]
fn landlock() {
    let handled: [u64; 3] = [0xffff, 3, 3];
    let ruleset = must!(2, 444, handled.as_ptr(), 24, 0);
    let root = must!(2, 257, AT_FDCWD, c"/".as_ptr(), 0o12000000, 0);
    #[repr(C, packed)]
    struct Beneath(u64, i32);
    let rule = Beneath(0xd, root as i32);
    must!(2, 445, ruleset, 1, &raw const rule, 0);
    call!(3, root);
    must!(2, 446, ruleset, 0);
    call!(3, ruleset);
}

#[cfg(not(a))]
fn supervised() -> ! {
    let (uid, gid) = (call!(107) as u32, call!(108) as u32);
    // SAFETY: one thread.
    unsafe {
        ID_MAP_LENGTHS = [id_map(&mut ID_MAPS[0], uid), id_map(&mut ID_MAPS[1], gid)];
    }
    // User, mount, pid, ipc and uts namespaces.
    let mut namespaces = 0x1000_0000 | 0x2_0000 | 0x2000_0000 | 0x800_0000 | 0x400_0000u64;
    if cfg!(not(b)) {
        namespaces |= 0x4000_0000;
    }
    let clone_vm = 0x100;
    let child = clone(clone_vm | namespaces, 0, init);
    let mut status = 0i32;
    must!(11, 61, child, &raw mut status, 0x4000_0000, 0);
    exit(if status & 0x7f == 0 { status >> 8 & 0xff } else { 128 + (status & 0x7f) })
}

/// `ID ID 1`
fn id_map(text: &mut [u8; 32], id: u32) -> usize {
    let mut length = 0;
    for _ in 0..2 {
        let mut divisor = 1_000_000_000;
        while divisor > 1 && id / divisor == 0 {
            divisor /= 10;
        }
        while divisor > 0 {
            text[length] = b'0' + (id / divisor % 10) as u8;
            length += 1;
            divisor /= 10;
        }
        text[length] = b' ';
        length += 1;
    }
    text[length] = b'1';
    length + 1
}

/// clone3(2) onto one of the two stacks; the child calls `entry`.
fn clone(flags: u64, stack: usize, entry: extern "C" fn() -> !) -> isize {
    let sigchld = 17;
    // SAFETY: each stack is used once.
    let base = unsafe { STACKS[stack].as_ptr() } as u64;
    let arguments: [u64; 8] = [flags, 0, 0, 0, sigchld, base, 8192, 0];
    let answer: isize;
    // SAFETY: the child has a stack of its own and leaves by `call` into what never returns.
    unsafe {
        core::arch::asm!("syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "call r12", "ud2", "2:",
            inlateout("rax") 435isize => answer, in("rdi") arguments.as_ptr(), in("rsi") 64, in("r12") entry,
            lateout("rcx") _, lateout("r11") _);
    }
    if answer < 0 {
        exit(10)
    }
    answer
}

/// The child: makes the view and gives up what it holds, then waits for the command.
extern "C" fn init() -> ! {
    must!(20, 157, 1, 9);
    id_maps();
    let nodes = [c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/urandom", c"/dev/tty"]
        .map(|path| must!(22, 428, AT_FDCWD, path.as_ptr(), 0o2000001));
    let attributes = [RDONLY_NOSUID_NODEV, 0, MS_PRIVATE, 0];
    let recursive = 0x8000;
    must!(23, 442, AT_FDCWD, c"/".as_ptr(), recursive, attributes.as_ptr(), 32);
    let private = 2 | 4 | 8;
    must!(24, 165, c"tmpfs".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), private, c"mode=1777".as_ptr());
    let proc = c"proc".as_ptr();
    must!(25, 165, proc, c"/proc".as_ptr(), proc, private | 1, c"".as_ptr());
    devices(nodes);
    credentials();
    let clone_vm_vfork = 0x4100;
    let child = clone(clone_vm_vfork, 1, command_of_init);
    must!(40, 436, 0, u32::MAX, 0);
    let mut status = 0i32;
    while call!(61, -1isize, &raw mut status, 0x4000_0000, 0) != child {}
    exit(if status & 0x7f == 0 { status >> 8 & 0xff } else { 128 + (status & 0x7f) })
}

fn id_maps() {
    // SAFETY: written before the child existed.
    let maps =
        unsafe { [(ID_MAPS[0].as_ptr(), ID_MAP_LENGTHS[0]), (ID_MAPS[1].as_ptr(), ID_MAP_LENGTHS[1])] };
    let files = [
        (c"/proc/self/setgroups", (c"deny".as_ptr().cast(), 4)),
        (c"/proc/self/uid_map", maps[0]),
        (c"/proc/self/gid_map", maps[1]),
    ];
    for (path, (text, length)) in files {
        let file = must!(21, 257, AT_FDCWD, path.as_ptr(), 1, 0);
        must!(21, 1, file, text, length);
        call!(3, file);
    }
}

fn devices(nodes: [isize; 5]) {
    let dev = filesystem(c"tmpfs", &[(c"mode", c"0755")], 2 | 4 | 8);
    attach(dev, AT_FDCWD, c"/dev");
    for (node, name) in nodes.into_iter().zip([c"null", c"zero", c"full", c"urandom", c"tty"]) {
        must!(31, 259, dev, name.as_ptr(), 0o100666, 0);
        attach(node, dev, name);
        call!(3, node);
    }
    let links = [
        (c"fd", c"/proc/self/fd"),
        (c"stdin", c"/proc/self/fd/0"),
        (c"stdout", c"/proc/self/fd/1"),
        (c"stderr", c"/proc/self/fd/2"),
        (c"ptmx", c"pts/ptmx"),
        (c"random", c"urandom"),
    ];
    for (name, target) in links {
        must!(32, 266, target.as_ptr(), dev, name.as_ptr());
    }
    must!(33, 258, dev, c"shm".as_ptr(), 0o1777);
    must!(33, 268, dev, c"shm".as_ptr(), 0o1777);
    must!(33, 258, dev, c"pts".as_ptr(), 0o755);
    let pts = filesystem(c"devpts", &[(c"ptmxmode", c"0666"), (c"mode", c"0620")], 2 | 8);
    attach(pts, dev, c"pts");
    call!(3, pts);
    call!(3, dev);
}

fn filesystem(
    kind: &core::ffi::CStr,
    options: &[(&core::ffi::CStr, &core::ffi::CStr)],
    attributes: u64,
) -> isize {
    let context = must!(34, 430, kind.as_ptr(), 1);
    for (key, value) in options {
        must!(34, 431, context, 1, key.as_ptr(), value.as_ptr(), 0);
    }
    must!(34, 431, context, 6, 0, 0, 0);
    let mount = must!(34, 432, context, 1, attributes);
    call!(3, context);
    mount
}

fn attach(tree: isize, dir: isize, path: &core::ffi::CStr) {
    must!(35, 429, tree, c"".as_ptr(), dir, path.as_ptr(), 4);
}

/// All securebits and no capability, no new ones, out of reach, and gone with its maker.
fn credentials() {
    must!(36, 157, 28, 0xef);
    let header = [0x2008_0522u32, 0];
    let none = [0u32; 6];
    must!(36, 126, header.as_ptr(), none.as_ptr());
    must!(36, 157, 38, 1);
    must!(36, 157, 4, 0);
    must!(36, 157, 1, 9);
}

extern "C" fn command_of_init() -> ! {
    must!(50, 112);
    must!(51, 80, c"/".as_ptr());
    must!(52, 436, 3, u32::MAX, 0);
    command()
}

/// Signals as a fresh program expects them, the filter where the level has one, execve(2).
fn command() -> ! {
    let default = [0usize; 4];
    must!(53, 13, 13, default.as_ptr(), 0, 8);
    let none = 0u64;
    must!(53, 14, 2, &raw const none, 0, 8);
    if !FILTER.is_empty() {
        let program = [FILTER.len() / 8, FILTER.as_ptr() as usize];
        must!(54, 317, 1, 0, program.as_ptr());
    }
    // SAFETY: argv of this program, less its first word; the environment follows it.
    unsafe {
        let mut end = COMMAND;
        while *end != 0 {
            end = end.add(1);
        }
        call!(59, *COMMAND, COMMAND, end.add(1));
    }
    exit(127)
}
