/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/swarm.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

bool swarm_is_group(const char *name)
{
	static const char *const groups[] = { "config",  "node",  "secret",
					      "service", "stack", "swarm" };

	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		if (strcmp(groups[i], name) == 0)
			return true;
	}
	return false;
}

int swarm_refuse(const char *const *words)
{
	const char *verb = words[1] ? words[1] : "";
	bool is_of_swarm = strcmp(words[0], "swarm") == 0;

	if (!*verb || verb[0] == '-' ||
	    (is_of_swarm && (strcmp(verb, "init") == 0 || strcmp(verb, "join") == 0))) {
		fprintf(stderr, "docker: '%s%s%s' is not supported by this runtime\n", words[0],
			*verb && verb[0] != '-' ? " " : "", verb[0] == '-' ? "" : verb);
		return 1;
	}
	if (strcmp(verb, "inspect") == 0) {
		puts("[]");
		fflush(stdout);
	}
	fputs("Error response from daemon: This node is not ", stderr);
	if (is_of_swarm && strcmp(verb, "leave") == 0)
		fputs("part of a swarm\n", stderr);
	else
		fputs("a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
		      "connect this node to swarm and try again.\n",
		      stderr);
	return 1;
}
