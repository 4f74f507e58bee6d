/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/stream/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/passfd.h"

static bool send_packet(const struct link *link, const struct buf *text, struct error *err)
{
	if (!buf_check(text, "question to the nucleus", err))
		return false;
	if (send(link->watch.fd, text->data, text->length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return error_sys(err, "ask the nucleus");
	return true;
}

static bool report(const struct link *link, const char *event, struct error *err)
{
	autobuf struct buf text;

	buf_init(&text, 256);
	buf_add_text(&text, event);
	return send_packet(link, &text, err);
}

/* -- answers ------------------------------------------------------------------------------------
 */

static struct link_call *take_call(struct link *link, int64_t id)
{
	for (struct link_call **at = &link->calls; *at; at = &(*at)->next) {
		struct link_call *call = *at;

		if (call->id == id) {
			*at = call->next;
			call->id = 0;
			return call;
		}
	}
	return NULL;
}

static void deliver(struct link *link, const struct json *json, int *fd)
{
	struct link_answer answer = { .json = json, .fd = take_fd(fd) };
	const char *kind = "system";
	struct error err;
	int64_t id = 0;

	if (!json_int(json, "id", &id, &err) ||
	    !json_bool_or(json, "ok", false, &answer.is_ok, &err) ||
	    !json_text_or(json, "kind", "system", &kind, &err) ||
	    !json_text_or(json, "text", "the nucleus refuses", &answer.text, &err))
		log_warning("answer of the nucleus: %s", err.text);
	answer.kind = error_kind_of_word(kind);

	struct link_call *call = take_call(link, id);

	if (call)
		call->on_answer(call, &answer);
	drop_fd(&answer.fd);
}

static void read_packet(struct link *link, const char *packet, size_t size, int *fd)
{
	autoarena struct arena arena = { 0 };
	const struct json *json;
	const char *event;
	struct error err;
	int64_t milliseconds;

	if (!json_parse(&arena, "packet of the nucleus", packet, size, &json, &err) ||
	    !json_text_or(json, "event", "", &event, &err)) {
		log_warning("%s", err.text);
		return;
	}
	if (strcmp(event, "advance") != 0) {
		deliver(link, json, fd);
		return;
	}
	if (json_int(json, "ms", &milliseconds, &err))
		stream_clock_advance(link->clock, milliseconds);
	if (!report(link, "{\"event\":\"advanced\"}", &err))
		log_warning("%s", err.text);
}

static void on_packet(struct loop_watch *watch)
{
	struct link *link = watch->context;
	autofree char *packet = mem_alloc(LINK_PACKET_MAX);
	autoclose int fd = -1;
	size_t count = 1;
	ssize_t size =
		passfd_receive(watch->fd, packet, LINK_PACKET_MAX, &fd, &count, MSG_DONTWAIT);

	if (size > 0)
		read_packet(link, packet, (size_t)size, &fd);
	else if (size == 0 || errno != EAGAIN)
		link->is_over = true;
}

void link_open(struct link *link, struct stream_clock *clock, int fd)
{
	*link = (struct link){ .clock = clock, .next_id = 1 };
	link->watch = (struct loop_watch){ .fd = fd, .on_ready = on_packet, .context = link };
	loop_watch(clock->loop, &link->watch);
}

void link_close(struct link *link)
{
	loop_unwatch(link->clock->loop, &link->watch);
	drop_fd(&link->watch.fd);
}

/* -- questions ----------------------------------------------------------------------------------
 */

/* Up to two members of text beside the operation; a NULL key is none. */
static bool ask(struct link *link, struct link_call *call, const char *operation,
		const char *const members[4], struct error *err)
{
	autobuf struct buf text;
	struct jsonout out;

	buf_init(&text, LINK_PACKET_MAX);
	jsonout_init(&out, &text, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", link->next_id);
	jsonout_text(&out, "op", operation);
	for (size_t i = 0; i < 4 && members[i]; i += 2)
		jsonout_text(&out, members[i], members[i + 1]);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!send_packet(link, &text, err))
		return false;
	call->id = link->next_id++;
	call->next = link->calls;
	link->calls = call;
	return true;
}

bool link_report_ready(struct link *link, int port, struct error *err)
{
	char event[64];

	snprintf(event, sizeof(event), "{\"event\":\"ready\",\"port\":%d}", port);
	return report(link, event, err);
}

bool link_ask_token(struct link *link, struct link_call *call, const char *token, struct error *err)
{
	return ask(link, call, "token", (const char *const[4]){ "token", token }, err);
}

bool link_ask_open(struct link *link, struct link_call *call, const char *component,
		   const char *path, struct error *err)
{
	return ask(link, call, "open",
		   (const char *const[4]){ "component", component, "path", path }, err);
}

bool link_ask_fetch(struct link *link, struct link_call *call, struct error *err)
{
	return ask(link, call, "fetch", (const char *const[4]){ NULL }, err);
}

void link_forget(struct link *link, struct link_call *call)
{
	if (call->id)
		take_call(link, call->id);
}
