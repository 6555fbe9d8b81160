//! The machine that figures are from: a figure without it says nothing.

use std::fs::read_to_string;

/// What is said of it, in order, as name and value.
pub(crate) fn describe() -> Vec<(&'static str, String)> {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        ("processor", format!("{} × {}", cpus, processor())),
        ("kernel", line("/proc/sys/kernel/osrelease")),
        ("mounts", read_to_string("/proc/self/mountinfo").map_or(0, |text| text.lines().count()).to_string()),
        ("load average", load()),
    ]
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn line(path: &str) -> String {
    read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let text = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().map(str::trim) == Some(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let numbers = ["cpu family", "model"].map(|name| field(name).unwrap_or_default());
    let hypervisor = if text.contains(" hypervisor") { ", virtual machine" } else { "" };
    let name = field("model name").unwrap_or_else(|| "unknown".to_owned());
    format!("{name} (family {}, model {}{hypervisor})", numbers[0], numbers[1])
}
