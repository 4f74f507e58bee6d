/* SPDX-License-Identifier: Apache-2.0 */
/* Compose files: from bytes to the checked model, and to the command line of each container. */
#include "compose/reading.h"

#include <assert.h>
#include <string.h>

#include "compose/creation.h"
#include "compose/project.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_service(struct project *project, const struct service *service)
{
	const struct creation creation = { .project = project,
					   .service = service,
					   .name = "x-1",
					   .version = "2",
					   .number = 1,
					   .has_ports = true,
					   .has_aliases = true };
	autotexts struct texts arguments = { 0 };
	struct error err;

	assert(service->scale >= 0 && service->scale <= PROJECT_SCALE_MAX);
	assert(strlen(service->hash) == 32);
	/* Of secrets only those that are files of the host could write; there are none to read. */
	if (creation_arguments(&creation, &arguments, &err)) {
		assert(arguments.count > 2);
		for (size_t i = 0; i < arguments.count; i++)
			assert(arguments.items[i]);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const struct project_request request = { .wants_everything = true };
	static struct variable known[] = { { "A", "1" } };
	autoproject struct project project = {
		.name = "x", .directory = "/nowhere", .store = "/dev/null", .separator = "-"
	};
	const struct variables environment = { .items = known, .count = 1 };
	/* No file is read besides this one. */
	struct reading reading = { .arena = &project.arena,
				   .directory = project.directory,
				   .environment = &environment,
				   .takes_format1 = true,
				   .file_count = READING_FILES_MAX };
	struct error err;

	if (size > 1 << 16)
		return 0;
	if (!reading_text(&reading, "x.yml", (const char *)data, size, &project.tree, &err) ||
	    !project_check(&project, &request, &err)) {
		assert(*err.text && !strchr(err.text, '\n'));
		return 0;
	}
	for (size_t i = 0; i < project.service_count; i++)
		check_service(&project, &project.services[i]);
	return 0;
}
