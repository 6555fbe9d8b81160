/* The few parts of kernel structures that the programs here read. Where each field really lies is
 * looked up in the running kernel's BTF when a program is loaded (CO-RE), so that one object fits
 * every kernel and no header of a particular one is needed. */
#ifndef RINGFENCE_KERNEL_H
#define RINGFENCE_KERNEL_H

typedef _Bool bool;
#define true 1
#define false 0

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

/* What bpf_helper_defs.h names in signatures. */
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

struct thread_info {
	u32 status;
};

struct ns_common {
	u32 inum;
};

struct pid_namespace {
	struct ns_common ns;
	u32 level;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct task_struct {
	struct thread_info thread_info;
	s32 pid;
	s32 tgid;
	struct pid *thread_pid;
};

struct kernel_siginfo;
struct cred;
struct linux_binprm;

struct user_namespace {
	int level;
};

#pragma clang attribute pop

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_AVAIL_DATA = 0 };

/* arch/x86/include/asm/thread_info.h */
#define TS_COMPAT 2
/* arch/x86/include/uapi/asm/unistd.h */
#define X32_BIT 0x40000000

#endif
