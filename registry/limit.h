/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REGISTRY_LIMIT_H
#define REGISTRY_LIMIT_H

/*
 * Every size and count that another machine could choose has its limit here, by name.
 */

/* Names (distribution/reference: 255 bytes of path, 128 of tag). */
#define LIMIT_REFERENCE_PATH   255
#define LIMIT_REFERENCE_DOMAIN 255
#define LIMIT_REFERENCE_TAG    128

/* Replies that are held in memory. */
#define LIMIT_MANIFEST   (4 << 20)
#define LIMIT_TAGS       (4 << 20) /* one page of a repository's list */
#define LIMIT_TOKEN_BODY (1 << 20)

/* One reply's headers, and the parts of them that are used. */
#define LIMIT_HEADERS         (64 << 10)
#define LIMIT_URL             (16 << 10) /* a pre-signed Location is 1 to 2 KiB */
#define LIMIT_LINK            (8 << 10)  /* where a list goes on */
#define LIMIT_CHALLENGE       (8 << 10)
#define LIMIT_CHALLENGES      16
#define LIMIT_CHALLENGE_PARAM 16
#define LIMIT_REDIRECTS       10
#define LIMIT_WARNING         4096 /* one of them, and all of a reply */
#define LIMIT_WARNINGS        8

/* Patience. */
#define LIMIT_RETRY_AFTER_S (15 * 60) /* for one pause that a server asks for, and all */
#define LIMIT_BACK_OFF_S    60
#define LIMIT_TOKEN_LIFE_S  (24 * 60 * 60)

#define LIMIT_RATE_SHARE    (1000 * 60 * 1000) /* of the largest number: no product overflows */

/* Requests that callers compose. */
#define LIMIT_CALL_METHOD 15
#define LIMIT_CALL_BODY   (1 << 20) /* of the reply, where the caller says nothing */
#define LIMIT_CALL_HASHED                                                                          \
	(16 << 20) /* larger bodies are signed unhashed, or by the caller's hash */
#define LIMIT_CALL_WANTED  8
#define LIMIT_CALL_NAME    64
#define LIMIT_CALL_HEADER  1250
#define LIMIT_CLOCK_SKEW_S 240 /* AWS refuses from 5 minutes on */

/* The control socket. */
#define LIMIT_PACKET    (64 << 10)
#define LIMIT_SETTINGS  (1 << 20)
#define LIMIT_TRANSFERS 32

#endif
