/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char no_text[1] = ""; /* data of a buffer that never held anything; never written to */

void buf_init(struct buf *buf, size_t limit)
{
	*buf = (struct buf){ .data = no_text, .limit = limit };
}

void buf_done(struct buf *buf)
{
	if (buf->data != no_text)
		mem_cleanup_free(&buf->data);
	buf_init(buf, buf->limit);
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->is_cut = false;
	if (buf->data != no_text)
		buf->data[0] = '\0';
}

/* Makes room for `count` more bytes and the NUL; false if the limit forbids. */
static bool make_room(struct buf *buf, size_t count)
{
	if (count > buf->limit - buf->length)
		return false;

	size_t needed = buf->length + count + 1;

	if (needed <= buf->capacity)
		return true;

	size_t capacity = buf->capacity ? buf->capacity * 2 : 256;

	if (capacity > buf->limit + 1)
		capacity = buf->limit + 1;
	if (capacity < needed)
		capacity = needed;
	buf->data = mem_resize(buf->data == no_text ? NULL : buf->data, capacity, 1);
	buf->capacity = capacity;
	buf->data[buf->length] = '\0';
	return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t count)
{
	if (count > buf->limit - buf->length) {
		buf->is_cut = true;
		count = buf->limit - buf->length;
	}
	if (count == 0 || !make_room(buf, count))
		return;
	memcpy(buf->data + buf->length, bytes, count);
	buf_commit(buf, count);
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);

	size_t room = buf->limit - buf->length;
	size_t count = length < 0 ? 0 : (size_t)length;

	if (length < 0 || count > room) {
		buf->is_cut = true;
		count = count > room ? room : count;
	}
	if (count > 0 && make_room(buf, count)) {
		vsnprintf(buf->data + buf->length, count + 1, format, args);
		buf->length += count;
	}
	va_end(args);
}

char *buf_reserve(struct buf *buf, size_t count)
{
	return make_room(buf, count) ? buf->data + buf->length : NULL;
}

void buf_commit(struct buf *buf, size_t count)
{
	buf->length += count;
	buf->data[buf->length] = '\0';
}

void buf_consume(struct buf *buf, size_t count)
{
	if (count == 0)
		return;
	memmove(buf->data, buf->data + count, buf->length - count);
	buf->length -= count;
	buf->data[buf->length] = '\0';
}

bool buf_check(const struct buf *buf, const char *what, struct error *err)
{
	if (buf->is_cut)
		return error_set(err, ERROR_INPUT, "%s is larger than %zu bytes", what, buf->limit);
	return true;
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data == no_text ? mem_strdup("") : buf->data;

	buf_init(buf, buf->limit);
	return text;
}
