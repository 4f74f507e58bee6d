/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/notice.h"

#include "base/jsonout.h"

static void put_number(struct buf *text, const char *event, const char *key, int number)
{
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "event", event);
	jsonout_int(&out, key, number);
	jsonout_object_end(&out);
	jsonout_done(&out);
}

void notice_started(struct buf *text, int pid)
{
	put_number(text, "started", "pid", pid);
}

void notice_exited(struct buf *text, int code)
{
	put_number(text, "exited", "code", code);
}

void notice_failed(struct buf *text, enum container_fault fault, const struct error *why)
{
	static const char *const kinds[] = {
		[CONTAINER_FAULT_OTHER] = "other",
		[CONTAINER_FAULT_NOT_EXECUTABLE] = "not-executable",
		[CONTAINER_FAULT_NOT_FOUND] = "not-found",
	};
	struct jsonout out;

	jsonout_init(&out, text, false);
	jsonout_object(&out, NULL);
	jsonout_text(&out, "event", "failed");
	jsonout_text(&out, "kind", kinds[fault]);
	jsonout_text(&out, "text", why->text);
	jsonout_object_end(&out);
	jsonout_done(&out);
}
