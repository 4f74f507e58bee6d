/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

/*
 * Go templates (text/template) for --format: all of the language, its functions, and docker's json,
 * split, join, title, lower, upper, pad and truncate.
 *
 * The data is a JSON tree. An object's member is a field; a missing one is a mistake, as docker has
 * it, but of what is a map in Go (gotype.h).
 */
struct template
{
	struct arena *arena; /* of the caller; holds everything */
	struct template_node *first;
	struct definition *definitions;
	const char *text;
	const char *name;      /* for messages; "" as a rule */
	bool is_untyped;       /* inspect: Go knows no types of what it fell back to */
	bool is_header;        /* the data are headings: functions leave them as they are */
	bool is_row;           /* docker's json of the whole of it writes "<" as "\\u003c" */
	const char *type;      /* what Go calls the data's type; NULL: a map */
	bool forgives_missing; /* a member that is not there is "<no value>", as in Go's maps */
};

/* Fails with ERROR_INPUT: "template: :1: unclosed action". */
must_check bool template_parse(struct arena *arena, const char *text, struct template *template,
			       struct error *err);

/* `name`, which is not copied, is in the messages: "template: version:1: unclosed action". */
must_check bool template_parse_named(struct arena *arena, const char *name, const char *text,
				     struct template *template, struct error *err);

/* Appends what the template makes of `data`. What it needs on the way lives in template->arena. */
must_check bool template_run(const struct template *template, const struct json *data,
			     struct buf *out, struct error *err);

/* Whether it may look at this member of the data: by its name, or at the data as a whole, as
 * `{{json .}}` does. */
bool template_names(const struct template *template, const char *field);

/* The text with "\t" and "\n" in two characters made into one, as `ps` and `images` (not `inspect`)
 * take it. */
const char *template_unescape(struct arena *arena, const char *text) must_check;

#endif
