/* What a containment is kept from by hooks of the security modules: crates/ringfence/src/control/bpf_lsm.
 *
 * A task belongs to a containment where one of the pid namespaces that number it is the
 * containment's. No task ever leaves its pid namespace (pid_namespaces(7)), so nothing is tracked and
 * nothing can be forgotten: children, threads, and workers of io_uring (from Linux 5.12) are in it by
 * birth. Its process 1 is ringfence's own and is let alone.
 *
 * A place is known by the inode that the init showed by statfs(2) in its own view, and a file belongs
 * to a place where walking up by d_parent meets that inode. What cannot be told is denied. */
#include "object.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* include/linux/pid_namespace.h */
#define MAX_PID_NS_LEVEL 32
/* A file that lies deeper than this below a place is not found there: verifying the walk is what loading costs. */
#define DEPTH 128
#define NAMES 16
#define NAME 48

#define EACCES 13
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_ICMP 1
#define IPPROTO_ICMPV6 58
#define PROT_EXEC 4
#define ATTR_UID 2
#define ATTR_GID 4
#define S_IFMT 0170000
#define S_IFCHR 0020000
#define S_IFBLK 0060000
/* include/linux/fs.h, of pipes, sockets and memfd_create(2). */
#define RENAME_EXCHANGE 2
#define SB_NOUSER (1UL << 31)
/* include/linux/sched.h; arch/x86/include/asm/page_64_types.h, without KASAN. */
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000
#define THREAD_SIZE (4 * 4096)

/* control/bpf_lsm/model.rs */
enum right { RIGHT_EXEC = 1, RIGHT_WRITE = 2, RIGHT_DEVICE = 4, RIGHT_UNIX = 8 };
enum direction { CONNECT = 0, BIND = 1 };
enum transport { TCP = 0, UDP = 1 };
/* A bit for each holding: what is not asked for is let alone. */
enum holding { HOLD_EXEC = 1, HOLD_META = 2, HOLD_DEVICE = 4, HOLD_UNIX = 8, HOLD_TCP = 16, HOLD_UDP = 32 };
enum kind {
	KIND_EXEC = 1,
	KIND_MAP,
	KIND_CHMOD,
	KIND_CHOWN,
	KIND_XATTR,
	KIND_IOCTL,
	KIND_FLAGS,
	KIND_UNIX,
	KIND_BIND,
	KIND_CONNECT,
	KIND_RING,
	KIND_BPF,
	KIND_LINK,
	KIND_RENAME,
};

struct containment {
	u32 places; /* that the init is to show */
	u32 shown;
	u32 holdings;
	u32 every; /* bit transport * 2 + direction: no list, every port */
	u64 denied;
	u64 lost;
	/* When the init was born, as it showed the first place: a later namespace may have this one's
	 * number, as long as the programs of this one are being detached. */
	u64 born;
};

struct wanted {
	u32 space;
	u32 number;
};

struct place {
	u64 inode;
	u32 device;
	u32 generation;
	u32 space;
	u32 unused;
};

struct port {
	u32 space;
	u16 port;
	u8 transport;
	u8 direction;
};

struct denial {
	u32 kind;
	u32 process;
	u32 thread;
	u32 value; /* command, port, mode; transport in the upper half */
	u32 device;
	u32 names; /* how many are there; the first is the file's own */
	u64 inode;
	char command[16];
	u32 call; /* as the task made it; ~0: a thread of the kernel's */
	u32 unused;
	char name[NAMES][NAME];
};

struct {
	__uint(type, 1 /* BPF_MAP_TYPE_HASH */);
	__type(key, u32);
	__type(value, struct containment);
	__uint(max_entries, 1024);
} contained SEC(".maps");

struct {
	__uint(type, 1);
	__type(key, struct wanted);
	__type(value, u32);
	__uint(max_entries, 65536);
	__uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
} wanted SEC(".maps");

struct {
	__uint(type, 1);
	__type(key, struct place);
	__type(value, u32);
	__uint(max_entries, 65536);
	__uint(map_flags, 1);
} places SEC(".maps");

struct {
	__uint(type, 1);
	__type(key, struct port);
	__type(value, u8);
	__uint(max_entries, 65536);
	__uint(map_flags, 1);
} ports SEC(".maps");

/* Sockets that were bound inside, by address, with the number of the socket's inode, which tells it
 * from a later one at the same address. The least recently used are forgotten, and then denied. */
struct {
	__uint(type, 9 /* BPF_MAP_TYPE_LRU_HASH */);
	__type(key, u64);
	__type(value, u64);
	__uint(max_entries, 8192);
} own SEC(".maps");

struct {
	__uint(type, 27 /* BPF_MAP_TYPE_RINGBUF */);
	__uint(max_entries, 1 << 20);
} denials SEC(".maps");

/* Whether somebody reads the ring. */
const volatile u8 watched = 0;

struct who {
	u32 space;
	u32 number; /* in the containment's pid namespace */
	u64 born; /* process 1 of it */
};

/* The containment of the current task. Not inlined: what a program answers must be known to the
 * verifier, and a compiler that has all of it in one function keeps it where that is lost. */
static __noinline struct containment *find(struct who *who)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	const char *numbers = (const char *)__builtin_preserve_access_index(&pid->numbers);
	/* No containment is the first pid namespace, of level 0. */
#pragma clang loop unroll(disable)
	for (u32 i = 1; i <= MAX_PID_NS_LEVEL; i++) {
		struct upid {
			int nr;
			struct pid_namespace *ns;
		} at = {};
		struct containment *in;
		u32 space;
		if (i > level)
			return 0;
		bpf_probe_read_kernel(&at, sizeof(at), numbers + i * sizeof(at));
		space = BPF_CORE_READ(at.ns, ns.inum);
		in = bpf_map_lookup_elem(&contained, &space);
		if (in) {
			who->space = space;
			who->number = at.nr;
			who->born = BPF_CORE_READ((struct pid_namespace___reaped *)at.ns, child_reaper, start_boottime);
			return in;
		}
	}
	return 0;
}

/* The containment of the current task, where what it does is held. */
static __always_inline struct containment *held(struct who *who, u32 holding)
{
	struct containment *in = find(who);
	return in && who->number != 1 && who->born == in->born && (in->holdings & holding) ? in : 0;
}

static __always_inline void identify(struct inode *inode, struct place *place)
{
	place->inode = BPF_CORE_READ(inode, i_ino);
	place->generation = BPF_CORE_READ(inode, i_generation);
	place->device = BPF_CORE_READ(inode, i_sb, s_dev);
}

/* The rights that are granted on the file or on a directory above it. */
static __noinline u32 walk(u32 space, struct dentry *at)
{
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < DEPTH; i++) {
		struct place place = { .space = space };
		struct dentry *parent;
		struct inode *inode = BPF_CORE_READ(at, d_inode);
		if (inode) {
			u32 *rights;
			identify(inode, &place);
			rights = bpf_map_lookup_elem(&places, &place);
			if (rights)
				sum |= *rights;
		}
		parent = BPF_CORE_READ(at, d_parent);
		if (!parent || parent == at)
			break;
		at = parent;
	}
	return sum;
}

/* Nothing is granted before every place has been shown. */
static __always_inline bool granted(struct containment *in, struct who *who, struct dentry *at, u32 right)
{
	return in->shown == in->places && (walk(who->space, at) & right);
}

static __always_inline bool internal(struct dentry *at)
{
	return BPF_CORE_READ(at, d_inode, i_sb, s_flags) & SB_NOUSER;
}

/* The number of the system call that the task is in: the registers lie at the end of its stack. */
static __always_inline u32 call_of(struct task_struct *task)
{
	const struct pt_regs *regs;
	const char *stack;
	if (BPF_CORE_READ((struct task_struct___stacked *)task, flags) & (PF_IO_WORKER | PF_KTHREAD))
		return ~0u;
	/* From Linux 5.15; from 6.9 the end of the stack is not always the same. */
	if (bpf_core_enum_value_exists(enum bpf_func_id___known, BPF_FUNC_task_pt_regs___known))
		regs = (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	else {
		stack = BPF_CORE_READ((struct task_struct___stacked *)task, stack);
		regs = (const struct pt_regs *)(stack + THREAD_SIZE - bpf_core_type_size(struct pt_regs));
	}
	return BPF_CORE_READ(regs, orig_ax);
}

static __noinline int record(u32 kind, u32 value, struct dentry *at)
{
	u64 ids = bpf_get_current_pid_tgid();
	struct denial *denial = bpf_ringbuf_reserve(&denials, sizeof(*denial), 0);
	if (!denial)
		return 1;
	denial->kind = kind;
	denial->value = value;
	denial->process = ids >> 32;
	denial->thread = (u32)ids;
	denial->names = 0;
	denial->inode = 0;
	denial->device = 0;
	denial->unused = 0;
	denial->call = call_of((struct task_struct *)bpf_get_current_task());
	bpf_get_current_comm(denial->command, sizeof(denial->command));
	if (at) {
		struct inode *inode = BPF_CORE_READ(at, d_inode);
		denial->inode = BPF_CORE_READ(inode, i_ino);
		denial->device = BPF_CORE_READ(inode, i_sb, s_dev);
#pragma clang loop unroll(disable)
		for (u32 i = 0; i < NAMES; i++) {
			struct dentry *parent = BPF_CORE_READ(at, d_parent);
			bpf_probe_read_kernel_str(denial->name[i], NAME, BPF_CORE_READ(at, d_name.name));
			denial->names = i + 1;
			if (!parent || parent == at)
				break;
			at = parent;
		}
	}
	bpf_ringbuf_submit(denial, 0);
	return 0;
}

static __always_inline int deny(struct containment *in, u32 kind, u32 value, struct dentry *at)
{
	__sync_fetch_and_add(&in->denied, 1);
	if (watched && record(kind, value, at))
		__sync_fetch_and_add(&in->lost, 1);
	return -EACCES;
}

/* The init shows the places, one after the other, in the order of `wanted`. statfs(2) is rare, and
 * changes nothing. */
SEC("lsm/sb_statfs")
int BPF_PROG(show, struct dentry *dentry)
{
	struct who who = {};
	struct wanted want = {};
	struct place place = {};
	struct inode *inode;
	u32 *rights, *before, sum;
	struct containment *in = find(&who);
	if (!in || who.number != 1 || in->shown >= in->places || (in->shown && in->born != who.born))
		return 0;
	in->born = who.born;
	want.space = who.space;
	want.number = in->shown;
	rights = bpf_map_lookup_elem(&wanted, &want);
	inode = BPF_CORE_READ(dentry, d_inode);
	if (!rights || !inode)
		return -EACCES;
	identify(inode, &place);
	place.space = who.space;
	sum = *rights;
	before = bpf_map_lookup_elem(&places, &place);
	if (before)
		sum |= *before;
	if (bpf_map_update_elem(&places, &place, &sum, 0))
		return -EACCES;
	in->shown += 1;
	return 0;
}

/* Each file of an execve(2): a script, then its interpreter. */
SEC("lsm/bprm_check_security")
int BPF_PROG(execute, struct linux_binprm *bprm)
{
	struct who who = {};
	struct dentry *at;
	struct containment *in = held(&who, HOLD_EXEC);
	if (!in)
		return 0;
	at = BPF_CORE_READ(bprm, file, f_path.dentry);
	return granted(in, &who, at, RIGHT_EXEC) ? 0 : deny(in, KIND_EXEC, 0, at);
}

static __always_inline int map(struct file *file)
{
	struct who who = {};
	struct dentry *at;
	struct containment *in;
	if (!file)
		return 0;
	in = held(&who, HOLD_EXEC);
	if (!in)
		return 0;
	at = BPF_CORE_READ(file, f_path.dentry);
	return granted(in, &who, at, RIGHT_EXEC) ? 0 : deny(in, KIND_MAP, 0, at);
}

SEC("lsm/mmap_file")
int BPF_PROG(map_file, struct file *file, unsigned long asked, unsigned long given)
{
	return given & PROT_EXEC ? map(file) : 0;
}

SEC("lsm/file_mprotect")
int BPF_PROG(map_again, struct vm_area_struct *area, unsigned long asked, unsigned long given)
{
	return given & PROT_EXEC ? map(BPF_CORE_READ(area, vm_file)) : 0;
}

static __always_inline int change(struct dentry *at, u32 kind, u32 value)
{
	struct who who = {};
	struct containment *in = held(&who, HOLD_META);
	if (!in || internal(at) || granted(in, &who, at, RIGHT_WRITE))
		return 0;
	return deny(in, kind, value, at);
}

SEC("lsm/path_chmod")
int BPF_PROG(change_mode, struct path *path, u16 mode)
{
	return change(BPF_CORE_READ(path, dentry), KIND_CHMOD, mode);
}

SEC("lsm/path_chown")
int BPF_PROG(change_owner, struct path *path)
{
	return change(BPF_CORE_READ(path, dentry), KIND_CHOWN, 0);
}

/* Where path_chown has an argument that no program may have, before Linux 6.1: the change itself. */
SEC("lsm/inode_setattr")
int BPF_PROG(change_owner_itself, struct dentry *dentry, struct iattr *attributes)
{
	u32 changed = BPF_CORE_READ(attributes, ia_valid);
	return changed & (ATTR_UID | ATTR_GID) ? change(dentry, KIND_CHOWN, 0) : 0;
}

/* The number of arguments is the kernel's, and reading one more than there are does not load: the
 * constant decides before the verifier looks. */
static __always_inline bool takes_mount(void)
{
	return bpf_core_field_exists(((struct vfsmount *)0)->mnt_userns) ||
	       bpf_core_field_exists(((struct vfsmount *)0)->mnt_idmap);
}

/* `trusted.overlay.`, as two words: what overlayfs itself sets below a file that is written. */
static __always_inline bool of_overlay(const char *name)
{
	u64 found[2] = {};
	bpf_probe_read_kernel(found, sizeof(found), name);
	return found[0] == 0x2e64657473757274 && found[1] == 0x2e79616c7265766f;
}

SEC("lsm/inode_setxattr")
int set_attribute(u64 *ctx)
{
	if (takes_mount())
		return of_overlay((char *)ctx[2]) ? 0 : change((struct dentry *)ctx[1], KIND_XATTR, 0);
	return of_overlay((char *)ctx[1]) ? 0 : change((struct dentry *)ctx[0], KIND_XATTR, 0);
}

SEC("lsm/inode_removexattr")
int remove_attribute(u64 *ctx)
{
	if (takes_mount())
		return of_overlay((char *)ctx[2]) ? 0 : change((struct dentry *)ctx[1], KIND_XATTR, 1);
	return of_overlay((char *)ctx[1]) ? 0 : change((struct dentry *)ctx[0], KIND_XATTR, 1);
}

/* From Linux 6.2: access control lists are attributes with hooks of their own. */
SEC("lsm/inode_set_acl")
int BPF_PROG(set_list, void *mount, struct dentry *dentry)
{
	return change(dentry, KIND_XATTR, 0);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(remove_list, void *mount, struct dentry *dentry)
{
	return change(dentry, KIND_XATTR, 1);
}

/* From Linux 6.17: file_setattr(2), inode flags without ioctl(2). */
SEC("lsm/inode_file_setattr")
int BPF_PROG(set_flags, struct dentry *dentry)
{
	return change(dentry, KIND_FLAGS, 0);
}

/* A file has the rights of where it is: by a new name it must not get more. */
static __always_inline int moves(struct dentry *old, struct path *to, u32 kind)
{
	struct who who = {};
	struct containment *in = held(&who, HOLD_META);
	u32 here, there;
	if (!in)
		return 0;
	here = walk(who.space, old);
	there = walk(who.space, BPF_CORE_READ(to, dentry));
	return in->shown == in->places && !(there & ~here) ? 0 : deny(in, kind, 0, old);
}

SEC("lsm/path_link")
int BPF_PROG(give_name, struct dentry *old, struct path *to)
{
	return moves(old, to, KIND_LINK);
}

/* Before Linux 5.19 an exchange of two names asks twice. */
SEC("lsm/path_rename")
int BPF_PROG(change_name, struct path *from, struct dentry *old, struct path *to)
{
	return moves(old, to, KIND_RENAME);
}

SEC("lsm/path_rename")
int BPF_PROG(change_names, struct path *from, struct dentry *old, struct path *to, struct dentry *new, u32 flags)
{
	int first = moves(old, to, KIND_RENAME);
	return first || !(flags & RENAME_EXCHANGE) ? first : moves(new, from, KIND_RENAME);
}

static __always_inline bool is_device(struct inode *inode)
{
	u16 kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	return kind == S_IFCHR || kind == S_IFBLK;
}

/* What any file takes, security/landlock/fs.c `is_masked_device_ioctl`. */
static __always_inline bool of_any_file(u32 command)
{
	switch (command) {
	case 0x5450: /* FIONCLEX */
	case 0x5451: /* FIOCLEX */
	case 0x5452: /* FIOASYNC */
	case 0x5421: /* FIONBIO */
	case 0x5460: /* FIOQSIZE */
	case 0x2: /* FIGETBSZ */
	case 0xc0045877: /* FIFREEZE */
	case 0xc0045878: /* FITHAW */
	case 0xc020660b: /* FS_IOC_FIEMAP */
	case 0x40049409: /* FICLONE */
	case 0x4020940d: /* FICLONERANGE */
	case 0xc0189436: /* FIDEDUPERANGE */
	case 0x80111500: /* FS_IOC_GETFSUUID */
	case 0x80811501: /* FS_IOC_GETFSSYSFSPATH */
		return true;
	default:
		return false;
	}
}

/* chattr(1): attributes that are no extended ones. */
static __always_inline bool sets_flags(u32 command)
{
	return command == 0x40086602 /* FS_IOC_SETFLAGS */ || command == 0x40046602 /* …32 */ ||
	       command == 0x401c5820 /* FS_IOC_FSSETXATTR */ || command == 0x40087602 /* …SETVERSION */ ||
	       command == 0x40047602;
}

static __always_inline int control(struct file *file, u32 command)
{
	struct who who = {};
	struct dentry *at = BPF_CORE_READ(file, f_path.dentry);
	if (is_device(BPF_CORE_READ(file, f_inode))) {
		struct containment *in;
		if (of_any_file(command))
			return 0;
		in = held(&who, HOLD_DEVICE);
		if (!in || granted(in, &who, at, RIGHT_DEVICE))
			return 0;
		return deny(in, KIND_IOCTL, command, at);
	}
	return sets_flags(command) ? change(at, KIND_FLAGS, command) : 0;
}

SEC("lsm/file_ioctl")
int BPF_PROG(control_device, struct file *file, u32 command)
{
	return control(file, command);
}

/* From Linux 6.8, and where that was taken into an older one. */
SEC("lsm/file_ioctl_compat")
int BPF_PROG(control_device_32, struct file *file, u32 command)
{
	return control(file, command);
}

/* From Linux 6.0: commands to a device by io_uring. */
SEC("lsm/uring_cmd")
int BPF_PROG(control_by_ring, struct io_uring_cmd *ring)
{
	struct who who = {};
	struct file *file = BPF_CORE_READ(ring, file);
	struct dentry *at = BPF_CORE_READ(file, f_path.dentry);
	struct containment *in;
	if (!is_device(BPF_CORE_READ(file, f_inode)))
		return 0;
	in = held(&who, HOLD_DEVICE);
	if (!in || granted(in, &who, at, RIGHT_DEVICE))
		return 0;
	return deny(in, KIND_IOCTL, 0, at);
}

static __always_inline u64 number_of(struct socket *socket)
{
	return BPF_CORE_READ(socket, file, f_inode, i_ino);
}

/* A socket with a name in the file system: one that `net.unix` names, or one that was bound inside.
 * Abstract names and connected pairs have no dentry. */
static __always_inline int reach(struct sock *peer)
{
	struct who who = {};
	u64 key = (u64)peer, *known;
	struct dentry *at = BPF_CORE_READ((struct unix_sock *)peer, path.dentry);
	struct containment *in;
	if (!at)
		return 0;
	in = held(&who, HOLD_UNIX);
	if (!in)
		return 0;
	known = bpf_map_lookup_elem(&own, &key);
	if (known && *known == number_of(BPF_CORE_READ(peer, sk_socket)))
		return 0;
	return granted(in, &who, at, RIGHT_UNIX) ? 0 : deny(in, KIND_UNIX, 0, at);
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(reach_stream, struct sock *socket, struct sock *other)
{
	return reach(other);
}

/* Each datagram, and connect(2) of a datagram socket. */
SEC("lsm/unix_may_send")
int BPF_PROG(reach_datagram, struct socket *socket, struct socket *other)
{
	return reach(BPF_CORE_READ(other, sk));
}

/* Ports of TCP and UDP. The family of the address does not matter: ports are in one place in both,
 * and a socket of one family takes some addresses of the other, or of none. */
static __always_inline int port(struct socket *socket, const void *address, u32 direction)
{
	struct who who = {};
	struct port key = {};
	u16 kind = BPF_CORE_READ(socket, type);
	u16 family = BPF_CORE_READ(socket, sk, __sk_common.skc_family);
	u16 protocol, found = 0;
	u32 holding;
	struct containment *in;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	protocol = BPF_CORE_READ(socket, sk, sk_protocol);
	if (kind == SOCK_STREAM)
		key.transport = TCP;
	else if (kind == SOCK_DGRAM && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		key.transport = UDP;
	else
		return 0;
	holding = key.transport == TCP ? HOLD_TCP : HOLD_UDP;
	in = held(&who, holding);
	if (!in || (in->every & (1u << (key.transport * 2 + direction))))
		return 0;
	bpf_probe_read_kernel(&found, sizeof(found), (const char *)address + 2);
	key.space = who.space;
	key.port = bpf_ntohs(found);
	key.direction = direction;
	if (bpf_map_lookup_elem(&ports, &key))
		return 0;
	return deny(in, direction == BIND ? KIND_BIND : KIND_CONNECT, key.port | (u32)key.transport << 16, 0);
}

SEC("lsm/socket_bind")
int BPF_PROG(bind, struct socket *socket, struct sockaddr *address)
{
	struct who who = {};
	if (BPF_CORE_READ(socket, sk, __sk_common.skc_family) != AF_UNIX)
		return port(socket, address, BIND);
	if (held(&who, HOLD_UNIX)) {
		u64 key = (u64)BPF_CORE_READ(socket, sk), number = number_of(socket);
		bpf_map_update_elem(&own, &key, &number, 0);
	}
	return 0;
}

SEC("lsm/socket_connect")
int BPF_PROG(connect, struct socket *socket, struct sockaddr *address)
{
	/* connect(2) to no address lets go of one. */
	return BPF_CORE_READ(address, sa_family) == AF_UNSPEC ? 0 : port(socket, address, CONNECT);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(send, struct socket *socket, struct msghdr *message)
{
	void *address = BPF_CORE_READ(message, msg_name);
	return address ? port(socket, address, CONNECT) : 0;
}

/* Before Linux 5.12 what io_uring does may be done by a thread of the kernel's, which no pid namespace
 * numbers. Making a ring makes a socket of its own there (io_uring_get_fd), so rings are denied. */
SEC("lsm/socket_create")
int BPF_PROG(make_ring, int family, int type, int protocol, int kernel)
{
	struct who who = {};
	struct containment *in;
	if (takes_mount() || !kernel || family != AF_UNIX || type != SOCK_RAW)
		return 0;
	in = held(&who, ~0u);
	return in ? deny(in, KIND_RING, 0, 0) : 0;
}

/* Nobody inside has a hand in what holds it, whatever its capabilities. */
SEC("lsm/bpf")
int BPF_PROG(program, int command)
{
	struct who who = {};
	struct containment *in = held(&who, ~0u);
	return in ? deny(in, KIND_BPF, command, 0) : 0;
}
