/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/execkeeper.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/passfd.h"
#include "base/proc.h"
#include "runtime/announce.h"
#include "runtime/detach.h"
#include "runtime/foreground.h"
#include "runtime/slim.h"

/* What is said on the line: */

struct outcome { /* keeper → client, with the pidfd and the terminal's master, if it has one */
	bool is_good;
	pid_t pid;
	enum container_fault fault;
	struct error why;
};

/* client → keeper: a byte, which means execkeeper_leave */
/* keeper → client: the status, an int */

/* -- the keeper ----------------------------------------------------------------------------------
 */

static void tell_outcome(int line, const struct outcome *outcome, const struct executed *executed)
{
	const int fds[] = { executed->pidfd, executed->master };
	size_t count = !outcome->is_good ? 0 : executed->master < 0 ? 1 : 2;

	(void)!passfd_send(line, outcome, sizeof(*outcome), fds, count, 0);
}

/* As long as there is one it reads what the terminal shows. True: it has left us the terminal. */
static bool wait_for_client(int line, int pidfd)
{
	struct pollfd fds[] = { { line, POLLIN, 0 }, { pidfd, POLLIN, 0 } };
	struct slim slim;
	char byte;

	slim_init(&slim);
	while (slim_poll_later(&slim, fds, COUNT_OF(fds), -1) < 0)
		continue;
	return fds[0].revents && !fds[1].revents && read(line, &byte, 1) == 1;
}

static void keep(const struct execkeeper_order *order, int line, struct executed *executed)
{
	bool is_detached = order->options->is_detached;
	int *const kept[] = { &executed->pidfd, &executed->master, &line };
	struct error ignored; /* nobody is left who could be told */
	int status = 0;

	if (!detach_keep_fds(kept, COUNT_OF(kept) - is_detached, &ignored))
		return;
	if (!is_detached && !wait_for_client(line, executed->pidfd)) {
		mem_cleanup_close(&executed->master); /* it hangs up */
		executed->master = -1;
	}
	foreground_read_away(executed->master, -1, executed->pidfd, -1);
	(void)proc_reap(executed->pid, &status);
	if (order->exec_id)
		announce_exec_end(order->journal, order->options->id, order->exec_id,
				  proc_exit_code(status));
	if (!is_detached)
		(void)!send(line, &status, sizeof(status), MSG_NOSIGNAL);
}

/* Once started the program is kept, whether or not somebody hears of it. */
_Noreturn static void run(const struct execkeeper_order *order, int line)
{
	struct outcome outcome = { .pid = -1 };
	struct executed executed;

	outcome.is_good = detach_settle(&outcome.why) &&
			  exec_start(order->options, &executed, &outcome.fault, &outcome.why);
	if (outcome.is_good)
		outcome.pid = executed.pid;
	tell_outcome(line, &outcome, &executed);
	if (outcome.is_good)
		keep(order, line, &executed);
	_exit(0);
}

/* -- its client ----------------------------------------------------------------------------------
 */

static bool hear_outcome(int line, struct executed *executed, enum container_fault *fault,
			 struct error *err)
{
	struct outcome outcome;
	int fds[2] = { -1, -1 };
	size_t count = COUNT_OF(fds);
	ssize_t got = passfd_receive(line, &outcome, sizeof(outcome), fds, &count, 0);

	*fault = CONTAINER_FAULT_OTHER;
	*executed = (struct executed){ .pid = -1, .pidfd = fds[0], .master = fds[1] };
	if (got != (ssize_t)sizeof(outcome))
		return error_set(err, ERROR_SYSTEM, "what should start the program has ended");
	executed->pid = outcome.pid;
	*fault = outcome.fault;
	*err = outcome.why;
	return outcome.is_good;
}

bool execkeeper_start(const struct execkeeper_order *order, struct executed *executed, int *line,
		      enum container_fault *fault, struct error *err)
{
	int ends[2];
	pid_t pid;

	*fault = CONTAINER_FAULT_OTHER;
	*line = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket pair");
	autoclose int ours = ends[0];
	autoclose int theirs = ends[1];

	if (!detach_fork(&pid, err))
		return false;
	if (pid == 0) {
		drop_fd(&ours);
		run(order, theirs);
	}
	drop_fd(&theirs); /* or its end would not be the end of the line */
	if (!hear_outcome(ours, executed, fault, err))
		return false;
	if (!order->options->is_detached)
		*line = take_fd(&ours);
	return true;
}

void execkeeper_leave(int line)
{
	(void)!send(line, "", 1, MSG_NOSIGNAL);
}

bool execkeeper_await(int line, int *status, struct error *err)
{
	ssize_t got;

	do {
		got = read(line, status, sizeof(*status));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(*status) ||
	       error_set(err, ERROR_SYSTEM, "the parent of the program was killed");
}
