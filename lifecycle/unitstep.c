/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/unitstep.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "lifecycle/environment.h"
#include "lifecycle/skipif.h"
#include "lifecycle/supervisor.h"

/* -- environment --------------------------------------------------------------------------------
 */

static void set_all(struct environment *environment, const struct step_env *env)
{
	for (size_t i = 0; i < env->count; i++)
		environment_set(environment, env->variables[i].name, env->variables[i].value);
}

static void set_account(struct environment *environment, const struct account *account)
{
	environment_set(environment, "HOME", account->home);
	environment_set(environment, "USER", account->name);
	environment_set(environment, "LOGNAME", account->name);
}

static void set_device(struct environment *environment, const struct settings *settings)
{
	if (settings->thing_name)
		environment_set(environment, "AWS_IOT_THING_NAME", settings->thing_name);
	if (settings->region) {
		environment_set(environment, "AWS_REGION", settings->region);
		environment_set(environment, "AWS_DEFAULT_REGION", settings->region);
	}
}

/* From low to high: ours, the device's, the recipe's, the step's. */
static void fill(struct environment *environment, const struct unit *unit, enum step_kind kind,
		 const struct account *account)
{
	const struct supervisor_options *options = &unit->supervisor->options;

	environment_set_path(environment, options->bin);
	set_device(environment, options->settings);
	if (account)
		set_account(environment, account);
	if (options->add_environment)
		options->add_environment(options->context, unit, environment);
	set_all(environment, &unit->service->env);
	set_all(environment, &unit->service->steps[kind].env);
	environment_set(environment, "MOORING_NUCLEUS", options->mark);
}

/* -- steps --------------------------------------------------------------------------------------
 */

bool unitstep_is_wanted(const struct unit *unit, enum step_kind kind)
{
	const struct service_step *step = &unit->service->steps[kind];
	const struct supervisor_options *options = &unit->supervisor->options;
	const char *path = getenv("PATH");
	autofree char *whole = NULL;

	if (!step->script || !step->skip_if)
		return step->script != NULL;
	/* "onpath docker" must find ours: the script it guards installs the other one. */
	whole = mem_printf("%s:%s", options->bin, path ? path : "");
	return !skipif_holds(step->skip_if, options->root, whole);
}

static void on_line(void *context, enum script_stream stream, const char *line)
{
	struct unit_script *place = context;
	struct unit *unit = place->unit;
	const struct supervisor_options *options = &unit->supervisor->options;

	journal_output(&unit->journal, stream, unit->service->steps[place->kind].log_name,
		       component_state_name(unit->component.state), line);
	options->on_line(options->context, unit, stream, line);
}

bool unitstep_start(struct unit_script *place, enum step_kind kind,
		    void (*on_end)(void *context, const struct script_result *result),
		    struct error *err)
{
	struct unit *unit = place->unit;
	const struct service_step *step = &unit->service->steps[kind];
	const struct supervisor_options *options = &unit->supervisor->options;
	const struct account *account = step->is_privileged ? NULL : options->account;
	autoarena struct arena arena = { 0 };
	struct environment environment;

	place->kind = kind;
	environment_init(&environment, &arena);
	fill(&environment, unit, kind, account);
	journal_note(&unit->journal, false, component_state_name(unit->component.state),
		     "%s script starts", step_name(kind));

	bool is_good =
		script_start(&place->script, unit->supervisor->loop,
			     &(struct script_options){ .shell = options->settings->shell,
						       .text = step->script,
						       .directory = unit->work,
						       .env = environment.texts.items,
						       .account = account,
						       .timeout = step->timeout,
						       .waits_for_streams = kind != STEP_INSTALL &&
									    kind != STEP_SHUTDOWN,
						       .on_line = on_line,
						       .on_end = on_end,
						       .context = place },
			     err);

	environment_done(&environment);
	return is_good;
}

/* -- the work directory -------------------------------------------------------------------------
 */

/* 0700 and the user's, so its name is opened without following a link: below a directory of ours
 * nobody can have put one, but a component of an earlier version was free inside. */
bool unitstep_make_work(const struct unit *unit, struct error *err)
{
	const struct account *account = unit->supervisor->options.account;
	autofree char *parent = mem_printf("%s/work", unit->supervisor->options.root);
	const char *work = unit->work;
	autoclose int dir = -1;

	if (!path_make_own_dirs(parent, 0755, err) || !path_make_own_dirs(work, 0700, err))
		return false;
	dir = open(work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, "open %s", work);
	if (account && fchown(dir, account->uid, account->gid) < 0)
		return error_sys(err, "give %s to %s", work, account->name);
	if (fchmod(dir, 0700) < 0)
		return error_sys(err, "chmod %s", work);
	return true;
}
