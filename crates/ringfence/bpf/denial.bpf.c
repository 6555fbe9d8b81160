/* What is refused at the system call gate to the tasks of one containment.
 *
 * sys_enter comes after seccomp and sys_exit in any case, so a call that leaves without having
 * entered was answered by seccomp. What a call was given is read when it enters; why it failed is
 * what was seen in between: capabilities that were asked for, and, where the kernel lets programs
 * look at the end of its functions, who said no.
 *
 * Which errors of which calls are of interest, and which arguments are strings, is decided by the
 * loader (`calls` and `errors`); here is no policy. */
#include "kernel.h"
#include "place.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Of a string; a longer one is cut, and says so by having no null byte. */
#define TEXT 512
#define ADDRESS 128
/* Of the names of both directories together, from the innermost on, each with its null byte. */
#define PLACES 1024
#define NAME 256
/* Names and mounts from a directory to the root. */
#define STEPS 48
/* Mounts one on the other at the root. */
#define ROOTS 8
#define GROUPS 16
#define ABIS 3
#define NUMBERS 1024
#define ERRORS 256
/* io_uring_setup, the same in every ABI. */
#define URING_SETUP 425
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTTOU 22

/* Bits of `calls`: which argument (from 1) is what. The rest are kinds of call, which `errors` asks
 * for. */
#define FIRST(call) ((call) & 7)
#define SECOND(call) ((call) >> 3 & 7)
#define PEER(call) ((call) >> 6 & 7)
/* Whether the argument before a string is the directory that it is looked up from; else it is the
 * working directory. */
#define FIRST_AT 0x200
#define SECOND_AT 0x400
#define KINDS(call) ((call) >> 16)
#define RETURNS_ANYTHING 0x8000
/* Bits of `errors`: kinds of call for which the error is of interest, and how it is counted. */
#define OF(error) ((error) & 0xffff)
#define CLASS(error) ((error) >> 16 & 3)

/* Bits of `deniers`. */
enum denier { BITS = 1, MOUNT = 2, LANDLOCK = 4, MODULE = 8 };
/* include/uapi/asm-generic/errno-base.h */
enum { EPERM = 1, EACCES = 13, EXDEV = 18, EROFS = 30 };

enum flag {
	ENTERED = 1,
	FIRST_READ = 2,
	SECOND_READ = 4,
	PEER_READ = 8,
	/* The directory that a name is looked up from is told. */
	FIRST_PLACED = 16,
	SECOND_PLACED = 32,
	/* The task's root is that of its mount namespace. */
	ROOTED = 64,
};
/* include/uapi/linux/fcntl.h, include/linux/socket.h */
#define AT_FDCWD (-100)
#define AF_UNIX 1

/* What is kept of a task's present call, and what is sent of one that failed: `text` as far as it
 * is used. The loader knows this layout. */
struct call {
	u64 time;
	u64 args[6];
	/* Capabilities that were asked for and not there, a bit each. */
	u64 capabilities;
	/* Those of them that were asked for in the first user namespace. */
	u64 outermost;
	u32 thread;
	u32 process;
	u32 number;
	u32 abi;
	s32 error;
	u32 flags;
	/* Whose function was the last to end with a refusal, and with which error. */
	u32 deniers;
	s32 denied;
	u32 lengths[2];
	char command[16];
	/* Not sent, but what `calls` says of the call. */
	u32 inside;
	u32 kinds;
	/* Bytes of the names of each directory, behind the text. */
	u32 places[2];
	/* Whose call it was: `struct cred`, and the numbers of its user and mount namespace. */
	u64 effective;
	u32 user;
	u32 group;
	u32 users;
	u32 view;
	/* How many there are, and the first of them. */
	u32 supplementary;
	u32 groups[GROUPS];
	/* Where the names end, in `text`. Kept here because the verifier follows no value in a map: it would
	 * verify the walk once for each length. */
	u32 end;
	/* Soft limits: file size, processes, files, locked memory, addresses. */
	u64 limits[5];
	char text[TEXT * 2 + PLACES + NAME];
};
#define HEAD __builtin_offsetof(struct call, text)

struct stopped {
	u64 since;
	/* Somebody else stopped it as well: it is not ours to wake. */
	u32 by_others;
	u32 _pad;
};

/* What the loader sets. */
struct settings {
	/* The pid namespace whose tasks are watched. Where `launcher` is set it is found here, when
	 * the launcher's first child in a pid namespace of its own is made; so nothing is missed. */
	u32 space;
	u32 launcher;
	/* The init, which is ringfence's own. Where there is no pid namespace, whatever descends from
	 * it is watched. */
	u32 init;
	/* Whether denials by seccomp are sent, too. */
	u32 gate;
	/* Unread bytes from which a task is stopped; 0: never. */
	u64 most;
	/* Set here, at the first execve: what came before was the launcher's. */
	u32 begun;
	u32 follow;
};

/* Sums of all processors, which the loader adds up. */
enum count {
	SENT = 0, /* by class, 4 */
	DROPPED = 4, /* by class, 4 */
	UNKEPT = 8, /* calls whose task could not be kept */
	GATE = 9, /* denials by seccomp */
	STOPS = 10,
	URING = 11, /* io_uring_setup(2) that succeeded: what follows is no system call */
	ENDLESS = 12, /* calls whose end was not seen: the next one has entered */
	COUNTS = 13,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct settings);
	__uint(max_entries, 1);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, COUNTS);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, ABIS * NUMBERS);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, ERRORS);
} errors SEC(".maps");

/* Of each task that is watched; it goes with the task. A task is never moved to another pid namespace, so
 * whoever has an entry need not be looked at again. A new task has none, whoever its parent is. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} tasks SEC(".maps");

/* By process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct stopped);
	__uint(max_entries, 32768);
} stopped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

static __always_inline void add(u32 which)
{
	u64 *count = bpf_map_lookup_elem(&counts, &which);
	if (count)
		*count += 1;
}

static __always_inline struct settings *wanted(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&settings, &zero);
}

/* Read rather than followed: kernels before 6.2 allow no index into what a typed pointer leads to. */
static __always_inline u64 pid_of(struct task_struct *task)
{
	u64 pid = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), (void *)task + bpf_core_field_offset(struct task_struct, thread_pid));
	return pid;
}

static __always_inline u32 level_of(u64 pid)
{
	u32 level = 0;

	bpf_probe_read_kernel(&level, sizeof(level), (void *)(pid + bpf_core_field_offset(struct pid, level)));
	return level;
}

static __always_inline struct pid_namespace *space_of(u64 pid, u32 level)
{
	struct pid_namespace *space = 0;

	bpf_probe_read_kernel(&space, sizeof(space),
		(void *)(pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid) +
			 bpf_core_field_offset(struct upid, ns)));
	return space;
}

static __always_inline u32 number_of(struct pid_namespace *space)
{
	u32 inum = 0;

	bpf_probe_read_kernel(&inum, sizeof(inum), (void *)space + bpf_core_field_offset(struct pid_namespace, ns) +
		bpf_core_field_offset(struct ns_common, inum));
	return inum;
}

/* Since Linux 6.5 the numbers are an array without a length: a typed pointer leads to the second one, too. */
#define TYPED (bpf_core_field_size(struct pid, numbers) == 0)

/* Whether the task is in the pid namespace, or in one below it. The launcher is in the first one of all, so
 * the command's is the second on each way down. */
static __always_inline bool within(struct task_struct *task, u32 space)
{
	struct pid *typed = task->thread_pid;
	u64 pid;

	/* Most tasks of the host are in the first one. */
	if (typed->level == 0)
		return false;
	if (TYPED) {
		struct pid_namespace **second = (void *)typed + bpf_core_field_offset(struct pid, numbers) +
			bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, ns);
		return (*second)->ns.inum == space;
	}
	pid = pid_of(task);
	return pid && number_of(space_of(pid, 1)) == space;
}

static __always_inline struct call *kept(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, 0, 0);
}

static __always_inline struct call *keep(struct task_struct *task)
{
	struct call *call = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!call)
		add(UNKEPT);
	return call;
}

/* The present call of a task that is watched; 0 for others. */
static __always_inline struct call *watched(struct task_struct *task, struct settings *want)
{
	struct call *call;

	if (!want->space)
		return want->follow ? kept(task) : 0;
	/* Cheap for whoever is outside. Where it takes helpers, what is kept is looked for first. */
	if (TYPED ? !within(task, want->space) : task->thread_pid->level == 0)
		return 0;
	call = kept(task);
	if (call || (!TYPED && !within(task, want->space)) || (u32)task->tgid == want->init)
		return call;
	return keep(task);
}

static __always_inline u32 abi_of(struct task_struct *task, u32 number)
{
	if (task->thread_info.status & TS_COMPAT)
		return 1;
	return number & X32_BIT ? 2 : 0;
}

static __always_inline u32 shape(u32 abi, u32 number)
{
	u32 key = abi * NUMBERS + (number & ~X32_BIT & (NUMBERS - 1));
	u32 *found;

	if ((number & ~X32_BIT) >= NUMBERS)
		return 0;
	found = bpf_map_lookup_elem(&calls, &key);
	return found ? *found : 0;
}

static __always_inline void take_args(struct call *call, struct pt_regs *regs, u32 abi)
{
	if (abi == 1) {
		call->args[0] = (u32)regs->bx;
		call->args[1] = (u32)regs->cx;
		call->args[2] = (u32)regs->dx;
		call->args[3] = (u32)regs->si;
		call->args[4] = (u32)regs->di;
		call->args[5] = (u32)regs->bp;
	} else {
		call->args[0] = regs->di;
		call->args[1] = regs->si;
		call->args[2] = regs->dx;
		call->args[3] = regs->r10;
		call->args[4] = regs->r8;
		call->args[5] = regs->r9;
	}
}

/* A constant index each: the verifier follows no variable one into a map's value. */
static __always_inline u64 argument(struct call *call, u32 place)
{
	switch (place) {
	case 1: return call->args[0];
	case 2: return call->args[1];
	case 3: return call->args[2];
	case 4: return call->args[3];
	case 5: return call->args[4];
	case 6: return call->args[5];
	}
	return 0;
}

/* Reads what the arguments point to, as far as that was not done. */
static __always_inline void read(struct call *call, u32 shape)
{
	long len;

	if (FIRST(shape) && !(call->flags & FIRST_READ)) {
		len = bpf_probe_read_user_str(call->text, TEXT, (void *)argument(call, FIRST(shape)));
		if (len > 0) {
			call->lengths[0] = len;
			call->flags |= FIRST_READ;
		}
	}
	if (SECOND(shape) && !(call->flags & SECOND_READ)) {
		len = bpf_probe_read_user_str(call->text + TEXT, TEXT, (void *)argument(call, SECOND(shape)));
		if (len > 0) {
			call->lengths[1] = len;
			call->flags |= SECOND_READ;
		}
	}
	if (PEER(shape) && !(call->flags & PEER_READ)) {
		u32 size = argument(call, PEER(shape) + 1);

		if (size > ADDRESS)
			size = ADDRESS;
		if (size && !bpf_probe_read_user(call->text + TEXT, size, (void *)argument(call, PEER(shape)))) {
			call->lengths[1] = size;
			call->flags |= PEER_READ;
		}
	}
}

static __always_inline void begin(struct call *call, struct pt_regs *regs, u32 abi, u32 number)
{
	u32 what = shape(abi, number);

	call->number = number;
	call->abi = abi;
	call->kinds = what;
	call->flags = 0;
	call->capabilities = 0;
	call->outermost = 0;
	call->deniers = 0;
	call->denied = 0;
	take_args(call, regs, abi);
	if (what & 0x1ff) {
		call->lengths[0] = call->lengths[1] = 0;
		read(call, what);
	}
}

SEC("tp_btf/sys_enter")
int BPF_PROG(gate_entered, struct pt_regs *regs, long number)
{
	struct settings *want = wanted();
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct call *call;

	if (!want || !(call = watched(task, want)))
		return 0;
	if (call->inside)
		add(ENDLESS);
	begin(call, regs, abi_of(task, number), number);
	call->flags |= ENTERED;
	call->inside = 1;
	return 0;
}

#define AT(structure, field, from) ((void *)((u64)(from) + bpf_core_field_offset(structure, field)))

static __always_inline u64 pointer(void *at)
{
	u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

static __always_inline u32 word(void *at)
{
	u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

static __always_inline u64 limit(u64 signal, u32 which)
{
	/* rlim_cur and rlim_max of each. */
	return pointer(AT(struct signal_struct, rlim, signal) + which * 16);
}

/* Whose call it was: it may have ended when the record is read. */
static __always_inline void sign(struct call *call, struct task_struct *task)
{
	u64 cred = pointer(AT(struct task_struct___placed, cred, task));
	u64 space = pointer(AT(struct task_struct___placed, nsproxy, task));
	u64 signal = pointer(AT(struct task_struct___placed, signal, task));
	u64 groups = pointer(AT(struct cred___whole, group_info, cred));

	call->user = word(AT(struct cred___whole, fsuid, cred));
	call->group = word(AT(struct cred___whole, fsgid, cred));
	call->effective = pointer(AT(struct cred___whole, cap_effective, cred));
	call->users = word(AT(struct user_namespace___numbered, ns, pointer(AT(struct cred___whole, user_ns, cred))) +
			   bpf_core_field_offset(struct ns_common, inum));
	call->view = word(AT(struct mnt_namespace, ns, pointer(AT(struct nsproxy, mnt_ns, space))) +
			  bpf_core_field_offset(struct ns_common, inum));
	call->supplementary = word(AT(struct group_info, ngroups, groups));
	bpf_probe_read_kernel(call->groups, sizeof(call->groups), AT(struct group_info, gid, groups));
	/* RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS */
	call->limits[0] = limit(signal, 1);
	call->limits[1] = limit(signal, 6);
	call->limits[2] = limit(signal, 7);
	call->limits[3] = limit(signal, 8);
	call->limits[4] = limit(signal, 9);
}

struct stand {
	u64 dentry;
	u64 mount;
};

static __always_inline struct stand stand_at(void *path)
{
	struct stand at;

	at.dentry = pointer(path + bpf_core_field_offset(struct path, dentry));
	at.mount = pointer(path + bpf_core_field_offset(struct path, mnt)) - bpf_core_field_offset(struct mount, mnt);
	return at;
}

static __always_inline u64 root_of(u64 mount)
{
	return pointer(AT(struct mount, mnt, mount) + bpf_core_field_offset(struct vfsmount, mnt_root));
}

/* The mount that all of the task's view hangs on; 0 where its root is a directory further down. */
static __always_inline u64 top_of(struct task_struct *task)
{
	u64 fs = pointer(AT(struct task_struct___placed, fs, task));
	struct stand at = stand_at(AT(struct fs_struct, root, fs));

	for (int step = 0; step < ROOTS; step++) {
		u64 parent;

		if (!at.mount || at.dentry != root_of(at.mount))
			return 0;
		parent = pointer(AT(struct mount, mnt_parent, at.mount));
		if (parent == at.mount)
			return at.mount;
		at.dentry = pointer(AT(struct mount, mnt_mountpoint, at.mount));
		at.mount = parent;
	}
	return 0;
}

/* Writes the names from a directory up to `top` behind the text; false where the directory is not below
 * that, has been removed, or is too far down. */
static __noinline bool climb(struct call *call, struct stand *start, u64 top)
{
	struct stand at = *start;

	if (at.dentry != root_of(at.mount) &&
	    !pointer(AT(struct dentry, d_hash, at.dentry) + bpf_core_field_offset(struct hlist_bl_node, pprev)))
		return false;
	for (int step = 0; step < STEPS; step++) {
		u64 parent, end;
		long len;

		if (at.dentry == root_of(at.mount)) {
			parent = pointer(AT(struct mount, mnt_parent, at.mount));
			if (parent == at.mount)
				return at.mount == top;
			at.dentry = pointer(AT(struct mount, mnt_mountpoint, at.mount));
			at.mount = parent;
			continue;
		}
		parent = pointer(AT(struct dentry, d_parent, at.dentry));
		end = call->end;
		if (parent == at.dentry || end > TEXT * 2 + PLACES)
			return false;
		len = bpf_probe_read_kernel_str(call->text + end, NAME,
			(void *)pointer(AT(struct dentry, d_name, at.dentry) + bpf_core_field_offset(struct qstr, name)));
		if (len <= 1)
			return false;
		call->end = end + len;
		at.dentry = parent;
	}
	return false;
}

/* The directory that a descriptor is, or the working directory. */
static __always_inline bool directory(struct task_struct *task, s32 descriptor, struct stand *at)
{
	u64 files, table, file;

	if (descriptor == AT_FDCWD) {
		u64 fs = pointer(AT(struct task_struct___placed, fs, task));

		*at = stand_at(AT(struct fs_struct, pwd, fs));
		return at->dentry;
	}
	files = pointer(AT(struct task_struct___placed, files, task));
	table = pointer(AT(struct files_struct, fdt, files));
	if (descriptor < 0 || (u32)descriptor >= word(AT(struct fdtable, max_fds, table)))
		return false;
	file = pointer((void *)(pointer(AT(struct fdtable, fd, table)) + (u64)(u32)descriptor * 8));
	*at = stand_at(AT(struct file, f_path, file));
	return file && at->dentry;
}

/* Behind the text, which ends at `end`: where relative names are looked up from. */
static __always_inline void locate(struct call *call, struct task_struct *task, u32 end)
{
	u32 what = call->kinds;
	u64 top = top_of(task);
	struct stand at;
	bool named;

	call->end = end;
	call->places[0] = call->places[1] = 0;
	if (!top)
		return;
	call->flags |= ROOTED;
	if (call->flags & FIRST_READ && call->text[0] != '/' &&
	    directory(task, what & FIRST_AT ? (s32)argument(call, FIRST(what) - 1) : AT_FDCWD, &at)) {
		if (climb(call, &at, top)) {
			call->flags |= FIRST_PLACED;
			call->places[0] = call->end - end;
		} else {
			call->end = end;
		}
	}
	named = call->flags & SECOND_READ && call->text[TEXT] != '/';
	/* The path of a socket's address. */
	named |= call->flags & PEER_READ && call->text[TEXT] == AF_UNIX && call->text[TEXT + 1] == 0 &&
		 call->text[TEXT + 2] != 0 && call->text[TEXT + 2] != '/';
	end = call->end;
	if (named && directory(task, what & SECOND_AT ? (s32)argument(call, SECOND(what) - 1) : AT_FDCWD, &at)) {
		if (climb(call, &at, top)) {
			call->flags |= SECOND_PLACED;
			call->places[1] = call->end - end;
		} else {
			call->end = end;
		}
	}
}

/* Over the threshold, the process that made the call rests until the loader has caught up. */
static __always_inline void press_back(struct settings *want, struct task_struct *task)
{
	u32 process = task->tgid;
	struct stopped entry = {};

	if (!want->most || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < want->most)
		return;
	entry.since = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&stopped, &process, &entry, BPF_NOEXIST))
		return;
	/* The loader empties the ring, then takes entries away and wakes. Whatever it did since the
	 * entry was made must not leave a process that nobody wakes. */
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < want->most || bpf_send_signal(SIGSTOP)) {
		bpf_map_delete_elem(&stopped, &process);
		return;
	}
	add(STOPS);
	if (!bpf_map_lookup_elem(&stopped, &process))
		bpf_send_signal(SIGCONT);
}

static __always_inline void send(struct call *call, struct settings *want, struct task_struct *task, u32 class)
{
	u64 size = call->flags & (SECOND_READ | PEER_READ) ? TEXT + call->lengths[1] : call->lengths[0];

	if (!(call->flags & (FIRST_READ | SECOND_READ | PEER_READ)))
		size = 0;
	if (size > 2 * TEXT)
		size = 2 * TEXT;
	call->time = bpf_ktime_get_ns();
	call->thread = task->pid;
	call->process = task->tgid;
	bpf_get_current_comm(call->command, sizeof(call->command));
	/* What seccomp answers is answered by its registers alone. */
	if (call->flags & ENTERED) {
		sign(call, task);
		locate(call, task, size);
		size = call->end;
	}
	if (size > sizeof(call->text))
		size = sizeof(call->text);
	if (bpf_ringbuf_output(&ring, call, HEAD + size, 0))
		add(DROPPED + class);
	else
		add(SENT + class);
	press_back(want, task);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(gate_left, struct pt_regs *regs, long result)
{
	struct settings *want = wanted();
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct call *call;
	u32 key, entered, *found;

	if (!want || !(call = watched(task, want)))
		return 0;
	entered = call->inside;
	call->inside = 0;
	/* In a 32-bit call, only 32 bits of the result are. */
	if (task->thread_info.status & TS_COMPAT)
		result = (s32)result;
	if (result >= 0 && entered && (call->number & ~X32_BIT) == URING_SETUP)
		add(URING);
	if (result >= 0 || result <= -ERRORS || !want->begun)
		return 0;
	if (!entered) {
		u32 number = regs->orig_ax;

		add(GATE);
		if (!want->gate)
			return 0;
		begin(call, regs, abi_of(task, number), number);
		call->error = -result;
		send(call, want, task, 3);
		return 0;
	}
	if (KINDS(call->kinds) & RETURNS_ANYTHING)
		return 0;
	key = -result;
	found = bpf_map_lookup_elem(&errors, &key);
	if (!found || !(OF(*found) & KINDS(call->kinds)))
		return 0;
	call->error = key;
	/* A page that was not there at first: the call has brought it in. */
	if (call->kinds & 0x1ff)
		read(call, call->kinds);
	send(call, want, task, CLASS(*found));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(forked, struct task_struct *parent, struct task_struct *child)
{
	struct settings *want = wanted();
	struct call *call;

	if (!want || want->space)
		return 0;
	if (want->launcher && (u32)parent->tgid == want->launcher) {
		u64 of_parent = pid_of(parent), of_child = pid_of(child);

		if (of_parent && of_child && level_of(of_parent) == 0 && level_of(of_child) == 1) {
			want->init = child->tgid;
			want->space = number_of(space_of(of_child, 1));
		}
		return 0;
	}
	if (!want->follow || ((u32)parent->tgid != want->init && !kept(parent)))
		return 0;
	if ((u32)child->tgid == want->init)
		return 0;
	call = keep(child);
	if (call)
		call->inside = 1;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(executed, struct task_struct *task, int old, struct linux_binprm *program)
{
	struct settings *want = wanted();

	if (want && !want->begun && watched(task, want))
		want->begun = 1;
	return 0;
}

/* Who else stops or wakes what was stopped here. SEND_SIG_PRIV is the kernel's own signal. */
SEC("tp_btf/signal_generate")
int BPF_PROG(signalled, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	u32 process = task->tgid;
	struct stopped *entry;

	if (signal < SIGCONT || signal > SIGTTOU)
		return 0;
	entry = bpf_map_lookup_elem(&stopped, &process);
	if (!entry)
		return 0;
	if (signal == SIGCONT)
		bpf_map_delete_elem(&stopped, &process);
	else if ((u64)info != 1)
		entry->by_others = 1;
	return 0;
}

static __always_inline void asked(const struct user_namespace *target, u32 capability, int result)
{
	struct settings *want = wanted();
	struct task_struct *task;
	struct call *call;

	if (!result || !want || (!want->space && !want->follow))
		return;
	task = (struct task_struct *)bpf_get_current_task_btf();
	call = kept(task);
	if (!call || !call->inside)
		return;
	call->capabilities |= 1ULL << (capability & 63);
	if (target && target->level == 0)
		call->outermost |= 1ULL << (capability & 63);
}

SEC("tp_btf/cap_capable")
int BPF_PROG(capability_asked, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *at, int capability, int result)
{
	asked(target, capability, result);
	return 0;
}

/* Before 6.13 there is no such tracepoint. */
SEC("fexit/cap_capable")
int BPF_PROG(capability_ended, const struct cred *cred, struct user_namespace *target, int capability,
	     unsigned int options, int result)
{
	asked(target, capability, result);
	return 0;
}

/* A function of the kernel ends. The last that refused is the one for which the call fails: each of
 * these ends a call, and what is tried again (ECHILD, by a walk without locks) is no refusal. */
static __always_inline int refused(void *ctx, u32 by)
{
	struct settings *want = wanted();
	struct call *call;
	u64 value = 0;
	s32 result;

	if (!want || (!want->space && !want->follow) || bpf_get_func_ret(ctx, &value))
		return 0;
	result = value;
	if (result != -EPERM && result != -EACCES && result != -EXDEV && result != -EROFS)
		return 0;
	call = kept((struct task_struct *)bpf_get_current_task_btf());
	if (!call || !call->inside)
		return 0;
	/* Landlock's hooks are called by those of all modules, and say more. */
	if (by == MODULE && call->deniers == LANDLOCK && call->denied == -result)
		return 0;
	call->deniers = by;
	call->denied = -result;
	return 0;
}

#define END(function, by)                                                                          \
	SEC("fexit/" #function) int end_##function(void *ctx)                                      \
	{                                                                                          \
		return refused(ctx, by);                                                           \
	}

/* fs/namei.c, fs/namespace.c: permission bits and ACLs; what is mounted read-only (6.8 renamed it). */
END(generic_permission, BITS)
END(__mnt_want_write, MOUNT)
END(mnt_get_write_access, MOUNT)
/* security/landlock/fs.c, net.c */
END(hook_file_open, LANDLOCK)
END(hook_path_mkdir, LANDLOCK)
END(hook_path_mknod, LANDLOCK)
END(hook_path_symlink, LANDLOCK)
END(hook_path_unlink, LANDLOCK)
END(hook_path_rmdir, LANDLOCK)
END(hook_path_link, LANDLOCK)
END(hook_path_rename, LANDLOCK)
END(hook_path_truncate, LANDLOCK)
END(hook_socket_bind, LANDLOCK)
END(hook_socket_connect, LANDLOCK)
/* security/security.c: any module, where Landlock's own hook did not say so. */
END(security_inode_permission, MODULE)
END(security_file_open, MODULE)
