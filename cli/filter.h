/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * The values of --filter: "name=value".
 */

/* For the `check` of an option: refuses what has no '='. An empty one is none. */
bool filter_check(const char *text, struct error *err);

/* Fails with "invalid filter 'bogus'" if a name is not among `names` (NULL-terminated); names are
 * in any case, with spaces around. */
must_check bool filter_names(const struct texts *filters, const char *const *names,
			     struct error *err);

/* The value of the next filter with this name from *at on; NULL at the end. Begin with *at = 0. */
const char *filter_next(const struct texts *filters, const char *name, size_t *at);

/* until=MOMENT, in seconds since 1970; 0 where there is none. Two that differ are refused, as
 * docker's prunes do. */
must_check bool filter_until(const struct texts *filters, int64_t *until, struct error *err);

/* The truth that `name` asks for: *value is kept where nobody asks. */
must_check bool filter_truth(const struct texts *filters, const char *name, bool *value,
			     struct error *err);

/* Is there a match for the regular expression in the text? Of what is none, nothing. */
bool filter_is_found(const char *pattern, const char *text);

/* True if a label "key=value" is what `label=KEY` or `label=KEY=VALUE` asks for. */
bool filter_is_label(const char *filter, const char *key, const char *value);

#define FILTER_NO_LABEL "label!" /* label!=KEY, label!=KEY=VALUE: of those that prune */

/* Are these labels, "KEY=VALUE" each, all that `label=` asks for, and none of `label!=`? */
bool filter_are_labels(const struct texts *filters, const struct texts *labels);

#endif
