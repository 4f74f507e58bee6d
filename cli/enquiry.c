/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/enquiry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/passfd.h"

#define PACKET_MAX  (64 << 10)
#define PATIENCE_MS (180 * 1000) /* mooring-fetch has its own, shorter time limits */

static bool open_settings(const struct buf *settings, int *fd, struct error *err)
{
	autoclose int file = memfd_create("settings", MFD_CLOEXEC);

	if (file < 0)
		return error_sys(err, "memfd_create");
	if (!file_write(file, "settings", settings->data, settings->length, err))
		return false;
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(err, "seek");
	*fd = take_fd(&file);
	return true;
}

static bool start(const struct credentials *credentials, int control, struct proc *proc,
		  struct error *err)
{
	autoclose int file = -1;
	autofree char *program = NULL;

	if (!open_settings(&credentials->settings, &file, err) ||
	    !proc_helper("mooring-fetch", &program, err))
		return false;
	const char *const argv[] = { program, NULL }, *const env[] = { NULL };
	const struct proc_fd fds[] = {
		{ 2, 2 }, { control, 3 }, { file, 5 }, { credentials->learnt_fd, 6 }
	};
	bool has_learnt = credentials->learnt_fd >= 0;

	return proc_spawn(&(struct proc_options){ .argv = argv,
						  .env = env,
						  .fds = fds,
						  .fd_count = COUNT_OF(fds) - !has_learnt,
						  .parent_death_signal = SIGKILL },
			  proc, err);
}

static bool send_request(int control, const char *packet, int to, struct error *err)
{
	return passfd_send(control, packet, strlen(packet), &to, 1, 0) >= 0 ||
	       error_sys(err, "ask mooring-fetch");
}

/* The next packet; progress is of no interest. */
static bool receive_reply(int control, struct arena *arena, const struct json **reply,
			  struct error *err)
{
	char *packet = arena_alloc(arena, PACKET_MAX);

	*reply = NULL;
	do {
		struct pollfd ready = { .fd = control, .events = POLLIN };

		if (poll(&ready, 1, PATIENCE_MS) == 0)
			return error_set(err, ERROR_NETWORK, "mooring-fetch: i/o timeout");
		ssize_t length = recv(control, packet, PACKET_MAX, 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return error_set(err, ERROR_SYSTEM,
					 "mooring-fetch ended without an answer");
		if (!json_parse(arena, "mooring-fetch", packet, (size_t)length, reply, err))
			return false;
	} while (!json_get(*reply, "ok"));
	return true;
}

static bool read_reply(const struct json *reply, struct error *err)
{
	const char *kind, *text;
	bool is_ok;

	if (!json_bool_or(reply, "ok", false, &is_ok, err))
		return false;
	if (is_ok)
		return true;
	return json_text_or(reply, "kind", "", &kind, err) &&
	       json_text_or(reply, "text", "no reason given", &text, err) &&
	       error_set(err, error_kind_of_word(kind), "%s", text);
}

bool enquiry_open(const struct credentials *credentials, struct enquiry *enquiry, struct error *err)
{
	autoclose int ours = -1, theirs = -1;
	int ends[2];

	*enquiry = (struct enquiry){ -1, { .pidfd = -1 } };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair");
	ours = ends[0];
	theirs = ends[1];
	if (!start(credentials, theirs, &enquiry->proc, err))
		return false;
	enquiry->control = take_fd(&ours);
	return true;
}

bool enquiry_ask(const struct enquiry *enquiry, const char *packet, int to, struct arena *arena,
		 const struct json **reply, struct error *err)
{
	return send_request(enquiry->control, packet, to, err) &&
	       receive_reply(enquiry->control, arena, reply, err) && read_reply(*reply, err);
}

bool enquiry_close(struct enquiry *enquiry, struct error *err)
{
	int status;

	close(take_fd(&enquiry->control)); /* tells it to end */
	return proc_wait(&enquiry->proc, &status, err);
}
