/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "tests/unit/tap.h"

/* A pipe with a watch on it, which counts and may remove itself or another. */
struct probe {
	struct loop_watch watch;
	struct loop *loop;
	int ends[2];
	int count;
	struct probe *victim; /* removed when this one is ready */
};

static void on_ready(struct loop_watch *watch)
{
	struct probe *probe = watch->context;
	char byte;

	probe->count += read(probe->ends[0], &byte, 1) == 1;
	if (probe->victim)
		loop_unwatch(probe->loop, &probe->victim->watch);
}

static void probe_open(struct probe *probe, struct loop *loop)
{
	*probe = (struct probe){ .loop = loop, .ends = { -1, -1 } };
	if (pipe2(probe->ends, O_CLOEXEC) < 0)
		check(false, "pipe");
	probe->watch =
		(struct loop_watch){ .fd = probe->ends[0], .on_ready = on_ready, .context = probe };
	loop_watch(loop, &probe->watch);
}

static void probe_close(struct probe *probe)
{
	loop_unwatch(probe->loop, &probe->watch);
	for (int i = 0; i < 2; i++)
		close(take_fd(&probe->ends[i]));
}

static void poke(struct probe *probe)
{
	if (write(probe->ends[1], "x", 1) != 1)
		check(false, "write");
}

static void test_watches(void)
{
	struct loop loop = { 0 };
	struct probe first, second;
	struct error err;

	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing", "an empty loop");
	probe_open(&first, &loop);
	probe_open(&second, &loop);
	poke(&first);
	check_ok(loop_step(&loop, &err), &err, "a step");
	check(first.count == 1 && second.count == 0, "calls what is ready");
	poke(&first);
	poke(&second);
	check_ok(loop_step(&loop, &err), &err, "a step");
	check(first.count == 2 && second.count == 1, "calls both");

	/* Each removes the other: whoever comes first wins, and the loser is not called. */
	first.victim = &second;
	second.victim = &first;
	poke(&first);
	poke(&second);
	check_ok(loop_step(&loop, &err), &err, "a step");
	check_int(first.count + second.count, 4, "one that was removed is not called");
	probe_close(&first);
	probe_close(&second);
	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing", "empty again");
	loop_done(&loop);
}

static void test_hang_up(void)
{
	struct loop loop = { 0 };
	struct probe probe;
	struct error err;

	probe_open(&probe, &loop);
	probe.victim = &probe;
	close(take_fd(&probe.ends[1]));
	check_ok(loop_step(&loop, &err), &err, "a step");
	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing",
		    "the end of the other side is told, and a watch may remove itself");
	probe_close(&probe);
	loop_done(&loop);
}

/* One end of a socket pair whose other end reads only what it is told to. */
struct writer {
	struct loop_watch watch;
	struct loop *loop;
	int ends[2];
	size_t written, wanted;
	int reads, turns;
	char order[8];
};

static void on_readable(struct loop_watch *watch)
{
	struct writer *writer = watch->context;
	char bytes[16];

	if (strlen(writer->order) < 7)
		writer->order[strlen(writer->order)] = 'r';
	writer->reads++;
	if (read(watch->fd, bytes, sizeof(bytes)) <= 0)
		loop_unwatch(writer->loop, watch);
}

static void on_writable(struct loop_watch *watch)
{
	struct writer *writer = watch->context;
	static const char bytes[4096];
	ssize_t count;

	if (strlen(writer->order) < 7)
		writer->order[strlen(writer->order)] = 'w';
	writer->turns++;
	while (writer->written < writer->wanted &&
	       (count = write(watch->fd, bytes, sizeof(bytes))) > 0)
		writer->written += (size_t)count;
	if (writer->written >= writer->wanted)
		loop_want(writer->loop, watch, LOOP_READ);
}

static void writer_open(struct writer *writer, struct loop *loop, size_t wanted)
{
	*writer = (struct writer){ .loop = loop, .ends = { -1, -1 }, .wanted = wanted };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, writer->ends) < 0)
		check(false, "socketpair");
	writer->watch = (struct loop_watch){ .fd = writer->ends[0],
					     .on_ready = on_readable,
					     .on_writable = on_writable,
					     .context = writer };
	loop_watch(loop, &writer->watch);
}

static void writer_close(struct writer *writer)
{
	loop_unwatch(writer->loop, &writer->watch);
	for (int i = 0; i < 2; i++)
		if (writer->ends[i] >= 0)
			close(writer->ends[i]);
}

static void on_hurry(struct loop_timer *timer)
{
	*(bool *)timer->context = true;
}

/* True if no watch is called within a few milliseconds. */
static bool is_quiet(struct loop *loop, struct writer *writer)
{
	bool is_late = false;
	struct loop_timer timer = { .on_expiry = on_hurry, .context = &is_late };
	int calls = writer->reads + writer->turns;
	struct error err;

	loop_arm(loop, &timer, 5);
	while (!is_late)
		if (!loop_step(loop, &err))
			return false;
	return writer->reads + writer->turns == calls;
}

static void test_writing(void)
{
	struct loop loop = { 0 };
	struct writer writer;
	struct error err;
	static char bytes[1 << 16];
	size_t taken = 0;

	writer_open(&writer, &loop, 4 << 20);
	check(is_quiet(&loop, &writer), "room is not told unless it is wanted");
	loop_want(&loop, &writer.watch, LOOP_READ | LOOP_WRITE);
	check_ok(loop_step(&loop, &err), &err, "a step");
	check(writer.turns == 1 && writer.written > 0 && writer.written < writer.wanted,
	      "writes until the other end is full");
	check(is_quiet(&loop, &writer), "and waits");
	for (int i = 0; i < 10000 && taken < writer.wanted; i++) {
		ssize_t count;

		while ((count = read(writer.ends[1], bytes, sizeof(bytes))) > 0)
			taken += (size_t)count;
		if (taken < writer.wanted && !loop_step(&loop, &err))
			break;
	}
	check(taken == writer.wanted && writer.written == writer.wanted,
	      "all arrives as the other end takes it");
	check(is_quiet(&loop, &writer), "nothing more is told when all is written");
	writer_close(&writer);
	loop_done(&loop);
}

static void test_wants(void)
{
	struct loop loop = { 0 };
	struct writer writer;
	struct error err;

	writer_open(&writer, &loop, 0);
	loop_want(&loop, &writer.watch, LOOP_READ | LOOP_WRITE);
	loop_want(&loop, &writer.watch, LOOP_READ);
	check(is_quiet(&loop, &writer), "a change that was taken back");
	loop_want(&loop, &writer.watch, LOOP_READ | LOOP_WRITE);
	if (write(writer.ends[1], "x", 1) != 1)
		check(false, "write");
	check_ok(loop_step(&loop, &err), &err, "a step");
	check_text(writer.order, "rw", "first what can be read, then what can be written");
	loop_want(&loop, &writer.watch, 0);
	if (write(writer.ends[1], "x", 1) != 1)
		check(false, "write");
	check(is_quiet(&loop, &writer), "what is not wanted is not told");
	loop_want(&loop, &writer.watch, LOOP_READ);
	check_ok(loop_step(&loop, &err), &err, "a step");
	check_text(writer.order, "rwr", "and is still there when it is wanted again");
	loop_want(&loop, &writer.watch, 0);
	close(take_fd(&writer.ends[1]));
	check_ok(loop_step(&loop, &err), &err, "a step");
	check_text(writer.order, "rwrr", "the end of the other side is told in any case");
	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing",
		    "and a watch may remove itself then");
	writer_close(&writer);
	loop_done(&loop);
}

/* More at once than one wait brings; each of them frees its neighbour. */
struct neighbour {
	struct loop_watch watch;
	struct loop *loop;
	struct neighbour *next;
	int fd, *calls;
};

static void on_neighbour(struct loop_watch *watch)
{
	struct neighbour *neighbour = watch->context;

	++*neighbour->calls;
	loop_unwatch(neighbour->loop, watch);
	if (neighbour->next && neighbour->next->watch.is_watched) {
		loop_unwatch(neighbour->loop, &neighbour->next->watch);
		memset(&neighbour->next->watch, 0, sizeof(neighbour->next->watch));
	}
}

static void test_many(void)
{
	enum {
		COUNT = 500
	};
	struct loop loop = { 0 };
	struct neighbour *all = calloc(COUNT, sizeof(*all));
	int ends[2], calls = 0;
	struct error err;

	if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "x", 1) != 1)
		check(false, "pipe");
	for (int i = 0; i < COUNT; i++) {
		all[i] = (struct neighbour){ .loop = &loop,
					     .fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 0),
					     .calls = &calls };
		all[i].next = i % 2 == 0 ? &all[i + 1] : &all[i - 1];
		all[i].watch = (struct loop_watch){ .fd = all[i].fd,
						    .on_ready = on_neighbour,
						    .context = &all[i] };
		loop_watch(&loop, &all[i].watch);
	}
	for (int i = 0; i < COUNT && loop.count; i++)
		if (!loop_step(&loop, &err))
			break;
	check(loop.count == 0 && calls == COUNT / 2,
	      "of 500 pairs that free each other one is called: %d", calls);
	for (int i = 0; i < COUNT; i++)
		close(all[i].fd);
	close(ends[0]);
	close(ends[1]);
	free(all);
	loop_done(&loop);
}

static void test_bad_descriptor(void)
{
	struct loop loop = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct loop_watch watch = { .fd = fd, .on_ready = on_ready };
	struct error err;

	loop_watch(&loop, &watch);
	check_error(loop_step(&loop, &err), &err, ERROR_DENIED, "watch descriptor",
		    "a regular file cannot be waited for");
	loop_unwatch(&loop, &watch);
	check_error(loop_try_watch(&loop, &watch, &err), &err, ERROR_DENIED, "watch descriptor",
		    "nor is it, if that is asked at once");
	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing left",
		    "and the loop goes on without it");
	close(fd);
	loop_done(&loop);
}

struct tick {
	struct loop_timer timer;
	struct loop *loop;
	int count, again;
	char *order;
	char name;
};

static void on_expiry(struct loop_timer *timer)
{
	struct tick *tick = timer->context;

	tick->count++;
	if (tick->order)
		tick->order[strlen(tick->order)] = tick->name;
	if (tick->again-- > 0)
		loop_arm(tick->loop, &tick->timer, 0);
}

static void tick_arm(struct tick *tick, struct loop *loop, char name, int milliseconds)
{
	tick->timer.on_expiry = on_expiry;
	tick->timer.context = tick;
	tick->loop = loop;
	tick->name = name;
	loop_arm(loop, &tick->timer, milliseconds);
}

static void test_timers(void)
{
	struct loop loop = { 0 };
	char order[8] = "";
	struct tick ticks[3] = { { .order = order }, { .order = order }, { .order = order } };
	int64_t begin = loop_now();
	struct error err;

	tick_arm(&ticks[0], &loop, 'c', 30);
	tick_arm(&ticks[1], &loop, 'a', 10);
	tick_arm(&ticks[2], &loop, 'b', 20);
	tick_arm(&ticks[1], &loop, 'a', 5);
	for (int i = 0; i < 100 && loop.timers; i++)
		if (!loop_step(&loop, &err))
			break;
	check_text(order, "abc", "timers come in order, one armed anew once");
	check(loop_now() - begin >= 30, "and not before their time");
	loop_disarm(&loop, &ticks[0].timer);
	loop_arm(&loop, &ticks[0].timer, INT64_MAX);
	loop_disarm(&loop, &ticks[0].timer);
	check_error(loop_step(&loop, &err), &err, ERROR_NOT_FOUND, "nothing", "a disarmed timer");

	struct probe probe;

	probe_open(&probe, &loop);
	ticks[0].again = 1000000;
	tick_arm(&ticks[0], &loop, 'c', 0);
	ticks[0].order = NULL;
	poke(&probe);
	for (int i = 0; i < 10 && probe.count == 0; i++)
		if (!loop_step(&loop, &err))
			break;
	check_int(probe.count, 1, "a timer that arms itself anew does not starve the watches");
	probe_close(&probe);
	loop_done(&loop);
}

static void test_signals(void)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, 0 };
	autoclose int fd = -1;
	struct error err;

	if (!check_ok(loop_open_signals(signals, &fd, &err), &err, "signals"))
		return;
	check_int(loop_next_signal(fd), 0, "none yet");
	raise(SIGUSR2);
	check_int(loop_next_signal(fd), SIGUSR2, "one");
	check_int(loop_next_signal(fd), 0, "and no more");
}

int main(void)
{
	test_watches();
	test_hang_up();
	test_writing();
	test_wants();
	test_many();
	test_bad_descriptor();
	test_timers();
	test_signals();
	return tap_done();
}
