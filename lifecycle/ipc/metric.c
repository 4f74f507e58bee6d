/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct metric {
	struct metric *next;
	char *component, *name, *unit;
	uint64_t count;
	double sum, last;
};

static struct metric *find(const struct metrics *metrics, const char *component,
			   const struct metric_sample *sample)
{
	for (struct metric *metric = metrics->first; metric; metric = metric->next)
		if (strcmp(metric->name, sample->name) == 0 &&
		    strcmp(metric->component, component) == 0 &&
		    strcmp(metric->unit, sample->unit) == 0)
			return metric;
	return NULL;
}

void metrics_put(struct metrics *metrics, const char *component, const struct metric_sample *sample)
{
	struct metric *metric = find(metrics, component, sample);

	if (!metric && metrics->count == METRICS_KEPT) {
		metrics->lost++;
		return;
	}
	if (!metric) {
		metric = mem_alloc(sizeof(*metric));
		metric->component = mem_strdup(component);
		metric->name = mem_strdup(sample->name);
		metric->unit = mem_strdup(sample->unit);
		metric->next = metrics->first;
		metrics->first = metric;
		metrics->count++;
	}
	metric->count++;
	metric->sum += sample->value;
	metric->last = sample->value;
}

static void write_number(struct jsonout *out, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	jsonout_number(out, key, strstr(text, "inf") ? "1e308" : text); /* a sum may overflow */
}

void metrics_write(const struct metrics *metrics, struct jsonout *out, const char *key)
{
	jsonout_array(out, key);
	for (const struct metric *metric = metrics->first; metric; metric = metric->next) {
		jsonout_object(out, NULL);
		jsonout_text(out, "component", metric->component);
		jsonout_text(out, "name", metric->name);
		jsonout_text(out, "unit", metric->unit);
		jsonout_int(out, "count", (int64_t)metric->count);
		write_number(out, "sum", metric->sum);
		write_number(out, "last", metric->last);
		jsonout_object_end(out);
	}
	jsonout_array_end(out);
}

void metrics_done(struct metrics *metrics)
{
	while (metrics->first) {
		struct metric *metric = metrics->first;

		metrics->first = metric->next;
		free(metric->component);
		free(metric->name);
		free(metric->unit);
		free(metric);
	}
	metrics->count = 0;
}
