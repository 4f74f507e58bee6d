/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/swarm.h"

#include <stdio.h>
#include <string.h>

#include "base/word.h"
#include "engine/network.h"

bool swarm_is_group(const char *name)
{
	static const char *const groups[] = { "config", "node",  "secret", "service",
					      "stack",  "swarm", NULL };

	return word_is_in(name, groups);
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
	fprintf(stderr, "Error response from daemon: %s\n",
		is_of_swarm && strcmp(verb, "leave") == 0 ? "This node is not part of a swarm"
							  : NETWORK_NO_SWARM);
	return 1;
}
