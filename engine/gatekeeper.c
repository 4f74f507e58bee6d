/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gatekeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caller.h"
#include "base/mem.h"
#include "base/passfd.h"
#include "base/proc.h"

#define PATIENCE_SECONDS 10 /* for the whole request */

struct person {
	struct ucred ids;
	gid_t *groups;
	size_t group_count;
};

struct visit {
	int connection;
	struct person person;
	struct gate_request request;
	int fds[GATE_FDS];
	char *text;
	char **arguments;
	char **variables; /* those that may pass */
};

/* Who is there. ------------------------------------------------------------------------------- */

static bool find_person(int connection, struct person *person)
{
	socklen_t length = sizeof(person->ids);

	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &person->ids, &length) < 0)
		return false;
	length = CALLER_GROUPS_MAX * sizeof(gid_t);
	person->groups = mem_array(CALLER_GROUPS_MAX, sizeof(gid_t));
	if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, person->groups, &length) < 0)
		return false;
	person->group_count = length / sizeof(gid_t);
	return true;
}

static bool may_pass(const struct person *person, gid_t group)
{
	if (person->ids.uid == 0 || person->ids.gid == group)
		return true;
	for (size_t i = 0; i < person->group_count; i++)
		if (person->groups[i] == group)
			return true;
	return false;
}

/* What is wanted. ----------------------------------------------------------------------------- */

/* Exactly as many bytes and descriptors as a request has. */
static bool receive(struct visit *visit)
{
	size_t count = GATE_FDS;

	return passfd_receive(visit->connection, &visit->request, sizeof(visit->request),
			      visit->fds, &count, MSG_TRUNC) == (ssize_t)sizeof(visit->request) &&
	       count == GATE_FDS && visit->request.version == GATE_VERSION &&
	       visit->request.arguments >= 1 && visit->request.arguments <= GATE_COUNT_MAX &&
	       visit->request.variables <= GATE_COUNT_MAX;
}

/* The client may go on writing to its memory file: we look at our copy only. */
static bool read_text(struct visit *visit, size_t *length)
{
	struct stat status;

	if (fstat(visit->fds[GATE_TEXT], &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size <= 0 || status.st_size > GATE_TEXT_MAX)
		return false;
	visit->text = mem_alloc((size_t)status.st_size + 1);
	*length = 0;
	while (*length < (size_t)status.st_size) {
		ssize_t got = pread(visit->fds[GATE_TEXT], visit->text + *length,
				    (size_t)status.st_size - *length, (off_t)*length);

		if (got <= 0)
			return false;
		*length += (size_t)got;
	}
	return visit->text[*length - 1] == '\0';
}

/* Cuts `count` texts off; false if there are not as many. */
static bool split(char **next, const char *end, char **items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (*next >= end)
			return false;
		items[i] = *next;
		*next += strlen(*next) + 1;
	}
	return true;
}

/* Where Mooring's places are is our own environment's word, not the caller's. Where the containers
 * of a component's script belong is the script's (engine/bundle.c judges it). */
static bool is_ours(const char *variable)
{
	static const char parent[] = "MOORING_CGROUP_PARENT=";

	return strncmp(variable, "MOORING_", strlen("MOORING_")) == 0 &&
	       strncmp(variable, parent, strlen(parent)) != 0;
}

/* What programs load, and where their libraries look or write, is the machine's business: what the
 * C library forgets in a set-user-ID program, and its like of OpenSSL and curl. */
static bool is_libraries(const char *variable)
{
	static const char *const beginnings[] = {
		"LD_",          "GCONV_PATH=", "GETCONF_DIR=", "GLIBC_TUNABLES=",
		"HOSTALIASES=", "LOCPATH=",    "MALLOC_",      "NIS_PATH=",
		"NLSPATH=",     "OPENSSL_",    "RES_OPTIONS=", "RESOLV_HOST_CONF=",
		"LOCALDOMAIN=", "TZDIR=",      "CURL_",        "SSLKEYLOGFILE=",
	};

	for (size_t i = 0; i < COUNT_OF(beginnings); i++)
		if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

/* base/caller.h */
static char *name_caller(const struct person *person)
{
	autobuf struct buf text;

	buf_init(&text, CALLER_GROUPS_MAX * 12);
	buf_printf(&text, CALLER_VARIABLE "=%u:%u:", person->ids.uid, person->ids.gid);
	for (size_t i = 0; i < person->group_count; i++)
		buf_printf(&text, "%s%u", i ? "," : "", person->groups[i]);
	return buf_take(&text);
}

static void choose_variables(struct visit *visit, char **asked)
{
	size_t own = 0;
	size_t kept = 0;

	while (environ[own])
		own++;
	visit->variables = mem_array(own + visit->request.variables + 2, sizeof(char *));
	visit->variables[kept++] = name_caller(&visit->person);
	for (size_t i = 0; i < own; i++)
		if (is_ours(environ[i]) &&
		    strncmp(environ[i], CALLER_VARIABLE "=", strlen(CALLER_VARIABLE) + 1) != 0)
			visit->variables[kept++] = environ[i];
	for (size_t i = 0; i < visit->request.variables; i++)
		if (!is_ours(asked[i]) && !is_libraries(asked[i]))
			visit->variables[kept++] = asked[i];
}

static bool parse(struct visit *visit)
{
	size_t length;

	if (!read_text(visit, &length))
		return false;
	char *next = visit->text;
	const char *end = visit->text + length;
	const struct gate_request *request = &visit->request;
	autofree char **variables = mem_array(request->variables + 1, sizeof(char *));

	visit->arguments = mem_array(request->arguments + 1, sizeof(char *));
	if (!split(&next, end, visit->arguments, request->arguments) ||
	    !split(&next, end, variables, request->variables) || next != end)
		return false;
	choose_variables(visit, variables);
	return true;
}

/* The two names whose every verb is the group's business. */
static bool is_for_the_group(const char *name)
{
	return strcmp(name, "docker") == 0 || strcmp(name, "docker-compose") == 0;
}

/* Doing it. ----------------------------------------------------------------------------------- */

/* By the caller's rights: where a server decides who may enter his directory (NFS), root may not.
 */
static bool enter_directory(const struct visit *visit)
{
	const struct person *person = &visit->person;

	if (setgroups(person->group_count, person->groups) < 0)
		return false;
	setfsgid(person->ids.gid);
	setfsuid(person->ids.uid);

	bool is_there = fchdir(visit->fds[GATE_DIRECTORY]) == 0;
	int saved = errno == EACCES ? GATE_NO_DIRECTORY : errno;

	setfsuid(0);
	setfsgid(0);
	errno = saved;
	return is_there;
}

static bool take_place(const struct visit *visit)
{
	/* Above the standard streams first: none is to be overwritten before it was copied. */
	int parked[3];

	for (int i = 0; i < 3; i++) {
		parked[i] = fcntl(visit->fds[i], F_DUPFD_CLOEXEC, 3);
		if (parked[i] < 0)
			return false;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(parked[i], i) < 0)
			return false;
	return enter_directory(visit);
}

static _Noreturn void execute(const struct visit *visit, const char *program, int report)
{
	int sys;

	umask((mode_t)visit->request.mask & 0777);
	if (take_place(visit) && setsid() >= 0 && setgroups(0, NULL) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		execve(program, visit->arguments, visit->variables);
	sys = errno;
	(void)!write(report, &sys, sizeof(sys));
	_exit(127);
}

/* `refused` is the errno of what kept the command from starting, or 0. */
static pid_t start(const struct visit *visit, int *refused)
{
	autofree char *program = NULL;
	struct error err;
	sigset_t none;
	int ends[2];

	*refused = ENOENT;
	if (!proc_helper("mooring", &program, &err)) {
		syslog(LOG_ERR, "%s", err.text);
		return -1;
	}
	*refused = EMFILE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();

	if (child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execute(visit, program, ends[1]);
	}
	close(ends[1]);
	if (child < 0 || read(ends[0], refused, sizeof(*refused)) <= 0)
		*refused = child < 0 ? EAGAIN : 0;
	close(ends[0]);
	return child;
}

/* False when the client has gone. */
static bool take_signal(int connection, pid_t child)
{
	struct gate_signal signal;
	ssize_t length = recv(connection, &signal, sizeof(signal), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (length != (ssize_t)sizeof(signal) || signal.number < 1 || signal.number >= NSIG)
		return false;
	kill(child, signal.number);
	return true;
}

/* Waits for the command; kills it when its client is gone. True if somebody wants to hear. */
static bool attend(int connection, int children, pid_t child, int *status)
{
	struct pollfd ready[] = { { .fd = connection, .events = POLLIN },
				  { .fd = children, .events = POLLIN } };

	for (;;) {
		pid_t ended = waitpid(child, status, WNOHANG);

		if (ended == child || (ended < 0 && errno != EINTR))
			return true;
		if (poll(ready, COUNT_OF(ready), -1) < 0)
			continue;
		if (ready[0].revents && !take_signal(connection, child))
			break;
		if (ready[1].revents) {
			struct signalfd_siginfo info;

			(void)!read(children, &info, sizeof(info));
		}
	}
	kill(child, SIGKILL);
	waitpid(child, status, 0);
	return false;
}

static int open_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void answer(int connection, int code, int refused)
{
	const struct gate_answer message = { .code = code, .refused = refused };

	send(connection, &message, sizeof(message), MSG_NOSIGNAL);
}

static int run(struct visit *visit)
{
	autoclose int children = open_children();
	int refused;
	int status;

	syslog(LOG_INFO, "uid %u, process %d: %s %s", visit->person.ids.uid, visit->person.ids.pid,
	       visit->arguments[0], visit->arguments[1] ? visit->arguments[1] : "");
	pid_t child = children < 0 ? -1 : start(visit, &refused);

	if (child < 0 || refused) {
		answer(visit->connection, 0, child < 0 && !refused ? EAGAIN : refused);
		return 1;
	}
	/* The client's streams are the command's alone now: their ends are to be seen. */
	for (int i = 0; i < GATE_FDS; i++)
		close(visit->fds[i]);
	if (attend(visit->connection, children, child, &status))
		answer(visit->connection, proc_exit_code(status), 0);
	return 0;
}

static int refuse(const struct visit *visit, int reason, const char *text)
{
	syslog(LOG_WARNING, "uid %u, process %d: refused: %s", visit->person.ids.uid,
	       visit->person.ids.pid, text);
	answer(visit->connection, 0, reason);
	return 1;
}

int gatekeeper_serve(int connection, gid_t group)
{
	struct visit visit = { .connection = connection };

	alarm(PATIENCE_SECONDS); /* who dawdles is left alone: the default action ends us */
	/* Taken off the socket whoever it is: closing it with something unread loses our answer. */
	bool is_whole = receive(&visit);

	if (!find_person(connection, &visit.person))
		return refuse(&visit, EACCES, "nobody knows who it is");
	if (!may_pass(&visit.person, group))
		return refuse(&visit, EACCES, "not in the group");
	if (!is_whole || !parse(&visit))
		return refuse(&visit, EPROTO, "a request that makes no sense");
	alarm(0);
	if (!is_for_the_group(visit.arguments[0]))
		return refuse(&visit, EPROTO, "a program that is not docker");
	return run(&visit);
}
