/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ring.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

#define BYTES                                                                                      \
	(3 * RING_BLOCK * RING_BLOCKS + 77) /* it goes round, and ends in a part of a block        \
					     */

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 131 + at / RING_BLOCK);
}

/* In a process of its own: pieces of every size. */
static _Noreturn void write_all(struct ring *ring)
{
	size_t at = 0;

	mem_cleanup_close(&ring->told[0]);
	mem_cleanup_close(&ring->back[1]);
	for (size_t step = 1; at < BYTES; step = step * 3 % RING_BLOCK + 1) {
		char *room = ring_room(ring);
		size_t count = step < BYTES - at ? step : BYTES - at;

		if (!room)
			_exit(1);
		for (size_t i = 0; i < count; i++)
			room[i] = (char)byte_at(at + i);
		if (!ring_send(ring, count) || !ring_send(ring, 0))
			_exit(2);
		at += count;
	}
	_exit(0);
}

static void close_writer(struct ring *ring)
{
	drop_fd(&ring->told[1]);
	drop_fd(&ring->back[0]);
}

static void test_all_arrives(void)
{
	struct ring ring;
	struct error err;
	const void *got;
	size_t at = 0, wrong = 0;
	ssize_t count;
	int status;

	check_ok(ring_make(&ring, &err), &err, "a ring");

	pid_t writer = fork();

	if (writer == 0)
		write_all(&ring);
	close_writer(&ring);
	while ((count = ring_take(&ring, &got)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			wrong += ((const unsigned char *)got)[i] != byte_at(at++);
		if (!ring_give(&ring))
			wrong++;
	}
	check(count == 0, "the end is read as an end");
	check(at == BYTES && wrong == 0, "every byte arrives, in order");
	check(waitpid(writer, &status, 0) == writer && status == 0, "the writer got rid of all");
	ring_done(&ring);
}

static void test_reader_is_gone(void)
{
	struct ring ring;
	struct error err;
	int sent = 0;

	check_ok(ring_make(&ring, &err), &err, "a ring");
	for (; sent < RING_BLOCKS; sent++)
		if (!ring_room(&ring) || !ring_send(&ring, 1))
			break;
	check(sent == RING_BLOCKS, "a ring takes its blocks without a reader");
	drop_fd(&ring.told[0]);
	drop_fd(&ring.back[1]);
	errno = 0;
	check(!ring_room(&ring) && errno == EPIPE, "whoever waits for room hears of it");
	check(!ring_send(&ring, 1) && errno == EPIPE, "and whoever sends");
	ring_done(&ring);
}

/* A writer in wrong hands says what it likes. */
static void test_writer_lies(void)
{
	static const uint32_t lengths[] = { 0, RING_BLOCK + 1, UINT32_MAX };
	const void *got;
	struct ring ring;
	struct error err;

	check_ok(ring_make(&ring, &err), &err, "a ring");
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		check(write(ring.told[1], &lengths[i], sizeof(*lengths)) == sizeof(*lengths),
		      "a length of %u", lengths[i]);
		check(ring_take(&ring, &got) == -1 && errno == EBADMSG, "is refused");
	}
	check(write(ring.told[1], "x", 1) == 1, "half a length");
	check(ring_take(&ring, &got) == -1 && errno == EBADMSG, "is refused, too");
	check(write(ring.back[1], "xxxxxxxx", 8) == 8, "more blocks back than there are");
	for (int i = 0; i < RING_BLOCKS; i++)
		check(ring_room(&ring) && ring_send(&ring, 1), "block %d is there", i);
	check(ring_room(&ring) != NULL, "and no more than all are free");
	ring_done(&ring);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as mooring-unpack does */
	test_all_arrives();
	test_reader_is_gone();
	test_writer_lies();
	return tap_done();
}
