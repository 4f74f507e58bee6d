/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restart.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/mem.h"

void restart_init(struct restart *restart, const char *file)
{
	*restart = (struct restart){ .file = file, .watch = -1 };
}

/* The word of the file, without the end of its line; "no" if there is none. */
static void read_policy(const char *file, char word[RESTART_POLICY_MAX])
{
	autoclose int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, word, RESTART_POLICY_MAX - 1);

	if (length < 0) {
		strcpy(word, "no");
		return;
	}
	word[length] = '\0';
	word[strcspn(word, "\n")] = '\0';
}

static bool is_wanted_by(const char *word, unsigned int count, int code)
{
	static const char limited[] = "on-failure:";

	if (strcmp(word, "always") == 0 || strcmp(word, "unless-stopped") == 0)
		return true;
	if (strcmp(word, "on-failure") == 0)
		return code != 0;
	if (strncmp(word, limited, sizeof(limited) - 1) != 0)
		return false;

	unsigned long most = strtoul(word + sizeof(limited) - 1, NULL, 10);

	return code != 0 && (most == 0 || count < most);
}

/* Anew each time: a file that is replaced is another file. Without a watch its change is seen when
 * the pause is over: late, not wrong. */
static void watch(struct restart *restart)
{
	restart_unwatch(restart);
	restart->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (restart->watch >= 0)
		inotify_add_watch(restart->watch, restart->file,
				  IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF);
}

bool restart_is_wanted(struct restart *restart, int code)
{
	char word[RESTART_POLICY_MAX];

	if (!restart->file || access(restart->file, F_OK) != 0)
		return false;
	watch(restart);
	read_policy(restart->file, word);
	if (is_wanted_by(word, restart->count, code))
		return true;
	restart_unwatch(restart);
	return false;
}

int64_t restart_pause(struct restart *restart, int64_t ran_ms)
{
	bool is_first = restart->pause == 0 || ran_ms >= RESTART_GOOD_RUN_MS;

	restart->pause = is_first ? RESTART_FIRST_MS : restart->pause * 2;
	if (restart->pause > RESTART_LONGEST_MS)
		restart->pause = RESTART_LONGEST_MS;
	return restart->pause;
}

void restart_unwatch(struct restart *restart)
{
	mem_cleanup_close(&restart->watch);
	restart->watch = -1;
}
