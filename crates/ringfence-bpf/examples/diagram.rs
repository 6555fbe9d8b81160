//! Times raw BPF files as diagrams: `cargo run --release --example diagram FILE…`
#![allow(clippy::print_stdout)]
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::relate;
use std::time::Instant;

fn read(path: &str) -> Program {
    let bytes = std::fs::read(path).unwrap();
    Program::new(
        bytes
            .chunks(8)
            .map(|c| Insn {
                code: u16::from_le_bytes([c[0], c[1]]),
                jt: c[2],
                jf: c[3],
                k: u32::from_le_bytes([c[4], c[5], c[6], c[7]]),
            })
            .collect(),
    )
}
fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for f in &files {
        let p = read(f);
        let mut best = f64::MAX;
        let mut n = 0;
        let mut size = 0;
        for _ in 0..30 {
            let t = Instant::now();
            let mut s = Space::new(Limits::default());
            let d = s.program(&p).unwrap();
            best = best.min(t.elapsed().as_secs_f64() * 1e3);
            n = s.nodes();
            size = s.size(d);
        }
        let mut s = Space::new(Limits::default());
        let d = s.program(&p).unwrap();
        let t = Instant::now();
        let o = ringfence_bpf::compile::optimise(&mut s, d).unwrap();
        let took = t.elapsed().as_secs_f64() * 1e3;
        let proven = ringfence_bpf::prove::equal(&o, &p).unwrap();
        let cached = |p: &Program| {
            (0..500u32).filter(|n| ringfence_bpf::eval::cached(p.insns(), 0xc000003e, *n)).count()
        };
        println!(
            "  optimised {} of {}, {took:.2} ms, proven {}, cached {} {}",
            o.len(),
            p.len(),
            proven.is_none(),
            cached(&o),
            cached(&p)
        );
        for (n, a) in [(110u32, 0u64), (135, 0xffffffff), (41, 1), (449, 0), (248, 0), (56, 0)] {
            let d = ringfence_bpf::program::SeccompData {
                nr: n,
                arch: 0xc000003e,
                args: [a, 0, 0, 0, 0, 0],
                instruction_pointer: 0,
            };
            print!(
                " {n}:{}->{}",
                ringfence_bpf::eval::executed(p.insns(), &d).unwrap(),
                ringfence_bpf::eval::executed(o.insns(), &d).unwrap()
            );
        }
        println!();
        println!("{f}: {} insns, {best:.3} ms, {n} nodes, {size} in the function", p.len());
    }
    for pair in files.windows(2) {
        let mut s = Space::new(Limits::default());
        let (a, b) = (s.program(&read(&pair[0])).unwrap(), s.program(&read(&pair[1])).unwrap());
        let t = Instant::now();
        let eq = relate::equal(&mut s, a, b).unwrap();
        let e = t.elapsed().as_secs_f64() * 1e3;
        let t = Instant::now();
        let d = relate::difference(&mut s, a, b).unwrap();
        println!(
            "{} {}: equal {eq} {e:.4} ms, {} differences {:.3} ms",
            pair[0],
            pair[1],
            d.len(),
            t.elapsed().as_secs_f64() * 1e3
        );
        for x in d.iter().take(3) {
            println!(
                "   {:?} {:?} {:?} {}",
                x.calls,
                x.old,
                x.new,
                x.conditions.iter().flatten().map(|c| c.to_string()).collect::<Vec<_>>().join(" or ")
            );
        }
    }
}
