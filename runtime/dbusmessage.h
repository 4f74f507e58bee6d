/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNTIME_DBUSMESSAGE_H
#define RUNTIME_DBUSMESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The bytes of D-Bus messages (D-Bus specification, "Message Protocol"): values put one after the
 * other, each at a multiple of its size, and taken apart again. What comes in is not trusted:
 * nothing is read outside of the message, and every text is checked before it is handed out.
 */

#define DBUS_MESSAGE_MAX   (256 << 10)  /* bytes of a message that we write or read */
#define DBUS_FOREIGN_MAX   (128U << 20) /* of any message: the specification's limit */
#define DBUS_HEADER_SIZE   16           /* of the part that tells a message's length */
#define DBUS_SIGNATURE_MAX 255
#define DBUS_DEPTH_MAX     16 /* of arrays, structs and variants within each other */

/* -- writing: no call fails; buf_check at the end says whether all fitted -----------------------
 */

void dbus_align(struct buf *out, size_t size);
void dbus_put_byte(struct buf *out, uint8_t value);
void dbus_put_u16(struct buf *out, uint16_t value);
void dbus_put_u32(struct buf *out, uint32_t value);
void dbus_put_u64(struct buf *out, uint64_t value);
void dbus_put_bool(struct buf *out, bool value);
void dbus_put_text(struct buf *out, const char *text); /* also an object path */
void dbus_put_signature(struct buf *out, const char *signature);

/* An array whose elements align to `size` (8: structs). Ends with dbus_array_end. */
struct dbus_array {
	size_t at;    /* of its length */
	size_t start; /* of its first element */
};
struct dbus_array dbus_array_begin(struct buf *out, size_t size);
void dbus_array_end(struct buf *out, struct dbus_array array);

/* To what a type aligns, by the first letter of its signature; 0: no such type. */
size_t dbus_alignment(char type);

enum dbus_type {
	DBUS_CALL = 1,
	DBUS_RETURN = 2,
	DBUS_ERROR = 3,
	DBUS_SIGNAL = 4,
};

/* Whom to call, and with what. */
struct dbus_call {
	const char *destination; /* NULL: the peer itself */
	const char *path, *interface, *member;
	const char *signature; /* of the body; "" is none */
	const struct buf *body;
	bool is_without_reply;
};

/* Adds the whole message. */
void dbus_put_call(struct buf *out, uint32_t serial, const struct dbus_call *call);

/* -- reading ------------------------------------------------------------------------------------
 */

struct dbus_reader {
	const uint8_t *data;
	size_t length, at;
	bool is_swapped; /* the sender's byte order is not little-endian */
};

struct dbus_message {
	enum dbus_type type; /* may be another number: such messages are to be ignored */
	uint32_t serial, reply_serial;
	/* Inside the message's bytes; NULL or "" where absent. */
	const char *path, *interface, *member, *error_name, *sender, *signature;
	struct dbus_reader body;
};

/* The length of the whole message that begins with these DBUS_HEADER_SIZE bytes. */
must_check bool dbus_measure(const uint8_t *data, size_t *length, struct error *err);
must_check bool dbus_parse(const uint8_t *data, size_t length, struct dbus_message *message,
			   struct error *err);

/* The next value. The text is inside the message's bytes. */
must_check bool dbus_get_u32(struct dbus_reader *reader, uint32_t *value, struct error *err);
must_check bool dbus_get_text(struct dbus_reader *reader, const char **text, struct error *err);
must_check bool dbus_get_signature(struct dbus_reader *reader, const char **text,
				   struct error *err);
/* Moves *signature over one complete type. */
must_check bool dbus_skip_type(const char **signature, struct error *err);
/* Goes over one complete value; *signature moves on to the next type. */
must_check bool dbus_skip(struct dbus_reader *reader, const char **signature, struct error *err);

#endif
