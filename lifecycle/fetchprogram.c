/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/fetchprogram.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define CONTROL_FD  3 /* as mooring-fetch has them */
#define SETTINGS_FD 5

/* A file in memory: bundles of certificates do not fit a pipe. */
static bool write_settings(const struct buf *settings, int *reader, struct error *err)
{
	autoclose int file = memfd_create("settings", MFD_CLOEXEC);

	if (file < 0)
		return error_sys(err, "memfd_create");
	if (!buf_check(settings, "the settings for mooring-fetch", err) ||
	    !file_write(file, "settings for mooring-fetch", settings->data, settings->length, err))
		return false;
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(err, "lseek");
	*reader = take_fd(&file);
	return true;
}

bool fetchprogram_start(struct buf *settings, int *control, struct proc *proc, struct error *err)
{
	autofree char *program = NULL;
	autoclose int reader = -1;
	autoclose int theirs = -1;
	int ends[2];
	bool is_written = write_settings(settings, &reader, err);

	*control = -1;
	if (settings->data)
		explicit_bzero(settings->data, settings->length);
	if (!is_written || !proc_helper("mooring-fetch", &program, err))
		return false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "socketpair");
	*control = ends[0];
	theirs = ends[1];

	const char *const argv[] = { program, NULL };
	const char *const env[] = { NULL };
	const struct proc_fd fds[] = { { STDERR_FILENO, STDERR_FILENO },
				       { theirs, CONTROL_FD },
				       { reader, SETTINGS_FD } };

	return proc_spawn(&(struct proc_options){ .argv = argv,
						  .env = env,
						  .fds = fds,
						  .fd_count = COUNT_OF(fds),
						  .parent_death_signal = SIGKILL },
			  proc, err);
}
