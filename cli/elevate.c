/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/elevate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/gate.h"

#define EXIT_NOT_ALLOWED 126 /* docker run, where the user may not */

/* AWS's nucleus tells this by its first words, and explains the docker group then. */
static int refuse(bool is_run, enum gate_outcome outcome)
{
	fprintf(stderr,
		"%sGot permission denied while trying to connect to the Docker daemon socket at "
		"unix:///var/run/docker.sock: %s\n",
		is_run ? "docker: " : "",
		outcome == GATE_CLOSED ? "you are not in the group docker (usermod -aG docker "
					 "USER, then log in again)"
				       : "mooring-gate does not run, which serves the group docker "
					 "(systemctl enable --now "
					 "mooring-gate.socket)");
	return is_run ? EXIT_NOT_ALLOWED : 1;
}

static int fail(bool is_run, const struct error *err)
{
	fprintf(stderr, "%s%s\n", is_run ? "docker: " : "", err->text);
	return is_run ? EXIT_NOT_ALLOWED : 1;
}

bool elevate(const struct cli *cli, bool is_run, int *code)
{
	const char *socket = getenv("MOORING_GATE");
	enum gate_outcome outcome;
	struct error err;

	if (geteuid() == 0)
		return true;
	if (!gate_call(socket && *socket ? socket : GATE_SOCKET, cli->argv, &outcome, code, &err))
		*code = fail(is_run, &err);
	else if (outcome != GATE_CALLED)
		*code = refuse(is_run, outcome);
	return false;
}
