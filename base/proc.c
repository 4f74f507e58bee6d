/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

/* -- starting -----------------------------------------------------------------------------------
 */

/*
 * How this works: the child is cloned with CLONE_VM|CLONE_VFORK, so nothing is copied and we sleep
 * until it has executed the program or given up; its errno is then simply in our memory. The child
 * must touch nothing else of ours.
 */
struct launch {
	const struct proc_options *options;
	char *const *env;
	int sys;          /* errno of what failed in the child, or 0 */
	const char *what; /* what it was doing */
};

#define CHILD_STACK 65536
#define FD_PARKING  256 /* descriptors wait above this while others move to their places */

/* Nothing of ours reaches the program but what it is given. */
static void close_on_exec_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = (int)first; fd < 1024; fd++) /* before Linux 5.11 */
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool place_fds(struct launch *launch)
{
	const struct proc_options *options = launch->options;
	int parked[PROC_FDS_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	launch->what = "pass descriptors to";
	for (size_t i = 0; i < options->fd_count; i++) {
		parked[i] = fcntl(options->fds[i].from, F_DUPFD_CLOEXEC, FD_PARKING);
		if (parked[i] < 0)
			return false;
	}
	null = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, FD_PARKING);
	if (null < 0)
		return false;
	close_on_exec_from(3);
	for (int standard = 0; standard <= 2; standard++)
		if (dup2(null, standard) < 0)
			return false;
	for (size_t i = 0; i < options->fd_count; i++)
		if (dup2(parked[i], options->fds[i].to) < 0)
			return false;
	return true;
}

/* By its end nothing of our privilege is left; the working directory was entered before. */
static bool become(const struct proc_user *user)
{
	return setgroups(user->group_count, user->groups) == 0 &&
	       setresgid(user->gid, user->gid, user->gid) == 0 &&
	       setresuid(user->uid, user->uid, user->uid) == 0;
}

static bool join_groups(const struct proc_options *options)
{
	for (size_t i = 0; i < options->group_count; i++)
		if (write(options->groups[i], "0", 1) != 1)
			return false;
	return true;
}

static bool prepare(struct launch *launch)
{
	const struct proc_options *options = launch->options;
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	launch->what = "enter the directory for";
	if (options->directory && chdir(options->directory) < 0)
		return false;
	launch->what = "start";
	if (options->is_session_leader && setsid() < 0)
		return false;
	launch->what = "join the control groups for";
	if (!join_groups(options))
		return false;
	launch->what = "change the user for";
	if (options->user && !become(options->user))
		return false;
	/* After the change of user, which forgets it. */
	launch->what = "start";
	if (options->parent_death_signal &&
	    prctl(PR_SET_PDEATHSIG, options->parent_death_signal) < 0)
		return false;
	return place_fds(launch);
}

static int child_main(void *context)
{
	struct launch *launch = context;
	char *const *argv;

	memcpy(&argv, &launch->options->argv, sizeof(argv)); /* execve's old prototype */
	if (prepare(launch)) {
		launch->what = "execute";
		execvpe(argv[0], argv, launch->env);
	}
	launch->sys = errno;
	_exit(127);
}

bool proc_spawn(const struct proc_options *options, struct proc *proc, struct error *err)
{
	struct launch launch = { .options = options, .env = environ };
	autofree char *stack = mem_alloc(CHILD_STACK);
	int pidfd = -1;

	if (options->fd_count > PROC_FDS_MAX)
		return error_set(err, ERROR_INPUT, "too many descriptors for %s", options->argv[0]);
	if (options->env)
		memcpy(&launch.env, &options->env, sizeof(launch.env));

	/* A kernel before 5.2 ignores CLONE_PIDFD and leaves pidfd at -1. */
	pid_t pid = clone(child_main, stack + CHILD_STACK,
			  CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &launch, &pidfd);

	if (pid < 0)
		return error_sys(err, "start %s", options->argv[0]);
	if (launch.sys) {
		(void)proc_reap(pid, NULL);
		mem_cleanup_close(&pidfd);
		errno = launch.sys;
		return error_sys(err, "%s %s", launch.what, options->argv[0]);
	}
	*proc = (struct proc){ .pid = pid, .pidfd = pidfd };
	return true;
}

bool proc_output(const char *const *argv, struct buf *output, int *status, struct error *err)
{
	struct error waiting;
	struct proc proc;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, "make a pipe");
	autoclose int reader = ends[0];
	autoclose int writer = ends[1];
	const struct proc_fd fds[] = { { writer, STDOUT_FILENO },
				       { STDERR_FILENO, STDERR_FILENO } };
	const struct proc_options options = { .argv = argv, .fds = fds, .fd_count = COUNT_OF(fds) };
	if (!proc_spawn(&options, &proc, err))
		return false;
	drop_fd(&writer);
	bool is_read = file_read_fd(reader, argv[0], output, err);
	drop_fd(&reader); /* one that says too much would wait for ever to be heard */
	if (proc_wait(&proc, status, &waiting))
		return is_read;
	*err = waiting;
	return false;
}

bool proc_reap(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

bool proc_wait(struct proc *proc, int *status, struct error *err)
{
	if (!proc_reap(proc->pid, status))
		return error_sys(err, "wait for process %d", proc->pid);
	drop_fd(&proc->pidfd);
	return true;
}

int proc_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* -- finding our programs -----------------------------------------------------------------------
 */

/* Where each one is, seen from the directory above the running program's; see docs/architecture.md.
 */
static const struct place {
	const char *name;
	const char *installed; /* from PREFIX */
	const char *built;     /* from the build directory */
} places[] = {
	{ "mooring", "bin/mooring", "cli/mooring" },
	{ "mooring-runc", "bin/mooring-runc", "runtime/mooring-runc" },
	{ "mooring-fetch", "libexec/mooring/mooring-fetch", "registry/mooring-fetch" },
	{ "mooring-unpack", "libexec/mooring/mooring-unpack", "image/mooring-unpack" },
	{ "mooring-gate", "libexec/mooring/mooring-gate", "engine/mooring-gate" },
	{ "mooring-init", "libexec/mooring/mooring-init", "engine/mooring-init" },
	{ "mooring-resolver", "libexec/mooring/mooring-resolver", "engine/mooring-resolver" },
	{ "mooring-portproxy", "libexec/mooring/mooring-portproxy", "engine/mooring-portproxy" },
	{ "mooring-logger", "libexec/mooring/mooring-logger", "engine/mooring-logger" },
	{ "mooring-logpress", "libexec/mooring/mooring-logpress", "engine/mooring-logpress" },
	{ "mooring-nucleus", "libexec/mooring/mooring-nucleus", "lifecycle/mooring-nucleus" },
	{ "mooring-streams", "libexec/mooring/mooring-streams",
	  "lifecycle/stream/mooring-streams" },
	{ "mooring-unzip", "libexec/mooring/mooring-unzip", "lifecycle/mooring-unzip" },
	{ "mooring-mqtt", "libexec/mooring/mooring-mqtt", "lifecycle/mqtt/mooring-mqtt" },
	{ "mooring-compose", "libexec/mooring/mooring-compose", "compose/mooring-compose" },
	{ "bin", "libexec/mooring/bin", "cli/bin" }, /* the names docker, docker-compose, … */
};

static const struct place *find_place(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (strcmp(places[i].name, name) == 0)
			return &places[i];
	return NULL;
}

/* Cuts the last `count` components off. */
static void go_up(char *path, int count)
{
	for (char *slash; count > 0 && (slash = strrchr(path, '/')) != NULL; count--)
		*slash = '\0';
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool proc_helper(const char *name, char **path, struct error *err)
{
	const struct place *place = find_place(name);
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!place)
		return error_set(err, ERROR_NOT_FOUND, "no helper program is called %s", name);
	if (length < 0)
		return error_sys(err, "find our own program (is /proc mounted?)");
	self[length] = '\0';
	go_up(self, 1);

	bool is_helper = ends_with(self, "/libexec/mooring");
	bool is_installed = is_helper || ends_with(self, "/bin");

	go_up(self, is_helper ? 2 : 1);

	autofree char *found =
		mem_printf("%s/%s", self, is_installed ? place->installed : place->built);

	if (access(found, X_OK) < 0)
		return error_sys(err, "helper program %s (is Mooring installed whole?)", found);
	*path = take_text(&found);
	return true;
}

/* -- identity -----------------------------------------------------------------------------------
 */

#define STAT_MAX        4096
#define STAT_STATE      3
#define STAT_PARENT     4
#define STAT_FLAGS      9
#define STAT_START_TIME 22
#define FLAG_EXITING    0x4 /* the kernel's PF_EXITING */

struct stat_fields {
	char state;
	pid_t parent;
	unsigned long flags; /* the kernel's PF_… */
	unsigned long long start_time;
};

/* Reads /proc/PID/stat; the name in field 2 may hold anything, so fields count from the last ')'.
 */
static bool read_stat(pid_t pid, struct stat_fields *fields, struct error *err)
{
	autobuf struct buf text;
	char name[32];

	buf_init(&text, STAT_MAX);
	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	if (!file_read(AT_FDCWD, name, &text, err))
		return false;

	char *field = strrchr(text.data, ')');

	fields->flags = 0;
	for (int number = STAT_STATE; field && number <= STAT_START_TIME; number++) {
		field = strchr(field + 1, ' ');
		if (field && number == STAT_STATE)
			fields->state = field[1];
		if (field && number == STAT_PARENT)
			fields->parent = atoi(field + 1);
		if (field && number == STAT_FLAGS)
			fields->flags = strtoul(field + 1, NULL, 10);
	}
	if (!field)
		return error_set(err, ERROR_CORRUPT, "%s: unexpected content", name);
	fields->start_time = strtoull(field + 1, NULL, 10);
	return true;
}

bool proc_start_time(pid_t pid, unsigned long long *ticks, struct error *err)
{
	struct stat_fields fields;

	if (!read_stat(pid, &fields, err))
		return false;
	*ticks = fields.start_time;
	return true;
}

bool proc_is_alive(pid_t pid, unsigned long long start_time)
{
	struct stat_fields fields;
	struct error ignored;

	return pid > 0 && read_stat(pid, &fields, &ignored) && fields.start_time == start_time &&
	       fields.state != 'Z' && fields.state != 'X';
}

bool proc_is_ending(pid_t pid, unsigned long long start_time)
{
	struct stat_fields fields;
	struct error ignored;

	return !proc_is_alive(pid, start_time) || !read_stat(pid, &fields, &ignored) ||
	       fields.flags & FLAG_EXITING;
}

pid_t proc_parent(pid_t pid)
{
	struct stat_fields fields;
	struct error ignored;

	return pid > 0 && read_stat(pid, &fields, &ignored) ? fields.parent : 0;
}

/* poll is silent about good streams: one system call for an ordinary caller. */
static void fill_streams(void)
{
	struct pollfd streams[3] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	if (poll(streams, COUNT_OF(streams), 0) <= 0)
		return;
	for (size_t i = 0; i < COUNT_OF(streams); i++)
		if (streams[i].revents & POLLNVAL)
			(void)!open("/dev/null", O_RDWR); /* the lowest free number: this one */
}

void proc_settle(void)
{
	fill_streams();
	signal(SIGCHLD, SIG_DFL);
}
