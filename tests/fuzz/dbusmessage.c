/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D-Bus messages: the first byte chooses. Even: a message from a peer, refused in one line or with
 * texts that can be read and a body that its signature covers. Odd: the text of a value, refused,
 * or written so that it can be read back.
 */
#include "runtime/dbusmessage.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "runtime/unitvariant.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void try_message(const unsigned char *data, size_t size)
{
	struct dbus_message message;
	struct error err;
	size_t length = 0;

	if (size >= DBUS_HEADER_SIZE && dbus_measure(data, &length, &err))
		assert(length >= DBUS_HEADER_SIZE && length <= DBUS_FOREIGN_MAX);
	if (!dbus_parse(data, size, &message, &err)) {
		assert(err.kind == ERROR_CORRUPT && !strchr(err.text, '\n'));
		return;
	}
	assert(length == size && message.serial != 0);

	const char *const texts[] = { message.path,       message.interface, message.member,
				      message.error_name, message.sender,    message.signature };

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert(!texts[i] || strlen(texts[i]) < size);

	const char *signature = message.signature;

	while (*signature) {
		bool is_good = dbus_skip(&message.body, &signature, &err);

		assert(is_good);
	}
	assert(message.body.at == message.body.length);
}

static void try_value(const unsigned char *data, size_t size)
{
	autofree char *text = mem_alloc(size + 1);
	autobuf struct buf out = { 0 };
	const char *signature = "v";
	struct error err;
	bool is_good;

	memcpy(text, data, size);
	buf_init(&out, DBUS_MESSAGE_MAX);
	if (!unitvariant_put(&out, text, &err) || out.is_cut)
		return;

	struct dbus_reader reader = { .data = (uint8_t *)out.data, .length = out.length };

	is_good = dbus_skip(&reader, &signature, &err);
	/* Annotations are JSON texts: always UTF-8. */
	assert(is_good || strstr(err.text, "not a text"));
	assert(!is_good || reader.at == out.length);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	if (size > 0 && data[0] % 2 == 0)
		try_message(data + 1, size - 1);
	else if (size > 0)
		try_value(data + 1, size - 1);
	return 0;
}
