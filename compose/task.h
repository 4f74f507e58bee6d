/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPOSE_TASK_H
#define COMPOSE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/texts.h"
#include "compose/telling.h"

/*
 * Things to be done to containers, each a few docker commands one after the other; what does not
 * depend on one another is done at the same time. One process, which waits for all of them.
 */
#define TASK_STEPS_MAX    16
#define TASK_PARALLEL_MAX 16 /* docker commands at a time, unless --parallel says otherwise */

struct task;

/* Asked before a step, again and again until it knows: whenever something happens, and now and
 * then. */
enum task_gate {
	TASK_GATE_OPEN,
	TASK_GATE_CLOSED,
	TASK_GATE_HOPELESS, /* err says why */
};

struct task_step {
	/* Fills in the command. NULL: there is none, only the gate. */
	bool (*arguments)(struct task *task, struct texts *arguments, struct error *err);
	enum task_gate (*gate)(struct task *task, struct error *err); /* NULL: open */
	/* With what the command wrote. NULL: nobody cares. */
	bool (*on_output)(struct task *task, const char *output, struct error *err);
	const struct telling_words *words; /* of 2; NULL: nothing is told about it */
	const char *failure; /* what 1 says before the reason: "Cannot start service a"; or NULL */
	/* "SERVICE hook": that is what failed, whatever docker says. NULL: docker's reason. */
	const char *culprit;
	const void *context; /* of `arguments`, where several steps share it */
	bool may_fail;
};

enum task_state {
	TASK_WAITING,
	TASK_ACTIVE,
	TASK_DONE,
	TASK_FAILED,
};

struct task {
	const char *kind;    /* of what the name is, in 2's lines; NULL: "Container" */
	const char *name;    /* what lines call it: a container's name */
	const char *classic; /* what 1 calls all of it: "Creating"; NULL: nothing */
	const char *service; /* under whose name 1 tells of a failure once more; NULL: not */
	struct task_step steps[TASK_STEPS_MAX];
	size_t step_count;
	struct task **after; /* not before these are done; in the runner's arena */
	size_t after_count;
	bool is_patient; /* also after those that failed */
	void *context;

	/* The runner's own, but to be looked at in the end. */
	enum task_state state;
	size_t step;
	bool is_told;    /* that it begins, in 1's words */
	bool is_dockers; /* the failure: a command of it failed, not a gate */
	struct error err;
	struct task_run *run;
};

struct task_runner {
	const char *docker;
	struct telling *telling;
	size_t parallel;
	bool is_dry; /* all steps are told as done, and none is; gates are open */
	int wake;    /* a descriptor that is readable when gates should be asked; -1: none */
	int signals; /* a signalfd: when it is readable, nothing more is begun; -1: none */
	void (*on_interrupt)(void *context); /* then; what runs is waited for all the same */
	void *context;
	int64_t patience_ms; /* after so long nothing more is waited for; 0: for ever */
	bool is_late;        /* that happened */
	bool is_interrupted; /* that happened; the signal is still to be read */
};

/* True if all went well. Failed tasks have told so, and hold why. What waits for one that failed is
 * not done, and counts as failed too (without an error of its own). */
bool task_run_all(struct task_runner *runner, struct task *tasks, size_t count);

#endif
