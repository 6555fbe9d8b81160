//! Makes system calls that a line of the corpus names, and says what the last one gave. Harmless where
//! they succeed: the corpus names only what the test owns.
//!
//!     deny [thread] [x86_64|i386|x32] NUMBER[*TIMES] ARGUMENT... [, NUMBER ARGUMENT...]...
//!
//! An argument is a number, s:TEXT (its address), fd:PATH (a descriptor opened for it beforehand), rd:PATH
//! (the same, for reading), in:PORT or out:PORT (an address of this machine, or of TEST-NET-1), un:PATH,
//! ab:NAME, own (the caller's pid), z:COUNT (that many zero bytes).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char *room;
static int words;
static char **word;
static long last;
static int number;

/* Below 4 GiB, so that every ABI can point there. */
static long keep(const void *bytes, size_t length)
{
	char *at = room;
	memcpy(at, bytes, length);
	room += (length + 15) & ~15UL;
	return (long)at;
}

static long inet(const char *address, int port)
{
	struct sockaddr_in to = { AF_INET, htons(port), { inet_addr(address) }, { 0 } };
	return keep(&to, sizeof to);
}

static long local(const char *name, int abstract)
{
	struct sockaddr_un to = { AF_UNIX, { 0 } };
	strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
	return keep(&to, sizeof to);
}

static long argument(const char *text)
{
	const char *rest = strchr(text, ':');
	if (!strcmp(text, "own"))
		return getpid();
	if (!rest)
		return strtoll(text, NULL, 0);
	rest++;
	switch (text[0]) {
	case 's': return keep(rest, strlen(rest) + 1);
	case 'f': return open(rest, O_PATH);
	case 'r': return open(rest, O_RDONLY);
	case 'i': return inet("127.0.0.1", atoi(rest));
	case 'o': return inet("192.0.2.1", atoi(rest));
	case 'u': return local(rest, 0);
	case 'a': return local(rest, 1);
	case 'z': { char *at = room; room += atoi(rest); return (long)at; }
	}
	return -1;
}

static long by_int80(long n, long *a)
{
	long result, six = a[5];
	__asm__ volatile("push %%rbp\n mov %[six], %%rbp\n int $0x80\n pop %%rbp"
			 : "=a"(result)
			 : "a"(n), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4]), [six] "r"(six)
			 : "memory", "r8", "r9", "r10", "r11", "r12");
	result = (int)result;
	if (result >= 0 || result < -4095)
		return result;
	errno = -result;
	return -1;
}

static void *run(void *unused)
{
	(void)unused;
	int at = 0, i386 = 0;
	long bit = 0;
	if (at < words && !strcmp(word[at], "i386"))
		i386 = 1, at++;
	else if (at < words && !strcmp(word[at], "x32"))
		bit = 0x40000000, at++;
	else if (at < words && !strcmp(word[at], "x86_64"))
		at++;
	while (at < words) {
		char *times;
		long n = strtol(word[at++], &times, 0), a[6] = { 0 };
		for (int k = 0; at < words && strcmp(word[at], ","); at++, k++)
			if (k < 6)
				a[k] = argument(word[at]);
		at++;
		long often = *times == '*' ? atol(times + 1) : 1;
		while (often-- > 0)
			errno = 0,
		last = i386 ? by_int80(n, a) : syscall(n | bit, a[0], a[1], a[2], a[3], a[4], a[5]);
		number = last == -1 ? errno : 0;
	}
	return NULL;
}

int main(int count, char **argv)
{
	char *begin = room = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (begin == MAP_FAILED)
		return 254;
	int thread = count > 1 && !strcmp(argv[1], "thread");
	words = count - 1 - thread;
	word = argv + 1 + thread;
	if (thread) {
		pthread_t other;
		if (pthread_create(&other, NULL, run, NULL))
			return 253;
		pthread_join(other, NULL);
	} else {
		run(NULL);
	}
	printf("%ld %d\n", last, number);
	return 0;
}
