/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bpf.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

#define REACH 255 /* of a comparison's 8-bit offsets */
#define REACH_RETURN                                                                               \
	200 /* a return farther away than this is added anew: it costs no more than a jump */

void bpf_init(struct bpf *bpf, size_t capacity)
{
	*bpf = (struct bpf){ .code = mem_array(capacity, sizeof(*bpf->code)),
			     .capacity = capacity };
}

void bpf_done(struct bpf *bpf)
{
	mem_cleanup_free(&bpf->code);
	*bpf = (struct bpf){ 0 };
}

static size_t add(struct bpf *bpf, struct sock_filter instruction)
{
	bpf->length++;
	if (bpf->length <= bpf->capacity)
		bpf->code[bpf->capacity - bpf->length] = instruction;
	return bpf->length;
}

size_t bpf_add(struct bpf *bpf, uint16_t code, uint32_t k)
{
	return add(bpf, (struct sock_filter){ .code = code, .k = k });
}

size_t bpf_return(struct bpf *bpf, uint32_t value)
{
	struct bpf_return *known = bpf->returns;
	struct bpf_return *end = bpf->returns + bpf->return_count;

	while (known < end && known->value != value)
		known++;
	if (known < end && bpf->length - known->label < REACH_RETURN)
		return known->label;
	if (known == end) {
		if (bpf->return_count == COUNT_OF(bpf->returns))
			known = bpf->returns; /* forget one: shorter code, not right or wrong code
					       */
		else
			bpf->return_count++;
	}
	*known = (struct bpf_return){ value, bpf_add(bpf, BPF_RET | BPF_K, value) };
	return known->label;
}

void bpf_continue_at(struct bpf *bpf, size_t label)
{
	assert(label > 0 && label <= bpf->length);
	if (label != bpf->length)
		bpf_add(bpf, BPF_JMP | BPF_JA, (uint32_t)(bpf->length - label));
}

size_t bpf_branch(struct bpf *bpf, uint16_t comparison, uint32_t k, size_t yes, size_t no)
{
	/* A stepping stone for one may push the other out of reach by one: hence the margin. */
	if (bpf->length - yes >= REACH - 1) {
		bpf_continue_at(bpf, yes);
		yes = bpf->length;
	}
	if (bpf->length - no >= REACH) {
		bpf_continue_at(bpf, no);
		no = bpf->length;
	}
	return add(bpf, (struct sock_filter){ .code = BPF_JMP | BPF_K | comparison,
					      .jt = (uint8_t)(bpf->length - yes),
					      .jf = (uint8_t)(bpf->length - no),
					      .k = k });
}

struct sock_filter *bpf_take(struct bpf *bpf)
{
	assert(bpf->length <= bpf->capacity);
	memmove(bpf->code, bpf->code + bpf->capacity - bpf->length,
		bpf->length * sizeof(*bpf->code));
	return take_pointer(&bpf->code);
}
