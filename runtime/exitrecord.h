/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_EXITRECORD_H
#define RUNTIME_EXITRECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/file.h"

/* How a container ended, as the monitor leaves it behind: exit.json of docs/architecture.md. */
struct exit_record {
	int status; /* init's, as from waitpid */
	bool is_oom_killed;
	struct timespec started, finished;
	uint64_t log_dropped;       /* records that found no room on the disk */
	unsigned int restart_count; /* how often it was started again before this end */
	bool is_restarting;         /* it will be started again after a pause */
	struct error trouble;       /* of the clean-up or of another start; text "": none */
};

/* Before the container may fill the disk: the space of its record, if there is any (base/spare.h).
 */
void exitrecord_keep_space(const char *path);

/* Replaces the file; on a full disk too, if space was kept or there is one to be overwritten. */
must_check bool exitrecord_write(const struct exit_record *record, const char *path,
				 enum file_lasting lasting, struct error *err);

#endif
