/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_BPFRUN_H
#define TESTS_UNIT_BPFRUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An interpreter for seccomp filters, so that verdicts can be asked for without a kernel. */

/* What classic BPF may do in a seccomp filter; anything else fails the test. */
static inline uint32_t bpf_run(const struct sock_filter *code, size_t length,
			       const struct seccomp_data *data, unsigned *steps)
{
	uint32_t a = 0, x = 0, memory[16] = { 0 };

	for (size_t pc = 0; pc < length; pc++) {
		const struct sock_filter *i = &code[pc];

		++*steps;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case BPF_LD | BPF_MEM:
			a = memory[i->k];
			break;
		case BPF_ST:
			memory[i->k] = a;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			printf("# instruction %zu: code %#x x=%u\n", pc, i->code, x);
			abort();
		}
	}
	printf("# ran off the end\n");
	abort();
}

#endif
