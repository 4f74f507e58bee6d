/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_BPF_H
#define RUNTIME_BPF_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A classic BPF program, written from its end to its beginning: jumps only go forward, so every
 * target is already there when a jump to it is added, and nothing needs patching.
 *
 * A label is the number of instructions from it to the end, itself included; 0 is no label.
 */
struct bpf {
	struct sock_filter *code; /* filled from the end */
	size_t capacity;
	size_t length; /* the label of what was added last; grows beyond capacity if all is too long
			*/
	struct bpf_return { /* the nearest return of each value */
		uint32_t value;
		size_t label;
	} returns[16];
	size_t return_count;
};

void bpf_init(struct bpf *bpf, size_t capacity);
void bpf_done(struct bpf *bpf);

/* Adds an instruction that goes on to what was added before it. */
size_t bpf_add(struct bpf *bpf, uint16_t code, uint32_t k);
/* A label that returns `value`: a near one that is there, or a new one. */
size_t bpf_return(struct bpf *bpf, uint32_t value);
/* Adds a comparison (BPF_JEQ, BPF_JGE, BPF_JGT) of the accumulator with `k`. */
size_t bpf_branch(struct bpf *bpf, uint16_t comparison, uint32_t k, size_t yes, size_t no);
/* Makes `label` what the next instruction that is added goes on to. */
void bpf_continue_at(struct bpf *bpf, size_t label);

/* Moves the finished program to the front of `code`. */
struct sock_filter *bpf_take(struct bpf *bpf);

#endif
