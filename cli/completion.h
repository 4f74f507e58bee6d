/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

/*
 * What could stand next on a command line that is being typed. The shell asks on each TAB, as bash
 * does by `complete -C`; `docker completion bash` tells it to.
 */

/* The word that asks. */
#define COMPLETION_WORD "__complete"

/* Answers bash: `words` follow COMPLETION_WORD, the line and the cursor's place are in the
 * environment. `own`: what may stand in a verb's place besides verbs; ends with NULL. Names are
 * asked of the program itself; who may not see them is offered none. The exit code. */
int completion_answer(const char *const *words, const char *const *own);

#endif
