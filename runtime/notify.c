/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/notify.h"

#include "base/buf.h"
#include "runtime/tty.h"

#define MESSAGE_MAX (16 << 20) /* annotations come from a config of half that */

/* One connection a process; the descriptor goes with the first byte. */
static void compose(struct buf *text, const struct seccomp_filter *filter,
		    const struct state *state, pid_t pid)
{
	enum container_status status = pid == state->pid ? CONTAINER_CREATING : CONTAINER_RUNNING;
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "ociVersion", state->version);
	jsonout_array(&out, "fds");
	jsonout_text(&out, NULL, "seccompFd");
	jsonout_array_end(&out);
	jsonout_int(&out, "pid", pid);
	if (filter->metadata[0])
		jsonout_text(&out, "metadata", filter->metadata);
	jsonout_object(&out, "state");
	state_write(&out, state, status, state->pid);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

bool notify_agent(const struct seccomp_filter *filter, const struct state *state, pid_t pid,
		  int listener, struct error *err)
{
	autobuf struct buf text = { 0 };
	autoclose int socket = -1;

	buf_init(&text, MESSAGE_MAX);
	compose(&text, filter, state, pid);
	if (!buf_check(&text, "container process state", err))
		return false;
	if (!tty_connect(filter->agent, &socket, err))
		return error_in(err,
				"failed to connect with seccomp agent specified in the seccomp "
				"profile");
	return tty_send(socket, listener, text.data, err) ||
	       error_in(err, "cannot send seccomp fd to %s", filter->agent);
}
