/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/inquiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle/catalog.h"
#include "lifecycle/deploy.h"
#include "lifecycle/interpolate.h"
#include "lifecycle/ledger.h"

struct inquiry {
	struct arena arena;
	const char *root;
	struct ledger ledger;
	struct device device;
	struct catalog catalog;
};

static bool open_inquiry(struct inquiry *inquiry, const char *root, struct error *err)
{
	autofree char *real = NULL;

	*inquiry = (struct inquiry){ 0 };
	inquiry->root = deploy_root(&inquiry->arena, root);
	real = realpath(inquiry->root, NULL); /* one that is not there yet holds nothing */
	if (real)
		inquiry->root = arena_strdup(&inquiry->arena, real);
	inquiry->catalog.arena = &inquiry->arena;
	inquiry->catalog.device = &inquiry->device;
	return device_detect(&inquiry->device, &inquiry->arena, err) &&
	       ledger_read(&inquiry->ledger, &inquiry->arena, inquiry->root, err) &&
	       catalog_add_stored(&inquiry->catalog, inquiry->root, err);
}

static void close_inquiry(struct inquiry *inquiry)
{
	catalog_done(&inquiry->catalog);
	arena_done(&inquiry->arena);
}

/* A state is only true while somebody supervises: of a nucleus that was killed, what it wrote last
 * is history. */
static const char *truth(const struct inquiry *inquiry, const struct ledger_component *component)
{
	bool is_final = strcmp(component->state, "FINISHED") == 0 ||
			strcmp(component->state, "BROKEN") == 0;

	return is_final || ledger_is_supervised(&inquiry->ledger)
		       ? ""
		       : " (nobody supervises it: deploy it again)";
}

static void print_configuration(struct inquiry *inquiry, const struct recipe *recipe)
{
	struct interpolate_component self = { .name = recipe->name,
					      .version = recipe->version_text,
					      .configuration = recipe->configuration };
	struct interpolate_scope scope = { .root = inquiry->root, .self = &self };
	const char *text;
	struct error ignored;

	if (interpolate(&scope, &inquiry->arena, "{configuration:}", &text, &ignored))
		printf("    Configuration: %s\n", text);
}

static void print_component(struct inquiry *inquiry, const struct ledger_component *component)
{
	const struct recipe *recipe =
		catalog_find(&inquiry->catalog, component->name, component->version);

	printf("Component Name: %s\n    Version: %s\n    State: %s%s\n", component->name,
	       component->version, component->state, truth(inquiry, component));
	if (component->status)
		printf("    Status: %s\n", component->status);
	if (recipe)
		print_configuration(inquiry, recipe);
}

bool inquiry_list(const char *root, struct error *err)
{
	struct inquiry inquiry;
	bool is_good = open_inquiry(&inquiry, root, err);

	if (is_good)
		puts("Components currently running in Greengrass:");
	for (size_t i = 0; is_good && i < inquiry.ledger.count; i++)
		print_component(&inquiry, &inquiry.ledger.components[i]);
	close_inquiry(&inquiry);
	return is_good;
}

bool inquiry_details(const char *root, const char *name, struct error *err)
{
	struct inquiry inquiry;
	const struct ledger_component *component = NULL;
	bool is_good = open_inquiry(&inquiry, root, err);

	if (is_good) {
		component = ledger_find(&inquiry.ledger, name);
		is_good = component || error_set(err, ERROR_NOT_FOUND, "%s is not deployed", name);
	}
	if (component) {
		print_component(&inquiry, component);
		printf("    Log: %s/logs/%s.log\n", inquiry.root, name);
		printf("    Last exit code: %lld\n", (long long)component->exit_code);
		printf("    Deployment: %s, %s\n", inquiry.ledger.deployment,
		       ledger_status_name(inquiry.ledger.status));
	}
	close_inquiry(&inquiry);
	return is_good;
}
