/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

/* Runs `script` by sh with its output in a pipe; returns the exit code, or -1. */
static int run_shell(const char *script, struct proc_options options, struct buf *out)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct proc_fd fds[] = { { -1, 1 } };
	struct proc proc;
	struct error err;
	int ends[2], status;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;

	autoclose int reader = ends[0];
	autoclose int writer = ends[1];

	fds[0].from = writer;
	options.argv = argv;
	options.fds = fds;
	options.fd_count = 1;
	if (!check_ok(proc_spawn(&options, &proc, &err), &err, "spawn: %s", script))
		return -1;
	close(take_fd(&writer));
	if (!check_ok(file_read_fd(reader, "pipe", out, &err), &err, "read its output") ||
	    !check_ok(proc_wait(&proc, &status, &err), &err, "wait for it"))
		return -1;
	return proc_exit_code(status);
}

static void test_run(void)
{
	const char *const env[] = { "A=1", "PATH=/usr/bin:/bin", NULL };
	autobuf struct buf out;

	buf_init(&out, 10000);
	check_int(run_shell("exit 42", (struct proc_options){ 0 }, &out), 42, "exit code");
	check_int(run_shell("kill -9 $$", (struct proc_options){ 0 }, &out), 137, "signal");
	check_int(run_shell("echo $A-$HOME; pwd",
			    (struct proc_options){ .env = env, .directory = "/usr" }, &out),
		  0, "environment and directory");
	check_text(out.data, "1-\n/usr\n", "are what was given");
	buf_clear(&out);
	check_int(run_shell("read line; echo \"<$line>\"; echo lost >&2",
			    (struct proc_options){ 0 }, &out),
		  0, "descriptors not given");
	check_text(out.data, "<>\n", "are /dev/null");
	buf_clear(&out);
	run_shell("[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leader",
		  (struct proc_options){ .is_session_leader = true }, &out);
	check_text(out.data, "leader\n", "setsid");
}

/* What a program says too much is neither kept nor waited for. */
static void test_output(void)
{
	const char *const brief[] = { "echo", "yes", NULL }, *const endless[] = { "yes", NULL };
	autobuf struct buf out;
	struct error err;
	int status = -1;

	buf_init(&out, 1000);
	if (check_ok(proc_output(brief, &out, &status, &err), &err, "take an output"))
		check_text(out.data, "yes\n", "is what was said");
	check_error(proc_output(endless, &out, &status, &err), &err, ERROR_INPUT,
		    "larger than 1000 bytes", "an output without an end");
}

static void test_user(void)
{
	static const gid_t groups[] = { 4321, 1234 };
	const struct proc_user user = {
		.uid = 12345, .gid = 54321, .groups = groups, .group_count = COUNT_OF(groups)
	};
	autobuf struct buf out;

	buf_init(&out, 1000);
	if (geteuid() != 0) {
		tap_skip("another user", "only root can start a program as somebody else");
		return;
	}
	check_int(run_shell("id -u; id -g; id -G; grep CapEff /proc/self/status",
			    (struct proc_options){ .user = &user }, &out),
		  0, "as another user");
	check_text(out.data, "12345\n54321\n54321 1234 4321\nCapEff:\t0000000000000000\n",
		   "with these ids and no capabilities");
}

/* What is open here without close-on-exec must not be open there. */
static void test_no_leaks(void)
{
	int leaked = dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 77);
	autobuf struct buf out;

	buf_init(&out, 10000);
	run_shell("for fd in /proc/$$/fd/*; do echo ${fd##*/}; done", (struct proc_options){ 0 },
		  &out);
	check(leaked == 77 && !strstr(out.data, "77"), "descriptor 77 stays here");
	check(strncmp(out.data, "0\n1\n2\n", 6) == 0, "0, 1 and 2 are there");
	check(out.length <= strlen("0\n1\n2\n10\n"), "and nothing else but the shell's own");
	close(leaked);
}

/* Descriptors whose numbers cross each other: 3→4 and 4→3. */
static void test_crossing_fds(void)
{
	const char *const argv[] = { "sh", "-c", "read a <&8; read b <&9; [ $a$b = right-left ]",
				     NULL };
	int left[2], right[2], status = -1;
	struct proc proc;
	struct error err;

	if (pipe2(left, O_CLOEXEC) < 0 || pipe2(right, O_CLOEXEC) < 0)
		return;
	dup3(left[0], 8, O_CLOEXEC);
	dup3(right[0], 9, O_CLOEXEC);
	check(write(left[1], "-left\n", 6) == 6 && write(right[1], "right\n", 6) == 6, "fill");

	const struct proc_fd fds[] = { { 8, 9 }, { 9, 8 } };
	struct proc_options options = { .argv = argv, .fds = fds, .fd_count = 2 };

	if (check_ok(proc_spawn(&options, &proc, &err), &err, "spawn with crossing descriptors") &&
	    proc_wait(&proc, &status, &err))
		check_int(proc_exit_code(status), 0, "each has its place");
	for (int i = 0; i < 2; i++) {
		close(left[i]);
		close(right[i]);
		close(8 + i);
	}
}

static void test_failures(void)
{
	char script[128];
	const struct {
		const char *program;
		const char *directory;
		enum error_kind kind;
		const char *message;
	} cases[] = {
		{ "/nonexistent/program", NULL, ERROR_NOT_FOUND, "/nonexistent/program" },
		{ "no-such-program-anywhere", NULL, ERROR_NOT_FOUND, "no-such-program-anywhere" },
		{ "/etc/passwd", NULL, ERROR_DENIED, "/etc/passwd: Permission denied" },
		{ "/", NULL, ERROR_DENIED, "Permission denied" },
		{ "sh", "/nonexistent", ERROR_NOT_FOUND, "directory" },
		{ script, NULL, ERROR_NOT_FOUND, "No such file" },
	};
	autoclose int dir = open(tap_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err;

	snprintf(script, sizeof(script), "%s/script", tap_dir());
	check_ok(file_replace(dir, "script", "#!/no/interpreter\n", 18, 0755, FILE_VOLATILE, &err),
		 &err, "prepare");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *const argv[] = { cases[i].program, NULL };
		struct proc_options options = { .argv = argv, .directory = cases[i].directory };
		struct proc proc;

		check_error(proc_spawn(&options, &proc, &err), &err, cases[i].kind,
			    cases[i].message, "start %s in %s", cases[i].program,
			    cases[i].directory ? cases[i].directory : "here");
	}
	check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
}

static void test_identity(void)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	struct proc_options options = { .argv = argv };
	unsigned long long ours = 0, theirs = 0;
	struct proc proc;
	struct error err;
	int status = 0;

	check_ok(proc_start_time(getpid(), &ours, &err), &err, "our start time");
	check(ours > 0, "is after boot");
	check(proc_is_alive(getpid(), ours), "we are alive");
	check(!proc_is_ending(getpid(), ours), "and go on");
	check(proc_is_ending(getpid(), ours + 1), "somebody else with our pid has ended");
	check(!proc_is_alive(getpid(), ours + 1), "somebody else with our pid is not");
	check(!proc_is_alive(0, 0) && !proc_is_alive(-1, 0), "no pid is not alive");
	check_error(proc_start_time(0x3fffffff, &ours, &err), &err, ERROR_NOT_FOUND, "",
		    "a pid that nobody has");

	if (!check_ok(proc_spawn(&options, &proc, &err), &err, "spawn sleep"))
		return;
	check(proc.pidfd >= 0, "has a pidfd");
	check_ok(proc_start_time(proc.pid, &theirs, &err), &err, "its start time");
	check(proc_is_alive(proc.pid, theirs), "it is alive");
	kill(proc.pid, SIGKILL);

	struct pollfd dead = { .fd = proc.pidfd, .events = POLLIN };

	check_int(poll(&dead, 1, 10000), 1, "the pidfd tells of its end");
	check(!proc_is_alive(proc.pid, theirs), "a zombie is not alive");
	check(proc_is_ending(proc.pid, theirs), "and has ended");
	check_ok(proc_wait(&proc, &status, &err), &err, "wait");
	check_int(proc_exit_code(status), 137, "killed");
	check_int(proc.pidfd, -1, "proc_wait closes the pidfd");
}

/* A process may call itself anything, so that its stat line reads as if more fields followed. */
static void test_hostile_name(void)
{
	unsigned long long before = 0, after = 0;
	struct error err;
	FILE *name = fopen("/proc/self/comm", "we");

	check_ok(proc_start_time(getpid(), &before, &err), &err, "start time");
	if (!check(name != NULL, "open comm"))
		return;
	fputs("a) R 1 2) 3 (", name);
	fclose(name);
	check_ok(proc_start_time(getpid(), &after, &err), &err, "under a hostile name");
	check(after == before, "is the same");
}

static void test_parent_death(void)
{
	int ends[2];
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;

	pid_t parent = fork();

	if (parent == 0) {
		const char *const argv[] = { "sleep", "1000", NULL };
		const struct proc_fd fds[] = { { ends[1], 5 } };
		struct proc_options options = {
			.argv = argv, .fds = fds, .fd_count = 1, .parent_death_signal = SIGKILL
		};
		struct proc proc;
		struct error err;

		_exit(proc_spawn(&options, &proc, &err) ? 0 : 1);
	}
	close(ends[1]);
	waitpid(parent, NULL, 0);

	struct pollfd hangup = { .fd = ends[0], .events = POLLIN };

	check_int(poll(&hangup, 1, 10000), 1, "a child dies with its parent where asked");
	check_int(read(ends[0], &byte, 1), 0, "and its descriptors are closed");
	close(ends[0]);
}

static void test_helper(void)
{
	autofree char *path = NULL;
	struct error err;

	check_error(proc_helper("mooring-unknown", &path, &err), &err, ERROR_NOT_FOUND,
		    "mooring-unknown", "no such helper");
	check_text(path, NULL, "and no path");
}

int main(void)
{
	test_run();
	test_output();
	test_user();
	test_no_leaks();
	test_crossing_fds();
	test_failures();
	test_identity();
	test_hostile_name();
	test_parent_death();
	test_helper();
	return tap_done();
}
