/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/texts.h"

/*
 * Option tables and the grammar that reads a command line by them. The grammar and the wording of
 * mistakes are those of the Go library the docker command uses (pflag): scripts depend on both.
 */

enum opt_kind {
	OPT_BOOL,   /* a bool */
	OPT_UNLESS, /* a bool that stays false unless the option is given as =false */
	OPT_TEXT,   /* a const char *; the last one counts; NULL: not given */
	OPT_WORD,   /* the same; an empty one counts as not given, as most of docker's do */
	OPT_LIST,   /* a struct texts */
	OPT_NUMBER, /* a struct opt_number: a decimal, octal or hex integer */
	OPT_COUNT,  /* a struct opt_number: an integer that is not negative */
	OPT_SIZE,   /* a struct opt_number: bytes, with an optional unit */
	OPT_SWAP,   /* the same, and -1: without a limit */
	OPT_CPUS,   /* a struct opt_number: billionths of a CPU */
	OPT_SPAN,   /* a struct opt_number: nanoseconds, "1m30s" */

	/* Accepted without effect: they only mean something to a daemon. */
	OPT_IGNORED_BOOL,
	OPT_IGNORED_TEXT,

	/* Documented by docker and refused by name: this program does not do it yet. */
	OPT_MISSING_BOOL,
	OPT_MISSING_TEXT,
};

struct opt_number {
	bool is_set;
	int64_t value;
};

struct opt {
	const char *name; /* the long name; the last entry of a table has NULL here */
	char letter;      /* 0: none */
	enum opt_kind kind;
	size_t offset;    /* of the value in the command's struct of values */
	const char *type; /* the word for the value in the help text; NULL for a bool */
	const char *help; /* NULL: not shown */

	/* Looks at a text while it is being parsed, so that a mistake names the option. NULL: any
	 * text will do. */
	bool (*check)(const char *text, struct error *err);
};

struct opt_grammar {
	const struct opt *opts;
	bool stops_at_argument; /* what follows the first argument is not for us (docker run) */
};

/* Reads argv (without the program's name). Fills `values` (zeroed before), appends the arguments to
 * `arguments`. *wants_help is set, and the rest not read, where --help or a free -h stands. Fails
 * with ERROR_INPUT for what docker would refuse too, ERROR_UNSUPPORTED for the OPT_MISSING kinds.
 */
must_check bool opt_parse(const struct opt_grammar *grammar, const char *const *argv, void *values,
			  struct texts *arguments, bool *wants_help, struct error *err);

/* Readers of single values, with docker's words. */
must_check bool opt_parse_bool(const char *text, bool *value, struct error *err);
must_check bool opt_parse_number(const char *text, int64_t *value, struct error *err);
must_check bool opt_parse_count(const char *text, int64_t *value, struct error *err);
must_check bool opt_parse_size(const char *text, int64_t *bytes, struct error *err);
must_check bool opt_parse_span(const char *text, int64_t *nanoseconds, struct error *err);
must_check bool opt_parse_cpus(const char *text, int64_t *nano, struct error *err);
/* A label, KEY or KEY=VALUE: as `check` of an option. */
bool opt_check_label(const char *text, struct error *err);

#endif
