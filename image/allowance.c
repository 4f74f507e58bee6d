/* SPDX-License-Identifier: Apache-2.0 */
#include "image/allowance.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/limits.h"

#define KIB 1024

/* The value of an eventfd, which is 0 from now on; waits while it is 0. */
static bool take_value(int fd, int64_t *value, struct error *err)
{
	uint64_t got = 0;

	while (read(fd, &got, sizeof(got)) < 0)
		if (errno != EINTR)
			return error_sys(err, "wait for memory");
	*value = (int64_t)got;
	return true;
}

static void add_value(int fd, int64_t value)
{
	uint64_t more = (uint64_t)value;

	(void)!write(fd, &more, sizeof(more));
}

bool allowance_open(int64_t memory, struct allowance *allowance, struct error *err)
{
	*allowance = (struct allowance){ .turn = -1, .spare = -1, .is_ceiling = memory > 0 };
	allowance->kib = ((memory > 0 ? memory : UNPACK_MEMORY) - UNPACK_MEMORY_BASE) / KIB;
	if (allowance->kib < 0)
		allowance->kib = 0;
	allowance->turn = eventfd(1, EFD_CLOEXEC);
	allowance->spare = eventfd(0, EFD_CLOEXEC);
	if (allowance->turn < 0 || allowance->spare < 0)
		return error_sys(err, "make an eventfd");
	allowance_reset(allowance);
	return true;
}

void allowance_close(struct allowance *allowance)
{
	mem_cleanup_close(&allowance->turn);
	mem_cleanup_close(&allowance->spare);
	allowance->turn = allowance->spare = -1;
}

static void set_value(int fd, int64_t value)
{
	struct error ignored;
	int64_t before;

	add_value(fd, 1); /* so that there is something to take */
	(void)!take_value(fd, &before, &ignored);
	if (value > 0)
		add_value(fd, value);
}

void allowance_reset(const struct allowance *allowance)
{
	set_value(allowance->turn, 1);
	set_value(allowance->spare, allowance->kib);
}

static int64_t kib_of(int64_t bytes)
{
	return (bytes + UNPACK_MEMORY_EACH) / KIB;
}

static int64_t most_kib(const struct allowance *allowance)
{
	return allowance->is_ceiling ? allowance->kib : kib_of(LIMIT_DECODER_MEMORY);
}

int64_t allowance_most(const struct allowance *allowance)
{
	int64_t most = most_kib(allowance) * KIB + KIB - 1 - UNPACK_MEMORY_EACH;

	return most > 0 ? most : 0;
}

static bool check_ceiling(const struct allowance *allowance, const char *what, int64_t kib,
			  struct error *err)
{
	int64_t wanted = kib * KIB + UNPACK_MEMORY_BASE;

	if (kib <= most_kib(allowance))
		return true;
	return error_set(
		err, ERROR_UNSUPPORTED,
		"%s needs more memory than unpack-memory in daemon.json allows%s: make that "
		"%lldm at least",
		what, allowance->is_ceiling ? "" : " by default",
		(long long)((wanted + (1 << 20) - 1) >> 20));
}

/* With the turn. */
static bool take(const struct allowance *allowance, int64_t kib, int64_t *held, struct error *err)
{
	int64_t got = 0;

	while (*held < kib) {
		if (!take_value(allowance->spare, &got, err))
			return false;
		*held += got;
	}
	if (*held > kib)
		add_value(allowance->spare, *held - kib);
	*held = kib;
	return true;
}

/* What the caller holds goes back first: two that want more would wait for each other. */
bool allowance_take(const struct allowance *allowance, const char *what, int64_t bytes,
		    int64_t *held, struct error *err)
{
	int64_t kib = kib_of(bytes), turn = 0;

	if (!check_ceiling(allowance, what, kib, err))
		return false;
	if (allowance->turn < 0 || kib <= *held)
		return true;
	allowance_give(allowance, held);
	if (!take_value(allowance->turn, &turn, err))
		return false;

	bool is_taken = take(allowance, kib < allowance->kib ? kib : allowance->kib, held, err);

	add_value(allowance->turn, turn);
	return is_taken;
}

void allowance_give(const struct allowance *allowance, int64_t *held)
{
	if (*held > 0)
		add_value(allowance->spare, *held);
	*held = 0;
}
