/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mooring-streams: keeps the streams of the device's components and delivers them. The nucleus
 * starts it while a component depends on aws.greengrass.StreamManager (docs/architecture.md).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/privilege.h"
#include "base/proc.h"
#include "lifecycle/stream/exporter.h"
#include "lifecycle/stream/server.h"
#include "lifecycle/stream/streamconfine.h"
#include "lifecycle/stream/streamsettings.h"

enum fixed_fd {
	LINK_FD = 3,
	SETTINGS_FD = 5,
};

struct program {
	struct stream_settings settings;
	struct arena arena;
	struct loop loop;
	struct stream_clock clock;
	struct link link;
	struct depot depot;
	struct exports exports;
	struct server server;
	struct loop_watch signals;
	bool is_over;
};

static bool read_settings(struct program *program, struct error *err)
{
	autobuf struct buf text;
	int fd = SETTINGS_FD;
	bool is_read;

	buf_init(&text, STREAM_SETTINGS_SIZE_MAX);
	is_read = file_read_fd(fd, "the settings on descriptor 5", &text, err);
	drop_fd(&fd);
	return is_read && stream_settings_parse(&program->settings, &program->arena, text.data,
						text.length, err);
}

/* Two or three descriptors a stream. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("only %llu streams can be open",
			    (unsigned long long)limit.rlim_cur / 3);
}

static void on_signal(struct loop_watch *watch)
{
	struct program *program = watch->context;

	if (loop_next_signal(watch->fd))
		program->is_over = true;
}

static bool watch_signals(struct program *program, struct error *err)
{
	const int signals[] = { SIGTERM, SIGINT, 0 };

	program->signals = (struct loop_watch){ .on_ready = on_signal, .context = program };
	if (!loop_open_signals(signals, &program->signals.fd, err))
		return false;
	loop_watch(&program->loop, &program->signals);
	return true;
}

/* Who we are when we listen: first what only root may, then the store as its user, then no way
 * back. */
static bool start(struct program *program, struct error *err)
{
	const struct stream_settings *settings = &program->settings;
	struct server *server = &program->server;
	int port = settings->port;

	*server = (struct server){ .clock = &program->clock,
				   .depot = &program->depot,
				   .link = &program->link,
				   .exports = &program->exports,
				   .does_authenticate = settings->does_authenticate,
				   .part_size_min = settings->part_size_min };
	program->exports = (struct exports){ .clock = &program->clock,
					     .depot = &program->depot,
					     .link = &program->link,
					     .server = server,
					     .settings = settings };
	link_open(&program->link, &program->clock, LINK_FD);
	if (!watch_signals(program, err) || !server_open(server, &port, settings->control, err) ||
	    (settings->has_user && !privilege_become(settings->uid, settings->gid, err)) ||
	    !depot_open(&program->depot, settings->root, settings->memory_limit, err) ||
	    !stream_confine(settings->root, err) || !link_report_ready(&program->link, port, err))
		return false;
	exports_open(&program->exports);
	log_info("listening on 127.0.0.1:%d", port);
	log_info("Stream Manager reporting the state: RUNNING");
	return true;
}

static bool serve(struct program *program, struct error *err)
{
	while (!program->is_over && !program->link.is_over)
		if (!loop_step(&program->loop, err))
			return false;
	return true;
}

static void stop(struct program *program)
{
	server_close(&program->server);
	exports_close(&program->exports);
	depot_close(&program->depot);
	link_close(&program->link);
	loop_done(&program->loop);
	arena_done(&program->arena);
}

int main(int argc, char **argv)
{
	struct program program = { .clock.loop = &program.loop };
	struct error err;

	proc_settle();
	log_set_program("mooring-streams");
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("mooring-streams " MOORING_VERSION);
		return EXIT_SUCCESS;
	}
	if (!read_settings(&program, &err)) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	log_set_level(program.settings.log_level);
	raise_limit();
	if (!start(&program, &err) || !serve(&program, &err)) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	stop(&program);
	return EXIT_SUCCESS;
}
