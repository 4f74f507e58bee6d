/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIFECYCLE_IPC_METRIC_H
#define LIFECYCLE_IPC_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/jsonout.h"

/*
 * What components have put with PutComponentMetric, summed up for each name: for whoever asks
 * (`mooring status`), since no cloud collects it.
 */

#define METRIC_NAME_MAX 32
#define METRICS_KEPT    1024 /* different names; what comes beyond is counted only */

struct metric_sample {
	const char *name, *unit;
	double value;
};

struct metric;

/* Zero-initialised is empty and ready. */
struct metrics {
	struct metric *first;
	size_t count;
	uint64_t lost;
};

void metrics_put(struct metrics *metrics, const char *component,
		 const struct metric_sample *sample);
/* An array: component, name, unit, how many, sum, last. */
void metrics_write(const struct metrics *metrics, struct jsonout *out, const char *key);
void metrics_done(struct metrics *metrics);

#endif
