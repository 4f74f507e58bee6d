/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever says who we are to a registry: docker's config.json, and what a credential helper
 * answers. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cli/credhelper.h"
#include "cli/dockerconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(const struct dockerconfig_login *login)
{
	assert(login->username && login->password);
	assert(*login->username || *login->password || login->identity_token ||
	       login->registry_token);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const hosts[] = { "h", "h:5000", "docker.io", "r.example", "h/a/b" };
	autoarena struct arena arena = { 0 };
	const char *text = size ? (const char *)bytes : "";
	struct dockerconfig_login login;
	const struct json *root;
	const char *helper;
	struct error err;
	bool is_found;

	if (credhelper_read(&arena, "x", text, size, &login, &is_found, &err) && is_found)
		check(&login);
	if (!json_parse(&arena, "config.json", text, size, &root, &err) ||
	    root->type != JSON_OBJECT)
		return 0;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		if (dockerconfig_login(&arena, root, hosts[i], &login, &is_found, &err) && is_found)
			check(&login);
		if (dockerconfig_helper(root, hosts[i], &helper, &err))
			assert(!helper || strlen(helper) < size);
	}
	return 0;
}
