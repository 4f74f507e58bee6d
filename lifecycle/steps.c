/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/steps.h"

#include <string.h>
#include <strings.h>

#define DEFAULT_ERROR_RESET_TIME 3600

static const struct {
	const char *name;
	int timeout;
} kinds[STEP_KINDS] = {
	[STEP_BOOTSTRAP] = { "bootstrap", 120 }, [STEP_INSTALL] = { "install", 120 },
	[STEP_STARTUP] = { "startup", 120 },     [STEP_RUN] = { "run", 0 },
	[STEP_SHUTDOWN] = { "shutdown", 15 },    [STEP_RECOVER] = { "recover", 60 },
	[STEP_UNINSTALL] = { "uninstall", 120 },
};

const char *step_name(enum step_kind kind)
{
	return kinds[kind].name;
}

int step_default_timeout(enum step_kind kind)
{
	return kinds[kind].timeout;
}

bool steps_scalar(const struct json *value, const char **text, struct error *err)
{
	switch (value->type) {
	case JSON_TEXT:
	case JSON_NUMBER:
		*text = value->text;
		return true;
	case JSON_BOOL:
		*text = value->boolean ? "true" : "false";
		return true;
	default:
		return json_expected(value, "a string", err);
	}
}

static bool scalar_or_null(const struct json *object, const char *key, const char **text,
			   struct error *err)
{
	const struct json *value = json_get_fold(object, key);

	*text = NULL;
	return !value || steps_scalar(value, text, err);
}

/* -- Setenv -------------------------------------------------------------------------------------
 */

static bool is_variable_name(const char *name)
{
	return *name != '\0' && !strchr(name, '=');
}

/* A list in place of a map is found in the wild; Greengrass ignores it, and so do we. */
bool steps_parse_env(struct step_env *env, struct arena *arena, const struct json *value,
		     struct error *err)
{
	*env = (struct step_env){ 0 };
	if (!value || value->type == JSON_ARRAY)
		return true;
	if (value->type != JSON_OBJECT)
		return json_expected(value, "an object", err);
	if (value->count > STEP_ENV_MAX)
		return json_wrong(value, err, "more than %d variables", STEP_ENV_MAX);
	env->variables = arena_array(arena, value->count, sizeof(*env->variables));
	for (const struct json *member = value->child; member; member = member->next) {
		struct step_variable *variable = &env->variables[env->count];

		if (member->type == JSON_NULL)
			continue;
		if (!is_variable_name(member->key))
			return json_wrong(member, err, "not a name for a variable");
		variable->name = member->key;
		if (!steps_scalar(member, &variable->value, err))
			return false;
		env->count++;
	}
	return true;
}

/* -- one step -----------------------------------------------------------------------------------
 */

static bool take_script(struct step *step, const struct json *value, struct error *err)
{
	const char *script;

	if (!json_as_text(value, &script, err))
		return false;
	if (strlen(script) > STEP_SCRIPT_MAX)
		return json_wrong(value, err, "the script exceeds %d bytes", STEP_SCRIPT_MAX);
	/* An empty script is a step that is not defined. */
	step->script = script[strspn(script, " \t\r\n")] != '\0' ? script : NULL;
	return true;
}

static bool parse_step(struct step *step, struct arena *arena, const struct json *value,
		       struct error *err)
{
	if (value->type == JSON_TEXT) {
		step->log_name = value->key;
		return take_script(step, value, err);
	}
	if (value->type != JSON_OBJECT)
		return json_expected(value, "a string or an object", err);

	const struct json *script = json_get_fold(value, "Script");

	if (!script)
		return value->count == 0 || json_wrong(value, err, "Script is missing");
	step->log_name = arena_printf(arena, "%s.%s", value->key, script->key);
	return take_script(step, script, err) &&
	       scalar_or_null(value, "Skipif", &step->skip_if, err) &&
	       scalar_or_null(value, "Timeout", &step->timeout, err) &&
	       scalar_or_null(value, "RequiresPrivilege", &step->privilege, err) &&
	       scalar_or_null(value, "BootstrapOnRollback", &step->rollback, err) &&
	       steps_parse_env(&step->env, arena, json_get_fold(value, "Setenv"), err);
}

bool steps_parse(struct steps *steps, struct arena *arena, const struct json *lifecycle,
		 struct error *err)
{
	*steps = (struct steps){ .error_reset_time = DEFAULT_ERROR_RESET_TIME };
	if (!lifecycle)
		return true;
	if (lifecycle->type != JSON_OBJECT)
		return json_expected(lifecycle, "an object", err);
	for (int kind = 0; kind < STEP_KINDS; kind++) {
		const struct json *value = json_get_fold(lifecycle, kinds[kind].name);

		if (value && !parse_step(&steps->kinds[kind], arena, value, err))
			return false;
	}

	const struct json *reset = json_get_fold(lifecycle, "errorResetTime");

	if (reset) {
		int64_t seconds;

		if (!json_as_int(reset, &seconds, err))
			return false;
		if (seconds < 0)
			return json_wrong(reset, err, "must not be negative");
		steps->error_reset_time = seconds;
	}
	return steps_parse_env(&steps->env, arena, json_get_fold(lifecycle, "Setenv"), err);
}
