/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <fcntl.h>
#include <signal.h>

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
	test_timers();
	test_signals();
	return tap_done();
}
