/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipcclient.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jsonout.h"
#include "lifecycle/ipc/eventstream.h"

enum message_type {
	MESSAGE = 0,
	MESSAGE_ERROR = 1,
	CONNECT = 4,
	CONNECT_ACK = 5,
};

#define FLAG_ACCEPTED 1

/* -- messages -----------------------------------------------------------------------------------
 */

static bool send_message(const struct ipcclient *caller, int32_t type, int32_t stream,
			 const char *name, const char *text, const char *payload, struct error *err)
{
	struct eventstream_writer writer;
	autobuf struct buf out = { 0 };

	buf_init(&out, IPCCLIENT_MESSAGE_MAX);
	eventstream_begin(&writer, &out);
	eventstream_add_int(&writer, ":message-type", type);
	eventstream_add_int(&writer, ":message-flags", 0);
	eventstream_add_int(&writer, ":stream-id", stream);
	eventstream_add_text(&writer, name, text);
	eventstream_end(&writer, payload, strlen(payload));
	return buf_check(&out, "the request", err) &&
	       file_write(caller->fd, "the nucleus", out.data, out.length, err);
}

static bool read_more(struct ipcclient *caller, struct error *err)
{
	char *room = buf_reserve(&caller->in, 4096);
	ssize_t got;

	if (!room)
		return error_set(err, ERROR_CORRUPT, "the answer is too large");
	do
		got = read(caller->fd, room, 4096);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_sys(err, "read from the nucleus");
	if (got == 0)
		return error_set(err, ERROR_SYSTEM, "the nucleus has closed the connection");
	buf_commit(&caller->in, (size_t)got);
	return true;
}

static int64_t number(const struct eventstream_message *message, const char *name)
{
	const struct eventstream_header *header = eventstream_find(message, name);

	return header ? header->number : -1;
}

/* Waits for a message of the stream; *size bytes of `in` are it, to be consumed then. */
static bool receive(struct ipcclient *caller, int32_t stream, struct eventstream_message *message,
		    size_t *size, struct error *err)
{
	for (;;) {
		enum eventstream_progress progress =
			eventstream_read(caller->in.data ? caller->in.data : "", caller->in.length,
					 IPCCLIENT_MESSAGE_MAX, message, size, err);

		if (progress == EVENTSTREAM_BROKEN)
			return false;
		if (progress == EVENTSTREAM_MESSAGE && number(message, ":stream-id") == stream)
			return true;
		if (progress == EVENTSTREAM_MESSAGE)
			buf_consume(&caller->in, *size);
		else if (!read_more(caller, err))
			return false;
	}
}

/* -- connecting ---------------------------------------------------------------------------------
 */

static bool read_info(const char *root, struct arena *arena, const char **token, const char **path,
		      struct error *err)
{
	const char *name = arena_printf(arena, "%s/cli_ipc_info/user-%u", root, geteuid());
	const struct json *info;
	autobuf struct buf text = { 0 };

	buf_init(&text, 4096);
	if (access(name, F_OK) < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND,
				 "no nucleus is running in %s (start it: mooring nucleus)", root);
	if (access(name, R_OK) < 0 && errno == EACCES)
		return error_set(err, ERROR_DENIED,
				 "the nucleus in %s is another user's: only that user may speak to "
				 "it (to root's: sudo)",
				 root);
	return file_read(AT_FDCWD, name, &text, err) &&
	       json_parse(arena, name, text.data, text.length, &info, err) &&
	       json_text(info, "cli_auth_token", token, err) &&
	       json_text(info, "domain_socket_path", path, err);
}

static bool connect_to(struct ipcclient *caller, const char *path, const char *root,
		       struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERROR_INPUT, "%s: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	caller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (caller->fd < 0)
		return error_sys(err, "socket");
	if (connect(caller->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	if (errno == ENOENT || errno == ECONNREFUSED)
		return error_set(err, ERROR_NOT_FOUND,
				 "no nucleus is running in %s (start it: mooring nucleus)", root);
	return error_sys(err, "connect to %s", path);
}

static bool greet(struct ipcclient *caller, const char *token, struct error *err)
{
	struct eventstream_message message;
	autobuf struct buf payload = { 0 };
	struct jsonout out;
	size_t size;
	bool is_welcome;

	buf_init(&payload, 256);
	jsonout_init(&out, &payload, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "authToken", token);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!send_message(caller, CONNECT, 0, ":version", "0.1.0", payload.data, err) ||
	    !receive(caller, 0, &message, &size, err))
		return false;
	is_welcome = number(&message, ":message-type") == CONNECT_ACK &&
		     number(&message, ":message-flags") == FLAG_ACCEPTED;
	buf_consume(&caller->in, size);
	return is_welcome ||
	       error_set(err, ERROR_DENIED, "the nucleus does not know us: it was started anew");
}

bool ipcclient_open(struct ipcclient *caller, const char *root, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const char *token, *path;

	*caller = (struct ipcclient){ .fd = -1 };
	buf_init(&caller->in, IPCCLIENT_MESSAGE_MAX);
	if (read_info(root, &arena, &token, &path, err) && connect_to(caller, path, root, err) &&
	    greet(caller, token, err))
		return true;
	ipcclient_close(caller);
	return false;
}

void ipcclient_close(struct ipcclient *caller)
{
	mem_cleanup_close(&caller->fd);
	caller->fd = -1;
	buf_done(&caller->in);
}

/* -- operations ---------------------------------------------------------------------------------
 */

static enum error_kind kind_of(const char *code)
{
	if (strstr(code, "NotFound"))
		return ERROR_NOT_FOUND;
	if (strcmp(code, "UnauthorizedError") == 0)
		return ERROR_DENIED;
	return strstr(code, "Invalid") ? ERROR_INPUT : ERROR_SYSTEM;
}

static bool refuse(const struct json *answer, struct error *err)
{
	const char *text, *code;

	if (!json_text_or(answer, "message", "the nucleus refuses", &text, err) ||
	    !json_text_or(answer, "_errorCode", "", &code, err))
		return false;
	return error_set(err, kind_of(code), "%s", text);
}

bool ipcclient_next(struct ipcclient *caller, struct arena *arena, const struct json **event,
		    struct error *err)
{
	struct eventstream_message message;
	int64_t type;
	size_t size;
	bool is_good;

	if (!receive(caller, caller->stream, &message, &size, err))
		return false;
	type = number(&message, ":message-type");
	is_good = json_parse(arena, "answer", message.payload_length ? message.payload : "{}",
			     message.payload_length ? message.payload_length : 2, event, err);
	buf_consume(&caller->in, size);
	return is_good && (type == MESSAGE || refuse(*event, err));
}

bool ipcclient_call(struct ipcclient *caller, const char *operation, const char *request,
		    struct arena *arena, const struct json **answer, struct error *err)
{
	const char *name = arena_printf(arena, "aws.greengrass#%s", operation);

	caller->stream++;
	return send_message(caller, MESSAGE, caller->stream, "operation", name, request, err) &&
	       ipcclient_next(caller, arena, answer, err);
}
