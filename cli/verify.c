/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "base/proc.h"
#include "cli/credentials.h"
#include "registry/reference.h"

/*
 * The contract with mooring-fetch is in docs/architecture.md: requests on its descriptor 3,
 * settings on 5, one JSON object per packet.
 */

#define PACKET_MAX  (64 << 10)
#define LEARNT_MAX  (2 << 20)
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

/* With the descriptor that every request carries; what is written there interests nobody. */
static bool send_request(int control, const char *domain, struct error *err)
{
	autoclose int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	autofree char *packet =
		mem_printf("{\"id\":1,\"op\":\"login\",\"reference\":\"%s/x\"}", domain);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} rights = { { 0 } };
	struct iovec bytes = { packet, strlen(packet) };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = rights.bytes,
				  .msg_controllen = sizeof(rights.bytes) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &nowhere, sizeof(nowhere));
	if (nowhere < 0)
		return error_sys(err, "open /dev/null");
	return sendmsg(control, &message, MSG_NOSIGNAL) >= 0 || error_sys(err, "ask mooring-fetch");
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

static bool talk(int control, const char *domain, struct error *err)
{
	autoarena struct arena arena = { 0 };
	const struct json *reply;

	return send_request(control, domain, err) && receive_reply(control, &arena, &reply, err) &&
	       read_reply(reply, err);
}

static bool verify_by(const struct credentials *credentials, const char *domain, struct error *err)
{
	autoclose int ours = -1, theirs = -1;
	struct proc proc = { .pidfd = -1 };
	struct error ignored;
	int ends[2], status;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair");
	ours = ends[0];
	theirs = ends[1];
	if (!start(credentials, theirs, &proc, err))
		return false;
	close(take_fd(&theirs));
	bool is_known = talk(ours, domain, err);

	close(take_fd(&ours)); /* tells it to end */
	return proc_wait(&proc, &status, is_known ? err : &ignored) && is_known;
}

/* The last word of a token server counts. */
static void read_learnt(struct arena *arena, int fd, const char **identity_token)
{
	autobuf struct buf text;
	const struct json *line;
	struct error ignored;
	char *rest;

	buf_init(&text, LEARNT_MAX);
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0 || !file_read_fd(fd, "learnt", &text, &ignored))
		return;
	rest = text.data;
	for (char *one; (one = strsep(&rest, "\n")) != NULL;)
		if (*one && json_parse(arena, "learnt", one, strlen(one), &line, &ignored))
			(void)!json_text_or(line, "identitytoken", *identity_token, identity_token,
					    &ignored);
}

bool verify_login(const struct cli *cli, struct arena *arena, const char *domain,
		  const struct dockerconfig_login *login, const char **identity_token,
		  struct error *err)
{
	const struct credentials_places places = { .docker_config = cli->docker_config,
						   .config = cli->config };
	struct reference reference;
	struct credentials credentials;
	autofree char *probe = mem_printf("%s/x", domain);

	*identity_token = NULL;
	if (!reference_parse(&reference, probe, err))
		return error_in(err, "\"%s\" is not a registry", domain);
	if (!credentials_gather_login(&places, domain, login, &credentials, err))
		return false;
	bool is_known = verify_by(&credentials, domain, err);

	if (is_known)
		read_learnt(arena, credentials.learnt_fd, identity_token);
	credentials_done(NULL, &credentials);
	return is_known;
}
