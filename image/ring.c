/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

bool ring_make(struct ring *ring, struct error *err)
{
	*ring = (struct ring){ .told = { -1, -1 }, .back = { -1, -1 } };
	ring->memory = mmap(NULL, (size_t)RING_BLOCK * RING_BLOCKS, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring->memory == MAP_FAILED) {
		ring->memory = NULL;
		return error_sys(err, "share memory");
	}
	if (pipe2(ring->told, O_CLOEXEC) == 0 && pipe2(ring->back, O_CLOEXEC) == 0)
		return true;
	error_sys(err, "make a pipe");
	ring_done(ring);
	return false;
}

void ring_done(struct ring *ring)
{
	if (!ring->memory)
		return;
	munmap(ring->memory, (size_t)RING_BLOCK * RING_BLOCKS);
	for (int i = 0; i < 2; i++) {
		drop_fd(&ring->told[i]);
		drop_fd(&ring->back[i]);
	}
	ring->memory = NULL;
}

/* Whole or not at all: a pipe does not split what is this small. */
static ssize_t get(int fd, void *to, size_t count)
{
	ssize_t got;

	while ((got = read(fd, to, count)) < 0 && errno == EINTR)
		;
	return got;
}

static bool put(int fd, const void *from, size_t count)
{
	ssize_t sent;

	while ((sent = write(fd, from, count)) < 0 && errno == EINTR)
		;
	return sent == (ssize_t)count;
}

static char *block_of_turn(const struct ring *ring)
{
	return ring->memory + (size_t)(ring->next % RING_BLOCKS) * RING_BLOCK;
}

char *ring_room(struct ring *ring)
{
	char handed_back[RING_BLOCKS];

	if (ring->taken < RING_BLOCKS)
		return block_of_turn(ring);

	ssize_t count = get(ring->back[0], handed_back, sizeof(handed_back));

	if (count == 0)
		errno = EPIPE;
	if (count <= 0)
		return NULL;
	ring->taken -= (unsigned int)count < ring->taken ? (unsigned int)count : ring->taken;
	return block_of_turn(ring);
}

bool ring_send(struct ring *ring, size_t count)
{
	uint32_t length = (uint32_t)count;

	if (count == 0)
		return true;
	ring->next++;
	ring->taken++;
	return put(ring->told[1], &length, sizeof(length));
}

ssize_t ring_take(struct ring *ring, const void **bytes)
{
	uint32_t count;
	ssize_t got = get(ring->told[0], &count, sizeof(count));

	if (got <= 0)
		return got;
	if (got != sizeof(count) || count == 0 || count > RING_BLOCK) {
		errno = EBADMSG; /* no writer of ours */
		return -1;
	}
	*bytes = block_of_turn(ring);
	return count;
}

bool ring_give(struct ring *ring)
{
	ring->next++;
	/* A writer that has ended needs none back. */
	return put(ring->back[1], "", 1) || errno == EPIPE;
}
