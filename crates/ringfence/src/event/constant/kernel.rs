//! Calls about the kernel itself: keys, BPF, modules, clocks.

use super::{Names, Row};

const KEYRING: Names = Names::One(&[
    "KEY_SPEC_THREAD_KEYRING",
    "KEY_SPEC_PROCESS_KEYRING",
    "KEY_SPEC_SESSION_KEYRING",
    "KEY_SPEC_USER_KEYRING",
    "KEY_SPEC_USER_SESSION_KEYRING",
    "KEY_SPEC_GROUP_KEYRING",
    "KEY_SPEC_REQKEY_AUTH_KEY",
]);
const CLOCK: Names = Names::One(&[
    "CLOCK_REALTIME",
    "CLOCK_MONOTONIC",
    "CLOCK_BOOTTIME",
    "CLOCK_REALTIME_ALARM",
    "CLOCK_BOOTTIME_ALARM",
    "CLOCK_TAI",
]);

pub(super) const TABLE: &[Row] = &[
    (
        &["keyctl"],
        "option",
        Names::One(&[
            "KEYCTL_GET_KEYRING_ID",
            "KEYCTL_JOIN_SESSION_KEYRING",
            "KEYCTL_UPDATE",
            "KEYCTL_REVOKE",
            "KEYCTL_CHOWN",
            "KEYCTL_SETPERM",
            "KEYCTL_DESCRIBE",
            "KEYCTL_CLEAR",
            "KEYCTL_LINK",
            "KEYCTL_UNLINK",
            "KEYCTL_SEARCH",
            "KEYCTL_READ",
        ]),
    ),
    (&["keyctl"], "arg2", KEYRING),
    (&["add_key"], "ringid", KEYRING),
    (&["request_key"], "destringid", KEYRING),
    (
        &["bpf"],
        "cmd",
        Names::One(&[
            "BPF_MAP_CREATE",
            "BPF_MAP_LOOKUP_ELEM",
            "BPF_MAP_UPDATE_ELEM",
            "BPF_MAP_DELETE_ELEM",
            "BPF_MAP_GET_NEXT_KEY",
            "BPF_PROG_LOAD",
            "BPF_OBJ_PIN",
            "BPF_OBJ_GET",
            "BPF_PROG_ATTACH",
            "BPF_PROG_GET_FD_BY_ID",
            "BPF_BTF_LOAD",
            "BPF_LINK_CREATE",
            "BPF_TOKEN_CREATE",
        ]),
    ),
    (
        &["reboot"],
        "cmd",
        Names::One(&[
            "LINUX_REBOOT_CMD_RESTART",
            "LINUX_REBOOT_CMD_HALT",
            "LINUX_REBOOT_CMD_CAD_ON",
            "LINUX_REBOOT_CMD_CAD_OFF",
            "LINUX_REBOOT_CMD_POWER_OFF",
            "LINUX_REBOOT_CMD_SW_SUSPEND",
            "LINUX_REBOOT_CMD_KEXEC",
        ]),
    ),
    (&["clock_settime", "clock_adjtime", "timer_create"], "which_clock", CLOCK),
    (&["timerfd_create"], "clockid", CLOCK),
    (&["userfaultfd"], "flags", Names::Bits(&["O_CLOEXEC", "O_NONBLOCK", "UFFD_USER_MODE_ONLY"])),
    (
        &["seccomp"],
        "op",
        Names::One(&[
            "SECCOMP_SET_MODE_STRICT",
            "SECCOMP_SET_MODE_FILTER",
            "SECCOMP_GET_ACTION_AVAIL",
            "SECCOMP_GET_NOTIF_SIZES",
        ]),
    ),
    (
        &["memfd_create"],
        "flags",
        Names::Bits(&["MFD_CLOEXEC", "MFD_ALLOW_SEALING", "MFD_HUGETLB", "MFD_NOEXEC_SEAL", "MFD_EXEC"]),
    ),
];
