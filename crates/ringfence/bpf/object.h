/* The parts of files, sockets and mounts that `guard.bpf.c` reads; see kernel.h. */
#ifndef RINGFENCE_OBJECT_H
#define RINGFENCE_OBJECT_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___born {
	u64 start_boottime;
};

struct task_struct___stacked {
	u32 flags;
	void *stack;
};

struct pid_namespace___reaped {
	struct task_struct___born *child_reaper;
};

struct super_block {
	u32 s_dev;
	unsigned long s_flags;
};

struct inode {
	u16 i_mode;
	unsigned long i_ino;
	u32 i_generation;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct iattr {
	u32 ia_valid;
};

struct vfsmount {
	/* Linux 5.12 to 6.2, and from 6.3: hooks of extended attributes got an argument more. */
	void *mnt_userns;
	void *mnt_idmap;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct linux_binprm {
	struct file *file;
};

struct vm_area_struct {
	struct file *vm_file;
};

struct io_uring_cmd {
	struct file *file;
};

struct sockaddr {
	u16 sa_family;
};

struct msghdr {
	void *msg_name;
};

struct sock_common {
	u16 skc_family;
};

struct sock;

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	u16 sk_protocol;
};

struct unix_sock {
	struct path path;
};

#pragma clang attribute pop

/* Which helpers the running kernel has, by its own list. */
enum bpf_func_id___known {
	BPF_FUNC_task_pt_regs___known = 175,
};

#endif
