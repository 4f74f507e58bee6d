/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/elevate.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/gate.h"
#include "engine/userns.h"

#define EXIT_NOT_ALLOWED 126   /* docker run, where the user may not */
#define EXIT_NO_DAEMON   125   /* docker run, where nobody listens */
#define GROUPS_MAX       65536 /* Linux: NGROUPS_MAX */

#define GROUP            "docker"

/* AWS's nucleus tells it by these words, and explains the docker group then. */
#define DENIED                                                                                     \
	"Got permission denied while trying to connect to the Docker daemon socket at "            \
	"unix:///var/run/docker.sock"

static int refuse(bool is_run, enum gate_outcome outcome)
{
	fprintf(stderr, "%s" DENIED ": %s\n", is_run ? "docker: " : "",
		outcome == GATE_CLOSED
			? "you are not in the group docker (usermod -aG docker USER, then log in "
			  "again), nor in /etc/subuid and /etc/subgid, which rootless containers "
			  "need"
			: "mooring-gate does not run, which serves the group docker (systemctl "
			  "enable "
			  "--now mooring-gate.socket), and you are not in /etc/subuid and "
			  "/etc/subgid, "
			  "which rootless containers need");
	return is_run ? EXIT_NOT_ALLOWED : 1;
}

static bool is_member(const char *name)
{
	const struct group *group = getgrnam(name);
	autofree gid_t *groups = mem_alloc(GROUPS_MAX * sizeof(*groups));
	int count = getgroups(GROUPS_MAX, groups);
	bool is_in = group && getegid() == group->gr_gid;

	for (int i = 0; group && i < count; i++)
		is_in = is_in || groups[i] == group->gr_gid;
	return is_in;
}

/* Made a member after this session began, which has not the group therefore. */
static bool is_member_later(const char *name)
{
	const struct group *group = getgrnam(name);
	const struct passwd *user = getpwuid(getuid());

	for (char **member = group && user ? group->gr_mem : NULL; member && *member; member++)
		if (strcmp(*member, user->pw_name) == 0)
			return !is_member(name);
	return false;
}

/* A member means root's containers. An empty store that nobody asked for would look as if they were
 * lost; who has one, or names one, goes on with it. */
static bool means_root(const struct cli *cli)
{
	const char *root = getenv("MOORING_ROOT");

	return !(root && *root) && access(cli->root, F_OK) != 0;
}

static void tell_of_own_store(const struct cli *cli)
{
	if (userns_is_granted())
		fprintf(stderr,
			"; for rootless containers in a store of your own, set MOORING_ROOT=%s",
			cli->root);
	fprintf(stderr, "\n");
}

static int tell_gate_is_missing(const struct cli *cli, bool is_run)
{
	fprintf(stderr,
		"%sCannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the "
		"docker "
		"daemon running? You are in the group docker, which mooring-gate serves, and it "
		"does "
		"not run (systemctl enable --now mooring-gate.socket)",
		is_run ? "docker: " : "");
	tell_of_own_store(cli);
	return is_run ? EXIT_NO_DAEMON : 1;
}

static int tell_session_is_older(const struct cli *cli, bool is_run)
{
	fprintf(stderr,
		"%s" DENIED ": you were added to the group docker after this session had begun: "
		"log in again, or run 'newgrp docker'",
		is_run ? "docker: " : "");
	tell_of_own_store(cli);
	return is_run ? EXIT_NOT_ALLOWED : 1;
}

static int fail(bool is_run, const struct error *err)
{
	fprintf(stderr, "%s%s\n", is_run ? "docker: " : "", err->text);
	return is_run ? EXIT_NOT_ALLOWED : 1;
}

/* What we start, also another docker or compose, is to find this user's places. */
static bool enter(const struct cli *cli, struct error *err)
{
	if (!userns_enter(cli->run, err))
		return error_in(err, "rootless docker");
	setenv("MOORING_ROOT", cli->root, 1);
	setenv("MOORING_RUN", cli->run, 1);
	setenv("MOORING_CONFIG", cli->config, 1);
	return true;
}

/* Who names a store of his own does not mean root's. */
static bool ask_gate(const struct cli *cli, enum gate_outcome *outcome, int *code,
		     struct error *err)
{
	const char *socket = getenv("MOORING_GATE");
	const char *root = getenv("MOORING_ROOT");

	*outcome = GATE_ABSENT;
	if (root && *root)
		return true;
	return gate_call(socket && *socket ? socket : GATE_SOCKET, cli->argv, outcome, code, err);
}

bool elevate(const struct cli *cli, bool is_run, int *code)
{
	enum gate_outcome outcome;
	struct error err;

	if (geteuid() == 0)
		return true;
	if (!ask_gate(cli, &outcome, code, &err)) {
		*code = fail(is_run, &err);
		return false;
	}
	if (outcome == GATE_CALLED)
		return false;
	if (means_root(cli) && outcome == GATE_CLOSED && is_member_later(GROUP)) {
		*code = tell_session_is_older(cli, is_run);
		return false;
	}
	if (means_root(cli) && outcome == GATE_ABSENT &&
	    (is_member(GROUP) || is_member_later(GROUP))) {
		*code = tell_gate_is_missing(cli, is_run);
		return false;
	}
	if (!userns_is_granted()) {
		*code = refuse(is_run, outcome);
		return false;
	}
	if (enter(cli, &err))
		return true;
	*code = fail(is_run, &err);
	return false;
}
