/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/task.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"
#include "compose/docker.h"

/*
 * How this works: a task is looked at whenever anything has happened (`advance`), and goes on as
 * far as it can without waiting: for the tasks before it, for a gate, for a place among the
 * children, for its child. A child is over when both its streams have ended.
 */

#define LOOK_MS   1000 /* how often closed gates are asked when nothing happens */
#define READ_STEP 4096

struct control {
	struct task_runner *runner;
	struct task *tasks;
	size_t count;
	struct loop loop;
	struct loop_watch wake, signals;
	struct loop_timer timer, patience;
	struct arena arena; /* of children */
	size_t child_count;
	bool has_closed_gate;
};

struct stream {
	struct loop_watch watch;
	struct buf text;
	struct task *task;
	bool is_open;
};

/* A task's child. */
struct task_run {
	struct control *control;
	struct docker_child child;
	struct stream out, errors;
};

static void advance_all(struct control *control);

/* -- telling ------------------------------------------------------------------------------------
 */

static const char *kind_of(const struct task *task)
{
	return task->kind ? task->kind : "Container";
}

static void tell_begin(const struct control *control, const struct task *task)
{
	const struct task_step *step = &task->steps[task->step];

	if (step->words)
		telling_state(control->runner->telling, kind_of(task), task->name,
			      step->words->begin, TELLING_WORKING);
}

static void tell_end(const struct control *control, const struct task *task, bool is_good)
{
	const struct task_step *step = &task->steps[task->step];

	if (step->words)
		telling_state(control->runner->telling, kind_of(task), task->name,
			      is_good ? step->words->end : "Error",
			      is_good ? TELLING_DONE : TELLING_FAILED);
}

static void fail(const struct control *control, struct task *task)
{
	tell_end(control, task, false);
	if (task->is_told) /* one that only waited was never begun */
		telling_end(control->runner->telling, task->classic, task->name, false);
	task->state = TASK_FAILED;
}

/* -- a child ------------------------------------------------------------------------------------
 */

static void end_child(struct task *task)
{
	struct task_run *run = task->run;
	struct control *control = run->control;
	const struct task_step *step = &task->steps[task->step];
	const char *errors = run->errors.text.length ? run->errors.text.data : "";
	const char *output = run->out.text.length ? run->out.text.data : "";
	int status = 0;
	bool is_good = proc_wait(&run->child.proc, &status, &task->err);

	if (is_good && proc_exit_code(status) != 0) {
		task->is_dockers = !step->culprit;
		docker_explain(errors, proc_exit_code(status), &task->err);
		if (step->culprit)
			error_set(&task->err, ERROR_SYSTEM, "%s exited with status %d",
				  step->culprit, proc_exit_code(status));
		if (step->failure && control->runner->telling->is_classic)
			error_in(&task->err, "%s", step->failure);
		is_good = step->may_fail;
	} else if (is_good && *errors) {
		telling_pause(control->runner->telling);
		fputs(errors, stderr); /* docker's warnings */
	}
	if (is_good && step->on_output)
		is_good = step->on_output(task, output, &task->err);
	if (is_good) {
		tell_end(control, task, true);
		task->step++;
	} else {
		fail(control, task);
	}
	buf_done(&run->out.text);
	buf_done(&run->errors.text);
	task->run = NULL; /* but stays in the arena: the loop may still look at its watches */
	control->child_count--;
	advance_all(control);
}

static void on_stream(struct loop_watch *watch)
{
	struct stream *stream = watch->context;
	struct task_run *run = stream->task->run;
	char bytes[READ_STEP];
	ssize_t got = read(watch->fd, bytes, sizeof(bytes));

	if (got > 0)
		buf_add(&stream->text, bytes, (size_t)got);
	if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	loop_unwatch(&run->control->loop, watch);
	close(watch->fd);
	stream->is_open = false;
	if (!run->out.is_open && !run->errors.is_open)
		end_child(stream->task);
}

static void watch_stream(struct control *control, struct task *task, struct stream *stream, int fd)
{
	buf_init(&stream->text, DOCKER_OUTPUT_MAX);
	stream->task = task;
	stream->is_open = true;
	stream->watch = (struct loop_watch){ .fd = fd, .on_ready = on_stream, .context = stream };
	loop_watch(&control->loop, &stream->watch);
}

/* What would have been done went well; what it would have written is nobody's ID. */
static bool pretend(struct control *control, struct task *task)
{
	const struct task_step *step = &task->steps[task->step];

	if (step->on_output && !step->on_output(task, DOCKER_NOBODY, &task->err))
		return false;
	tell_end(control, task, true);
	task->step++;
	return true;
}

static bool start_child(struct control *control, struct task *task)
{
	autotexts struct texts arguments = { 0 };
	struct task_run *run;

	if (control->runner->is_dry)
		return pretend(control, task);
	if (!task->steps[task->step].arguments(task, &arguments, &task->err))
		return false;
	run = arena_alloc(&control->arena, sizeof(*run));
	run->control = control;
	if (!docker_start(control->runner->docker, &arguments, &run->child, &task->err))
		return false;
	task->run = run;
	control->child_count++;
	watch_stream(control, task, &run->out, run->child.out);
	watch_stream(control, task, &run->errors, run->child.errors);
	return true;
}

/* -- going on -----------------------------------------------------------------------------------
 */

/* False: not yet. */
static bool begin(const struct control *control, struct task *task)
{
	for (size_t i = 0; i < task->after_count; i++) {
		enum task_state other = task->after[i]->state;

		if (other == TASK_FAILED && !task->is_patient) {
			task->state = TASK_FAILED;
			return true;
		}
		if (other != TASK_DONE && other != TASK_FAILED)
			return false;
	}
	if (control->runner->is_interrupted)
		task->state = TASK_FAILED;
	else
		task->state = TASK_ACTIVE;
	return true;
}

/* One thing of an active task that has no child. False: nothing can be done now. */
static bool step(struct control *control, struct task *task)
{
	const struct task_step *step = &task->steps[task->step];

	if (task->step == task->step_count) {
		telling_end(control->runner->telling, task->classic, task->name, true);
		task->state = TASK_DONE;
		return true;
	}
	if (control->runner->is_interrupted) {
		task->state = TASK_FAILED;
		return true;
	}
	if (control->child_count >= control->runner->parallel && step->arguments)
		return false;

	enum task_gate gate = step->gate && !control->runner->is_dry ? step->gate(task, &task->err)
								     : TASK_GATE_OPEN;

	control->has_closed_gate |= gate == TASK_GATE_CLOSED;
	if (gate == TASK_GATE_CLOSED)
		return false;
	if (gate == TASK_GATE_HOPELESS) {
		fail(control, task);
		return true;
	}
	if (!step->arguments) {
		tell_end(control, task, true);
		task->step++;
		return true;
	}
	if (!task->is_told)
		telling_begin(control->runner->telling, task->classic, task->name);
	task->is_told = true;
	tell_begin(control, task);
	if (!start_child(control, task))
		fail(control, task);
	return true;
}

static bool advance(struct control *control, struct task *task)
{
	if (task->state == TASK_WAITING)
		return begin(control, task);
	return task->state == TASK_ACTIVE && !task->run && step(control, task);
}

static void advance_all(struct control *control)
{
	bool has_changed = true;

	control->has_closed_gate = false;
	while (has_changed) {
		has_changed = false;
		for (size_t i = 0; i < control->count; i++)
			has_changed |= advance(control, &control->tasks[i]);
	}
	if (control->has_closed_gate)
		loop_arm(&control->loop, &control->timer, LOOK_MS);
	else
		loop_disarm(&control->loop, &control->timer);
}

static void on_timer(struct loop_timer *timer)
{
	advance_all(timer->context);
}

static void on_late(struct loop_timer *timer)
{
	struct control *control = timer->context;

	control->runner->is_late = control->runner->is_interrupted = true;
	advance_all(control);
}

static void on_wake(struct loop_watch *watch)
{
	char events[READ_STEP];

	while (read(watch->fd, events, sizeof(events)) > 0)
		continue;
	advance_all(watch->context);
}

/* Whoever called us reads it. */
static void on_signal(struct loop_watch *watch)
{
	struct control *control = watch->context;

	control->runner->is_interrupted = true;
	loop_unwatch(&control->loop, watch);
	if (control->runner->on_interrupt)
		control->runner->on_interrupt(control->runner->context);
	advance_all(control);
}

static bool is_over(const struct control *control, bool *is_good)
{
	*is_good = true;
	for (size_t i = 0; i < control->count; i++) {
		enum task_state state = control->tasks[i].state;

		if (state != TASK_DONE && state != TASK_FAILED)
			return false;
		*is_good = *is_good && state == TASK_DONE;
	}
	return true;
}

/* Nothing will happen any more: what is not over never will be. */
static void give_up(struct control *control, const struct error *err)
{
	for (size_t i = 0; i < control->count; i++) {
		struct task *task = &control->tasks[i];

		if (task->state == TASK_DONE || task->state == TASK_FAILED)
			continue;
		task->err = *err;
		fail(control, task);
	}
}

bool task_run_all(struct task_runner *runner, struct task *tasks, size_t count)
{
	struct control control = { .runner = runner, .tasks = tasks, .count = count };
	struct error err;
	bool is_good;

	if (!runner->parallel)
		runner->parallel = TASK_PARALLEL_MAX;
	control.timer = (struct loop_timer){ .on_expiry = on_timer, .context = &control };
	control.wake = (struct loop_watch){ runner->wake, on_wake, .context = &control };
	control.signals = (struct loop_watch){ runner->signals, on_signal, .context = &control };
	control.patience = (struct loop_timer){ .on_expiry = on_late, .context = &control };
	if (runner->patience_ms > 0)
		loop_arm(&control.loop, &control.patience, runner->patience_ms);
	if (runner->wake >= 0)
		loop_watch(&control.loop, &control.wake);
	if (runner->signals >= 0)
		loop_watch(&control.loop, &control.signals);
	advance_all(&control);
	while (!is_over(&control, &is_good)) {
		if (loop_step(&control.loop, &err))
			continue;
		give_up(&control, &err);
	}
	loop_done(&control.loop);
	arena_done(&control.arena);
	return is_good;
}
