/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATEPIPE_H
#define CLI_TEMPLATEPIPE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/templateparse.h"

/*
 * Reading what is inside {{ and }}: pipes of commands of operands. For templateparse.c, which reads
 * what is between them.
 */

#define TEMPLATEPIPE_DEPTH_MAX 32 /* of parentheses and blocks together */

/* A variable that may be used where we are. */
struct declared {
	struct declared *next;
	const char *name;
};

struct parser {
	struct declared *declared;
	struct arena *arena;
	const char *at;
	const char *text; /* all of it */
	const char *name; /* of the template, for messages */
	struct definition *definitions;
	int depth;
	int range_depth;
	bool trims_next; /* the last action ended with "-}}" */
};

/* "template: NAME:LINE: …" */
bool templatepipe_wrong(const struct parser *parser, struct error *err, const char *what);
bool templatepipe_wrong_with(const struct parser *parser, struct error *err, const char *format,
			     ...) printf_like(3, 4);

void templatepipe_skip_blanks(struct parser *parser);
bool templatepipe_is_word_char(char c);
/* Whether parser->at is behind the last word of a pipe. */
bool templatepipe_is_end(const struct parser *parser);
/* A text in quotation marks, at which parser->at stands. */
must_check bool templatepipe_read_quoted(struct parser *parser, const struct json **literal,
					 struct error *err);
/* `of`: what the pipe belongs to, for the message that there is none. */
must_check bool templatepipe_read(struct parser *parser, struct pipe **pipe, const char *of,
				  struct error *err);

#endif
