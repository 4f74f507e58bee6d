/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credhelper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonout.h"
#include "base/loop.h"
#include "base/path.h"
#include "base/proc.h"

#define ANSWER_MAX  (64 << 10)
#define PATIENCE_MS (60 * 1000) /* some ask a cloud */
#define TOKEN_USER  "<token>"   /* the user name that goes with an identity token */
#define NOT_FOUND   "credentials not found in native keychain"

/* The caller's own program, found on the caller's own PATH. */
static bool spawn(const char *program, const char *verb, int in, int out, struct proc *proc,
		  struct error *err)
{
	const char *const argv[] = { program, verb, NULL };
	const struct proc_fd fds[] = { { in, 0 }, { out, 1 }, { 2, 2 } };
	gid_t groups[CALLER_GROUPS_MAX];
	struct proc_user caller;

	return proc_spawn(
		&(struct proc_options){ .argv = argv,
					.user = caller_user(&caller, groups) ? &caller : NULL,
					.fds = fds,
					.fd_count = COUNT_OF(fds),
					.parent_death_signal = SIGKILL },
		proc, err);
}

/* Reads until the helper has closed its output, is out of time or says too much. */
static bool read_answer(int fd, const char *program, struct buf *answer, struct error *err)
{
	int64_t end = loop_now() + PATIENCE_MS;

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = end - loop_now();

		if (left <= 0 || (poll(&ready, 1, (int)left) == 0))
			return error_set(err, ERROR_SYSTEM, "%s: no answer in %d seconds", program,
					 PATIENCE_MS / 1000);
		char *place = buf_reserve(answer, 1024);
		ssize_t count = place ? read(fd, place, 1024) : 0;

		if (!place)
			return error_set(err, ERROR_INPUT, "%s: an answer of more than %d bytes",
					 program, ANSWER_MAX);
		if (count < 0 && errno != EINTR)
			return error_sys(err, "read from %s", program);
		if (count == 0)
			return true;
		if (count > 0)
			buf_commit(answer, (size_t)count);
	}
}

/* The input as a file in memory: unlike a pipe it cannot fill up or break. */
static bool open_input(const char *text, int *fd, struct error *err)
{
	autoclose int input = memfd_create("input", MFD_CLOEXEC);

	if (input < 0)
		return error_sys(err, "memfd_create");
	if (!file_write(input, "input", text, strlen(text), err))
		return false;
	if (lseek(input, 0, SEEK_SET) < 0)
		return error_sys(err, "seek");
	*fd = take_fd(&input);
	return true;
}

/* *code is the helper's exit code. */
static bool talk(const char *helper, const char *verb, const char *text, struct buf *answer,
		 int *code, struct error *err)
{
	autofree char *program = mem_printf("docker-credential-%s", helper);
	autoclose int input = -1, read_end = -1, write_end = -1;
	struct proc proc = { .pidfd = -1 };
	struct error ignored;
	int ends[2], status;

	if (!path_is_component(program))
		return error_set(err, ERROR_INPUT, "credential helper \"%s\" is no program name",
				 helper);
	if (!open_input(text, &input, err))
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "pipe");
	read_end = ends[0];
	write_end = ends[1];
	if (!spawn(program, verb, input, write_end, &proc, err))
		return error_in(err, "credential helper %s", program);
	close(take_fd(&write_end));
	bool is_ok = read_answer(read_end, program, answer, err);

	if (!is_ok)
		kill(proc.pid, SIGKILL);
	if (!proc_wait(&proc, &status, is_ok ? err : &ignored) || !is_ok)
		return false;
	*code = proc_exit_code(status);
	return true;
}

static const char *said(struct buf *answer)
{
	const char *text = answer->data ? answer->data : "";

	answer->length = strcspn(text, "\r\n");
	if (answer->data)
		answer->data[answer->length] = '\0';
	return text;
}

static bool refused(const char *helper, const char *verb, struct buf *answer, struct error *err)
{
	return error_set(err, ERROR_DENIED, "docker-credential-%s %s: %s", helper, verb,
			 said(answer));
}

bool credhelper_get(struct arena *arena, const char *helper, const char *server,
		    struct dockerconfig_login *login, bool *is_found, struct error *err)
{
	autobuf struct buf answer;
	const struct json *root;
	const char *username, *secret;
	int code;

	*is_found = false;
	buf_init(&answer, ANSWER_MAX);
	if (!talk(helper, "get", server, &answer, &code, err))
		return false;
	if (code != 0 && strstr(said(&answer), NOT_FOUND))
		return true;
	if (code != 0)
		return refused(helper, "get", &answer, err);
	if (!json_parse(arena, helper, answer.data ? answer.data : "", answer.length, &root, err) ||
	    !json_text_or(root, "Username", "", &username, err) ||
	    !json_text_or(root, "Secret", "", &secret, err))
		return error_in(err, "docker-credential-%s", helper);
	bool is_token = strcmp(username, TOKEN_USER) == 0;

	*login = (struct dockerconfig_login){ .username = is_token ? "" : username,
					      .password = is_token ? "" : secret,
					      .identity_token = is_token ? secret : NULL };
	*is_found = *secret != '\0';
	return true;
}

bool credhelper_store(const char *helper, const char *server,
		      const struct dockerconfig_login *login, struct error *err)
{
	autobuf struct buf input, answer;
	struct jsonout out;
	int code;

	buf_init(&input, ANSWER_MAX);
	buf_init(&answer, ANSWER_MAX);
	jsonout_init(&out, &input, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "ServerURL", server);
	jsonout_text(&out, "Username", login->identity_token ? TOKEN_USER : login->username);
	jsonout_text(&out, "Secret",
		     login->identity_token ? login->identity_token : login->password);
	jsonout_object_end(&out);
	jsonout_done(&out);
	if (!buf_check(&input, "the credentials", err) ||
	    !talk(helper, "store", input.data, &answer, &code, err))
		return false;
	return code == 0 || refused(helper, "store", &answer, err);
}

bool credhelper_erase(const char *helper, const char *server, struct error *err)
{
	autobuf struct buf answer;
	int code;

	buf_init(&answer, ANSWER_MAX);
	if (!talk(helper, "erase", server, &answer, &code, err))
		return false;
	return code == 0 || strstr(said(&answer), NOT_FOUND) ||
	       refused(helper, "erase", &answer, err);
}
