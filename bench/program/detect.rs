//! What `cargo xtask bench detect` contains: `open FILE TIMES` opens and closes a file, and says the
//! nanoseconds of one; `refused TIMES` makes a directory where that is read-only; `gate TIMES` makes a
//! call that filters deny, reboot(2) without its magic numbers.

use std::arch::asm;
use std::time::Instant;

fn gate() -> isize {
    let answer: isize;
    // SAFETY: without its magic numbers reboot(2) is EINVAL or EPERM, and takes numbers alone.
    unsafe {
        asm!("syscall", inlateout("rax") 169_isize => answer, in("rdi") 0, in("rsi") 0, in("rdx") 0, in("r10") 0,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
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
            let begun = Instant::now();
            for _ in 0..n {
                drop(std::fs::File::open(file).expect("the file"));
            }
            println!("{:.1}", begun.elapsed().as_nanos() as f64 / n as f64);
        }
        ["refused", n] => (0..times(n)).for_each(|_| assert!(std::fs::create_dir("/usr/refused").is_err())),
        ["gate", n] => (0..times(n)).for_each(|_| assert!(gate() < 0)),
        _ => panic!("open FILE TIMES, refused TIMES or gate TIMES"),
    }
}
