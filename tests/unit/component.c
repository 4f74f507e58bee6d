/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/component.h"

#include "tests/unit/tap.h"

#define HOUR_MS (3600 * 1000)

/* One letter per event: a story is a word. */
static const char letters[COMPONENT_EVENTS + 1] = "isrnekoafRcgdD";

static const struct {
	const char *story;
	const char *states; /* first letters: N I S R s(TOPPING) E B F u(NINSTALLING) U */
} stories[] = {
	{ "isreo", "ISRsF" },                     /* install, start, started, ended, stopped */
	{ "isn", "ISF" },                         /* nothing to run */
	{ "isrko", "ISRsF" },                     /* asked to stop */
	{ "isrka", "ISRsI" },                     /* asked to restart */
	{ "ko", "sF" },                           /* asked to stop while new */
	{ "iko", "IsF" },                         /* asked to stop while waiting */
	{ "isko", "ISsF" },                       /* asked to stop while starting */
	{ "fRfRfg", "ENENEB" },                   /* install fails three times */
	{ "isfcasfcasfg", "ISEsISEsISEB" },       /* startup fails three times */
	{ "isrfcasrfcasrfg", "ISREsISREsISREB" }, /* run fails three times */
	{ "isrkfo", "ISRsEF" },                   /* shutdown took too long */
	{ "isrkfa", "ISRsEI" },                   /* the same, on the way to start again */
	{ "isrfko", "ISREsF" },                   /* asked to stop while in error */
	{ "iRisrkR", "INISRsN" },                 /* installed as another one, twice */
	{ "isnRi", "ISFNI" },                     /* the same when it was FINISHED */
	{ "isnas", "ISFIS" },                     /* started again after it was FINISHED */
	{ "fRfRfgRi", "ENENEBNI" },               /* BROKEN, then deployed as another one */
	{ "isrkodD", "ISRsFuU" },                 /* removed */
};

static char letter_of(enum component_state state)
{
	if (state == COMPONENT_UNINSTALLING)
		return 'u';
	return state == COMPONENT_STOPPING ? 's' : component_state_name(state)[0];
}

static void test_stories(void)
{
	for (size_t i = 0; i < COUNT_OF(stories); i++) {
		struct component component;
		struct error err;
		char got[32] = "";
		size_t length = 0;

		component_init(&component, "x", HOUR_MS);
		for (const char *c = stories[i].story; *c; c++) {
			enum component_event event =
				(enum component_event)(strchr(letters, *c) - letters);

			if (!component_apply(&component, event, 0, &err)) {
				got[length++] = '!';
				break;
			}
			got[length++] = letter_of(component.state);
		}
		check_text(got, stories[i].states, "story %s", stories[i].story);
	}
}

static void test_illegal(void)
{
	int legal = 0;

	for (int state = 0; state < COMPONENT_STATES; state++) {
		for (int event = 0; event < COMPONENT_EVENTS; event++) {
			struct component component = { .name = "com.x",
						       .state = (enum component_state)state };
			struct error err;

			if (component_apply(&component, (enum component_event)event, 0, &err)) {
				legal++;
				continue;
			}
			check(component.state == (enum component_state)state &&
				      strstr(err.text, component_state_name(component.state)),
			      "refused: %s", err.text);
		}
	}
	check_int(legal, 29, "legal cells of the table");

	struct component component;
	struct error err;

	component_init(&component, "com.example.Hello", HOUR_MS);
	check_error(component_apply(&component, COMPONENT_START, 0, &err), &err, ERROR_INPUT,
		    "com.example.Hello cannot start while NEW", "start while NEW");
}

static bool apply_all(struct component *component, const enum component_event *events, size_t count,
		      int64_t now)
{
	struct error err;

	for (size_t i = 0; i < count; i++)
		if (!component_apply(component, events[i], now, &err))
			return false;
	return true;
}

#define APPLY(component, now, ...)                                                                 \
	apply_all(component, (const enum component_event[]){ __VA_ARGS__ },                        \
		  sizeof((const enum component_event[]){ __VA_ARGS__ }) /                          \
			  sizeof(enum component_event),                                            \
		  now)

/* From the error while RUNNING to RUNNING again. */
static bool run_again(struct component *component, int64_t now)
{
	return APPLY(component, now, COMPONENT_RECOVER, COMPONENT_RESTART, COMPONENT_START,
		     COMPONENT_STARTED);
}

static void test_errors(void)
{
	struct component component;

	component_init(&component, "x", HOUR_MS);
	check(APPLY(&component, 0, COMPONENT_INSTALL_DONE, COMPONENT_START, COMPONENT_STARTED,
		    COMPONENT_FAIL),
	      "it fails while RUNNING");
	check_int(component_after_error(&component), COMPONENT_RECOVER, "the first error");
	check(run_again(&component, 1) && APPLY(&component, HOUR_MS - 1, COMPONENT_FAIL),
	      "again, within the hour");
	check_int(component_after_error(&component), COMPONENT_RECOVER, "the second error");
	check(run_again(&component, HOUR_MS) && APPLY(&component, HOUR_MS + 5, COMPONENT_FAIL),
	      "again, within an hour of the last");
	check_int(component_after_error(&component), COMPONENT_GIVE_UP, "the third error");

	component_init(&component, "x", HOUR_MS);
	check(APPLY(&component, 0, COMPONENT_INSTALL_DONE, COMPONENT_START, COMPONENT_STARTED,
		    COMPONENT_FAIL) &&
		      run_again(&component, 1) && APPLY(&component, 2, COMPONENT_FAIL) &&
		      run_again(&component, 3) && APPLY(&component, HOUR_MS + 2, COMPONENT_FAIL),
	      "the third error comes an hour later");
	check_int(component_after_error(&component), COMPONENT_RECOVER, "it counts as the first");

	component_init(&component, "x", HOUR_MS);
	check(APPLY(&component, 0, COMPONENT_FAIL), "install fails");
	check_int(component_after_error(&component), COMPONENT_REINSTALL, "it is done again");
	check(APPLY(&component, 0, COMPONENT_REINSTALL, COMPONENT_FAIL, COMPONENT_REINSTALL,
		    COMPONENT_INSTALL_DONE),
	      "the third attempt is good");
	check_int(component.errors[COMPONENT_NEW].count, 0, "which forgets the errors");

	/* Errors of different states are counted apart; RUNNING forgets those of STARTING. */
	component_init(&component, "x", HOUR_MS);
	check(APPLY(&component, 0, COMPONENT_INSTALL_DONE, COMPONENT_START, COMPONENT_FAIL,
		    COMPONENT_RECOVER, COMPONENT_RESTART, COMPONENT_START, COMPONENT_FAIL,
		    COMPONENT_RECOVER, COMPONENT_RESTART, COMPONENT_START, COMPONENT_STARTED,
		    COMPONENT_FAIL),
	      "two errors while STARTING, one while RUNNING");
	check_int(component_after_error(&component), COMPONENT_RECOVER, "none is the third");
}

static void test_ready(void)
{
	struct component component;

	component_init(&component, "x", HOUR_MS);
	check(!component_is_ready(&component), "NEW is not ready");
	check(APPLY(&component, 0, COMPONENT_INSTALL_DONE, COMPONENT_START) &&
		      !component_is_ready(&component),
	      "STARTING is not ready");
	check(APPLY(&component, 0, COMPONENT_STARTED) && component_is_ready(&component),
	      "RUNNING is ready");
	check(APPLY(&component, 0, COMPONENT_ENDED) && component_is_ready(&component),
	      "STOPPING is ready");
	check(APPLY(&component, 0, COMPONENT_STOPPED) && component_is_ready(&component) &&
		      component_is_settled(&component),
	      "FINISHED is ready and settled");
	component_init(&component, "x", HOUR_MS);
	check(APPLY(&component, 0, COMPONENT_INSTALL_DONE, COMPONENT_START, COMPONENT_FAIL,
		    COMPONENT_RECOVER) &&
		      !component_is_ready(&component),
	      "STOPPING after a failed start is not ready");
}

int main(void)
{
	test_stories();
	test_illegal();
	test_errors();
	test_ready();
	return tap_done();
}
