/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/validation.h"

#include <string.h>

#include "lifecycle/ipc/server.h"
#include "lifecycle/nucleus.h"

static bool is_same_configuration(struct deployer *deployer, const struct plan_component *planned)
{
	const char *const path[] = { "services", planned->recipe->name, "configuration", NULL };
	const struct confignode *node = configtree_find(&deployer->nucleus->config.tree.root, path);
	const struct json *now = NULL;
	struct error ignored;

	if (node && !configtree_read(&deployer->arena, node, "configuration", &now, &ignored))
		return false;
	return json_is_equal(now, planned->configuration);
}

static void ask(struct deployer *deployer, const struct plan_component *planned)
{
	struct nucleus *nucleus = deployer->nucleus;
	const char *name = planned->recipe->name;

	if (!nucleus->ipc.server || !planned->configuration ||
	    !supervisor_find(&nucleus->supervisor, name) ||
	    is_same_configuration(deployer, planned))
		return;
	if (ipc_validate(nucleus->ipc.server, name, deployer->document.id, planned->configuration))
		texts_add(&deployer->judges, name);
}

bool validation_next(struct deployer *deployer, bool *is_done, struct error *err)
{
	struct loop *loop = &deployer->nucleus->loop;
	int64_t now = loop_now();

	*is_done = false;
	if (!deployer->has_asked) {
		deployer->has_asked = true;
		deployer->deadline = now + deployer->document.validation_timeout;
		for (size_t i = 0; i < deployer->plan.count; i++)
			ask(deployer, &deployer->plan.components[i]);
	}
	if (deployer->rejection) {
		error_set(err, ERROR_INPUT, "%s", deployer->rejection);
		return false;
	}
	if (deployer->judges.count > 0 && now >= deployer->deadline)
		return error_set(err, ERROR_INPUT,
				 "%s has not said in time whether it takes its new configuration",
				 deployer->judges.items[0]);
	*is_done = deployer->judges.count == 0;
	if (*is_done)
		loop_disarm(loop, &deployer->timer);
	else
		loop_arm(loop, &deployer->timer, deployer->deadline - now);
	return true;
}

static bool take_out(struct texts *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) != 0)
			continue;
		names->count--;
		names->items[i] = names->items[names->count];
		return true;
	}
	return false;
}

bool validation_answer(struct deployer *deployer, const char *component, const char *deployment,
		       bool is_accepted, const char *message, struct error *err)
{
	if (deployer->phase != DEPLOYER_VALIDATE ||
	    strcmp(deployer->document.id, deployment) != 0 ||
	    !take_out(&deployer->judges, component))
		return error_set(err, ERROR_INPUT, "no deployment %s waits for %s", deployment,
				 component);
	if (!is_accepted)
		deployer->rejection =
			arena_printf(&deployer->arena, "%s rejects its new configuration%s%.400s",
				     component, message ? ": " : "", message ? message : "");
	return true;
}
