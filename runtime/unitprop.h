/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_UNITPROP_H
#define RUNTIME_UNITPROP_H

#include "base/buf.h"
#include "runtime/spec.h"

/*
 * Properties of a systemd unit, as the elements of an "a(sv)": what the config wants of the control
 * groups, in systemd's words. What it has no word for, the control group's files get alone.
 */

void unitprop_put_bool(struct buf *out, const char *name, bool value);
void unitprop_put_text(struct buf *out, const char *name, const char *value);

struct unitprop_wish {
	const struct spec_resources *resources;
	unsigned int version; /* systemd's */
	bool is_unified;      /* cgroup v2 */
	bool is_new;          /* not made yet: its device rules are set too */
};
must_check bool unitprop_put_resources(struct buf *out, const struct unitprop_wish *wish,
				       struct error *err);
/* Annotations "org.systemd.property.NAME": whoever sets them says what systemd does. */
#define UNITPROP_ANNOTATION "org.systemd.property."
must_check bool unitprop_put_annotations(struct buf *out, const struct json *annotations,
					 struct error *err);

/* systemd keeps a quota in hundredths of a CPU, so this one of the group is rounded up likewise. */
int64_t unitprop_round_quota(int64_t quota, int64_t period);

#endif
