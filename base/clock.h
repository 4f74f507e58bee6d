/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/mem.h"

/*
 * What time it is, and how that is written. loop_now (base/loop.h) is the clock of event loops.
 */

/* Milliseconds on a clock that never jumps, and stands still during suspend (CLOCK_MONOTONIC): for
 * how long something takes. */
int64_t clock_ms(void);

/* The instant (of CLOCK_REALTIME) by RFC 3339, in UTC with nine digits of nanoseconds, as docker
 * writes it: "2026-11-30T12:00:00.000000001Z". Returns the length. */
#define CLOCK_TEXT_SIZE 96
size_t clock_print(char text[CLOCK_TEXT_SIZE], const struct timespec *instant);

/* The same of now. */
void clock_print_now(char text[CLOCK_TEXT_SIZE]);

/* The same in `arena`. */
const char *clock_text(struct arena *arena, const struct timespec *instant);
const char *clock_now_text(struct arena *arena);

#endif
