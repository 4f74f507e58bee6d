/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logrecord.h"

#include <stdio.h>
#include <string.h>

/* One character after a backslash. Returns what follows it, or NULL. */
static const char *unescape(const char *at, struct buf *text)
{
	static const char plain[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *known = *at ? strchr(plain, *at) : NULL;
	unsigned int code;

	if (known) {
		buf_add_char(text, meant[known - plain]);
		return at + 1;
	}
	if (*at != 'u' || strspn(at + 1, "0123456789abcdefABCDEF") < 4 ||
	    sscanf(at + 1, "%4x", &code) != 1)
		return NULL;
	if (code < 0x80) {
		buf_add_char(text, (char)code);
	} else if (code < 0x800) {
		buf_add_char(text, (char)(0xc0 | (code >> 6)));
		buf_add_char(text, (char)(0x80 | (code & 0x3f)));
	} else { /* the monitor escapes no more than it must: pairs of surrogates do not occur */
		buf_add_char(text, (char)(0xe0 | (code >> 12)));
		buf_add_char(text, (char)(0x80 | ((code >> 6) & 0x3f)));
		buf_add_char(text, (char)(0x80 | (code & 0x3f)));
	}
	return at + 5;
}

/* The text of a JSON string that begins after its quote. Returns what follows the closing quote, or
 * NULL. */
static const char *decode(const char *at, struct buf *text)
{
	while (*at && *at != '"') {
		size_t length = strcspn(at, "\"\\");

		buf_add(text, at, length);
		at += length;
		if (*at == '\\' && !(at = unescape(at + 1, text)))
			return NULL;
	}
	return *at == '"' ? at + 1 : NULL;
}

/* The attributes are an object of texts: its end is the first brace outside of them. */
static const char *skip_attributes(const char *at, struct logrecord *record)
{
	record->attributes = at;
	for (bool is_inside = false; *at && (is_inside || *at != '}'); at++) {
		if (is_inside && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			is_inside = !is_inside;
	}
	record->attributes_length = (size_t)(at - record->attributes);
	return *at ? at + 1 : NULL;
}

static const char *expect(const char *at, const char *text)
{
	size_t length = strlen(text);

	return at && strncmp(at, text, length) == 0 ? at + length : NULL;
}

bool logrecord_parse(const char *line, struct buf *text, struct logrecord *record)
{
	const char *at = expect(line, "{\"log\":\"");
	const char *more;

	*record = (struct logrecord){ 0 };
	buf_clear(text);
	at = at ? expect(decode(at, text), ",\"stream\":\"std") : NULL;
	if (!at)
		return false;
	record->is_stderr = strncmp(at, "err", 3) == 0;
	at = expect(at, record->is_stderr ? "err\"" : "out\"");
	more = expect(at, ",\"attrs\":{");
	if (more)
		at = skip_attributes(more, record);
	at = expect(at, ",\"time\":\"");
	if (!at || sscanf(at, "%39[^\"]\"", record->time) != 1)
		return false;
	record->bytes = text->data;
	record->length = text->length;
	return true;
}
