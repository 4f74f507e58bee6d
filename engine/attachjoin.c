/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/passfd.h"
#include "engine/door.h"

/*
 * Joining a container that runs: pipes of ours for its monitor, sent through its door. What is
 * typed for a container without a terminal goes to the FIFO that launch.c made for it.
 */

#define PACKET_MAX 128

struct offer {
	struct buf text; /* the packet */
	int fds[3];
	size_t count;
};

/* A pipe of which the monitor gets one end. */
static bool add_stream(struct offer *offer, const char *name, bool is_input, int *ours,
		       struct error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	*ours = ends[is_input ? 1 : 0];
	buf_printf(&offer->text, "%s\"%s\"", offer->count ? "," : "", name);
	offer->fds[offer->count++] = ends[is_input ? 0 : 1];
	return true;
}

static bool send_offer(int client, struct offer *offer, struct error *err)
{
	return passfd_send(client, offer->text.data, offer->text.length, offer->fds, offer->count,
			   0) >= 0 ||
	       error_sys(err, "attach to the container");
}

/* The FIFO that stands for the standard input of a container which was started in the background;
 * one that was started with a client reads that one's input alone. */
static void open_fifo(const struct engine *engine, const struct container *container, int *in)
{
	autofree char *path = mem_printf("%s/stdin", container->id);

	*in = openat(engine->containers, path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

static bool make_offer(const struct engine *engine, const struct container *container,
		       const struct attach_wishes *wishes, struct offer *offer,
		       struct launched *launched, struct error *err)
{
	bool wants_keys = wishes->wants_stdin && container->has_tty;

	buf_add_text(&offer->text, "{\"attach\":[");
	if ((wants_keys && !add_stream(offer, "stdin", true, &launched->in, err)) ||
	    (wishes->wants_stdout && !add_stream(offer, "stdout", false, &launched->out, err)) ||
	    (wishes->wants_stderr && !container->has_tty &&
	     !add_stream(offer, "stderr", false, &launched->errors, err)))
		return false;
	buf_add_text(&offer->text, "]}");
	if (wishes->wants_stdin && !container->has_tty)
		open_fifo(engine, container, &launched->in);
	return true;
}

static bool await_answer(int client, struct error *err)
{
	struct launch_message message;

	launch_receive(client, &message);
	return message.event == LAUNCH_STARTED ||
	       error_set(err, ERROR_NOT_FOUND,
			 "the container has ended, or too many are attached to it");
}

bool attach_join(const struct engine *engine, const struct container *container,
		 const struct attach_wishes *wishes, struct launched *launched, struct error *err)
{
	struct offer offer = { .fds = { -1, -1, -1 } };

	launched_init(launched);
	buf_init(&offer.text, PACKET_MAX);
	bool is_done = door_knock(engine, container->id, &launched->client, err) &&
		       make_offer(engine, container, wishes, &offer, launched, err) &&
		       send_offer(launched->client, &offer, err) &&
		       await_answer(launched->client, err);
	for (size_t i = 0; i < offer.count; i++)
		mem_cleanup_close(&offer.fds[i]);
	buf_done(&offer.text);
	if (!is_done)
		launched_close(launched);
	return is_done;
}
