/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/audience.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/passfd.h"

#define PACKET_MAX 512 /* bytes of a message from a client */
#define FDS_MAX    3   /* that come with it */

void audience_init(struct audience *audience, int first, int door)
{
	*audience = (struct audience){ .door = door };
	for (int i = 0; i < AUDIENCE_MAX; i++)
		audience->clients[i] = -1;
	audience->clients[AUDIENCE_FIRST] = first;
}

bool audience_has(const struct audience *audience, int client)
{
	return audience->clients[client] >= 0;
}

void audience_poll(const struct audience *audience, struct pollfd slots[AUDIENCE_SLOTS])
{
	for (int i = 0; i < AUDIENCE_MAX; i++)
		slots[i] = (struct pollfd){ audience->clients[i], POLLIN, 0 };
	slots[AUDIENCE_MAX] = (struct pollfd){ audience->door, POLLIN, 0 };
}

/* The first seat is never given away: who sits there is answered for. */
void audience_admit(struct audience *audience)
{
	autoclose int newcomer = accept4(audience->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (int i = AUDIENCE_FIRST + 1; newcomer >= 0 && i < AUDIENCE_MAX; i++) {
		if (audience->clients[i] < 0) {
			audience->clients[i] = take_fd(&newcomer);
			return;
		}
	}
}

/* Messages. ------------------------------------------------------------------------------- */

/* Hands the descriptors to the streams that the message names, in its order. */
static void sort_fds(const struct json *names, int fds[FDS_MAX], size_t count,
		     struct audience_message *message)
{
	const struct {
		const char *name;
		int *place;
	} streams[] = { { "stdin", &message->in },
			{ "stdout", &message->out },
			{ "stderr", &message->errors } };
	size_t next = 0;

	for (const struct json *name = names ? names->child : NULL; name; name = name->next) {
		for (size_t i = 0; i < COUNT_OF(streams) && next < count; i++) {
			if (name->type != JSON_TEXT || strcmp(name->text, streams[i].name) != 0 ||
			    *streams[i].place >= 0)
				continue;
			*streams[i].place = take_fd(&fds[next++]);
			break;
		}
	}
}

static bool parse(const char *text, size_t length, int fds[FDS_MAX], size_t count,
		  struct audience_message *message)
{
	autoarena struct arena arena = { 0 };
	const struct json *root, *streams;
	int64_t signal, rows, columns;
	struct error ignored; /* nonsense is dropped: the client alone can be at fault */

	if (!json_parse(&arena, "client", text, length, &root, &ignored) ||
	    !json_int_or(root, "signal", 0, &signal, &ignored) ||
	    !json_int_or(root, "rows", 0, &rows, &ignored) ||
	    !json_int_or(root, "columns", 0, &columns, &ignored) ||
	    !json_bool_or(root, "detach", false, &message->is_detaching, &ignored) ||
	    !json_array_or_null(root, "attach", &streams, &ignored))
		return false;
	if (signal > 0 && signal <= SIGRTMAX)
		message->signal = (int)signal;
	if (rows > 0 && rows <= UINT16_MAX && columns > 0 && columns <= UINT16_MAX) {
		message->rows = (unsigned short)rows;
		message->columns = (unsigned short)columns;
	}
	message->is_attaching = streams != NULL;
	sort_fds(streams, fds, count, message);
	return true;
}

enum audience_word audience_receive(const struct audience *audience, int client,
				    struct audience_message *message)
{
	char text[PACKET_MAX];
	int fds[FDS_MAX];
	size_t count = FDS_MAX;
	ssize_t length = passfd_receive(audience->clients[client], text, sizeof(text), fds, &count,
					MSG_DONTWAIT);

	*message = (struct audience_message){ .in = -1, .out = -1, .errors = -1 };
	if (length == 0 || (length < 0 && errno != EAGAIN))
		return AUDIENCE_GONE;
	if (length < 0)
		return AUDIENCE_NOTHING;
	bool is_good = parse(text, (size_t)length, fds, count < FDS_MAX ? count : FDS_MAX, message);
	for (size_t i = 0; i < FDS_MAX; i++)
		mem_cleanup_close(&fds[i]);
	return is_good ? AUDIENCE_MESSAGE : AUDIENCE_NOTHING;
}

bool audience_tell(const struct audience *audience, int client, const char *text, size_t length)
{
	return send(audience->clients[client], text, length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

void audience_tell_ended(const struct audience *audience)
{
	static const char text[] = "{\"event\":\"ended\"}";

	/* One that is gone is noticed when it is told of the exit. */
	if (audience_has(audience, AUDIENCE_FIRST))
		(void)!audience_tell(audience, AUDIENCE_FIRST, text, sizeof(text) - 1);
}

void audience_dismiss(struct audience *audience, int client)
{
	mem_cleanup_close(&audience->clients[client]);
	audience->clients[client] = -1;
}

void audience_close(struct audience *audience)
{
	for (int i = 0; i < AUDIENCE_MAX; i++)
		audience_dismiss(audience, i);
	mem_cleanup_close(&audience->door);
	audience->door = -1;
}
