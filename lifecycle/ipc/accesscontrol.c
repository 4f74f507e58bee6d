/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/accesscontrol.h"

#include <stdint.h>
#include <string.h>

/* A pattern is compiled to one sign for each character: itself, or one of these. */
enum sign {
	SIGN_ANY = 256, /* '*' */
	SIGN_LEVEL,     /* '+' */
	SIGN_REST,      /* '#' */
};

struct pattern {
	uint16_t *signs;
	size_t count;
};

struct access_rule {
	struct access_rule *next;
	const char *service;
	const char **operations;
	size_t operation_count;
	struct pattern *patterns;
	size_t pattern_count;
};

struct reading {
	struct access_policies *policies;
	const struct access_variables *variables;
	struct texts *complaints;
	const char *service, *id; /* the policy that is being read */
};

static bool complain(struct reading *reading, const char *reason)
{
	texts_add(reading->complaints,
		  arena_printf(&reading->policies->arena, "accessControl: policy %s of %s: %s",
			       reading->id, reading->service, reason));
	return false;
}

/* -- patterns -----------------------------------------------------------------------------------
 */

static bool is_mqtt(const char *service)
{
	return strcmp(service, "aws.greengrass.ipc.mqttproxy") == 0;
}

static bool add_sign(struct reading *reading, struct pattern *pattern, unsigned sign)
{
	if (pattern->count == ACCESS_PATTERN_MAX)
		return complain(reading, "a resource is too long");
	pattern->signs[pattern->count++] = (uint16_t)sign;
	return true;
}

static bool add_literal(struct reading *reading, struct pattern *pattern, const char *text,
			size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!add_sign(reading, pattern, (unsigned char)text[i]))
			return false;
	return true;
}

/* "{iot:thingName}" at `text`; *length is that of the variable, or 0 if it is none that has a
 * value: then the brace is an ordinary character. */
static bool add_variable(struct reading *reading, struct pattern *pattern, const char *text,
			 size_t *length)
{
	struct arena *arena = &reading->policies->arena;
	const char *end = strchr(text, '}');
	const char *variable, *value = NULL;

	*length = 0;
	if (!end)
		return true;
	variable = arena_strndup(arena, text, (size_t)(end - text) + 1);
	if (reading->variables)
		value = reading->variables->value(reading->variables->context, variable, arena);
	if (!value)
		return true;
	*length = (size_t)(end - text) + 1;
	return add_literal(reading, pattern, value, strlen(value));
}

/* What the character at `at` means; *step is how much of the text it takes. */
static bool add_next(struct reading *reading, struct pattern *pattern, const char *text,
		     const char *at, size_t *step)
{
	bool is_level = (at == text || at[-1] == '/') && (!at[1] || at[1] == '/');

	*step = 1;
	if (at[0] == '?')
		return complain(reading, "'?' is reserved: write ${?} for the character");
	if (at[0] == '$' && at[1] == '{') {
		if (!at[2] || at[3] != '}')
			return complain(reading, "\"${\" must hold one character, as in ${*}");
		*step = 4;
		return add_sign(reading, pattern, (unsigned char)at[2]);
	}
	if (at[0] == '{') {
		if (!add_variable(reading, pattern, at, step))
			return false;
		if (*step)
			return true;
		*step = 1;
	}
	if (at[0] == '*')
		return add_sign(reading, pattern, SIGN_ANY);
	if (at[0] == '+' && is_level && is_mqtt(reading->service))
		return add_sign(reading, pattern, SIGN_LEVEL);
	if (at[0] == '#' && is_level && !at[1] && is_mqtt(reading->service))
		return add_sign(reading, pattern, SIGN_REST);
	return add_sign(reading, pattern, (unsigned char)at[0]);
}

static bool compile(struct reading *reading, struct pattern *pattern, const char *text)
{
	uint16_t signs[ACCESS_PATTERN_MAX];
	struct arena *arena = &reading->policies->arena;
	size_t step;

	*pattern = (struct pattern){ .signs = signs };
	if (!*text)
		return complain(reading, "an empty resource");
	for (const char *at = text; *at; at += step)
		if (!add_next(reading, pattern, text, at, &step))
			return false;
	pattern->signs = arena_array(arena, pattern->count, sizeof(*signs));
	memcpy(pattern->signs, signs, pattern->count * sizeof(*signs));
	return true;
}

/* The pattern is a machine whose state i means: the first i signs are done. All states it can be
 * in are followed at once, so that no pattern takes more than length times length steps. `on` is in
 * order: a state only leads to itself and to the next one. */
static void rest_at_nothing(const struct pattern *pattern, bool *on)
{
	for (size_t i = 0; i < pattern->count; i++)
		if (on[i] && pattern->signs[i] >= SIGN_ANY)
			on[i + 1] = true;
}

static bool stays(unsigned sign, unsigned char c)
{
	return sign == SIGN_ANY || sign == SIGN_REST ||
	       (sign == SIGN_LEVEL && c != '/' && c != '#');
}

static bool matches(const struct pattern *pattern, const char *text)
{
	bool on[ACCESS_PATTERN_MAX + 1] = { true };
	size_t count = pattern->count;

	rest_at_nothing(pattern, on);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		for (size_t i = count + 1; i-- > 0;) {
			bool is_reached = i > 0 && on[i - 1] && pattern->signs[i - 1] == c;

			on[i] = is_reached || (i < count && on[i] && stays(pattern->signs[i], c));
		}
		rest_at_nothing(pattern, on);
	}
	/* "abc/#" covers "abc". */
	return on[count] || (count >= 2 && pattern->signs[count - 1] == SIGN_REST &&
			     pattern->signs[count - 2] == '/' && on[count - 2]);
}

/* -- policies -----------------------------------------------------------------------------------
 */

static bool read_texts(struct reading *reading, const struct json *policy, const char *key,
		       const char ***texts, size_t *count)
{
	const struct json *list = json_get_fold(policy, key);

	*count = 0;
	*texts = NULL;
	if (!list)
		return true;
	if (list->type != JSON_ARRAY)
		return complain(reading, "operations and resources must be lists");
	*texts = arena_array(&reading->policies->arena, list->count, sizeof(**texts));
	for (const struct json *item = list->child; item; item = item->next) {
		if (item->type != JSON_TEXT)
			return complain(reading, "operations and resources must be texts");
		(*texts)[(*count)++] = item->text;
	}
	return true;
}

static void read_policy(struct reading *reading, const struct json *policy)
{
	struct arena *arena = &reading->policies->arena;
	struct access_rule *rule = arena_alloc(arena, sizeof(*rule));
	const char **resources;

	if (policy->type != JSON_OBJECT) {
		complain(reading, "it must be an object");
		return;
	}
	if (!read_texts(reading, policy, "operations", &rule->operations, &rule->operation_count) ||
	    !read_texts(reading, policy, "resources", &resources, &rule->pattern_count))
		return;
	if (rule->operation_count == 0) {
		complain(reading, "it names no operation");
		return;
	}
	rule->patterns = arena_array(arena, rule->pattern_count, sizeof(*rule->patterns));
	for (size_t i = 0; i < rule->pattern_count; i++)
		if (!compile(reading, &rule->patterns[i], resources[i]))
			return;
	rule->service = reading->service;
	rule->next = reading->policies->rules;
	reading->policies->rules = rule;
}

static void read_control(struct reading *reading, const struct json *control)
{
	for (const struct json *service = control->child; service; service = service->next) {
		reading->service = service->key;
		reading->id = "*";
		if (service->type != JSON_OBJECT) {
			complain(reading, "policies must be objects");
			continue;
		}
		for (const struct json *policy = service->child; policy; policy = policy->next) {
			reading->id = policy->key;
			read_policy(reading, policy);
		}
	}
}

/* The caller's tree goes away before the policies do. */
static struct json *copy(struct arena *arena, struct json *parent, const struct json *value)
{
	const char *key = parent && parent->type == JSON_OBJECT ? value->key : NULL;
	struct json *made = json_new(arena, parent, key, value->type, value->text);

	for (const struct json *child = value->child; child; child = child->next)
		copy(arena, made, child);
	return made;
}

void access_policies_read(struct access_policies *policies, const struct json *control,
			  const struct access_variables *variables, struct texts *complaints)
{
	struct reading reading = { policies, variables, complaints, "*", "*" };
	struct error err;

	*policies = (struct access_policies){ 0 };
	if (control && control->type == JSON_TEXT &&
	    !json_parse(&policies->arena, "accessControl", control->text, strlen(control->text),
			&control, &err)) {
		complain(&reading, err.text);
		return;
	}
	if (!control)
		return;
	if (control->type != JSON_OBJECT) {
		complain(&reading, "it must be an object");
		return;
	}
	read_control(&reading, copy(&policies->arena, NULL, control));
}

void access_policies_done(struct access_policies *policies)
{
	arena_done(&policies->arena);
	policies->rules = NULL;
}

static bool has_operation(const struct access_rule *rule, const char *operation)
{
	for (size_t i = 0; i < rule->operation_count; i++)
		if (strcmp(rule->operations[i], "*") == 0 ||
		    strcmp(rule->operations[i], operation) == 0)
			return true;
	return false;
}

bool access_is_allowed(const struct access_policies *policies, const char *service,
		       const char *operation, const char *resource)
{
	if (!*resource || strlen(resource) > ACCESS_TEXT_MAX)
		return false;
	for (const struct access_rule *rule = policies->rules; rule; rule = rule->next) {
		if (strcmp(rule->service, service) != 0 || !has_operation(rule, operation))
			continue;
		for (size_t i = 0; i < rule->pattern_count; i++)
			if (matches(&rule->patterns[i], resource))
				return true;
	}
	return false;
}
