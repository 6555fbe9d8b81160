/* libseccomp as an oracle: reads a filter from standard input, writes the program that libseccomp
 * makes of it to standard output, and names that it does not know, or not for an ABI, to standard
 * error.
 * Lines: `init DEFAULT`, `bad ACTION`, `remove`, `arch NAME`, `tree`,
 * `rule ACTION EXACT NAME COUNT (ARGUMENT OP A B)...`. */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, int rc) {
    fprintf(stderr, "failed %s %d\n", what, -rc);
    return -rc;
}

int main(void) {
    scmp_filter_ctx ctx = NULL;
    char word[16], name[128];
    int rc = 0;
    while (rc == 0 && scanf("%15s", word) == 1) {
        uint32_t action, exact, count;
        if (strcmp(word, "init") == 0) {
            if (scanf("%" SCNu32, &action) != 1 || !(ctx = seccomp_init(action))) return 99;
        } else if (strcmp(word, "bad") == 0) {
            if (scanf("%" SCNu32, &action) != 1) return 99;
            rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, action);
        } else if (strcmp(word, "remove") == 0) {
            rc = seccomp_arch_remove(ctx, seccomp_arch_native());
        } else if (strcmp(word, "tree") == 0) {
            rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        } else if (strcmp(word, "arch") == 0) {
            if (scanf("%127s", name) != 1) return 99;
            rc = seccomp_arch_add(ctx, seccomp_arch_resolve_name(name));
            if (rc == -EEXIST) rc = 0;
        } else if (strcmp(word, "rule") == 0) {
            struct scmp_arg_cmp args[6];
            if (scanf("%" SCNu32 "%" SCNu32 "%127s%" SCNu32, &action, &exact, name, &count) != 4 || count > 6) return 99;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t argument, op;
                uint64_t a, b;
                if (scanf("%" SCNu32 "%" SCNu32 "%" SCNu64 "%" SCNu64, &argument, &op, &a, &b) != 4) return 99;
                args[i] = (struct scmp_arg_cmp){argument, op, a, b};
            }
            int call = seccomp_syscall_resolve_name(name);
            if (call == __NR_SCMP_ERROR) {
                fprintf(stderr, "unknown %s\n", name);
                continue;
            }
            if (seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, name) < 0) fprintf(stderr, "absent i386 %s\n", name);
            if (seccomp_syscall_resolve_name_arch(SCMP_ARCH_X32, name) < 0) fprintf(stderr, "absent x32 %s\n", name);
            rc = exact ? seccomp_rule_add_exact_array(ctx, action, call, count, args)
                       : seccomp_rule_add_array(ctx, action, call, count, args);
            if (exact && rc == -EDOM) rc = 0;
        } else {
            return 99;
        }
    }
    if (rc < 0) return fail(word, rc);
    rc = seccomp_export_bpf(ctx, 1);
    return rc < 0 ? fail("export", rc) : 0;
}
