//! Shows the label of this process's session keyring, as SELinux keeps it: keyctl(2),
//! KEYCTL_GET_SECURITY. The exit status is 0, or the errno.

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	char label[256] = "";
	long size = syscall(SYS_keyctl, KEYCTL_GET_SECURITY, KEY_SPEC_SESSION_KEYRING, label, sizeof(label) - 1);
	if (size < 0)
		return errno;
	return puts(label) < 0;
}
