/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/control.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/jsonout.h"
#include "base/mem.h"
#include "base/passfd.h"
#include "registry/auth.h"
#include "registry/limit.h"

static bool read_reference(const struct json *root, struct control_request *request,
			   struct error *err)
{
	const char *text;

	return json_text(root, "reference", &text, err) &&
	       reference_parse(&request->image.reference, text, err) &&
	       json_bool_or(root, "origin", false, &request->image.is_from_origin, err);
}

static bool read_manifest(const struct json *root, struct control_request *request,
			  struct error *err)
{
	const char *accept;

	request->op = CONTROL_MANIFEST;
	if (!read_reference(root, request, err) ||
	    !json_text_or(root, "accept", "index", &accept, err))
		return false;
	request->image.is_index_welcome = strcmp(accept, "index") == 0;
	if (!request->image.is_index_welcome && strcmp(accept, "manifest") != 0)
		return json_expected(json_get(root, "accept"), "\"index\" or \"manifest\"", err);
	return json_bool_or(root, "head", false, &request->image.is_head, err);
}

static bool read_range(const struct json *root, struct control_request *request, struct error *err)
{
	if (!json_int_or(root, "size", -1, &request->size, err) ||
	    !json_int_or(root, "offset", 0, &request->offset, err) ||
	    !json_int_or(root, "length", -1, &request->length, err))
		return false;
	if (request->length == 0 || request->length < -1 ||
	    request->length > INT64_MAX - request->offset)
		return json_wrong(json_get(root, "length"), err, "is no number of bytes");
	if (request->size < -1)
		return json_wrong(json_get(root, "size"), err, "a size cannot be negative");
	if (request->offset < 0 || (request->size >= 0 && request->offset > request->size))
		return json_wrong(json_get(root, "offset"), err, "is outside of the body");
	return true;
}

static bool read_blob(const struct json *root, struct control_request *request, struct error *err)
{
	const char *digest;

	request->op = CONTROL_BLOB;
	return read_reference(root, request, err) && json_text(root, "digest", &digest, err) &&
	       json_text_or(root, "part", NULL, &request->image.part, err) &&
	       digest_parse(&request->image.digest, digest, err) && read_range(root, request, err);
}

static bool read_s3(const struct json *root, struct control_request *request, struct error *err)
{
	request->op = CONTROL_S3;
	return json_text(root, "uri", &request->uri, err) && read_range(root, request, err);
}

/* A registry gave it out, and gets it back: no byte of it may mean anything to HTTP. */
static bool is_query(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || *text == '#')
			return false;
	return true;
}

static bool read_tags(const struct json *root, struct control_request *request, struct error *err)
{
	request->op = CONTROL_TAGS;
	if (!read_reference(root, request, err) ||
	    !json_text_or(root, "query", NULL, &request->image.query, err))
		return false;
	return !request->image.query || is_query(request->image.query) ||
	       json_wrong(json_get(root, "query"), err, "is no query of a URL");
}

static bool read_http(struct arena *arena, const struct json *root, struct control_request *request,
		      struct error *err)
{
	request->op = CONTROL_HTTP;
	return call_request_read(arena, root, &request->call, err);
}

/* A media type becomes a header. */
static bool read_type(const struct json *root, const char **type, struct error *err)
{
	if (!json_text(root, "media_type", type, err))
		return false;
	return auth_is_header_safe(*type) ||
	       json_wrong(json_get(root, "media_type"), err, "is no media type");
}

static bool read_push(const struct json *root, enum control_op op, struct control_request *request,
		      struct error *err)
{
	struct push_request *push = &request->push;
	const char *digest = "";

	request->op = op;
	push->fd = -1;
	if (!read_reference(root, request, err))
		return false;
	push->reference = request->image.reference;
	if (op == CONTROL_PUSH_MANIFEST ? !read_type(root, &push->media_type, err)
					: !json_text(root, "digest", &digest, err) ||
						  !digest_parse(&push->digest, digest, err))
		return false;
	if (!json_text_or(root, "from", NULL, &push->from, err))
		return false;
	if (op == CONTROL_LOOK)
		return true;
	return json_int(root, "body_size", &push->size, err) &&
	       (push->size >= 0 || json_wrong(json_get(root, "body_size"), err, "is negative"));
}

static bool read_request(struct arena *arena, const char *packet, size_t length,
			 struct control_request *request, struct error *err)
{
	const struct json *root;
	const char *op;

	if (!json_parse(arena, "request", packet, length, &root, err) ||
	    !json_int(root, "id", &request->id, err) || !json_text(root, "op", &op, err))
		return false;
	if (strcmp(op, "manifest") == 0)
		return read_manifest(root, request, err);
	if (strcmp(op, "blob") == 0)
		return read_blob(root, request, err);
	if (strcmp(op, "s3") == 0)
		return read_s3(root, request, err);
	if (strcmp(op, "tags") == 0)
		return read_tags(root, request, err);
	if (strcmp(op, "http") == 0)
		return read_http(arena, root, request, err);
	if (strcmp(op, "look") == 0)
		return read_push(root, CONTROL_LOOK, request, err);
	if (strcmp(op, "push-blob") == 0)
		return read_push(root, CONTROL_PUSH_BLOB, request, err);
	if (strcmp(op, "push-manifest") == 0)
		return read_push(root, CONTROL_PUSH_MANIFEST, request, err);
	request->op = CONTROL_LOGIN;
	if (strcmp(op, "login") == 0)
		return read_reference(root, request, err);
	return json_expected(
		json_get(root, "op"),
		"manifest, blob, tags, s3, login, http, look, push-blob or push-manifest", err);
}

static bool check_descriptors(const struct control_request *request, size_t count,
			      struct error *err)
{
	bool has_body = (request->op == CONTROL_HTTP && request->call.body_size >= 0) ||
			request->op == CONTROL_PUSH_BLOB || request->op == CONTROL_PUSH_MANIFEST;

	if (count == (has_body ? 2 : 1))
		return true;
	return error_set(err, ERROR_INPUT, "request %lld: expected %s, got %zu",
			 (long long)request->id,
			 has_body ? "two descriptors, for the reply's body and the request's"
				  : "one descriptor for the body",
			 count);
}

enum control_result control_receive(int socket, struct arena *arena,
				    struct control_request *request, struct error *err)
{
	char packet[LIMIT_PACKET]; /* not from the heap: this is asked at every turn, mostly in vain
				    */
	int fds[2];
	size_t count = COUNT_OF(fds);
	ssize_t length =
		passfd_receive(socket, packet, LIMIT_PACKET, fds, &count, MSG_DONTWAIT | MSG_TRUNC);

	*request =
		(struct control_request){ .id = -1, .size = -1, .length = -1, .fds = { -1, -1 } };
	if (length < 0)
		return errno == EAGAIN ? CONTROL_NOTHING : CONTROL_CLOSED;
	request->fds = (struct call_fds){ .reply = fds[0], .body = fds[1] };
	if (length == 0)
		return CONTROL_CLOSED;
	if (length > LIMIT_PACKET) {
		error_set(err, ERROR_INPUT, "request: larger than %d bytes", LIMIT_PACKET);
		return CONTROL_WRONG;
	}
	bool is_ok = read_request(arena, packet, (size_t)length, request, err);

	explicit_bzero(packet, (size_t)length); /* keys: one copy is enough */
	if (!is_ok || !check_descriptors(request, count, err))
		return CONTROL_WRONG;
	return CONTROL_REQUEST;
}

static bool send_packet(int socket, struct jsonout *out)
{
	jsonout_object_end(out);
	ssize_t sent = send(socket, out->buf->data, out->buf->length, MSG_DONTWAIT | MSG_NOSIGNAL);
	bool is_full = sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR);

	jsonout_done(out);
	return !is_full;
}

bool control_send_failure(int socket, int64_t id, const struct error *problem)
{
	autobuf struct buf packet;
	struct jsonout out;

	buf_init(&packet, LIMIT_PACKET);
	jsonout_init(&out, &packet, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", id);
	jsonout_bool(&out, "ok", false);
	jsonout_text(&out, "kind", error_kind_word(problem->kind));
	jsonout_text(&out, "text", problem->text);
	return send_packet(socket, &out);
}

static bool send_success(int socket, int64_t id, const struct transfer_report *report,
			 bool is_mounted)
{
	autobuf struct buf packet;
	struct jsonout out;

	buf_init(&packet, LIMIT_PACKET);
	jsonout_init(&out, &packet, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", id);
	jsonout_bool(&out, "ok", true);
	jsonout_text(&out, "media_type", report->media_type);
	jsonout_text(&out, "digest", report->digest);
	jsonout_int(&out, "size", report->received);
	if (report->whole > 0)
		jsonout_int(&out, "whole", report->whole);
	if (report->link[0])
		jsonout_text(&out, "link", report->link);
	if (report->warnings[0])
		jsonout_text(&out, "warnings", report->warnings);
	if (is_mounted)
		jsonout_bool(&out, "mounted", true);
	return send_packet(socket, &out);
}

bool control_send_report(int socket, int64_t id, const struct transfer_report *report,
			 bool is_mounted)
{
	return report->has_failed ? control_send_failure(socket, id, &report->error)
				  : send_success(socket, id, report, is_mounted);
}

static void write_headers(struct jsonout *out, const struct call_report *report)
{
	const struct call_request *request = report->request;

	jsonout_object(out, "headers");
	for (size_t i = 0; i < request->wanted_count; i++)
		if (report->headers[i])
			jsonout_text(out, request->wanted[i], report->headers[i]);
	jsonout_object_end(out);
}

bool control_send_call(int socket, int64_t id, const struct call_report *report)
{
	/* Each byte of a header may have to be written as six. */
	static_assert(LIMIT_CALL_WANTED * 6 * LIMIT_CALL_HEADER + 4096 <= LIMIT_PACKET, "fits");
	autobuf struct buf packet;
	struct jsonout out;

	buf_init(&packet, LIMIT_PACKET);
	if (report->has_failed)
		return control_send_failure(socket, id, &report->error);
	jsonout_init(&out, &packet, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", id);
	jsonout_bool(&out, "ok", true);
	jsonout_int(&out, "status", report->status);
	jsonout_int(&out, "size", report->received);
	write_headers(&out, report);
	return send_packet(socket, &out);
}

void control_send_progress(int socket, int64_t id, const struct transfer_report *report,
			   const char *why, int64_t wait_ms)
{
	autobuf struct buf packet;
	struct jsonout out;

	buf_init(&packet, LIMIT_PACKET);
	jsonout_init(&out, &packet, false);
	jsonout_object(&out, NULL);
	jsonout_int(&out, "id", id);
	jsonout_int(&out, "progress", report->received + report->sent);
	if (report->total >= 0)
		jsonout_int(&out, "total", report->total);
	if (why) {
		jsonout_text(&out, "waiting", why);
		jsonout_int(&out, "wait_ms", wait_ms);
	}
	(void)send_packet(socket, &out);
}
