# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ringfence_global_optspecs
    string join \n h/help V/version
end

function __fish_ringfence_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ringfence_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ringfence_using_subcommand
    set -l cmd (__fish_ringfence_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ringfence -n "__fish_ringfence_needs_command" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_needs_command" -s V -l version -d 'Print version'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "run" -d 'Runs a command contained'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "check" -d 'Shows the plan that `run` would carry out, and changes nothing'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "verify" -d 'Attempts every claim of a policy on this kernel, and says what holds'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "explain" -d 'Shows the way of an operation through the controls, without trying it'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "host" -d 'Shows what this kernel offers, and where that was read'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "inspect" -d 'Shows the controls that a live process really has, whoever gave them to it'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "watch" -d 'Shows what is denied in every contained process of this host, as it happens'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "surface" -d 'Shows which system calls a filter leaves reachable, and how accurate the tables are here'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "syscalls" -d 'Says exactly what a seccomp filter permits; checks, proves and shortens filters'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "diff" -d 'Shows the calls and arguments that two filters or policies answer differently'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "import" -d 'Turns a filter of another tool into a policy, proven equal'
complete -c ringfence -n "__fish_ringfence_needs_command" -f -a "export" -d 'Turns a filter into another language, proven equal; a policy into an LSM\'s'
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l policy -d 'A policy below the flags: a file, or builtin:NAME (compute, offline, build, service, container); repeatable; none: builtin:offline' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-user -d 'Whom the program runs as: a word, a name, or UID:GID (keep, root-in-namespace)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-groups -d 'The supplementary groups, by name or number; absent: those of the caller that the id map names; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-capabilities -d 'The capabilities that stay, in all five sets; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-no-new-privs -d 'Whether no exec can give privileges, prctl(2)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-umask -d 'The permission bits cleared on creation, in octal; absent: the caller\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-cwd -d 'The directory to start in; absent: the caller\'s where it is visible inside, else `/`' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-env-pass -d 'The environment variables that pass; `*` at the end makes a prefix; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-env-set -d 'Environment variables that are set; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l process-fds -d 'The descriptors that stay open; every other one is closed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-read -d 'What can be read: files, and directories with all below them; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-exec -d 'What can be executed and read; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-write -d 'What can be written and read: changed, created, renamed, removed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-deny -d 'What cannot be reached at all, now and when it comes to exist; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-tmp -d 'Directories that are private, empty, writable, and gone afterwards; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-proc -d 'What /proc is (own, masked, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l fs-dev -d 'What /dev is (minimal, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l net-mode -d 'Which network there is (none, loopback, host)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l net-connect -d 'Where connect(2) may go, and udp may send: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l net-bind -d 'What bind(2) may take: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l net-unix -d 'The Unix sockets in the file system that can be connected to; empty: no Unix socket at all; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-mode -d 'Which mode of seccomp(2) (filter, strict, off)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-abis -d 'The ways through the gate that are open: x86_64, i386, x32; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-allow -d 'The system calls that are allowed: names, groups, conditions on arguments; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-deny -d 'The system calls that are denied even where they are allowed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-on-deny -d 'What a denied call gets: a word, or an errno name (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l syscalls-unknown -d 'What a number gets that is newer than ringfence\'s table: as on_deny (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l namespaces-unshare -d 'The new namespaces(7) (user, mnt, pid, net, ipc, uts, cgroup, time); repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l namespaces-hostname -d 'The host name inside; absent: the host\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l namespaces-id-map -d 'Which ids the user namespace has (single, range)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l lsm-landlock -d 'Whether landlock(7) holds what it can of this policy: require, require>=N (an ABI), off' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l lsm-apparmor -d 'The AppArmor profile: inherit, generate, or the name of a loaded one' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l lsm-selinux -d 'The SELinux context: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l lsm-selinux-mount -d 'The SELinux context of the file systems that are made for it: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l lsm-bpf -d 'Whether a BPF LSM program holds what no other control does (off, require)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-memory -d 'Bytes of memory, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-pids -d 'Tasks (processes and threads), by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-cpu -d 'Processors\' time per time, in processors, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-wall -d 'Wall time: SIGTERM at the limit, then SIGKILL' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-open-files -d 'Open descriptors of a process, RLIMIT_NOFILE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-core -d 'Bytes of a core dump, RLIMIT_CORE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-file-size -d 'Bytes of a written file, RLIMIT_FSIZE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-stack -d 'Bytes of a stack, RLIMIT_STACK' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l limits-cpu-time -d 'Processor time of a process, RLIMIT_CPU, in whole seconds' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l audit-events -d 'Which events are recorded (none, denials, all)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l degrade-allow -d 'What may be missing on a host, by name; anything else that is missing is an error; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l expect-allow -d 'Expects that this operation works; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l expect-deny -d 'Expects that this operation is denied; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l expect-because -d 'Why, for the report; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l expect-depth -d 'At least this many controls deny it, each on its own; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l explain -d 'Says what was denied, by which policy line, and what would allow it; =ptrace follows every call, which sees what no other source tells an ordinary user, and is slow' -r -f -a "ptrace\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l audit -d 'As --audit-events, and tells what was seen; all needs a source that sees what is allowed' -r -f -a "denials\t''
all\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l events -d 'Writes each denial to FILE as a line of JSON, as it happens' -r -F
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l events-format -d 'The form of these lines: ringfence\'s own, OCSF 1.8.0, or ECS 9.4.0' -r -f -a "json\t''
ocsf\t''
ecs\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l events-limit -d 'Begins a new FILE at this size, such as 10M; older ones become FILE.1, FILE.2' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l events-keep -d 'How many older files are kept (3)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l suggest -d 'Says the smallest change of the policy that allows what was denied, and tries it; implies --explain'
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l events-arguments -d 'Records arguments and environment of programs, which may hold secrets; not otherwise'
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -l complete -d 'Fails (125) where denials may have been missed'
complete -c ringfence -n "__fish_ringfence_using_subcommand run" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l policy -d 'A policy below the flags: a file, or builtin:NAME (compute, offline, build, service, container); repeatable; none: builtin:offline' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-user -d 'Whom the program runs as: a word, a name, or UID:GID (keep, root-in-namespace)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-groups -d 'The supplementary groups, by name or number; absent: those of the caller that the id map names; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-capabilities -d 'The capabilities that stay, in all five sets; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-no-new-privs -d 'Whether no exec can give privileges, prctl(2)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-umask -d 'The permission bits cleared on creation, in octal; absent: the caller\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-cwd -d 'The directory to start in; absent: the caller\'s where it is visible inside, else `/`' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-env-pass -d 'The environment variables that pass; `*` at the end makes a prefix; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-env-set -d 'Environment variables that are set; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l process-fds -d 'The descriptors that stay open; every other one is closed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-read -d 'What can be read: files, and directories with all below them; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-exec -d 'What can be executed and read; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-write -d 'What can be written and read: changed, created, renamed, removed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-deny -d 'What cannot be reached at all, now and when it comes to exist; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-tmp -d 'Directories that are private, empty, writable, and gone afterwards; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-proc -d 'What /proc is (own, masked, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l fs-dev -d 'What /dev is (minimal, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l net-mode -d 'Which network there is (none, loopback, host)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l net-connect -d 'Where connect(2) may go, and udp may send: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l net-bind -d 'What bind(2) may take: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l net-unix -d 'The Unix sockets in the file system that can be connected to; empty: no Unix socket at all; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-mode -d 'Which mode of seccomp(2) (filter, strict, off)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-abis -d 'The ways through the gate that are open: x86_64, i386, x32; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-allow -d 'The system calls that are allowed: names, groups, conditions on arguments; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-deny -d 'The system calls that are denied even where they are allowed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-on-deny -d 'What a denied call gets: a word, or an errno name (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l syscalls-unknown -d 'What a number gets that is newer than ringfence\'s table: as on_deny (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l namespaces-unshare -d 'The new namespaces(7) (user, mnt, pid, net, ipc, uts, cgroup, time); repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l namespaces-hostname -d 'The host name inside; absent: the host\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l namespaces-id-map -d 'Which ids the user namespace has (single, range)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l lsm-landlock -d 'Whether landlock(7) holds what it can of this policy: require, require>=N (an ABI), off' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l lsm-apparmor -d 'The AppArmor profile: inherit, generate, or the name of a loaded one' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l lsm-selinux -d 'The SELinux context: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l lsm-selinux-mount -d 'The SELinux context of the file systems that are made for it: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l lsm-bpf -d 'Whether a BPF LSM program holds what no other control does (off, require)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-memory -d 'Bytes of memory, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-pids -d 'Tasks (processes and threads), by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-cpu -d 'Processors\' time per time, in processors, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-wall -d 'Wall time: SIGTERM at the limit, then SIGKILL' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-open-files -d 'Open descriptors of a process, RLIMIT_NOFILE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-core -d 'Bytes of a core dump, RLIMIT_CORE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-file-size -d 'Bytes of a written file, RLIMIT_FSIZE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-stack -d 'Bytes of a stack, RLIMIT_STACK' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l limits-cpu-time -d 'Processor time of a process, RLIMIT_CPU, in whole seconds' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l audit-events -d 'Which events are recorded (none, denials, all)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l degrade-allow -d 'What may be missing on a host, by name; anything else that is missing is an error; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l expect-allow -d 'Expects that this operation works; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l expect-deny -d 'Expects that this operation is denied; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l expect-because -d 'Why, for the report; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l expect-depth -d 'At least this many controls deny it, each on its own; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand check" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l policy -d 'A policy below the flags: a file, or builtin:NAME (compute, offline, build, service, container); repeatable; none: builtin:offline' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-user -d 'Whom the program runs as: a word, a name, or UID:GID (keep, root-in-namespace)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-groups -d 'The supplementary groups, by name or number; absent: those of the caller that the id map names; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-capabilities -d 'The capabilities that stay, in all five sets; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-no-new-privs -d 'Whether no exec can give privileges, prctl(2)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-umask -d 'The permission bits cleared on creation, in octal; absent: the caller\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-cwd -d 'The directory to start in; absent: the caller\'s where it is visible inside, else `/`' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-env-pass -d 'The environment variables that pass; `*` at the end makes a prefix; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-env-set -d 'Environment variables that are set; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l process-fds -d 'The descriptors that stay open; every other one is closed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-read -d 'What can be read: files, and directories with all below them; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-exec -d 'What can be executed and read; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-write -d 'What can be written and read: changed, created, renamed, removed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-deny -d 'What cannot be reached at all, now and when it comes to exist; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-tmp -d 'Directories that are private, empty, writable, and gone afterwards; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-proc -d 'What /proc is (own, masked, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l fs-dev -d 'What /dev is (minimal, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l net-mode -d 'Which network there is (none, loopback, host)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l net-connect -d 'Where connect(2) may go, and udp may send: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l net-bind -d 'What bind(2) may take: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l net-unix -d 'The Unix sockets in the file system that can be connected to; empty: no Unix socket at all; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-mode -d 'Which mode of seccomp(2) (filter, strict, off)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-abis -d 'The ways through the gate that are open: x86_64, i386, x32; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-allow -d 'The system calls that are allowed: names, groups, conditions on arguments; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-deny -d 'The system calls that are denied even where they are allowed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-on-deny -d 'What a denied call gets: a word, or an errno name (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l syscalls-unknown -d 'What a number gets that is newer than ringfence\'s table: as on_deny (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l namespaces-unshare -d 'The new namespaces(7) (user, mnt, pid, net, ipc, uts, cgroup, time); repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l namespaces-hostname -d 'The host name inside; absent: the host\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l namespaces-id-map -d 'Which ids the user namespace has (single, range)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l lsm-landlock -d 'Whether landlock(7) holds what it can of this policy: require, require>=N (an ABI), off' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l lsm-apparmor -d 'The AppArmor profile: inherit, generate, or the name of a loaded one' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l lsm-selinux -d 'The SELinux context: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l lsm-selinux-mount -d 'The SELinux context of the file systems that are made for it: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l lsm-bpf -d 'Whether a BPF LSM program holds what no other control does (off, require)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-memory -d 'Bytes of memory, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-pids -d 'Tasks (processes and threads), by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-cpu -d 'Processors\' time per time, in processors, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-wall -d 'Wall time: SIGTERM at the limit, then SIGKILL' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-open-files -d 'Open descriptors of a process, RLIMIT_NOFILE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-core -d 'Bytes of a core dump, RLIMIT_CORE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-file-size -d 'Bytes of a written file, RLIMIT_FSIZE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-stack -d 'Bytes of a stack, RLIMIT_STACK' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l limits-cpu-time -d 'Processor time of a process, RLIMIT_CPU, in whole seconds' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l audit-events -d 'Which events are recorded (none, denials, all)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l degrade-allow -d 'What may be missing on a host, by name; anything else that is missing is an error; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l expect-allow -d 'Expects that this operation works; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l expect-deny -d 'Expects that this operation is denied; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l expect-because -d 'Why, for the report; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l expect-depth -d 'At least this many controls deny it, each on its own; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l format -d 'How to print' -r -f -a "human\t''
json\t''
sarif\t''
junit\t''
tap\t''
html\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l save -d 'Write what was found to a file, to be compared with later' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l against -d 'Compare with a file that --save wrote; the exit status is about what changed' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l via -d 'Try the claims in another sandbox: its command line, with {} for ours and {self} for our path' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l prober -d 'Where ringfence is inside, if not where it is here' -r -F
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l patience -d 'How long the launcher may say nothing (default: 60)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l depth -d 'Try each denied operation with each control alone: how many hold it'
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l all -d 'Also show what holds, one by one'
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -l here -d 'Try the claims from where ringfence stands, as in a container'
complete -c ringfence -n "__fish_ringfence_using_subcommand verify" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l policy -d 'A policy below the flags: a file, or builtin:NAME (compute, offline, build, service, container); repeatable; none: builtin:offline' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-user -d 'Whom the program runs as: a word, a name, or UID:GID (keep, root-in-namespace)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-groups -d 'The supplementary groups, by name or number; absent: those of the caller that the id map names; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-capabilities -d 'The capabilities that stay, in all five sets; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-no-new-privs -d 'Whether no exec can give privileges, prctl(2)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-umask -d 'The permission bits cleared on creation, in octal; absent: the caller\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-cwd -d 'The directory to start in; absent: the caller\'s where it is visible inside, else `/`' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-env-pass -d 'The environment variables that pass; `*` at the end makes a prefix; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-env-set -d 'Environment variables that are set; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l process-fds -d 'The descriptors that stay open; every other one is closed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-read -d 'What can be read: files, and directories with all below them; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-exec -d 'What can be executed and read; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-write -d 'What can be written and read: changed, created, renamed, removed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-deny -d 'What cannot be reached at all, now and when it comes to exist; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-tmp -d 'Directories that are private, empty, writable, and gone afterwards; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-proc -d 'What /proc is (own, masked, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l fs-dev -d 'What /dev is (minimal, none)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l net-mode -d 'Which network there is (none, loopback, host)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l net-connect -d 'Where connect(2) may go, and udp may send: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l net-bind -d 'What bind(2) may take: transport and port; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l net-unix -d 'The Unix sockets in the file system that can be connected to; empty: no Unix socket at all; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-mode -d 'Which mode of seccomp(2) (filter, strict, off)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-abis -d 'The ways through the gate that are open: x86_64, i386, x32; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-allow -d 'The system calls that are allowed: names, groups, conditions on arguments; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-deny -d 'The system calls that are denied even where they are allowed; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-on-deny -d 'What a denied call gets: a word, or an errno name (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l syscalls-unknown -d 'What a number gets that is newer than ringfence\'s table: as on_deny (kill, kill-thread, trap, log)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l namespaces-unshare -d 'The new namespaces(7) (user, mnt, pid, net, ipc, uts, cgroup, time); repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l namespaces-hostname -d 'The host name inside; absent: the host\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l namespaces-id-map -d 'Which ids the user namespace has (single, range)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l lsm-landlock -d 'Whether landlock(7) holds what it can of this policy: require, require>=N (an ABI), off' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l lsm-apparmor -d 'The AppArmor profile: inherit, generate, or the name of a loaded one' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l lsm-selinux -d 'The SELinux context: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l lsm-selinux-mount -d 'The SELinux context of the file systems that are made for it: inherit, or a context' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l lsm-bpf -d 'Whether a BPF LSM program holds what no other control does (off, require)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-memory -d 'Bytes of memory, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-pids -d 'Tasks (processes and threads), by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-cpu -d 'Processors\' time per time, in processors, by cgroup' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-wall -d 'Wall time: SIGTERM at the limit, then SIGKILL' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-open-files -d 'Open descriptors of a process, RLIMIT_NOFILE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-core -d 'Bytes of a core dump, RLIMIT_CORE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-file-size -d 'Bytes of a written file, RLIMIT_FSIZE' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-stack -d 'Bytes of a stack, RLIMIT_STACK' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l limits-cpu-time -d 'Processor time of a process, RLIMIT_CPU, in whole seconds' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l audit-events -d 'Which events are recorded (none, denials, all)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l degrade-allow -d 'What may be missing on a host, by name; anything else that is missing is an error; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l expect-allow -d 'Expects that this operation works; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l expect-deny -d 'Expects that this operation is denied; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l expect-because -d 'Why, for the report; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l expect-depth -d 'At least this many controls deny it, each on its own; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand explain" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand host" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand host" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand inspect" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l policy -d 'Only runs whose policies\' names contain this' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l control -d 'Only what this control denied: seccomp, mount, landlock' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l pid -d 'Only this process, or the run of this launcher' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l call -d 'Only this system call' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l count -d 'Ends after so many events' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand watch" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l man -d 'Where the man pages are' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -l check-man -d 'Compare the tables with this kernel\'s symbols and with syscalls(2)'
complete -c ringfence -n "__fish_ringfence_using_subcommand surface" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -f -a "show" -d 'What it permits through each ABI, as rules'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -f -a "check" -d 'What is wrong with it, each with a witness'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -f -a "optimise" -d 'A shorter program, proven equal, as raw BPF'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -f -a "prove" -d 'Whether two filters are equal for every input'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and not __fish_seen_subcommand_from show check optimise prove eval" -f -a "eval" -d 'What it answers to one call, and by which rule'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -l asm -d 'The instructions as well'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -l fail-on -d 'Findings this bad or worse make it fail' -r -f -a "note\t''
low\t''
medium\t''
high\t''
never\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -s o -l output -d 'Where to write' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from optimise" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -l subset -d 'Only whether A permits nothing that B does not'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from prove" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand syscalls; and __fish_seen_subcommand_from eval" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l fail-on -d 'Which differences make it fail' -r -f -a "any\t''
widen\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -l format -d 'How to print' -r -f -a "human\t''
json\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand diff" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -s o -l output -d 'Where to write' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -l as-read -d 'Compare the bits that the kernel reads only, where the filter compares more'
complete -c ringfence -n "__fish_ringfence_using_subcommand import" -s h -l help -d 'Print help'
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l from -d 'The language, where the content does not tell' -r -f -a "oci\t''
firecracker\t''
systemd\t''
minijail\t''
bpf\t''
ringfence\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l caps -d 'The container\'s capabilities, for OCI profiles: all, none, or a list; otherwise Docker\'s' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l kernel -d 'The kernel, for OCI profiles; otherwise the newest' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l include -d 'Where else to look for files that a minijail policy includes; repeatable' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l to -d 'The language to write' -r -f -a "bpf\t''
c\t''
asm\t''
oci\t''
firecracker\t''
minijail\t''
systemd\t''
ringfence\t''
apparmor\t''
cil\t''"
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -s o -l output -d 'Where to write' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l name -d 'The profile\'s name, for apparmor and cil (otherwise made from FILE\'s)' -r
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -l as-read -d 'Compare the bits that the kernel reads only, where the filter compares more'
complete -c ringfence -n "__fish_ringfence_using_subcommand export" -s h -l help -d 'Print help'
