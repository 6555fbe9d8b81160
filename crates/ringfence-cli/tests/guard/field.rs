//! Where the attempts are made: a policy that nothing but the program holds, files and sockets that it
//! does not name, and the attacks.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::harness::ground::{Ground, Who, find};
use crate::harness::run::Run;
use crate::harness::skip;

pub(crate) const EACCES: i32 = 13;
/// What Landlock is asked for and a kernel without it lacks.
pub(crate) const WITHOUT_LANDLOCK: [&str; 7] = [
    "landlock.available",
    "landlock.files",
    "landlock.refer",
    "landlock.truncate",
    "landlock.log",
    "landlock.scope-abstract-unix-socket",
    "landlock.abi",
];
/// What the program holds in its place.
const HELD: [&str; 6] = [
    "landlock.ioctl-dev",
    "landlock.net-bind",
    "landlock.net-connect",
    "landlock.resolve-unix",
    "landlock.udp-bind",
    "landlock.udp-connect",
];

/// A ground with attacks, files and sockets.
pub(crate) struct Field {
    pub(crate) ground: Ground,
    pub(crate) attack: PathBuf,
    pub(crate) connections: Arc<AtomicU64>,
    udp: UdpSocket,
    tcp: TcpListener,
    _datagrams: [UnixDatagram; 2],
    /// The programs of another test would be counted with this one's.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Field {
    /// `None`, with a skip, where this kernel takes no such program, or another control would hold the
    /// same.
    pub(crate) fn new(test: &str) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let ground = Ground::new(Who::Root, &format!("guard::{test}"))?;
        let lsms = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
        let has = |name: &str| lsms.split(',').any(|lsm| lsm == name);
        if !has("bpf") || has("landlock") {
            skip(&ground.test, "needs a guest with bpf and without landlock in lsm=");
            return None;
        }
        let attack = attack(&ground)?;
        let outside = ground.directory("outside");
        fs::write(outside.join("file"), "text\n").unwrap();
        fs::copy(&attack, outside.join("program")).unwrap();
        fs::create_dir(ground.work().join("deep")).unwrap();
        fs::write(ground.work().join("file"), "text\n").unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        for place in ["outside/stream", "named/stream"] {
            let path = ground.root().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let listener = UnixListener::bind(path).unwrap();
            let count = Arc::clone(&connections);
            std::thread::spawn(move || {
                for _ in listener.incoming() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let datagram = |place: &str| UnixDatagram::bind(ground.root().join(place)).unwrap();
        let datagrams = [datagram("outside/datagram"), datagram("named/datagram")];
        let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        Some(Self { ground, attack, connections, udp, tcp, _datagrams: datagrams, _alone: alone })
    }

    /// Whether attacks are being made.
    pub(crate) fn runs(&self) -> bool {
        self.running() > 0
    }

    /// How many processes are making them.
    pub(crate) fn running(&self) -> usize {
        let attack = self.attack.to_str();
        self.ground.processes().iter().filter(|words| words.split_whitespace().nth(1) == attack).count()
    }

    /// A path on the ground.
    pub(crate) fn path(&self, name: &str) -> String {
        self.ground.root().join(name).to_str().unwrap().to_owned()
    }

    /// Ports that somebody listens on.
    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.udp.local_addr().unwrap().port(), self.tcp.local_addr().unwrap().port())
    }

    /// The policy, with the program or without.
    pub(crate) fn policy(&self, guarded: bool, net: &str) -> String {
        let mut missing: Vec<&str> = WITHOUT_LANDLOCK.to_vec();
        if !guarded {
            missing.extend(HELD);
        }
        let text = format!(
            "version = 1
[process]
user = \"keep\"
capabilities = [\"CAP_SYS_ADMIN\"]
no_new_privs = true
[fs]
read = [\"/\"]
exec = [\"/usr\", \"/bin\", \"/lib\", \"/lib64\", \"{attack}\", \"{binary}\"]
write = [\"{work}\"]
proc = \"none\"
dev = \"none\"
[net]
mode = \"host\"
unix = [\"{named}\"]
{net}
[syscalls]
mode = \"off\"
[namespaces]
unshare = [\"pid\"]
[lsm]
landlock = \"require\"
bpf = \"{word}\"
[degrade]
allow = {missing:?}
",
            attack = self.attack.display(),
            binary = self.ground.binary().display(),
            work = self.ground.work().display(),
            named = self.path("named"),
            word = if guarded { "require" } else { "off" },
        );
        let name = format!("policy-{guarded}.toml");
        self.ground.file(&name, &text).to_str().unwrap().to_owned()
    }

    /// An attempt of the attacks, inside.
    pub(crate) fn inside(&self, guarded: bool, net: &str, words: &[&str]) -> Run {
        let policy = self.policy(guarded, net);
        let attack = self.attack.to_str().unwrap();
        self.ground.ringfence(&format!("--policy {policy}"), &[&[attack], words].concat())
    }

    /// The same outside.
    pub(crate) fn outside(&self, words: &[&str]) -> Run {
        self.ground.command(&self.attack, words)
    }

    /// What each of these attempts comes to, in one containment.
    #[track_caller]
    fn answers(&self, guarded: bool, net: &str, attempts: &[Vec<&str>]) -> Vec<i32> {
        let words: Vec<&str> =
            attempts.iter().flat_map(|words| ["+"].into_iter().chain(words.iter().copied())).collect();
        let run = self.inside(guarded, net, &words).go();
        let answers = run.passes().out.split_whitespace().map(|word| word.parse().unwrap());
        let answers: Vec<i32> = answers.collect();
        assert_eq!(answers.len(), attempts.len(), "{run}");
        answers
    }

    /// Each of these is denied with the program, and let through without it; a call that the kernel
    /// does not have (`ENOSYS`) is neither.
    #[track_caller]
    pub(crate) fn holds_all(&self, net: &str, attempts: &[Vec<&str>]) {
        let without = self.answers(false, net, attempts);
        let with = self.answers(true, net, attempts);
        for (number, words) in attempts.iter().enumerate() {
            let pair = (without[number], with[number]);
            assert!(matches!(pair, (0, EACCES) | (38, 38)), "{words:?}: {pair:?}");
        }
    }

    /// Each of these is let through with the program, or the kernel has no such thing (`ENOSYS`).
    #[track_caller]
    pub(crate) fn allows_all(&self, net: &str, attempts: &[Vec<&str>]) {
        let with = self.answers(true, net, attempts);
        for (answer, words) in with.iter().zip(attempts) {
            assert!(matches!(answer, 0 | 38), "{words:?}: {answer}");
        }
    }

    /// Denied with the program, let through without it.
    #[track_caller]
    pub(crate) fn holds(&self, net: &str, words: &[&str]) {
        self.inside(false, net, words).go().exits(0);
        self.inside(true, net, words).go().exits(EACCES);
    }

    /// Let through with the program, too.
    #[track_caller]
    pub(crate) fn allows(&self, net: &str, words: &[&str]) {
        self.inside(true, net, words).go().exits(0);
    }
}

/// `RINGFENCE_ATTACKS` names a directory with them compiled; else they are compiled here.
fn attack(ground: &Ground) -> Option<PathBuf> {
    let to = ground.root().join("attack");
    if let Some(directory) = std::env::var_os("RINGFENCE_ATTACKS") {
        fs::copy(Path::new(&directory).join("guard"), &to).unwrap();
        return Some(to);
    }
    if find("gcc").is_none() {
        skip(&ground.test, "needs gcc, or RINGFENCE_ATTACKS");
        return None;
    }
    let source = ground.file("attack.c", include_str!("attack.c"));
    let status = Command::new("gcc").args(["-O1", "-w", "-o"]).arg(&to).arg(source).arg("-lpthread").status();
    assert!(status.unwrap().success());
    Some(to)
}

/// Ids of the programs that hang at the hooks of the security modules, whoever loaded them.
pub(crate) fn programs() -> Vec<u32> {
    let programs = aya::programs::loaded_programs().map(Result::unwrap);
    let ours = ["execute", "map_file", "reach_stream", "change_mode"];
    programs
        .filter(|program| program.name_as_str().is_some_and(|name| ours.contains(&name)))
        .map(|program| program.id())
        .collect()
}

/// Until it is so, or a minute is over.
#[track_caller]
pub(crate) fn wait(what: &str, until: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !until() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
