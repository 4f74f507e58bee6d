/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/unitstep.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "lifecycle/environment.h"
#include "lifecycle/skipif.h"
#include "lifecycle/supervisor.h"

#define GREENGRASS_VERSION "2.14.0" /* whose behaviour we have */

/* -- environment --------------------------------------------------------------------------------
 */

static void set_all(struct environment *environment, const struct step_env *env)
{
	for (size_t i = 0; i < env->count; i++)
		environment_set(environment, env->variables[i].name, env->variables[i].value);
}

/* Our own places are not that user's: docker would take them for a store of theirs, and would not
 * ask the gate for root's. */
static void set_account(struct environment *environment, const struct account *account)
{
	environment_unset(environment, "MOORING_ROOT");
	environment_unset(environment, "MOORING_RUN");
	environment_unset(environment, "MOORING_CONFIG");
	environment_set(environment, "HOME", account->home);
	environment_set(environment, "USER", account->name);
	environment_set(environment, "LOGNAME", account->name);
}

static void set_if(struct environment *environment, const char *name, const char *value)
{
	if (value)
		environment_set(environment, name, value);
}

/* With the credentials in it, as Greengrass hands it on: scheme://user:password@host:port. */
static void set_proxy(struct environment *environment, const struct settings_proxy *proxy)
{
	static const char *const names[] = { "HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
					     "https_proxy", "ALL_PROXY",  "all_proxy" };
	const char *after = proxy->url ? strstr(proxy->url, "://") : NULL;
	autofree char *url = NULL, *none = NULL;

	if (!proxy->url)
		return;
	if (after && proxy->username && !strchr(after, '@'))
		url = mem_printf("%.*s://%s%s%s@%s", (int)(after - proxy->url), proxy->url,
				 proxy->username, proxy->password ? ":" : "",
				 proxy->password ? proxy->password : "", after + 3);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		environment_set(environment, names[i], url ? url : proxy->url);
	none = mem_printf("localhost%s%s", proxy->no_proxy ? "," : "",
			  proxy->no_proxy ? proxy->no_proxy : "");
	environment_set(environment, "NO_PROXY", none);
	environment_set(environment, "no_proxy", none);
}

static void set_device(struct environment *environment, const struct settings *settings)
{
	const char *fips = settings->uses_fips ? "true" : "false";

	environment_set(environment, "GGC_VERSION", GREENGRASS_VERSION);
	set_if(environment, "AWS_IOT_THING_NAME", settings->thing_name);
	set_if(environment, "AWS_REGION", settings->region);
	set_if(environment, "AWS_DEFAULT_REGION", settings->region);
	set_if(environment, "GG_ROOT_CA_PATH", settings->root_ca);
	environment_set(environment, "AWS_USE_FIPS_ENDPOINT", fips);
	environment_set(environment, "AWS_GG_FIPS_MODE", fips);
	set_proxy(environment, &settings->proxy);
}

/* From low to high: ours, the device's, what the device's configuration sets for all and for this
 * one, the recipe's, the step's. */
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
	set_all(environment, &options->settings->env);
	set_all(environment, settings_service_env(options->settings, unit->service->name));
	set_all(environment, &unit->service->env);
	set_all(environment, &unit->service->steps[kind].env);
	environment_set(environment, "MOORING_NUCLEUS", options->mark);
	/* Limited or not: a component that is paused later takes its containers along. */
	if (geteuid() == 0)
		environment_set(environment, "MOORING_CGROUP_PARENT",
				slice_parent(environment->arena, unit->service->name));
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

/* The component's own limits, else the default ones. */
static const struct service_limits *limits_of(const struct unit *unit,
					      const struct service *service)
{
	const struct service_limits *own = &service->limits;

	return own->memory > 0 || own->cpus > 0 ? own : &unit->supervisor->options.settings->limits;
}

bool unitstep_make_slice(struct unit *unit, struct error *err)
{
	return slice_make(&unit->slice, unit->service->name, limits_of(unit, unit->service), err);
}

void unitstep_write_limits(struct unit *unit, const struct service *service)
{
	struct error err;

	if (unit->slice.count > 0 && !slice_limit(&unit->slice, limits_of(unit, service), &err))
		journal_note(&unit->journal, LOGLINE_ERROR,
			     component_state_name(unit->component.state), "%s", err.text);
}

/* The exit code, 137 at best, tells nobody why. */
void unitstep_note_killed(struct unit *unit)
{
	const struct supervisor_options *options = &unit->supervisor->options;
	const struct service_limits *limits = limits_of(unit, unit->service);
	int64_t killed = slice_take_killed(&unit->slice);
	char text[200];

	if (killed == 0)
		return;
	int length = snprintf(text, sizeof(text),
			      "out of memory: the kernel has killed %lld of its processes",
			      (long long)killed);
	if (limits->memory > 0)
		snprintf(text + length, sizeof(text) - (size_t)length,
			 " (systemResourceLimits: memory %lld)", (long long)limits->memory / 1024);
	journal_note(&unit->journal, LOGLINE_ERROR, component_state_name(unit->component.state),
		     "%s", text);
	options->on_warning(options->context, unit, text);
}

/* Only startup and run are limited. Where the kernel or our own rights forbid it the component runs
 * without, as under Greengrass, and its log says so. */
static void prepare_slice(struct unit *unit, enum step_kind kind)
{
	const struct service_limits *limits = limits_of(unit, unit->service);
	struct error err;

	if ((kind != STEP_STARTUP && kind != STEP_RUN) || unit->slice.count > 0 ||
	    (limits->memory <= 0 && limits->cpus <= 0))
		return;
	if (!unitstep_make_slice(unit, &err))
		journal_note(&unit->journal, LOGLINE_ERROR,
			     component_state_name(unit->component.state),
			     "systemResourceLimits are not applied: %s", err.text);
}

bool unitstep_account(const struct unit *unit, const struct service_step *step,
		      struct account *found, const struct account **account, struct error *err)
{
	*account = step->is_privileged ? NULL : unit->supervisor->options.account;
	if (step->is_privileged || !unit->service->user || geteuid() != 0)
		return true;
	if (!account_find(found, unit->service->user, "runWith.posixUser", err))
		return false;
	*account = found->uid == 0 ? NULL : found;
	return true;
}

static bool start(struct unit_script *place, struct script_options *options, enum step_kind kind,
		  struct error *err)
{
	struct unit *unit = place->unit;
	int groups[SLICE_PLACES_MAX];
	bool is_good;

	if (kind == STEP_STARTUP || kind == STEP_RUN)
		options->group_count = slice_open_procs(&unit->slice, groups);
	options->groups = groups;
	is_good = script_start(&place->script, unit->supervisor->loop, options, err);
	for (size_t i = 0; i < options->group_count; i++)
		close(groups[i]);
	return is_good;
}

bool unitstep_start(struct unit_script *place, enum step_kind kind,
		    void (*on_end)(void *context, const struct script_result *result),
		    struct error *err)
{
	struct unit *unit = place->unit;
	const struct service_step *step = &unit->service->steps[kind];
	const struct supervisor_options *options = &unit->supervisor->options;
	const struct account *account;
	struct account found;
	autoarena struct arena arena = { 0 };
	struct environment environment;

	place->kind = kind;
	if (!unitstep_account(unit, step, &found, &account, err))
		return false;
	prepare_slice(unit, kind);
	environment_init(&environment, &arena);
	fill(&environment, unit, kind, account);
	journal_note(&unit->journal, LOGLINE_INFO, component_state_name(unit->component.state),
		     "%s script starts", step_name(kind));

	struct script_options script = { .shell = options->settings->shell,
					 .text = step->script,
					 .directory = unit->work,
					 .env = environment.texts.items,
					 .account = account,
					 .timeout = step->timeout,
					 .waits_for_streams = kind != STEP_INSTALL &&
							      kind != STEP_SHUTDOWN &&
							      kind != STEP_UNINSTALL,
					 .on_line = on_line,
					 .on_end = on_end,
					 .context = place };
	bool is_good = start(place, &script, kind, err);

	environment_done(&environment);
	return is_good;
}

/* -- the work directory -------------------------------------------------------------------------
 */

/* 0700 and the user's, so its name is opened without following a link: below a directory of ours
 * nobody can have put one, but a component of an earlier version was free inside. */
bool unitstep_make_work(const struct unit *unit, struct error *err)
{
	const struct account *account;
	struct account found;
	autofree char *parent = mem_printf("%s/work", unit->supervisor->options.root);
	const char *work = unit->work;
	autoclose int dir = -1;

	if (!unitstep_account(unit, &(struct service_step){ 0 }, &found, &account, err))
		account = NULL; /* whose it would be is gone: the first step says so */
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
