/* The parts of directories, mounts and credentials that `denial.bpf.c` reads; see kernel.h. */
#ifndef RINGFENCE_PLACE_H
#define RINGFENCE_PLACE_H

#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dentry;
struct mount;

struct qstr {
	const unsigned char *name;
};

/* Without its second pointer, a name is in no directory any more (`d_unhashed`). */
struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

/* fs/mount.h */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct user_namespace___numbered {
	struct ns_common ns;
};

/* kuid_t, kgid_t and kernel_cap_t: structures of one number each, whatever its name is. */
struct number {
	u32 val;
};

struct group_info {
	int ngroups;
	struct number gid[1];
};

struct cred___whole {
	struct number fsuid;
	struct number fsgid;
	struct number cap_effective;
	struct user_namespace___numbered *user_ns;
	struct group_info *group_info;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	struct rlimit rlim[1];
};

struct task_struct___placed {
	struct cred___whole *cred;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
};

#pragma clang attribute pop

#endif
