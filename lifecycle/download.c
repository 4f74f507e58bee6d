/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/download.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/jsonout.h"
#include "base/log.h"
#include "base/passfd.h"
#include "base/proc.h"
#include "lifecycle/fetchprogram.h"
#include "registry/gather.h"

#define PACKET_MAX 65536
#define REQUEST_ID 1

/* -- starting it --------------------------------------------------------------------------------
 */

static bool add_s3(struct jsonout *out, struct arena *arena, const struct settings *settings,
		   struct error *err)
{
	const struct gather_s3 known = { .endpoint = settings->s3_endpoint,
					 .region = settings->s3_region,
					 .has_path_style = settings->has_path_style,
					 .is_path_style = settings->path_style,
					 .is_fips = settings->uses_fips };

	return gather_s3(out, arena, &known, err);
}

/* The environment's come first: where the device has a role alias, its token exchange (cloud.h)
 * puts what it got there. */
static bool add_credentials(struct jsonout *out, struct arena *arena, struct error *err)
{
	const char *principal;

	if (!gather_aws(out, arena, NULL, &principal, err))
		return false;
	jsonout_object_end(out); /* of "ecr" */
	return true;
}

/* The nucleus' own proxy, or that of the environment. */
static bool add_proxy(struct jsonout *out, struct arena *arena, const struct settings_proxy *proxy,
		      struct error *err)
{
	const char *url = settings_proxy_url(arena, proxy);

	if (!url)
		return gather_proxy(out, NULL, err);
	jsonout_object(out, "proxy");
	jsonout_text(out, "http", url);
	jsonout_text(out, "https", url);
	if (proxy->no_proxy)
		jsonout_text(out, "no_proxy", proxy->no_proxy);
	jsonout_object_end(out);
	return true;
}

static bool add_ca(struct jsonout *out, struct arena *arena, const struct settings *settings,
		   struct error *err)
{
	const char *text;

	if (!settings->root_ca)
		return true;
	if (!gather_file(arena, settings->root_ca, &text, err))
		return error_in(err, "rootCaPath");
	jsonout_text(out, "ca", text);
	return true;
}

static bool make_settings(struct buf *text, const struct settings *settings, struct error *err)
{
	autoarena struct arena arena = { 0 };
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	bool is_good = add_s3(&out, &arena, settings, err) && add_credentials(&out, &arena, err) &&
		       add_proxy(&out, &arena, &settings->proxy, err) &&
		       add_ca(&out, &arena, settings, err);

	if (is_good)
		jsonout_object_end(&out);
	jsonout_done(&out);
	return is_good;
}

bool download_start(struct download_program *fetch, const struct settings *settings,
		    struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, FETCHPROGRAM_SETTINGS_MAX);
	if (make_settings(&text, settings, err))
		return fetchprogram_start(&text, &fetch->control, &fetch->proc, err);
	if (text.data)
		explicit_bzero(text.data, text.length);
	return false;
}

static void stop(struct download_program *fetch)
{
	struct error ignored;
	int status;

	mem_cleanup_close(&fetch->control);
	if (fetch->proc.pid <= 0)
		return;
	kill(fetch->proc.pid, SIGTERM); /* our child, not yet waited for: the number is its */
	if (!proc_wait(&fetch->proc, &status, &ignored))
		log_warning("%s", ignored.text);
}

/* -- one request --------------------------------------------------------------------------------
 */

static bool send_request(const struct download_program *fetch, const char *uri, int fd,
			 struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, PACKET_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", REQUEST_ID);
	jsonout_text(&out, "op", "s3");
	jsonout_text(&out, "uri", uri);
	jsonout_int(&out, "offset", 0);
	jsonout_object_end(&out);
	jsonout_done(&out);

	if (passfd_send(fetch->control, text.data, text.length, &fd, 1, 0) < 0)
		return error_sys(err, "ask mooring-fetch");
	return true;
}

static bool wait_for_packet(const struct download_program *fetch, int cancel_fd, struct error *err)
{
	struct pollfd polls[] = { { .fd = fetch->control, .events = POLLIN },
				  { .fd = cancel_fd, .events = POLLIN } };

	while (poll(polls, COUNT_OF(polls), -1) < 0)
		if (errno != EINTR)
			return error_sys(err, "poll");
	if (polls[1].revents)
		return error_set(err, ERROR_SYSTEM, "interrupted");
	return true;
}

/* The reply names the object, and so does our caller: once is enough. */
static const char *without_name(const char *text, const char *uri)
{
	size_t length = strlen(uri);

	return strncmp(text, uri, length) == 0 && strncmp(text + length, ": ", 2) == 0
		       ? text + length + 2
		       : text;
}

/* Reads one reply; *is_last is false for a report of progress. */
static bool read_reply(const struct download_program *fetch, const char *uri, bool *is_last,
		       struct error *err)
{
	autoarena struct arena arena = { 0 };
	autofree char *packet = mem_alloc(PACKET_MAX);
	ssize_t size = recv(fetch->control, packet, PACKET_MAX, 0);
	const struct json *reply;
	const char *kind, *text;
	bool is_ok;

	if (size < 0 && errno != ECONNRESET)
		return error_sys(err, "read from mooring-fetch");
	if (size <= 0)
		return error_set(err, ERROR_SYSTEM, "mooring-fetch ended without an answer");
	if (!json_parse(&arena, "answer of mooring-fetch", packet, (size_t)size, &reply, err))
		return false;
	*is_last = json_get(reply, "ok") != NULL;
	if (!*is_last)
		return true;
	if (!json_bool_or(reply, "ok", false, &is_ok, err))
		return false;
	if (is_ok)
		return true;
	if (!json_text_or(reply, "kind", "system", &kind, err) ||
	    !json_text_or(reply, "text", "failed", &text, err))
		return false;
	return error_set(err, error_kind_of_word(kind), "%s", without_name(text, uri));
}

static bool ask(const struct download_program *fetch, const char *uri, int fd, int cancel_fd,
		struct error *err)
{
	bool is_last = false;

	if (!send_request(fetch, uri, fd, err))
		return false;
	while (!is_last)
		if (!wait_for_packet(fetch, cancel_fd, err) ||
		    !read_reply(fetch, uri, &is_last, err))
			return false;
	return true;
}

bool download_s3(const char *uri, const struct settings *settings, int fd, int cancel_fd,
		 struct error *err)
{
	struct download_program fetch = { .control = -1 };
	bool is_good =
		download_start(&fetch, settings, err) && ask(&fetch, uri, fd, cancel_fd, err);

	stop(&fetch);
	return is_good;
}
