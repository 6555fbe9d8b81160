//! What a hostile program would try where a BPF LSM program holds it: one attempt, with its words. The
//! exit status is 0 where the attempt succeeded, else its errno. Harmless where it succeeds: modes and
//! owners are set to what they are, attributes are the test's own, sockets are the test's.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPT(name) static long try_##name(const char *a, const char *b)

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	return at;
}

static long reach(int kind, const char *path)
{
	struct sockaddr_un at = named(path);
	return connect(socket(AF_UNIX, kind, 0), (void *)&at, sizeof(at));
}

ATTEMPT(stream)    { return reach(SOCK_STREAM, a); }
ATTEMPT(datagram)  { return reach(SOCK_DGRAM, a); }
ATTEMPT(send_to)
{
	struct sockaddr_un at = named(a);
	return sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (void *)&at, sizeof(at));
}
ATTEMPT(send_message)
{
	struct sockaddr_un at = named(a);
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &part, .msg_iovlen = 1 };
	return sendmsg(socket(AF_UNIX, SOCK_DGRAM, 0), &message, 0);
}
/* A socket of one's own can be reached. */
ATTEMPT(own_stream)
{
	struct sockaddr_un at = named(a);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(server, (void *)&at, sizeof(at)) || listen(server, 1))
		return -1;
	return reach(SOCK_STREAM, a);
}
ATTEMPT(own_datagram)
{
	struct sockaddr_un at = named(a);
	if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&at, sizeof(at)))
		return -1;
	return try_send_to(a, b);
}
ATTEMPT(pair)
{
	int pair[2];
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ? -1 : write(pair[0], "x", 1);
}

/* struct io_uring_params, _sqe and _cqe of linux/io_uring.h, as far as one request needs them. */
static long ring_does(uint8_t opcode, int fd, const void *address, uint64_t offset)
{
	uint32_t p[30] = { 0 };
	int ring = syscall(425, 2, p);
	if (ring < 0)
		return -1;
	uint32_t *sq_off = p + 10, *cq_off = p + 20;
	uint8_t *sq = mmap(0, sq_off[6] + p[0] * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, 0);
	uint8_t *cq = mmap(0, cq_off[5] + p[1] * 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, 0x8000000);
	uint8_t *sqe = mmap(0, p[0] * 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, 0x10000000);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	sqe[0] = opcode;
	sqe[1] = 1 << 4; /* IOSQE_ASYNC: a worker does it */
	memcpy(sqe + 4, &fd, 4);
	memcpy(sqe + 8, &offset, 8);
	memcpy(sqe + 16, &address, 8);
	*(uint32_t *)(sq + sq_off[6]) = 0;
	__atomic_store_n((uint32_t *)(sq + sq_off[1]), 1, __ATOMIC_RELEASE);
	if (syscall(426, ring, 1, 1, 1, 0, 0) < 0)
		return -1;
	int32_t result = *(int32_t *)(cq + cq_off[5] + 8);
	errno = result < 0 ? -result : 0;
	return result < 0 ? -1 : 0;
}
ATTEMPT(ring_stream)
{
	static struct sockaddr_un at;
	at = named(a);
	return ring_does(16 /* IORING_OP_CONNECT */, socket(AF_UNIX, SOCK_STREAM, 0), &at, sizeof(at));
}

static struct sockaddr_in port(const char *number)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(atoi(number)), .sin_addr = { htonl(INADDR_LOOPBACK) } };
}
ATTEMPT(udp_connect) { struct sockaddr_in at = port(a); return connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&at, sizeof(at)); }
ATTEMPT(udp_send)    { struct sockaddr_in at = port(a); return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&at, sizeof(at)); }
ATTEMPT(udp_bind)    { struct sockaddr_in at = port(a); return bind(socket(AF_INET, SOCK_DGRAM, 0), (void *)&at, sizeof(at)); }
ATTEMPT(udp_many)
{
	struct sockaddr_in at = port(a);
	struct iovec part = { "x", 1 };
	struct mmsghdr many[2] = { { .msg_hdr = { .msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &part, .msg_iovlen = 1 } } };
	many[1] = many[0];
	return sendmmsg(socket(AF_INET, SOCK_DGRAM, 0), many, 2, 0);
}
/* No family at all is IPv4 to udp_sendmsg. */
ATTEMPT(udp_nameless)
{
	struct sockaddr_in at = port(a);
	at.sin_family = AF_UNSPEC;
	return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&at, sizeof(at));
}
/* An address of IPv4 on a socket of IPv6. */
ATTEMPT(udp_other)   { struct sockaddr_in at = port(a); return sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (void *)&at, sizeof(at)); }
ATTEMPT(udp_ring)
{
	static struct sockaddr_in at;
	at = port(a);
	return ring_does(16, socket(AF_INET, SOCK_DGRAM, 0), &at, sizeof(at));
}
/* UDP-Lite has the calls and the ports of UDP. */
ATTEMPT(udp_lite)
{
	struct sockaddr_in at = port(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 136);
	if (fd < 0 && errno == EPROTONOSUPPORT)
		errno = ENOSYS;
	return fd < 0 ? -1 : connect(fd, (void *)&at, sizeof(at));
}
/* IPv4 by a socket of IPv6. */
ATTEMPT(udp_mapped)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(a)) };
	at.sin6_addr.s6_addr[10] = at.sin6_addr.s6_addr[11] = 0xff;
	memcpy(at.sin6_addr.s6_addr + 12, &(uint32_t){ htonl(INADDR_LOOPBACK) }, 4);
	return sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (void *)&at, sizeof(at));
}
/* A connection that begins with its first bytes. */
ATTEMPT(tcp_fast)
{
	struct sockaddr_in at = port(a);
	return sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (void *)&at, sizeof(at));
}
ATTEMPT(tcp_connect) { struct sockaddr_in at = port(a); return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof(at)); }
ATTEMPT(tcp_bind)    { struct sockaddr_in at = port(a); return bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof(at)); }

ATTEMPT(chmod)     { return chmod(a, 0644); }
ATTEMPT(fchmod)    { return fchmod(open(a, O_RDONLY), 0644); }
ATTEMPT(fchmodat2) { return syscall(452, AT_FDCWD, a, 0644, AT_SYMLINK_NOFOLLOW); }
ATTEMPT(chown)     { return chown(a, getuid(), getgid()); }
ATTEMPT(fchown)    { return fchown(open(a, O_RDONLY), getuid(), getgid()); }
ATTEMPT(lchown)    { return lchown(a, getuid(), getgid()); }
ATTEMPT(setxattr)  { return setxattr(a, "trusted.ringfence", "x", 1, 0); }
ATTEMPT(fsetxattr) { return fsetxattr(open(a, O_RDONLY), "trusted.ringfence", "x", 1, 0); }
ATTEMPT(removexattr) { return removexattr(a, "trusted.ringfence"); }
ATTEMPT(setxattrat)
{
	struct { uint64_t value; uint32_t size, flags; } how = { (uint64_t)(uintptr_t)"x", 1, 0 };
	return syscall(463, AT_FDCWD, a, 0, "trusted.ringfence", &how, sizeof(how));
}
ATTEMPT(acl)
{
	/* struct posix_acl_xattr_header: version 2; user::rw-, group::r--, other::r-- */
	static const uint8_t list[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255 };
	return setxattr(a, "system.posix_acl_access", list, sizeof(list), 0);
}
/* By descriptors that are no open files, and by what procfs shows of them. */
static char *shown(int fd)
{
	static char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}
ATTEMPT(chmod_shown) { return chmod(shown(open(a, O_PATH)), 0644); }
ATTEMPT(chown_empty) { return fchownat(open(a, O_PATH), "", getuid(), getgid(), AT_EMPTY_PATH); }
ATTEMPT(fchmod_given) { return fchmod(0, 0644); }
/* A name in a place that may be written, of a file that may not. */
ATTEMPT(link_chmod)
{
	unlink(b);
	return link(a, b) ? -1 : chmod(b, 0644);
}
ATTEMPT(link_shown)
{
	unlink(b);
	return linkat(AT_FDCWD, shown(open(a, O_PATH)), AT_FDCWD, b, AT_SYMLINK_FOLLOW) ? -1 : chmod(b, 0644);
}
ATTEMPT(rename_chmod)
{
	/* There and back. */
	if (rename(a, b))
		return -1;
	long done = chmod(b, 0644);
	return rename(b, a) ? -1 : done;
}
ATTEMPT(exchange_chmod)
{
	if (syscall(SYS_renameat2, AT_FDCWD, b, AT_FDCWD, a, 2 /* RENAME_EXCHANGE */))
		return -1;
	long done = chmod(b, 0644);
	return syscall(SYS_renameat2, AT_FDCWD, b, AT_FDCWD, a, 2) ? -1 : done;
}
/* The same file, mounted where files may be written. */
ATTEMPT(mount_chmod)
{
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount(a, b, 0, MS_BIND, 0))
		return -1;
	return chmod(b, 0644);
}
/* Linux 6.17: inode flags by a call of their own. EOPNOTSUPP comes after the hook. */
ATTEMPT(file_setattr)
{
	static uint64_t attributes[3];
	long done = syscall(469, AT_FDCWD, a, attributes, sizeof(attributes), 0);
	return done < 0 && (errno == EOPNOTSUPP || errno == ENOTTY) ? 0 : done;
}
ATTEMPT(ring_chmod) { return syscall(425, 1, 0), try_chmod(a, b); }

ATTEMPT(ioctl)
{
	char room[256];
	return ioctl(open(a, O_RDWR | O_NOCTTY), 0x80045430 /* TIOCGPTN */, room);
}
ATTEMPT(ioctl_32)
{
	long answer;
	int fd = open(a, O_RDWR | O_NOCTTY);
	/* A null pointer: EFAULT where the command is reached. */
	__asm__ volatile("int $0x80" : "=a"(answer) : "a"(54L), "b"((long)fd), "c"(0x80045430L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	errno = answer < 0 ? -(int)answer : 0;
	return errno == EFAULT || answer >= 0 ? 0 : -1;
}
ATTEMPT(close_on_exec) { return ioctl(open(a, O_RDWR | O_NOCTTY), FIOCLEX); }

static long copy_to(int to)
{
	char room[65536];
	int from = open("/proc/self/exe", O_RDONLY);
	ssize_t count;
	if (from < 0)
		return -1;
	while ((count = read(from, room, sizeof(room))) > 0)
		if (write(to, room, count) != count)
			return -1;
	return 0;
}
static char *const nothing[] = { "attack", "nothing", 0 };
ATTEMPT(nothing) { return 0; }
ATTEMPT(pause)   { return pause(); }
ATTEMPT(exec)    { return execv(a, nothing); }
ATTEMPT(exec_at) { return syscall(SYS_execveat, open(a, O_PATH), "", nothing, 0, AT_EMPTY_PATH); }
ATTEMPT(exec_written)
{
	int fd = open(a, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0 || copy_to(fd))
		return -1;
	close(fd);
	return try_exec(a, b);
}
ATTEMPT(exec_script)
{
	static const char text[] = "#!/bin/sh\nexit 0\n";
	int fd = open(a, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0)
		return -1;
	close(fd);
	return execv(a, nothing);
}
ATTEMPT(exec_memory)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	return copy_to(fd) ? -1 : syscall(SYS_execveat, fd, "", nothing, 0, AT_EMPTY_PATH);
}
ATTEMPT(exec_shown)  { return execv(shown(open(a, O_PATH)), nothing); }
ATTEMPT(exec_link)
{
	unlink(b);
	return symlink(a, b) ? -1 : execv(b, nothing);
}
/* On a file system of its own, where it has written it. */
ATTEMPT(exec_mounted)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/program", a);
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || mount("none", a, "tmpfs", 0, 0))
		return -1;
	return try_exec_written(path, b);
}
static long map_as(int fd, int first, int then)
{
	void *at = mmap(0, 4096, first, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	return then ? mprotect(at, 4096, then) : 0;
}
ATTEMPT(map)         { return map_as(open(a, O_RDONLY), PROT_READ | PROT_EXEC, 0); }
ATTEMPT(map_later)   { return map_as(open(a, O_RDONLY), PROT_READ, PROT_READ | PROT_EXEC); }
ATTEMPT(map_memory)  { int fd = memfd_create("x", 0); return ftruncate(fd, 4096) ? -1 : map_as(fd, PROT_READ | PROT_EXEC, 0); }
ATTEMPT(map_segment) { void *at = shmat(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0700), 0, SHM_EXEC); return at == (void *)-1 ? -1 : 0; }
/* What may be read may be executed, to this personality: a mapping of PROT_READ is one of PROT_EXEC. */
ATTEMPT(map_implied)
{
	return personality(0x0400000 /* READ_IMPLIES_EXEC */) < 0 ? -1 : map_as(open(a, O_RDONLY), PROT_READ, 0);
}
ATTEMPT(map_shared)
{
	void *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(a, O_RDWR), 0);
	return at == MAP_FAILED ? -1 : mprotect(at, 4096, PROT_READ | PROT_EXEC);
}
/* Memory that is no file's is not held. */
ATTEMPT(map_nothing) { return mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0; }

ATTEMPT(bpf)         { static char attr[64]; return syscall(SYS_bpf, 11 /* BPF_PROG_GET_NEXT_ID */, attr, sizeof(attr)); }
/* What calls cost that pass by the hooks: nanoseconds each, of five runs the best. */
static long best(long (*act)(int), int fd)
{
	long found = 0;
	for (int run = 0; run < 5; run++) {
		struct timespec from, to;
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < 4000; i++)
			if (act(fd) < 0)
				return -1;
		clock_gettime(CLOCK_MONOTONIC, &to);
		long each = ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec) / 4000;
		if (!run || each < found)
			found = each;
	}
	return found;
}
static long cost_nothing(int fd) { return syscall(SYS_getppid); }
static long cost_mode(int fd)    { return fchmod(fd, 0644); }
static long cost_map(int fd)
{
	void *at = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	return at == MAP_FAILED ? -1 : munmap(at, 4096);
}
static long cost_pair(int fd)
{
	static int pair[2];
	char byte;
	if (!pair[0] && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return -1;
	return write(pair[0], "x", 1) < 0 ? -1 : read(pair[1], &byte, 1);
}
ATTEMPT(cost)
{
	int fd = open(a, O_RDWR);
	printf("%ld %ld %ld %ld\n", best(cost_nothing, fd), best(cost_mode, fd), best(cost_map, fd), best(cost_pair, fd));
	fflush(stdout);
	return 0;
}
/* For ever, a connection after the other, until somebody ends it. */
ATTEMPT(storm)
{
	write(1, "begun\n", 6);
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct sockaddr_un at = named(a);
		if (connect(fd, (void *)&at, sizeof(at)) == 0)
			write(fd, "x", 1);
		close(fd);
	}
	return 0;
}

static const struct { const char *name; long (*act)(const char *, const char *); } ATTEMPTS[] = {
#define ROW(name) { #name, try_##name },
	ROW(stream) ROW(datagram) ROW(send_to) ROW(send_message) ROW(own_stream) ROW(own_datagram) ROW(pair) ROW(ring_stream)
	ROW(udp_connect) ROW(udp_send) ROW(udp_bind) ROW(udp_many) ROW(udp_nameless) ROW(udp_other) ROW(udp_ring) ROW(udp_lite) ROW(udp_mapped) ROW(tcp_fast) ROW(tcp_connect) ROW(tcp_bind)
	ROW(chmod) ROW(fchmod) ROW(fchmodat2) ROW(chown) ROW(fchown) ROW(lchown) ROW(setxattr) ROW(fsetxattr) ROW(removexattr) ROW(setxattrat) ROW(acl) ROW(ring_chmod)
	ROW(chmod_shown) ROW(chown_empty) ROW(fchmod_given) ROW(link_chmod) ROW(link_shown) ROW(rename_chmod) ROW(exchange_chmod) ROW(mount_chmod) ROW(file_setattr)
	ROW(ioctl) ROW(ioctl_32) ROW(close_on_exec)
	ROW(nothing) ROW(pause) ROW(exec) ROW(exec_at) ROW(exec_written) ROW(exec_script) ROW(exec_memory) ROW(exec_shown) ROW(exec_link) ROW(exec_mounted) ROW(map_implied) ROW(map_shared) ROW(map) ROW(map_later) ROW(map_memory) ROW(map_segment) ROW(map_nothing)
	ROW(bpf) ROW(cost) ROW(storm)
};

static int attempt(char **words)
{
	for (size_t i = 0; i < sizeof(ATTEMPTS) / sizeof(ATTEMPTS[0]); i++)
		if (strcmp(words[0], ATTEMPTS[i].name) == 0)
			return ATTEMPTS[i].act(words[1], words[1] ? words[2] : 0) < 0 ? errno : 0;
	return 255;
}

static void *in_thread(void *words) { _exit(attempt(words)); }

static int waited(pid_t child)
{
	int status = 0;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

/* Each attempt after a `+`, by a process of its own: one line of errnos. */
static int each(char **words)
{
	while (*words) {
		char **next = ++words;
		while (*next && strcmp(*next, "+"))
			next++;
		char *after = *next;
		*next = 0;
		pid_t child = fork();
		if (!child)
			_exit(attempt(words));
		printf("%d ", waited(child));
		fflush(stdout);
		*next = after;
		words = next;
	}
	return 0;
}

/* `deep`: by a thread of a grandchild in a session of its own. `nested`: in a pid namespace below. */
int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "deep") == 0) {
		pid_t child = fork();
		if (child)
			return waited(child);
		setsid();
		child = fork();
		if (child)
			return waited(child);
		pthread_t thread;
		pthread_create(&thread, 0, in_thread, argv + 2);
		pause();
	}
	if (argc > 2 && strcmp(argv[1], "nested") == 0) {
		if (unshare(CLONE_NEWPID))
			return 253;
		pid_t child = fork();
		return child ? waited(child) : attempt(argv + 2);
	}
	if (argc > 1 && strcmp(argv[1], "+") == 0)
		return each(argv + 1);
	return argc > 1 ? attempt(argv + 1) : 255;
}
