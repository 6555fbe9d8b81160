#!/usr/bin/env python3
"""Compiles a profile with libseccomp, as container engines do: raw BPF on standard output.

    libseccomp.py PROFILE [--filter NAME] [--optimise 1|2] [--arch x86_64,x86,x32]

PROFILE is JSON of the OCI kind, as Docker's and Podman's defaults (without capabilities beyond the
default ones, on a new kernel), or of Firecracker's kind, of which --filter names one. A differential
oracle for tests and benchmarks; nothing of ringfence uses it. Calls that this libseccomp does not
know are left out and named on standard error, one `unknown: NAME` a line.
"""

import argparse
import ctypes
import errno
import json
import sys

ARCHS = {"x86_64": 0xC000003E, "x86": 0x40000003, "x32": 0x4000003E}
# seccomp.h: enum scmp_compare
COMPARE = {
    "SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7,
    "ne": 1, "lt": 2, "le": 3, "eq": 4, "ge": 5, "gt": 6,
}
# The capabilities that Docker gives by default.
DEFAULT_CAPABILITIES = {
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def action(name, number):
    number = errno.EPERM if number is None else number
    return {
        "SCMP_ACT_ALLOW": 0x7FFF0000, "SCMP_ACT_ERRNO": 0x00050000 | number,
        "SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x80000000,
        "SCMP_ACT_TRAP": 0x00030000, "SCMP_ACT_LOG": 0x7FFC0000, "SCMP_ACT_TRACE": 0x7FF00000 | number,
        "allow": 0x7FFF0000, "trap": 0x00030000, "kill_process": 0x80000000, "kill_thread": 0, "log": 0x7FFC0000,
    }[name]


def oci(profile):
    """The default action, and (action, call, comparisons) for each rule."""
    default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    rules = []
    for entry in profile["syscalls"]:
        includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
        if "caps" in includes and not set(includes["caps"]) <= DEFAULT_CAPABILITIES:
            continue
        if set(excludes.get("caps", [])) & DEFAULT_CAPABILITIES:
            continue
        if "arches" in includes and not {"amd64", "x32", "x86"} & set(includes["arches"]):
            continue
        if {"amd64"} & set(excludes.get("arches", [])):
            continue
        result = action(entry["action"], entry.get("errnoRet"))
        if result == default:
            continue
        comparisons = []
        for arg in entry.get("args") or []:
            first, second = arg["value"], arg.get("valueTwo", 0)
            comparisons.append((arg["index"], COMPARE[arg["op"]], first, second))
        # As runc and crun: several comparisons of one argument are alternatives.
        places = [comparison[0] for comparison in comparisons]
        several = len(set(places)) < len(places)
        for name in entry.get("names") or [entry["name"]]:
            for group in [[one] for one in comparisons] if several else [comparisons]:
                rules.append((result, name, group))
    return default, rules


def firecracker(profile):
    default = action(profile["default_action"], None)
    result = action(profile["filter_action"], None)
    rules = []
    for entry in profile["filter"]:
        comparisons = []
        for arg in entry.get("args") or []:
            op, value = arg["op"], arg["val"]
            if isinstance(op, dict):
                mask = op["masked_eq"]
                comparisons.append((arg["index"], 7, mask, value & mask))
            elif arg["type"] == "dword" and op == "eq":
                comparisons.append((arg["index"], 7, 0xFFFFFFFF, value))
            elif arg["type"] == "dword":
                sys.exit(f"{entry['syscall']}: libseccomp cannot compare 32 bits with {op}")
            else:
                comparisons.append((arg["index"], COMPARE[op], value, 0))
        rules.append((result, entry["syscall"], comparisons))
    return default, rules


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("profile")
    parser.add_argument("--filter")
    parser.add_argument("--optimise", type=int, default=1)
    parser.add_argument("--arch", default="x86_64,x86,x32")
    options = parser.parse_args()
    with open(options.profile) as file:
        profile = json.load(file)
    default, rules = firecracker(profile[options.filter]) if options.filter else oci(profile)

    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(default))

    def check(result, what):
        if result < 0 and result != -errno.EEXIST:
            sys.exit(f"{what}: {errno.errorcode.get(-result, result)}")

    for arch in options.arch.split(","):
        check(library.seccomp_arch_add(context, ARCHS[arch]), arch)
    check(library.seccomp_attr_set(context, 8, options.optimise), "SCMP_FLTATR_CTL_OPTIMIZE")
    for result, name, comparisons in rules:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            print(f"unknown: {name}", file=sys.stderr)
            continue
        array = (Comparison * len(comparisons))(*comparisons)
        added = library.seccomp_rule_add_array(context, result, number, len(comparisons), array)
        check(added, f"{name} {comparisons}")
    sys.stdout.flush()
    check(library.seccomp_export_bpf(context, 1), "seccomp_export_bpf")


main()
