/* What is refused at the system call gate, to the tasks of one pid namespace. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, 2 /* BPF_MAP_TYPE_ARRAY */);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 4);
} counts SEC(".maps");

SEC("tp_btf/sys_exit")
int BPF_PROG(gate_left, struct pt_regs *regs, long result)
{
	u32 key = 0;
	u64 *count = bpf_map_lookup_elem(&counts, &key);
	if (count && result < 0)
		__sync_fetch_and_add(count, 1);
	return 0;
}
