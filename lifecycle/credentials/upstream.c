/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/credentials/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/passfd.h"
#include "base/proc.h"
#include "lifecycle/fetchprogram.h"

#define PACKET_MAX      65536
#define SETTINGS_MAX    8192
#define PEM_MAX         32768 /* certificates and key go into one packet */
#define ANSWER_MAX      65536
#define ATTEMPTS        3
#define CONNECT_SECONDS 5
#define TOTAL_SECONDS   30

struct upstream {
	struct loop *loop;
	struct proc proc;
	struct loop_watch control;
	int body; /* a file in memory that takes the reply */
	void (*on_answer)(void *context, const struct upstream_answer *answer);
	void *context;
};

/* -- asking -------------------------------------------------------------------------------------
 */

static bool add_pem(struct jsonout *out, const char *key, const char *path, struct error *err)
{
	autobuf struct buf pem;

	buf_init(&pem, PEM_MAX);
	if (!file_read(AT_FDCWD, path, &pem, err))
		return error_in(err, "%s for the credentials provider", key);
	jsonout_text_n(out, key, pem.data, pem.length);
	explicit_bzero(pem.data, pem.length);
	return true;
}

static bool write_request(struct buf *text, const struct exchange_options *options,
			  struct error *err)
{
	struct jsonout out;
	autofree char *url = mem_printf("https://%s/role-aliases/%s/credentials", options->endpoint,
					options->role_alias);
	bool is_good;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", 1);
	jsonout_text(&out, "op", "http");
	jsonout_text(&out, "url", url);
	jsonout_object(&out, "headers");
	jsonout_text(&out, "x-amzn-iot-thingname", options->thing);
	jsonout_object_end(&out);
	jsonout_int(&out, "limit", ANSWER_MAX);
	jsonout_int(&out, "attempts", ATTEMPTS);
	jsonout_int(&out, "connect_seconds", CONNECT_SECONDS);
	jsonout_int(&out, "total_seconds", TOTAL_SECONDS);
	jsonout_object(&out, "tls");
	is_good = add_pem(&out, "ca", options->root_ca, err) &&
		  add_pem(&out, "certificate", options->certificate, err) &&
		  add_pem(&out, "key", options->key, err);
	if (is_good) {
		jsonout_object_end(&out);
		jsonout_object_end(&out);
	}
	jsonout_done(&out);
	return is_good && buf_check(text, "the request to the credentials provider", err);
}

static bool send_request(struct upstream *upstream, const struct exchange_options *options,
			 struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, PACKET_MAX);
	if (!write_request(&text, options, err))
		return false;

	bool is_sent = passfd_send(upstream->control.fd, text.data, text.length, &upstream->body, 1,
				   0) >= 0;

	explicit_bzero(text.data, text.length);
	return is_sent || error_sys(err, "ask mooring-fetch");
}

static void write_settings(struct buf *text, const struct exchange_options *options)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	if (options->proxy) {
		jsonout_object(&out, "proxy");
		jsonout_text(&out, "https", options->proxy);
		if (options->no_proxy)
			jsonout_text(&out, "no_proxy", options->no_proxy);
		jsonout_object_end(&out);
	}
	jsonout_object(&out, "patience");
	jsonout_int(&out, "back_off_ms", 200);
	jsonout_object_end(&out);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

/* -- the answer ---------------------------------------------------------------------------------
 */

static void end(struct upstream *upstream)
{
	struct error ignored;
	int status;

	if (upstream->control.fd >= 0) {
		loop_unwatch(upstream->loop, &upstream->control);
		close(take_fd(&upstream->control.fd));
	}
	if (upstream->proc.pid) {
		kill(upstream->proc.pid, SIGKILL);
		if (!proc_wait(&upstream->proc, &status, &ignored))
			upstream->proc.pid = 0;
	}
	mem_cleanup_close(&upstream->body);
	free(upstream);
}

static void answer(struct upstream *upstream, int status, const char *text)
{
	struct upstream_answer answer = { status, text };
	void (*on_answer)(void *context, const struct upstream_answer *answer) =
		upstream->on_answer;
	void *context = upstream->context;

	end(upstream);
	on_answer(context, &answer);
}

/* True if the packet is the last word on our request. */
static bool read_reply(struct arena *arena, const char *packet, size_t length, int *status,
		       const char **text)
{
	const struct json *root;
	struct error err;
	bool is_good;
	int64_t number;

	if (!json_parse(arena, "reply", packet, length, &root, &err) || !json_get(root, "ok"))
		return false; /* progress */
	if (!json_bool_or(root, "ok", false, &is_good, &err) ||
	    !json_int_or(root, "status", 0, &number, &err) ||
	    !json_text_or(root, "text", "", text, &err)) {
		*status = 0;
		*text = arena_strdup(arena, err.text);
		return true;
	}
	*status = is_good ? (int)number : 0;
	return true;
}

static void on_control(struct loop_watch *watch)
{
	struct upstream *upstream = watch->context;
	autoarena struct arena arena = { 0 };
	autofree char *packet = mem_alloc(PACKET_MAX);
	ssize_t count = recv(watch->fd, packet, PACKET_MAX, MSG_DONTWAIT);
	autobuf struct buf body;
	const char *text = "";
	int status = 0;
	struct error err;

	buf_init(&body, ANSWER_MAX);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		answer(upstream, 0, "mooring-fetch has ended");
		return;
	}
	if (!read_reply(&arena, packet, (size_t)count, &status, &text))
		return;
	if (status && (lseek(upstream->body, 0, SEEK_SET) < 0 ||
		       !file_read_fd(upstream->body, "the credentials", &body, &err))) {
		answer(upstream, 0, "the answer cannot be read");
		return;
	}
	answer(upstream, status, status ? body.data : text);
	explicit_bzero(body.data, body.length);
}

/* -- beginning ----------------------------------------------------------------------------------
 */

static bool start_fetch(struct upstream *upstream, const struct exchange_options *options,
			struct error *err)
{
	autobuf struct buf settings;
	int control;

	buf_init(&settings, SETTINGS_MAX);
	write_settings(&settings, options);

	bool is_started = fetchprogram_start(&settings, &control, &upstream->proc, err);

	upstream->control =
		(struct loop_watch){ .fd = control, .on_ready = on_control, .context = upstream };
	if (control >= 0)
		loop_watch(upstream->loop, &upstream->control);
	return is_started;
}

bool upstream_start(struct upstream **result, const struct exchange_options *options,
		    void (*on_answer)(void *context, const struct upstream_answer *answer),
		    void *context, struct error *err)
{
	struct upstream *upstream = mem_alloc(sizeof(*upstream));

	*upstream = (struct upstream){ .loop = options->loop,
				       .control.fd = -1,
				       .body = memfd_create("credentials", MFD_CLOEXEC),
				       .on_answer = on_answer,
				       .context = context };
	if (upstream->body < 0)
		error_sys(err, "memfd_create");
	if (upstream->body < 0 || !start_fetch(upstream, options, err) ||
	    !send_request(upstream, options, err)) {
		end(upstream);
		return false;
	}
	*result = upstream;
	return true;
}

void upstream_cancel(struct upstream *upstream)
{
	if (upstream)
		end(upstream);
}
