/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/*
 * What `ps`, `images` and their like print: rows of fields, by --format. A row is a JSON object
 * whose members are the fields ({"ID": "…", "Names": "…"}).
 */

struct listing_field {
	const char *name;   /* "ID"; the last entry of a table has NULL here */
	const char *header; /* "CONTAINER ID" */
};

struct listing {
	const struct listing_field *fields; /* the headers of all that rows may hold */
	const char *table;                  /* the usual columns: "{{.ID}}\t{{.Names}}" */
	const char *quiet;                  /* what -q shows of a row: "{{.ID}}" */
	const char *raw, *raw_quiet; /* what "raw" stands for; NULL: it is a template like any */
	/* Docker's words for a template that cannot be read, and for one that fails; NULL: the
	 * usual. */
	const char *unreadable, *trouble;
	const char *type; /* what Go calls the type of a row; NULL: not known */
};

/* Prints the children of `rows` to stdout. `format`: NULL or "" or "table", "table TEMPLATE",
 * "json", "raw", or a template for each row. */
must_check bool listing_print(const struct listing *listing, const char *format, bool is_quiet,
			      const struct json *rows, struct error *err);

#endif
