//! What `cargo xtask bench detect` contains: `open FILE TIMES` opens and closes a file, and says the
//! nanoseconds of its own processor time for one, so that others at work change little; `refused TIMES` makes a directory where that is read-only; `gate TIMES` makes a
//! call that filters deny, reboot(2) without its magic numbers.

use std::arch::asm;

fn call(number: isize, a: usize, b: usize) -> isize {
    let answer: isize;
    // SAFETY: callers pass numbers, or a pointer to what lives across the call and has room.
    unsafe {
        asm!("syscall", inlateout("rax") number => answer, in("rdi") a, in("rsi") b, in("rdx") 0, in("r10") 0,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// clock_gettime(2) `CLOCK_PROCESS_CPUTIME_ID`, nanoseconds.
fn spent() -> f64 {
    let mut time = [0i64; 2];
    assert_eq!(call(228, 2, time.as_mut_ptr() as usize), 0);
    time[0] as f64 * 1e9 + time[1] as f64
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let times = |word: &str| word.parse::<u64>().expect("a number of times");
    match words[..] {
        ["open", file, n] => {
            let n = times(n);
            for _ in 0..n / 10 {
                drop(std::fs::File::open(file).expect("the file"));
            }
            let begun = spent();
            for _ in 0..n {
                drop(std::fs::File::open(file).expect("the file"));
            }
            println!("{:.1}", (spent() - begun) / n as f64);
        }
        ["refused", n] => (0..times(n)).for_each(|_| assert!(std::fs::create_dir("/usr/refused").is_err())),
        ["gate", n] => (0..times(n)).for_each(|_| assert!(call(169, 0, 0) < 0)),
        _ => panic!("open FILE TIMES, refused TIMES or gate TIMES"),
    }
}
