/* SPDX-License-Identifier: Apache-2.0 */
/* The part of path.h that looks at texts alone. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

bool path_is_component(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       !strchr(name, '/');
}

char *path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_printf("%.*s", (int)(slash - path), path);
}

char *path_clean(const char *path)
{
	autofree char *copy = mem_strdup(path);
	char *cleaned = mem_alloc(strlen(path) + 2), *end = cleaned, *rest = copy;

	for (char *step; (step = strsep(&rest, "/")) != NULL;) {
		if (*step == '\0' || strcmp(step, ".") == 0)
			continue;
		if (strcmp(step, "..") != 0) {
			end += sprintf(end, "/%s", step);
			continue;
		}
		while (end > cleaned && *--end != '/')
			;
		*end = '\0';
	}
	if (end == cleaned)
		*end++ = '/';
	*end = '\0'; /* behind it may be what ".." took back */
	return cleaned;
}
