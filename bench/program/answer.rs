//! What a filter costs each call: installs the seccomp program in a file, then makes calls, and
//! writes the nanoseconds that each took, a line each: the mean of the fastest batch.
//!
//! `answer FILE BATCHES CALLS NUMBER:ARG,ARG… …`; an empty FILE installs nothing. Arguments are
//! chosen by who calls it so that the kernel refuses the call at once or only reads.

use std::arch::asm;
use std::process::exit;
use std::time::Instant;

#[repr(C)]
struct Program {
    len: u16,
    filter: *const u8,
}

fn call(number: usize, a: [usize; 6]) -> isize {
    let answer: isize;
    // SAFETY: the caller passes numbers that the kernel does not take for addresses, or null.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a[0], in("rsi") a[1],
            in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5], lateout("rcx") _,
            lateout("r11") _, options(nostack));
    }
    answer
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(1)
}

fn install(path: &str) {
    let Ok(bytes) = std::fs::read(path) else { fail(&format!("cannot read {path}")) };
    let program = Program { len: (bytes.len() / 8) as u16, filter: bytes.as_ptr() };
    // prctl(PR_SET_NO_NEW_PRIVS), seccomp(SECCOMP_SET_MODE_FILTER).
    call(157, [38, 1, 0, 0, 0, 0]);
    if call(317, [1, 0, &raw const program as usize, 0, 0, 0]) != 0 {
        fail(&format!("the kernel does not take {path}"));
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [path, batches, calls, wanted @ ..] = &words[..] else { fail("answer FILE BATCHES CALLS CALL…") };
    let (Ok(batches), Ok(calls)) = (batches.parse::<usize>(), calls.parse::<u32>()) else {
        fail("not a number")
    };
    let parse = |word: &String| -> Option<(usize, [usize; 6])> {
        let (number, list) = word.split_once(':')?;
        let mut args = [0; 6];
        for (arg, text) in args.iter_mut().zip(list.split(',').filter(|text| !text.is_empty())) {
            *arg = text.parse().ok()?;
        }
        Some((number.parse().ok()?, args))
    };
    let wanted: Vec<_> = wanted.iter().map(|word| parse(word).unwrap_or_else(|| fail(word))).collect();
    if !path.is_empty() {
        install(path);
    }
    let mut results = Vec::new();
    for (number, args) in &wanted {
        let times = (0..batches).map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                call(*number, *args);
            }
            start.elapsed().as_nanos() as f64 / f64::from(calls)
        });
        results.push(times.fold(f64::INFINITY, f64::min));
    }
    for result in results {
        println!("{result}");
    }
}
