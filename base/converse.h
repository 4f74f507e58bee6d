/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CONVERSE_H
#define BASE_CONVERSE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * A program that is asked one thing: it reads a text and answers with another. For credential
 * helpers and their like, which are of the caller's choice: where we are root for somebody else
 * (base/caller.h), it runs as that person.
 */
struct converse {
	const char *const *argv; /* as in proc_options */
	const char *input;       /* what it reads */
	int patience_ms;         /* it is killed if it has not ended by then */
};

/* `answer` has the limit of what it may say; *code is its exit code. Its stderr is ours. Fails if
 * it cannot be started, says too much, or takes too long. */
must_check bool converse(const struct converse *question, struct buf *answer, int *code,
			 struct error *err);

#endif
