/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dbusmessage.h"

#include <string.h>

#include "base/utf8.h"

/* -- writing --------------------------------------------------------------------------------- */

/* Always little-endian, so that the bytes are the same on every machine (and in the tests). */
static void put_number(struct buf *out, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	dbus_align(out, size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	buf_add(out, bytes, size);
}

void dbus_align(struct buf *out, size_t size)
{
	static const char zeros[8];

	if (out->length % size != 0)
		buf_add(out, zeros, size - out->length % size);
}

void dbus_put_byte(struct buf *out, uint8_t value)
{
	put_number(out, value, 1);
}

void dbus_put_u16(struct buf *out, uint16_t value)
{
	put_number(out, value, 2);
}

void dbus_put_u32(struct buf *out, uint32_t value)
{
	put_number(out, value, 4);
}

void dbus_put_u64(struct buf *out, uint64_t value)
{
	put_number(out, value, 8);
}

void dbus_put_bool(struct buf *out, bool value)
{
	put_number(out, value, 4);
}

void dbus_put_text(struct buf *out, const char *text)
{
	size_t length = strlen(text);

	put_number(out, length, 4);
	buf_add(out, text, length + 1);
}

void dbus_put_signature(struct buf *out, const char *signature)
{
	size_t length = strlen(signature);

	put_number(out, length, 1);
	buf_add(out, signature, length + 1);
}

struct dbus_array dbus_array_begin(struct buf *out, size_t size)
{
	struct dbus_array array;

	dbus_align(out, 4);
	array.at = out->length;
	put_number(out, 0, 4);
	dbus_align(out, size); /* does not count into the length */
	array.start = out->length;
	return array;
}

void dbus_array_end(struct buf *out, struct dbus_array array)
{
	size_t length = out->length - array.start;

	if (out->is_cut)
		return;
	for (size_t i = 0; i < 4; i++)
		out->data[array.at + i] = (char)(uint8_t)(length >> (8 * i));
}

size_t dbus_alignment(char type)
{
	static const struct {
		char type;
		unsigned char size;
	} sizes[] = { { 'y', 1 }, { 'b', 4 }, { 'n', 2 }, { 'q', 2 }, { 'i', 4 }, { 'u', 4 },
		      { 'x', 8 }, { 't', 8 }, { 'd', 8 }, { 's', 4 }, { 'o', 4 }, { 'g', 1 },
		      { 'a', 4 }, { '(', 8 }, { '{', 8 }, { 'v', 1 }, { 'h', 4 } };

	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		if (sizes[i].type == type)
			return sizes[i].size;
	return 0;
}

/* -- messages out ------------------------------------------------------------------------------ */

enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_ERROR_NAME = 4,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SENDER = 7,
	FIELD_SIGNATURE = 8,
};

#define FLAG_NO_REPLY     1
#define FLAG_NO_AUTOSTART 2
#define PROTOCOL_VERSION  1

static void put_field(struct buf *out, enum field field, char type, const char *value)
{
	const char signature[2] = { type, '\0' };

	if (!value || !value[0])
		return;
	dbus_align(out, 8);
	dbus_put_byte(out, (uint8_t)field);
	dbus_put_signature(out, signature);
	if (type == 'g')
		dbus_put_signature(out, value);
	else
		dbus_put_text(out, value);
}

void dbus_put_call(struct buf *out, uint32_t serial, const struct dbus_call *call)
{
	autobuf struct buf text = { 0 }; /* on its own: alignment counts from the message's start */
	struct dbus_array fields;

	buf_init(&text, DBUS_MESSAGE_MAX);
	dbus_put_byte(&text, 'l');
	dbus_put_byte(&text, DBUS_CALL);
	dbus_put_byte(&text, FLAG_NO_AUTOSTART | (call->is_without_reply ? FLAG_NO_REPLY : 0));
	dbus_put_byte(&text, PROTOCOL_VERSION);
	dbus_put_u32(&text, call->body ? (uint32_t)call->body->length : 0);
	dbus_put_u32(&text, serial);
	fields = dbus_array_begin(&text, 8);
	put_field(&text, FIELD_PATH, 'o', call->path);
	put_field(&text, FIELD_DESTINATION, 's', call->destination);
	put_field(&text, FIELD_INTERFACE, 's', call->interface);
	put_field(&text, FIELD_MEMBER, 's', call->member);
	put_field(&text, FIELD_SIGNATURE, 'g', call->signature);
	dbus_array_end(&text, fields);
	dbus_align(&text, 8);
	if (call->body) {
		buf_add(&text, call->body->data, call->body->length);
		text.is_cut = text.is_cut || call->body->is_cut;
	}
	buf_add(out, text.data, text.length);
	out->is_cut = out->is_cut || text.is_cut;
}

/* -- reading --------------------------------------------------------------------------------- */

static bool malformed(struct error *err, const char *what)
{
	return error_set(err, ERROR_CORRUPT, "malformed D-Bus message: %s", what);
}

/* Padding must be there, and must be zero. */
static bool skip_padding(struct dbus_reader *reader, size_t size, struct error *err)
{
	for (; reader->at % size != 0; reader->at++)
		if (reader->at >= reader->length || reader->data[reader->at] != 0)
			return malformed(err, "padding");
	return true;
}

static bool get_number(struct dbus_reader *reader, size_t size, uint64_t *value, struct error *err)
{
	if (!skip_padding(reader, size, err))
		return false;
	if (reader->length - reader->at < size)
		return malformed(err, "it ends too early");
	*value = 0;
	for (size_t i = 0; i < size; i++)
		*value |= (uint64_t)reader->data[reader->at + i]
			  << (8 * (reader->is_swapped ? size - 1 - i : i));
	reader->at += size;
	return true;
}

bool dbus_get_u32(struct dbus_reader *reader, uint32_t *value, struct error *err)
{
	uint64_t number;

	if (!get_number(reader, 4, &number, err))
		return false;
	*value = (uint32_t)number;
	return true;
}

/* `length` bytes and a NUL; no other NUL in between. */
static bool get_chars(struct dbus_reader *reader, size_t length, const char **text,
		      struct error *err)
{
	const char *start = (const char *)reader->data + reader->at;

	if (reader->length - reader->at <= length)
		return malformed(err, "a text ends too late");
	if (start[length] != '\0' || memchr(start, '\0', length) ||
	    utf8_valid_length(start, length) != length)
		return malformed(err, "not a text");
	reader->at += length + 1;
	*text = start;
	return true;
}

bool dbus_get_text(struct dbus_reader *reader, const char **text, struct error *err)
{
	uint32_t length;

	return dbus_get_u32(reader, &length, err) && get_chars(reader, length, text, err);
}

bool dbus_get_signature(struct dbus_reader *reader, const char **text, struct error *err)
{
	uint64_t length;

	return get_number(reader, 1, &length, err) && get_chars(reader, length, text, err);
}

/* -- going over values ---------------------------------------------------------------------------
 */

static bool skip_value(struct dbus_reader *reader, const char **signature, int depth,
		       struct error *err);

/* Moves *signature over one complete type. */
static bool skip_type(const char **signature, int depth, struct error *err)
{
	char type = **signature;

	if (depth > DBUS_DEPTH_MAX || dbus_alignment(type) == 0)
		return malformed(err, "signature");
	++*signature;
	if (type == 'a')
		return skip_type(signature, depth + 1, err);
	if (type != '(' && type != '{')
		return true;

	char end = type == '(' ? ')' : '}';

	if (**signature == end)
		return malformed(err, "signature");
	while (**signature != end)
		if (!skip_type(signature, depth + 1, err))
			return false;
	++*signature;
	return true;
}

/* Each element of a well-formed array takes at least one byte, so the message's length bounds the
 * loop; an empty type cannot occur. */
static bool skip_array(struct dbus_reader *reader, const char **signature, int depth,
		       struct error *err)
{
	const char *element = *signature;
	uint32_t length;
	size_t end;

	if (!skip_type(signature, depth, err) || !dbus_get_u32(reader, &length, err) ||
	    !skip_padding(reader, dbus_alignment(*element), err))
		return false;
	if (length > reader->length - reader->at)
		return malformed(err, "an array ends too late");
	end = reader->at + length;
	while (reader->at < end) {
		const char *type = element;

		if (!skip_value(reader, &type, depth, err))
			return false;
	}
	return reader->at == end || malformed(err, "an array's length");
}

static bool skip_struct(struct dbus_reader *reader, const char **signature, char end, int depth,
			struct error *err)
{
	const char *whole = *signature - 1;

	if (!skip_type(&whole, depth, err) || !skip_padding(reader, 8, err))
		return false;
	while (**signature != end)
		if (!skip_value(reader, signature, depth, err))
			return false;
	++*signature;
	return true;
}

static bool skip_variant(struct dbus_reader *reader, int depth, struct error *err)
{
	const char *inner;

	return dbus_get_signature(reader, &inner, err) && skip_value(reader, &inner, depth, err) &&
	       (*inner == '\0' || malformed(err, "a variant of several values"));
}

static bool skip_value(struct dbus_reader *reader, const char **signature, int depth,
		       struct error *err)
{
	char type = **signature;
	const char *text;
	uint64_t number;

	if (depth > DBUS_DEPTH_MAX || dbus_alignment(type) == 0)
		return malformed(err, "signature");
	++*signature;
	switch (type) {
	case 's':
	case 'o':
		return dbus_get_text(reader, &text, err);
	case 'g':
		return dbus_get_signature(reader, &text, err);
	case 'v':
		return skip_variant(reader, depth + 1, err);
	case 'a':
		return skip_array(reader, signature, depth + 1, err);
	case '(':
		return skip_struct(reader, signature, ')', depth + 1, err);
	case '{':
		return skip_struct(reader, signature, '}', depth + 1, err);
	default:
		return get_number(reader, dbus_alignment(type), &number, err);
	}
}

bool dbus_skip_type(const char **signature, struct error *err)
{
	return skip_type(signature, 0, err);
}

bool dbus_skip(struct dbus_reader *reader, const char **signature, struct error *err)
{
	return skip_value(reader, signature, 0, err);
}

/* -- messages in ------------------------------------------------------------------------------- */

bool dbus_measure(const uint8_t *data, size_t *length, struct error *err)
{
	struct dbus_reader reader = { .data = data, .length = DBUS_HEADER_SIZE, .at = 4 };
	uint32_t body, serial, fields;

	if (data[0] != 'l' && data[0] != 'B')
		return malformed(err, "byte order");
	if (data[3] != PROTOCOL_VERSION)
		return malformed(err, "protocol version");
	reader.is_swapped = data[0] == 'B';
	if (!dbus_get_u32(&reader, &body, err) || !dbus_get_u32(&reader, &serial, err) ||
	    !dbus_get_u32(&reader, &fields, err))
		return false;
	if (body > DBUS_FOREIGN_MAX || fields > DBUS_FOREIGN_MAX)
		return malformed(err, "it is too large");
	*length = DBUS_HEADER_SIZE + ((size_t)fields + 7) / 8 * 8 + body;
	return *length <= DBUS_FOREIGN_MAX || malformed(err, "it is too large");
}

static bool read_field(struct dbus_reader *reader, struct dbus_message *message, struct error *err)
{
	const char **const texts[] = {
		[FIELD_PATH] = &message->path,     [FIELD_INTERFACE] = &message->interface,
		[FIELD_MEMBER] = &message->member, [FIELD_ERROR_NAME] = &message->error_name,
		[FIELD_SENDER] = &message->sender, [FIELD_SIGNATURE] = &message->signature,
	};
	static const char types[] = {
		[FIELD_PATH] = 'o',       [FIELD_INTERFACE] = 's',    [FIELD_MEMBER] = 's',
		[FIELD_ERROR_NAME] = 's', [FIELD_REPLY_SERIAL] = 'u', [FIELD_DESTINATION] = 's',
		[FIELD_SENDER] = 's',     [FIELD_SIGNATURE] = 'g'
	};
	const char *signature;
	uint64_t code;

	if (!skip_padding(reader, 8, err) || !get_number(reader, 1, &code, err) ||
	    !dbus_get_signature(reader, &signature, err))
		return false;
	if (code >= sizeof(types) || types[code] == 0)
		return dbus_skip(reader, &signature, err) &&
		       (*signature == '\0' || malformed(err, "a header field"));
	if (signature[0] != types[code] || signature[1] != '\0')
		return malformed(err, "a header field's type");
	if (code == FIELD_REPLY_SERIAL)
		return dbus_get_u32(reader, &message->reply_serial, err);
	if (code == FIELD_SIGNATURE)
		return dbus_get_signature(reader, &message->signature, err);
	if (code == FIELD_DESTINATION)
		return dbus_get_text(reader, &signature, err);
	return dbus_get_text(reader, texts[code], err);
}

static bool has_its_fields(const struct dbus_message *message)
{
	switch (message->type) {
	case DBUS_CALL:
		return message->path && message->member;
	case DBUS_SIGNAL:
		return message->path && message->interface && message->member;
	case DBUS_ERROR:
		return message->reply_serial != 0 && message->error_name;
	case DBUS_RETURN:
		return message->reply_serial != 0;
	default:
		return (int)message->type != 0;
	}
}

/* The body must be exactly what its signature says, so that nobody need ask again. */
static bool check_body(const struct dbus_message *message, struct error *err)
{
	struct dbus_reader reader = message->body;
	const char *signature = message->signature;

	while (*signature)
		if (!dbus_skip(&reader, &signature, err))
			return false;
	return reader.at == reader.length || malformed(err, "its body's length");
}

bool dbus_parse(const uint8_t *data, size_t length, struct dbus_message *message, struct error *err)
{
	struct dbus_reader reader = { .data = data, .length = length, .at = 8 };
	uint32_t fields;
	size_t whole, end;

	*message = (struct dbus_message){ .signature = "" };
	if (length < DBUS_HEADER_SIZE)
		return malformed(err, "it ends too early");
	if (!dbus_measure(data, &whole, err))
		return false;
	if (whole != length)
		return malformed(err, "its length");
	reader.is_swapped = data[0] == 'B';
	message->type = (enum dbus_type)data[1];
	if (!dbus_get_u32(&reader, &message->serial, err) || !dbus_get_u32(&reader, &fields, err))
		return false;
	end = reader.at + fields;
	reader.length = end;
	while (reader.at < end)
		if (!read_field(&reader, message, err))
			return false;
	reader.length = length;
	if (!skip_padding(&reader, 8, err))
		return false;
	message->body = (struct dbus_reader){ .data = data + reader.at,
					      .length = length - reader.at,
					      .is_swapped = reader.is_swapped };
	if (message->serial == 0 || !has_its_fields(message))
		return malformed(err, "a required field is missing");
	return check_body(message, err);
}
