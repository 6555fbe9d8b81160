//! What a hostile program would try, one attempt per word on the command line. The exit status
//! is 0 where the attempt succeeded, else its errno. Harmless even where it succeeds: nothing is
//! written that the test does not own, signals are ones that are ignored, modules and programs
//! for the kernel are null pointers.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Each attempt gives -1 and errno, as system calls do. A and B are its words. */
#define ATTEMPT(name) static long try_##name(const char *a, const char *b)

ATTEMPT(read_file)  { char c; int fd = open(a, O_RDONLY); return fd < 0 ? -1 : read(fd, &c, 1) < 0 ? -1 : 0; }
ATTEMPT(open_path)  { return open(a, O_PATH); }
ATTEMPT(open_write) { return open(a, O_WRONLY); }
ATTEMPT(open_rdwr)  { return open(a, O_RDWR); }
ATTEMPT(create)     { return open(a, O_WRONLY | O_CREAT | O_EXCL, 0600); }
ATTEMPT(cut)        { return truncate(a, 1); }
ATTEMPT(move)       { return rename(a, b); }
ATTEMPT(swap)       { return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }
ATTEMPT(hardlink)   { return link(a, b); }
ATTEMPT(soften)     { return symlink(a, b); }
ATTEMPT(drop)       { return unlink(a); }
ATTEMPT(make)       { return mkdir(a, 0700); }
ATTEMPT(undo)       { return rmdir(a); }
ATTEMPT(mode)       { return chmod(a, 0666); }
ATTEMPT(own)        { return chown(a, getuid(), getgid()); }
ATTEMPT(date)       { return utimensat(AT_FDCWD, a, NULL, 0); }
ATTEMPT(label)      { return setxattr(a, "user.ringfence", "x", 1, 0); }
ATTEMPT(pipe_node)  { return mkfifo(a, 0600); }
ATTEMPT(null_node)  { return mknod(a, S_IFCHR | 0600, makedev(1, 3)); }
ATTEMPT(disk_node)  { return mknod(a, S_IFBLK | 0600, makedev(254, 0)); }
ATTEMPT(follow)     { char to[4096]; return readlink(a, to, sizeof to); }
ATTEMPT(fd_open)    { struct stat s; return fstat(atoi(a), &s); }
ATTEMPT(fd_below)   { return openat(atoi(a), b, O_RDONLY); }
ATTEMPT(climb)      { return chroot(a) == 0 ? chdir("../../../..") : -1; }

ATTEMPT(send)       { return kill(atoi(a), atoi(b)); }
/* Whom SIGIO of a shared descriptor would reach; none is sent without O_ASYNC. */
ATTEMPT(own_fd)     { return fcntl(0, F_SETOWN, atoi(a)); }
ATTEMPT(seize)      { return ptrace(PTRACE_SEIZE, atoi(a), 0, 0); }
ATTEMPT(trace_me)   { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
ATTEMPT(peek)
{
	char c;
	struct iovec here = { &c, 1 }, there = { &c, 1 };
	return process_vm_readv(atoi(a), &here, 1, &there, 1, 0);
}
ATTEMPT(steal_fd)
{
	int fd = syscall(SYS_pidfd_open, atoi(a), 0);
	return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0);
}

ATTEMPT(type_in)    { return ioctl(a ? open(a, O_RDWR | O_NOCTTY) : 0, TIOCSTI, "x"); }
ATTEMPT(paste)      { char three[] = { 3 }; return ioctl(a ? open(a, O_RDWR | O_NOCTTY) : 0, TIOCLINUX, three); }
/* The filter compares what the kernel sees: the lower half. */
ATTEMPT(type_wide)  { return syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, "x"); }

ATTEMPT(pair)       { int two[2]; return socketpair(AF_UNIX, SOCK_STREAM, 0, two); }
ATTEMPT(raw)        { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
ATTEMPT(packet)     { return socket(AF_PACKET, SOCK_RAW, 0); }
ATTEMPT(vsock)      { return socket(AF_VSOCK, SOCK_STREAM, 0); }
ATTEMPT(crypto)     { return socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0); }
ATTEMPT(packet_wide) { return syscall(SYS_socket, 0x100000000UL | AF_PACKET, SOCK_RAW, 0); }
ATTEMPT(tcp)
{
	struct sockaddr_in to = { AF_INET, htons(atoi(a)), { htonl(INADDR_LOOPBACK) }, { 0 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, sizeof to);
}
ATTEMPT(udp)
{
	struct sockaddr_in to = { AF_INET, htons(atoi(a)), { htonl(INADDR_LOOPBACK) }, { 0 } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? -1 : sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}
/* A leading @ makes the name an abstract one, unix(7). */
ATTEMPT(local)
{
	struct sockaddr_un to = { AF_UNIX, { 0 } };
	size_t length = strlen(a);
	memcpy(to.sun_path, a, length);
	if (*a == '@')
		to.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path) + length);
}

/* A socket of its own, which it connects to. */
ATTEMPT(own_local)
{
	struct sockaddr_un at = { AF_UNIX, { 0 } };
	strncpy(at.sun_path, a, sizeof at.sun_path - 1);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	if (server < 0 || bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 1))
		return -1;
	return connect(client, (struct sockaddr *)&at, sizeof at);
}
ATTEMPT(streams)
{
	int pair[2];
	char byte = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || write(pair[0], "x", 1) != 1)
		return -1;
	return read(pair[1], &byte, 1) == 1 && byte == 'x' ? 0 : -1;
}

ATTEMPT(user_ns)    { return unshare(CLONE_NEWUSER); }
ATTEMPT(mount_ns)   { return unshare(CLONE_NEWNS); }
ATTEMPT(clone_user)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return pid;
}
/* The size is invalid: whoever looks at it at all would say EINVAL. */
ATTEMPT(clone_three) { return syscall(SYS_clone3, NULL, 1); }
ATTEMPT(join)       { return setns(open(a, O_RDONLY), 0); }
ATTEMPT(bind_mount) { return mount(a, b, NULL, MS_BIND, NULL); }
ATTEMPT(remount)    { return mount(NULL, a, NULL, MS_REMOUNT | MS_BIND, NULL); }
ATTEMPT(unmount)    { return umount2(a, MNT_DETACH); }
ATTEMPT(pivot)      { return syscall(SYS_pivot_root, a, a); }
ATTEMPT(tree)       { return syscall(SYS_open_tree, AT_FDCWD, a, 1); }
ATTEMPT(new_fs)     { return syscall(SYS_fsopen, "tmpfs", 0); }

ATTEMPT(ring)       { return syscall(SYS_io_uring_setup, 1, NULL); }
ATTEMPT(keys)       { return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 0); }
ATTEMPT(new_key)    { return syscall(SYS_add_key, NULL, NULL, NULL, 0, 0); }
ATTEMPT(bpf)        { return syscall(SYS_bpf, 0, NULL, 0); }
ATTEMPT(perf)       { return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0); }
ATTEMPT(fault)      { return syscall(SYS_userfaultfd, 0xffff); }
ATTEMPT(module)     { return syscall(SYS_init_module, NULL, 0, NULL); }
ATTEMPT(kexec)      { return syscall(SYS_kexec_load, 0, 0, NULL, 0xffff); }
ATTEMPT(boot)       { return syscall(SYS_reboot, 0, 0, 0, NULL); }
ATTEMPT(swap_on)    { return syscall(SYS_swapon, NULL, 0); }
ATTEMPT(account)    { return syscall(SYS_acct, "/dev/null/none"); }
ATTEMPT(clock_set)  { return syscall(SYS_clock_settime, CLOCK_REALTIME, NULL); }
ATTEMPT(ports)      { return syscall(SYS_ioperm, 0x80, 1, 1); }
ATTEMPT(handle)     { return syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0); }
ATTEMPT(newer)      { return syscall(4095); }
ATTEMPT(root_id)    { return setuid(0); }
ATTEMPT(dump_me)    { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }

static long negative(long result)
{
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}
/* getpid through the gate's other doors: 20 and 39. */
ATTEMPT(i386)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return negative((int)result);
}
ATTEMPT(x32)        { return syscall(0x40000000 + 39); }

#define WORD(name) { #name, try_##name }
static const struct { const char *name; long (*attempt)(const char *, const char *); } words[] = {
	WORD(read_file), WORD(open_path), WORD(open_write), WORD(open_rdwr), WORD(create), WORD(cut),
	WORD(move), WORD(swap), WORD(hardlink), WORD(soften), WORD(drop), WORD(make), WORD(undo),
	WORD(mode), WORD(own), WORD(date), WORD(label), WORD(pipe_node), WORD(null_node),
	WORD(disk_node), WORD(follow), WORD(fd_open), WORD(fd_below), WORD(climb), WORD(send), WORD(own_fd),
	WORD(seize), WORD(trace_me), WORD(peek), WORD(steal_fd), WORD(type_in), WORD(paste),
	WORD(type_wide), WORD(pair), WORD(raw), WORD(packet), WORD(vsock), WORD(crypto),
	WORD(packet_wide), WORD(tcp), WORD(udp), WORD(local), WORD(own_local), WORD(streams), WORD(user_ns), WORD(mount_ns),
	WORD(clone_user), WORD(clone_three), WORD(join), WORD(bind_mount), WORD(remount),
	WORD(unmount), WORD(pivot), WORD(tree), WORD(new_fs), WORD(ring), WORD(keys), WORD(new_key),
	WORD(bpf), WORD(perf), WORD(fault), WORD(module), WORD(kexec), WORD(boot), WORD(swap_on),
	WORD(account), WORD(clock_set), WORD(ports), WORD(handle), WORD(newer), WORD(root_id),
	WORD(dump_me), WORD(i386), WORD(x32),
};

int main(int count, char **argv)
{
	for (size_t n = 0; n < sizeof words / sizeof *words; n++) {
		if (count < 2 || strcmp(words[n].name, argv[1]))
			continue;
		errno = 0;
		long result = words[n].attempt(count > 2 ? argv[2] : NULL, count > 3 ? argv[3] : NULL);
		int number = result == -1 ? errno : 0;
		printf("%s: %s\n", argv[1], number ? strerrorname_np(number) : "done");
		return number;
	}
	fprintf(stderr, "no such attempt\n");
	return 255;
}
