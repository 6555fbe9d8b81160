//! What cargo alone cannot do.

mod tables;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("tables") => tables::run(args),
        _ => anyhow::bail!("usage: cargo xtask tables ..."),
    }
}
