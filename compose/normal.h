/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_NORMAL_H
#define COMPOSE_NORMAL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * A compose file's many ways to say a thing become one, in place: short forms become long, lists of
 * "K=V" become mappings, command lines become words, paths become absolute, numbers become text
 * where text is meant. What is not in the compose specification is refused by its name. Only then
 * can files be merged (merge.h) and be read (project.h).
 */
#define NORMAL_PORTS_MAX 4096 /* of one service, ranges expanded */

struct normal {
	struct arena *arena;
	const char *directory; /* what relative paths start from */
	const char *home;      /* what ~ stands for */
	/* Variables have not got their values: a text with one in it is left as it is. */
	bool keeps_variables;
	bool has_empty_services; /* a file that is extended: null is a service that says nothing */
	bool is_classic;         /* mistakes are told in 1's words */
};

/* What a mapping may hold. */
struct normal_key {
	const char *name; /* NULL ends a table */
	/* NULL: anything may stand there. A value of null is left out before. */
	bool (*normalise)(const struct normal *normal, struct json *value, struct error *err);
	/* Instead of that: a mapping stands there, and this is what it may hold. */
	const struct normal_key *keys;
	bool keeps_null; /* null takes away what the file below says */
};

/* A whole file: {services, networks, …}. */
must_check bool normal_document(const struct normal *normal, struct json *document,
				struct error *err);
must_check bool normal_service(const struct normal *normal, struct json *service,
			       struct error *err);

/* -- for the files that are part of this one ------------------------------------------------- */

/* A key of the table's, or one of the user's own ("x-"). */
bool normal_knows(const struct normal_key *keys, const char *name);
must_check bool normal_members(const struct normal *normal, struct json *object,
			       const struct normal_key *keys, struct error *err);
/* A string; of a text also a number. */
bool normal_string(const struct normal *normal, struct json *value, struct error *err);
bool normal_text(const struct normal *normal, struct json *value, struct error *err);
bool normal_bool(const struct normal *normal, struct json *value, struct error *err);
bool normal_number(const struct normal *normal, struct json *value, struct error *err);
bool normal_integer(const struct normal *normal, struct json *value, struct error *err);
/* Permissions: becomes octal digits, "0440". */
bool normal_mode(const struct normal *normal, struct json *value, struct error *err);
/* Strings; normal_list: one of them may stand alone, and becomes a list. */
bool normal_list(const struct normal *normal, struct json *value, struct error *err);
bool normal_strings(const struct normal *normal, struct json *value, struct error *err);
bool normal_texts(const struct normal *normal, struct json *value, struct error *err);
bool normal_map(const struct normal *normal, struct json *value, struct error *err);
/* The same, where "K" alone and null are empty texts: labels, sysctls. */
bool normal_labels(const struct normal *normal, struct json *value, struct error *err);
/* Of those, a mapping only. */
bool normal_options(const struct normal *normal, struct json *value, struct error *err);
/* Strings or numbers, none of them twice. */
bool normal_unique(const struct normal *normal, struct json *value, struct error *err);
/* The value must be one of the list's, which ends with NULL. */
bool normal_choice(const struct normal *normal, struct json *value, const char *const *choices,
		   struct error *err);
bool normal_object(const struct normal *normal, struct json *value, struct error *err);
bool normal_duration(const struct normal *normal, struct json *value, struct error *err);
bool normal_size(const struct normal *normal, struct json *value, struct error *err);
bool normal_ports(const struct normal *normal, struct json *value, struct error *err);
bool normal_mounts(const struct normal *normal, struct json *value, struct error *err);
bool normal_files(const struct normal *normal, struct json *value, struct error *err);
bool normal_build(const struct normal *normal, struct json *value, struct error *err);
extern const struct normal_key normal_deploy[];
bool normal_devices(const struct normal *normal, struct json *value, struct error *err);
/* Whether it is a text that must be left alone: see keeps_variables. */
bool normal_is_open(const struct normal *normal, const struct json *value);
/* Absolute, without "." and "..". */
const char *normal_path(const struct normal *normal, const char *path);

#endif
