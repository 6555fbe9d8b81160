_ringfence() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="ringfence"
                ;;
            ringfence,check)
                cmd="ringfence__subcmd__check"
                ;;
            ringfence,diff)
                cmd="ringfence__subcmd__diff"
                ;;
            ringfence,explain)
                cmd="ringfence__subcmd__explain"
                ;;
            ringfence,export)
                cmd="ringfence__subcmd__export"
                ;;
            ringfence,host)
                cmd="ringfence__subcmd__host"
                ;;
            ringfence,import)
                cmd="ringfence__subcmd__import"
                ;;
            ringfence,inspect)
                cmd="ringfence__subcmd__inspect"
                ;;
            ringfence,run)
                cmd="ringfence__subcmd__run"
                ;;
            ringfence,surface)
                cmd="ringfence__subcmd__surface"
                ;;
            ringfence,syscalls)
                cmd="ringfence__subcmd__syscalls"
                ;;
            ringfence,verify)
                cmd="ringfence__subcmd__verify"
                ;;
            ringfence,watch)
                cmd="ringfence__subcmd__watch"
                ;;
            ringfence__subcmd__syscalls,check)
                cmd="ringfence__subcmd__syscalls__subcmd__check"
                ;;
            ringfence__subcmd__syscalls,eval)
                cmd="ringfence__subcmd__syscalls__subcmd__eval"
                ;;
            ringfence__subcmd__syscalls,optimise)
                cmd="ringfence__subcmd__syscalls__subcmd__optimise"
                ;;
            ringfence__subcmd__syscalls,prove)
                cmd="ringfence__subcmd__syscalls__subcmd__prove"
                ;;
            ringfence__subcmd__syscalls,show)
                cmd="ringfence__subcmd__syscalls__subcmd__show"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        ringfence)
            opts="-h -V --help --version run check verify explain host inspect watch surface syscalls diff import export"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__check)
            opts="-h --policy --process-user --process-groups --process-capabilities --process-no-new-privs --process-umask --process-cwd --process-env-pass --process-env-set --process-fds --fs-read --fs-exec --fs-write --fs-deny --fs-tmp --fs-proc --fs-dev --net-mode --net-connect --net-bind --net-unix --syscalls-mode --syscalls-abis --syscalls-allow --syscalls-deny --syscalls-on-deny --syscalls-unknown --namespaces-unshare --namespaces-hostname --namespaces-id-map --lsm-landlock --lsm-apparmor --lsm-selinux --lsm-selinux-mount --lsm-bpf --limits-memory --limits-pids --limits-cpu --limits-wall --limits-open-files --limits-core --limits-file-size --limits-stack --limits-cpu-time --audit-events --degrade-allow --expect-allow --expect-deny --expect-because --expect-depth --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --policy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-groups)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-capabilities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-no-new-privs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-umask)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-cwd)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-pass)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-fds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-read)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-write)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-tmp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-proc)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-dev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-connect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-bind)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-unix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-abis)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-on-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-unknown)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-unshare)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-id-map)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-landlock)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-apparmor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux-mount)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-bpf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-memory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-pids)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-wall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-open-files)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-core)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-file-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-stack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit-events)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degrade-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-because)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-depth)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__diff)
            opts="-h --from --caps --kernel --include --fail-on --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fail-on)
                    COMPREPLY=($(compgen -W "any widen" -- "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__explain)
            opts="-h --policy --process-user --process-groups --process-capabilities --process-no-new-privs --process-umask --process-cwd --process-env-pass --process-env-set --process-fds --fs-read --fs-exec --fs-write --fs-deny --fs-tmp --fs-proc --fs-dev --net-mode --net-connect --net-bind --net-unix --syscalls-mode --syscalls-abis --syscalls-allow --syscalls-deny --syscalls-on-deny --syscalls-unknown --namespaces-unshare --namespaces-hostname --namespaces-id-map --lsm-landlock --lsm-apparmor --lsm-selinux --lsm-selinux-mount --lsm-bpf --limits-memory --limits-pids --limits-cpu --limits-wall --limits-open-files --limits-core --limits-file-size --limits-stack --limits-cpu-time --audit-events --degrade-allow --expect-allow --expect-deny --expect-because --expect-depth --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --policy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-groups)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-capabilities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-no-new-privs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-umask)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-cwd)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-pass)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-fds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-read)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-write)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-tmp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-proc)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-dev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-connect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-bind)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-unix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-abis)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-on-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-unknown)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-unshare)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-id-map)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-landlock)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-apparmor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux-mount)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-bpf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-memory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-pids)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-wall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-open-files)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-core)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-file-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-stack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit-events)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degrade-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-because)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-depth)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__export)
            opts="-o -h --from --caps --kernel --include --to --as-read --output --name --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --to)
                    COMPREPLY=($(compgen -W "bpf c asm oci firecracker minijail systemd ringfence apparmor cil" -- "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__host)
            opts="-h --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__import)
            opts="-o -h --from --caps --kernel --include --as-read --output --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__inspect)
            opts="-h --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__run)
            opts="-h --policy --process-user --process-groups --process-capabilities --process-no-new-privs --process-umask --process-cwd --process-env-pass --process-env-set --process-fds --fs-read --fs-exec --fs-write --fs-deny --fs-tmp --fs-proc --fs-dev --net-mode --net-connect --net-bind --net-unix --syscalls-mode --syscalls-abis --syscalls-allow --syscalls-deny --syscalls-on-deny --syscalls-unknown --namespaces-unshare --namespaces-hostname --namespaces-id-map --lsm-landlock --lsm-apparmor --lsm-selinux --lsm-selinux-mount --lsm-bpf --limits-memory --limits-pids --limits-cpu --limits-wall --limits-open-files --limits-core --limits-file-size --limits-stack --limits-cpu-time --audit-events --degrade-allow --expect-allow --expect-deny --expect-because --expect-depth --explain --audit --suggest --events --events-format --events-limit --events-keep --events-arguments --complete --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --policy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-groups)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-capabilities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-no-new-privs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-umask)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-cwd)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-pass)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-fds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-read)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-write)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-tmp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-proc)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-dev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-connect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-bind)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-unix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-abis)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-on-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-unknown)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-unshare)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-id-map)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-landlock)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-apparmor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux-mount)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-bpf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-memory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-pids)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-wall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-open-files)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-core)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-file-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-stack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit-events)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degrade-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-because)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-depth)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --explain)
                    COMPREPLY=($(compgen -W "ptrace" -- "${cur}"))
                    return 0
                    ;;
                --audit)
                    COMPREPLY=($(compgen -W "denials all" -- "${cur}"))
                    return 0
                    ;;
                --events)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --events-format)
                    COMPREPLY=($(compgen -W "json ocsf ecs" -- "${cur}"))
                    return 0
                    ;;
                --events-limit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --events-keep)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__surface)
            opts="-h --from --caps --kernel --include --check-man --man --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --man)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls)
            opts="-h --help show check optimise prove eval"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls__subcmd__check)
            opts="-h --from --caps --kernel --include --format --fail-on --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                --fail-on)
                    COMPREPLY=($(compgen -W "note low medium high never" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls__subcmd__eval)
            opts="-h --from --caps --kernel --include --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls__subcmd__optimise)
            opts="-o -h --from --caps --kernel --include --format --output --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                --output)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -o)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls__subcmd__prove)
            opts="-h --from --caps --kernel --include --format --subset --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__syscalls__subcmd__show)
            opts="-h --from --caps --kernel --include --format --asm --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --from)
                    COMPREPLY=($(compgen -W "oci firecracker systemd minijail bpf ringfence" -- "${cur}"))
                    return 0
                    ;;
                --caps)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --include)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__verify)
            opts="-h --policy --process-user --process-groups --process-capabilities --process-no-new-privs --process-umask --process-cwd --process-env-pass --process-env-set --process-fds --fs-read --fs-exec --fs-write --fs-deny --fs-tmp --fs-proc --fs-dev --net-mode --net-connect --net-bind --net-unix --syscalls-mode --syscalls-abis --syscalls-allow --syscalls-deny --syscalls-on-deny --syscalls-unknown --namespaces-unshare --namespaces-hostname --namespaces-id-map --lsm-landlock --lsm-apparmor --lsm-selinux --lsm-selinux-mount --lsm-bpf --limits-memory --limits-pids --limits-cpu --limits-wall --limits-open-files --limits-core --limits-file-size --limits-stack --limits-cpu-time --audit-events --degrade-allow --expect-allow --expect-deny --expect-because --expect-depth --format --depth --save --against --all --via --here --prober --patience --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --policy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-groups)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-capabilities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-no-new-privs)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-umask)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-cwd)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-pass)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-env-set)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --process-fds)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-read)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-exec)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-write)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-tmp)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-proc)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fs-dev)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-connect)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-bind)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --net-unix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-abis)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-on-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --syscalls-unknown)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-unshare)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-hostname)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --namespaces-id-map)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-landlock)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-apparmor)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-selinux-mount)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --lsm-bpf)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-memory)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-pids)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-wall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-open-files)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-core)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-file-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-stack)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --limits-cpu-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --audit-events)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --degrade-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-allow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-deny)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-because)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --expect-depth)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json sarif junit tap html" -- "${cur}"))
                    return 0
                    ;;
                --save)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --against)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --via)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --prober)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --patience)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringfence__subcmd__watch)
            opts="-h --policy --control --pid --call --count --format --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --policy)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --pid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --call)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "human json" -- "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _ringfence -o nosort -o bashdefault -o default ringfence
else
    complete -F _ringfence -o bashdefault -o default ringfence
fi
