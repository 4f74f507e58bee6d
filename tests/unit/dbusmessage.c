/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dbusmessage.h"

#include "base/mem.h"
#include "tap.h"

/* A signal JobRemoved(7, "/job/7", "x.scope", "done") from ":1.2", byte by byte. */
static const unsigned char job_removed[] = "l\4\1\1"
					   "\x25\0\0\0\5\0\0\0\x4d\0\0\0"
					   "\1\1o\0\2\0\0\0/a\0\0\0\0\0\0"
					   "\2\1s\0\3\0\0\0a.b\0\0\0\0\0"
					   "\3\1s\0\2\0\0\0Go\0\0\0\0\0\0"
					   "\10\1g\0\4uoss\0\0\0\0\0\0\0"
					   "\7\1s\0\4\0\0\0:1.2\0\0\0\0"
					   "\7\0\0\0\6\0\0\0/job/7\0\0"
					   "\7\0\0\0x.scope\0\4\0\0\0done";
#define LENGTH (sizeof(job_removed)) /* with the last text's NUL */

static void test_signal(void)
{
	struct dbus_message message;
	const char *job, *unit, *result;
	struct error err;
	uint32_t number;
	size_t length = 0;

	check_ok(dbus_measure(job_removed, &length, &err), &err, "measure");
	check_int((long long)length, (long long)LENGTH, "its length");
	if (!check_ok(dbus_parse(job_removed, length, &message, &err), &err, "parse"))
		return;
	check_int(message.type, DBUS_SIGNAL, "type");
	check_int(message.serial, 5, "serial");
	check_text(message.member, "Go", "member");
	check_text(message.sender, ":1.2", "sender");
	check_text(message.signature, "uoss", "signature");
	check(dbus_get_u32(&message.body, &number, &err) && number == 7, "number");
	check_ok(dbus_get_text(&message.body, &job, &err) &&
			 dbus_get_text(&message.body, &unit, &err) &&
			 dbus_get_text(&message.body, &result, &err),
		 &err, "texts");
	check_text(job, "/job/7", "job");
	check_text(result, "done", "result");
	check_error(dbus_get_u32(&message.body, &number, &err), &err, ERROR_CORRUPT, "malformed",
		    "no more than that");
}

/* Any cut and any changed byte: refused, or still a message whose texts lie inside. */
static void test_damage(void)
{
	struct error err = { .text = "" };
	struct dbus_message message;
	int accepted = 0;

	for (size_t length = 0; length < LENGTH; length++) {
		autofree unsigned char *copy = mem_alloc(length + 1);

		memcpy(copy, job_removed, length);
		accepted += dbus_parse(copy, length, &message, &err);
	}
	check_int(accepted, 0, "no cut message is accepted");
	for (size_t i = 0; i < LENGTH; i++)
		for (int value = 0; value < 256; value++) {
			autofree unsigned char *copy = mem_alloc(LENGTH);

			memcpy(copy, job_removed, LENGTH);
			copy[i] = (unsigned char)value;
			if (dbus_parse(copy, LENGTH, &message, &err))
				accepted++;
			else if (err.kind != ERROR_CORRUPT)
				check(false, "byte %zu as %d: %s", i, value, err.text);
		}
	check(accepted > 0 && accepted < (int)LENGTH * 256, "%d changed ones are", accepted);
}

/* A body of this signature and these bytes must be refused. */
static void refuse(const char *signature, const char *body, size_t length, const char *why)
{
	struct dbus_reader reader = { .data = (const uint8_t *)body, .length = length };
	struct error err;

	check_error(dbus_skip(&reader, &signature, &err), &err, ERROR_CORRUPT, "malformed",
		    "refused: %s", why);
}

static void test_refused(void)
{
	char deep[64], variants[256];

	refuse("s", "\3\0\0\0ab", 6, "a text beyond the end");
	refuse("s", "\xff\xff\xff\xff", 4, "a huge text");
	refuse("s", "\2\0\0\0abc", 7, "a text without its NUL");
	refuse("s", "\3\0\0\0a\0b\0", 8, "a NUL in a text");
	refuse("s", "\1\0\0\0\xff\0", 6, "not UTF-8");
	refuse("au", "\5\0\0\0\1\0\0\0\2\0\0\0", 12, "half an element");
	refuse("au", "\xff\xff\xff\x7f", 4, "a huge array");
	refuse("at", "\0\0\0\0\1\0\0\0", 8, "padding that is not zero");
	refuse("(s", "\0\0\0\0\0", 5, "an open struct");
	refuse("()", "", 0, "an empty struct");
	refuse("a", "\0\0\0\0", 4, "an array of nothing");
	refuse("z", "\0\0\0\0", 4, "an unknown type");
	refuse("v", "\2ss\0\0\0\0\0\0\0\0\0\0\0", 14, "a variant of two");
	refuse("v", "\0\0", 2, "a variant of none");
	memset(deep, 'a', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	refuse(deep, "\0\0\0\0", 4, "arrays without end");
	for (size_t i = 0; i + 3 <= sizeof(variants); i += 3)
		memcpy(variants + i, "\1v", 3);
	refuse("v", variants, sizeof(variants), "variants without end");
}

static void test_call(void)
{
	static const struct dbus_call call = { .destination = "d.d",
					       .path = "/p",
					       .interface = "i.i",
					       .member = "M",
					       .signature = "sb" };
	struct dbus_call with_body = call;
	autobuf struct buf body, out;
	struct dbus_message message;
	struct error err;
	const char *text;
	uint32_t flag;

	buf_init(&body, DBUS_MESSAGE_MAX);
	buf_init(&out, DBUS_MESSAGE_MAX);
	dbus_put_text(&body, "hello");
	dbus_put_bool(&body, true);
	with_body.body = &body;
	dbus_put_call(&out, 9, &with_body);
	if (!check_ok(dbus_parse((uint8_t *)out.data, out.length, &message, &err), &err,
		      "what we write we read"))
		return;
	check_int(message.serial, 9, "serial");
	check_text(message.member, "M", "member");
	check(dbus_get_text(&message.body, &text, &err) && strcmp(text, "hello") == 0, "text");
	check(dbus_get_u32(&message.body, &flag, &err) && flag == 1, "flag");
}

int main(void)
{
	test_signal();
	test_damage();
	test_refused();
	test_call();
	return tap_done();
}
