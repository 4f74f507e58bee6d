/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the stream manager, from its first byte on: a real server on a socket pair, without
 * tokens. However the bytes come, it answers in whole frames or hangs up, and holds nothing
 * afterwards.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "lifecycle/stream/exporter.h"
#include "lifecycle/stream/server.h"
#include "lifecycle/stream/streamsettings.h"
#include "lifecycle/stream/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define INPUT_MAX 65536
#define STEPS_MAX 64

struct world {
	struct loop loop;
	struct stream_clock clock;
	struct depot depot;
	struct link link;
	struct stream_settings settings;
	struct exports exports;
	struct server server;
	int nucleus;
};

static void open_world(struct world *world, const char *root)
{
	struct error err;
	int ends[2];

	world->clock.loop = &world->loop;
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	world->nucleus = ends[1];
	link_open(&world->link, &world->clock, ends[0]);
	assert(depot_open(&world->depot, root, 1 << 20, &err));
	world->settings = (struct stream_settings){ .parallel = 1, .part_size_min = 5242880 };
	world->exports = (struct exports){ .clock = &world->clock,
					   .depot = &world->depot,
					   .link = &world->link,
					   .settings = &world->settings };
	world->server = (struct server){ .clock = &world->clock,
					 .depot = &world->depot,
					 .link = &world->link,
					 .exports = &world->exports,
					 .part_size_min = 5242880 };
	world->exports.server = &world->server;
	exports_open(&world->exports);
	server_start(&world->server);
}

static void close_world(struct world *world)
{
	server_close(&world->server);
	exports_close(&world->exports);
	depot_close(&world->depot);
	link_close(&world->link);
	close(world->nucleus);
	loop_done(&world->loop);
}

/* Waits for nothing: a timer that is due at once ends a step in which nothing else happens. */
static void nothing(struct loop_timer *timer)
{
	*(bool *)timer->context = true;
}

static void run(struct world *world)
{
	struct error err;

	for (int step = 0; step < STEPS_MAX; step++) {
		bool is_idle = false;
		struct loop_timer timer = { .on_expiry = nothing, .context = &is_idle };

		loop_arm(&world->loop, &timer, 0);
		assert(loop_step(&world->loop, &err));
		loop_disarm(&world->loop, &timer);
	}
}

/* Whole frames behind the version byte, or nothing. */
static void check_answers(const char *bytes, size_t length)
{
	size_t at = 1;

	if (length == 0)
		return;
	assert(bytes[0] == WIRE_CONNECT_VERSION);
	while (at < length) {
		autoarena struct arena arena = { 0 };
		struct wire_header header;
		const struct cbor *map;
		struct error err;

		assert(length - at >= WIRE_HEADER_SIZE && wire_read_header(bytes + at, &header));
		at += WIRE_HEADER_SIZE;
		assert(header.payload <= length - at);
		assert(cbor_parse(&arena, bytes + at, header.payload, &map, &err));
		assert(cbor_get(map, "requestId") && cbor_get(map, "status"));
		at += header.payload;
	}
}

static void read_answers(int fd)
{
	autofree char *bytes = mem_alloc(1 << 22);
	size_t length = 0;
	ssize_t count;

	while ((count = recv(fd, bytes + length, (1 << 22) - length, MSG_DONTWAIT)) > 0)
		length += (size_t)count;
	if (length < 1 << 22)
		check_answers(bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char root[] = "/dev/shm/mooring-fuzz-XXXXXX";
	struct world world = { 0 };
	struct error err;
	int ends[2];

	if (size > INPUT_MAX)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	assert(mkdtemp(root));
	open_world(&world, root);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	assert(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	session_open(&world.server, ends[0], false);
	/* In two parts, so that frames are put together. */
	size_t half = size / 2;
	if (send(ends[1], bytes, half, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)half) {
		run(&world);
		if (send(ends[1], bytes + half, size - half, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			run(&world);
	}
	read_answers(ends[1]);
	close(ends[1]);
	run(&world);
	assert(world.server.reserved == 0);
	close_world(&world);
	assert(world.server.backlog == 0 && world.server.session_count == 0);
	assert(path_remove_tree(AT_FDCWD, root, &err));
	return 0;
}
