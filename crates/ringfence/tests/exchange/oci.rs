//! OCI profiles against libseccomp.

use std::collections::BTreeSet;

use ringfence::exchange::{Capabilities, Conditions, Kernel, Language};
use ringfence_bpf::filter::Action;
use ringfence_bpf::relate::{self, Calls};
use ringfence_bpf::table;
use serde_json::{Value, json};

use super::libseccomp::{Made, Script, oracle, run};
use super::{corpus, diagram, import, no_files, options, same, space};

/// What a container engine asks libseccomp for, from the text alone: this is the other path, and
/// shares nothing with the importer.
fn script(profile: &Value, capabilities: Option<&[&str]>, kernel: (u32, u32)) -> Script {
    let action = |name: &str, errno: u32| match name {
        "SCMP_ACT_ALLOW" => 0x7fff_0000,
        "SCMP_ACT_ERRNO" => 0x0005_0000 | errno,
        "SCMP_ACT_KILL" => 0,
        "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        "SCMP_ACT_LOG" => 0x7ffc_0000,
        "SCMP_ACT_TRAP" => 0x0003_0000,
        other => panic!("{other}"),
    };
    let number = |value: &Value| value.as_u64().map(|value| value as u32);
    let default =
        action(profile["defaultAction"].as_str().unwrap(), number(&profile["defaultErrnoRet"]).unwrap_or(1));
    let mut script = Script(format!("init {default}\n"));
    let listed = profile["archMap"].as_array().into_iter().flatten();
    let subs = listed.filter(|entry| entry["architecture"] == "SCMP_ARCH_X86_64");
    let subs = subs.flat_map(|entry| entry["subArchitectures"].as_array().cloned().unwrap_or_default());
    for arch in subs.chain(profile["architectures"].as_array().cloned().unwrap_or_default()) {
        let name = arch.as_str().unwrap().trim_start_matches("SCMP_ARCH_").to_lowercase();
        script.say(format_args!("arch {name}"));
    }
    for entry in profile["syscalls"].as_array().into_iter().flatten() {
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        let has = |cap: &String| capabilities.is_none_or(|caps| caps.contains(&cap.as_str()));
        let least = |value: &Value| {
            let text = value["minKernel"].as_str()?;
            let (major, minor) = text.split_once('.').unwrap();
            Some((major.parse::<u32>().unwrap(), minor.parse::<u32>().unwrap()))
        };
        let (includes, excludes) = (&entry["includes"], &entry["excludes"]);
        let arches = strings(&includes["arches"]);
        if strings(&excludes["arches"]).contains(&"amd64".to_owned())
            || strings(&excludes["caps"]).iter().any(has)
            || (!arches.is_empty() && !arches.contains(&"amd64".to_owned()))
            || !strings(&includes["caps"]).iter().all(has)
            || least(includes).is_some_and(|least| kernel < least)
            || least(excludes).is_some_and(|least| kernel >= least)
        {
            continue;
        }
        let answer = action(entry["action"].as_str().unwrap(), number(&entry["errnoRet"]).unwrap_or(1));
        if answer != default {
            rules(entry, answer, &mut script);
        }
    }
    script
}

fn rules(entry: &Value, answer: u32, script: &mut Script) {
    const OPS: [&str; 8] = ["", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
    let mut arguments = Vec::new();
    let mut indices = BTreeSet::new();
    for argument in entry["args"].as_array().into_iter().flatten() {
        let op = argument["op"].as_str().unwrap().trim_start_matches("SCMP_CMP_");
        let op = OPS.iter().position(|known| *known == op).unwrap();
        let two = argument["valueTwo"].as_u64().unwrap_or(0);
        indices.insert(argument["index"].as_u64().unwrap());
        arguments.push(format!("{} {op} {} {two}", argument["index"], argument["value"]));
    }
    for name in entry["names"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        if indices.len() < arguments.len() {
            for argument in &arguments {
                script.say(format_args!("rule {answer} 0 {name} 1 {argument}"));
            }
        } else {
            script.say(format_args!("rule {answer} 0 {name} {} {}", arguments.len(), arguments.join(" ")));
        }
    }
}

/// A profile without the names that an older libseccomp does not know.
fn without(profile: &Value, unknown: &[String]) -> Value {
    let mut profile = profile.clone();
    let known = |name: &Value| !unknown.iter().any(|other| name == other.as_str());
    let entries = profile["syscalls"].as_array_mut().unwrap();
    for entry in entries.iter_mut() {
        entry["names"].as_array_mut().unwrap().retain(known);
    }
    entries.retain(|entry| !entry["names"].as_array().unwrap().is_empty());
    profile
}

fn compare(what: &str, profile: &Value, capabilities: Option<&[&str]>, kernel: (u32, u32)) {
    let Some(oracle) = oracle(what) else { return };
    let Made::Program(theirs, unknown, absent) = run(oracle, &script(profile, capabilities, kernel)) else {
        panic!("{what}: libseccomp refuses it");
    };
    let text = without(profile, &unknown).to_string();
    let set = match capabilities {
        None => Capabilities::All,
        Some(names) => Capabilities::Only(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let conditions = Conditions { capabilities: set, kernel: Kernel(kernel.0, kernel.1) };
    let ours =
        ringfence::exchange::import(text.as_bytes(), what, Language::Oci, &options(conditions, &no_files));
    let mut space = space();
    let ours = diagram(&mut space, &ours.unwrap().gates[0].stack[0]);
    let theirs = space.program(&theirs).unwrap();
    if absent.is_empty() {
        return same(what, &mut space, ours, theirs);
    }
    for difference in relate::difference(&mut space, theirs, ours).unwrap() {
        let known = match difference.calls {
            Calls::Known(abi, number) => {
                let call = table::by_number(abi, number).unwrap();
                absent.contains(&format!("{} {}", abi.name(), call.name))
            }
            _ => false,
        };
        assert!(known, "{what}: {difference:?}");
    }
}

#[test]
fn real_profiles_mean_what_libseccomp_makes_of_them() {
    let files = [
        "docker/default.json",
        "docker/2023-10-io_uring-allowed.json",
        "docker/2023-11-io_uring-blocked.json",
        "podman/seccomp.json",
    ];
    let sets: [Option<&[&str]>; 5] = [
        None,
        Some(&[]),
        Some(&["CAP_SYS_ADMIN"]),
        Some(&["CAP_AUDIT_WRITE", "CAP_SYS_CHROOT", "CAP_DAC_READ_SEARCH", "CAP_BPF"]),
        Some(&["CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_PERFMON", "CAP_SYSLOG"]),
    ];
    for file in files {
        let Some(path) = corpus::find("real_profiles", file) else { return };
        let profile: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (index, capabilities) in sets.iter().enumerate() {
            for kernel in [(4, 7), (6, 18)] {
                compare(&format!("{file} {index} {kernel:?}"), &profile, *capabilities, kernel);
            }
        }
        for arches in [&["SCMP_ARCH_X86"][..], &["SCMP_ARCH_X32"], &["SCMP_ARCH_X86", "SCMP_ARCH_X32"], &[]] {
            let mut profile = profile.clone();
            profile["archMap"] = Value::Null;
            profile["architectures"] = json!(arches);
            compare(&format!("{file} {arches:?}"), &profile, None, (6, 18));
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Rules that overlap, repeat and contradict each other, on one call and few values.
///
/// Left out is what libseccomp 2.5.4 compiles wrongly: orders of values whose upper halves differ,
/// and several conditions in one rule with others than for equality. docs/gate.md says how.
fn random_profile(random: &mut Random, actions: &[&str], ops: &[&str], most: u64) -> Value {
    const VALUES: [u64; 7] = [0, 1, 2, 7, 8, 9, 0xffff_ffff];
    let mut entries = Vec::new();
    for _ in 0..1 + random.below(6) {
        let mut args: Vec<Value> = Vec::new();
        for _ in 0..random.below(most + 1) {
            let index = random.below(3);
            if args.iter().all(|argument| argument["index"] != index) {
                args.push(json!({
                    "index": index,
                    "op": format!("SCMP_CMP_{}", random.pick(ops)),
                    "value": random.pick(&VALUES),
                    "valueTwo": random.pick(&VALUES),
                }));
            }
        }
        let name = random.pick(&["personality", "personality", "socket", "shmat"]);
        entries.push(json!({"names": [name], "action": random.pick(actions), "args": args}));
    }
    json!({
        "defaultAction": random.pick(&["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"]),
        "architectures": random.pick(&[&["SCMP_ARCH_X86"][..], &["SCMP_ARCH_X32"], &[]]),
        "syscalls": entries,
    })
}

/// How many of these cases agree, and how many libseccomp refuses.
fn random_cases(test: &str, actions: &[&str], ops: &[&str], most: u64) -> Option<(usize, usize)> {
    let oracle = oracle(test)?;
    let (mut random, mut agreed, mut refused) = (Random(7), 0, 0);
    for case in 0..120 {
        let profile = random_profile(&mut random, actions, ops, most);
        let ours = import(&profile.to_string(), Language::Oci);
        match run(oracle, &script(&profile, None, (6, 18))) {
            Made::Program(theirs, unknown, _) => {
                assert!(unknown.is_empty());
                let ours = ours.unwrap_or_else(|error| panic!("{case}: {error}\n{profile:#}"));
                let mut space = space();
                let ours = diagram(&mut space, &ours.gates[0].stack[0]);
                let theirs = space.program(&theirs).unwrap();
                same(&format!("{case}: {profile:#}"), &mut space, ours, theirs);
                agreed += 1;
            }
            Made::Refused(errno) => {
                assert_eq!(errno, 17, "{case}: {profile:#}");
                assert!(ours.is_err(), "{case}: libseccomp refuses it, we do not: {profile:#}");
                refused += 1;
            }
        }
    }
    Some((agreed, refused))
}

const ALL_OPS: [&str; 7] = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];

#[test]
fn rules_of_one_action_mean_what_libseccomp_makes_of_them() {
    let actions = ["SCMP_ACT_ALLOW"];
    for (ops, most) in [(&ALL_OPS[..], 1), (&["EQ", "MASKED_EQ"], 3)] {
        let Some((agreed, _)) = random_cases("rules_of_one_action", &actions, ops, most) else { return };
        assert!(agreed > 100, "{agreed}");
    }
}

#[test]
fn rules_that_contradict_mean_what_libseccomp_makes_of_them() {
    let actions = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"];
    let Some((agreed, refused)) = random_cases("rules_that_contradict", &actions, &ALL_OPS, 1) else {
        return;
    };
    assert!(agreed > 60 && refused > 3, "{agreed} {refused}");
}

#[test]
fn the_default_action_is_ours() {
    assert_eq!(Script::new(Action::Allow).0, "init 2147418112\n");
}
