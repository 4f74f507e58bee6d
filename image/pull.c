/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pull.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/texts.h"
#include "image/helper.h"
#include "image/limits.h"

#define FETCH_CONTROL  3
#define FETCH_SETTINGS 5
#define FETCH_LEARNT   6

/* Secrets go through memory, never through a file or an argument. */
static bool make_settings(const char *settings, int *fd, struct error *err)
{
	autoclose int file = memfd_create("settings", MFD_CLOEXEC);

	if (file < 0)
		return error_sys(err, "make a file in memory");
	if (!settings)
		settings = "{}";
	if (!file_write(file, "settings", settings, strlen(settings), err))
		return false;
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_sys(err, "rewind the settings");
	*fd = take_fd(&file);
	return true;
}

static bool start_fetch(const struct image_pull *pull, int control, struct proc *proc,
			struct error *err)
{
	autofree char *program = NULL;
	autoclose int file = -1;

	if (!proc_helper("mooring-fetch", &program, err) ||
	    !make_settings(pull->settings, &file, err))
		return false;

	const char *const argv[] = { program, NULL };
	/* libcurl brings GnuTLS along, by way of libraries for protocols that are not spoken; what
	 * it prepares when it is loaded costs a megabyte and several milliseconds. */
	const char *const env[] = { "GNUTLS_NO_IMPLICIT_INIT=1", NULL };
	const struct proc_fd fds[] = { { control, FETCH_CONTROL },
				       { file, FETCH_SETTINGS },
				       { STDERR_FILENO, STDERR_FILENO },
				       { pull->learnt_fd, FETCH_LEARNT } };
	struct proc_options options = { .argv = argv,
					.env = env,
					.fds = fds,
					.fd_count = COUNT_OF(fds) - (pull->learnt_fd < 0),
					.parent_death_signal = SIGKILL };

	return proc_spawn(&options, proc, err);
}

static bool run_unpack(const struct store *store, const struct image_pull *pull, int control,
		       const struct image_watcher *watcher, struct digest *id, struct error *err)
{
	static const char *const commands[] = {
		[IMAGE_PULL] = "pull", [IMAGE_PUSH] = "push", [IMAGE_LOAD] = "load"
	};
	struct helper helper = { .command = commands[pull->errand],
				 .store = store,
				 .fds = { { control, FETCH_CONTROL } },
				 .fd_count = 1,
				 .watcher = watcher };

	texts_add(&helper.arguments, pull->errand == IMAGE_LOAD ? "--object" : "--reference");
	texts_add(&helper.arguments, pull->reference);
	if (pull->platform) {
		texts_add(&helper.arguments, "--platform");
		texts_add(&helper.arguments, pull->platform);
	}
	if (pull->is_mirrored)
		texts_add(&helper.arguments, "--mirrored");
	for (size_t i = 0; i < pull->again.count; i++) {
		texts_add(&helper.arguments, "--again");
		texts_add(&helper.arguments, pull->again.items[i]);
	}

	bool is_good = helper_run(&helper, id, err);

	texts_done(&helper.arguments);
	return is_good;
}

static bool run(const struct store *store, const struct image_pull *pull, enum image_errand errand,
		const struct image_watcher *watcher, struct error *err)
{
	struct image_pull turned = *pull;
	struct digest unused;

	turned.errand = errand;
	return image_pull(store, &turned, watcher, &unused, err);
}

bool image_push(const struct store *store, const struct image_pull *push,
		const struct image_watcher *watcher, struct error *err)
{
	return run(store, push, IMAGE_PUSH, watcher, err);
}

bool image_load_object(const struct store *store, const struct image_pull *load,
		       const struct image_watcher *watcher, struct error *err)
{
	return run(store, load, IMAGE_LOAD, watcher, err);
}

bool image_pull(const struct store *store, const struct image_pull *pull,
		const struct image_watcher *watcher, struct digest *id, struct error *err)
{
	int ends[2], status;
	struct proc fetch;
	struct error ignored;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_sys(err, "make a socket pair");

	autoclose int ours = ends[0];
	bool is_started = start_fetch(pull, ends[1], &fetch, err);

	mem_cleanup_close(&ends[1]);
	if (!is_started)
		return false;

	bool is_pulled = run_unpack(store, pull, ours, watcher, id, err);

	/* It has nothing to lose, and may be waiting for a server. */
	kill(fetch.pid, SIGKILL);
	return proc_wait(&fetch, &status, is_pulled ? err : &ignored) && is_pulled;
}
