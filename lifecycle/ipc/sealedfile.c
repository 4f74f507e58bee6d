/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/sealedfile.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"

#define KEY_NAME   "key"
#define MAGIC      "mooring sealed 1\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define HEAD_SIZE  (MAGIC_SIZE + NONCE_SIZE + TAG_SIZE)

/* -- the key ------------------------------------------------------------------------------------
 */

/* *is_there false: there is no key yet. */
static bool read_key(int directory, unsigned char key[SEALED_KEY_SIZE], bool *is_there,
		     struct error *err)
{
	autobuf struct buf text;
	bool is_good;

	buf_init(&text, SEALED_KEY_SIZE);
	is_good = file_read(directory, KEY_NAME, &text, err);
	*is_there = is_good;
	if (!is_good)
		return err->kind == ERROR_NOT_FOUND;
	if (text.length != SEALED_KEY_SIZE)
		return error_set(err, ERROR_CORRUPT, "the key has %zu bytes, not %d", text.length,
				 SEALED_KEY_SIZE);
	memcpy(key, text.data, SEALED_KEY_SIZE);
	explicit_bzero(text.data, text.length);
	return true;
}

static bool need_key(int directory, unsigned char key[SEALED_KEY_SIZE], struct error *err)
{
	bool is_there;

	if (!read_key(directory, key, &is_there, err))
		return false;
	if (is_there)
		return true;
	if (getrandom(key, SEALED_KEY_SIZE, 0) != SEALED_KEY_SIZE)
		return error_sys(err, "getrandom");
	return file_replace(directory, KEY_NAME, key, SEALED_KEY_SIZE, 0400, FILE_DURABLE, err);
}

/* -- sealing ------------------------------------------------------------------------------------
 */

static bool seal(const unsigned char *key, const struct buf *text, unsigned char *head,
		 unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *nonce = head + MAGIC_SIZE;
	int length;
	bool is_good =
		context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_EncryptUpdate(context, NULL, &length, head, MAGIC_SIZE) == 1 &&
		EVP_EncryptUpdate(context, out, &length, (const unsigned char *)text->data,
				  (int)text->length) == 1 &&
		EVP_EncryptFinal_ex(context, out + length, &length) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, nonce + NONCE_SIZE) ==
			1;

	EVP_CIPHER_CTX_free(context);
	return is_good;
}

static bool unseal(const unsigned char *key, unsigned char *sealed, size_t size, unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char *nonce = sealed + MAGIC_SIZE;
	int length;
	bool is_good =
		context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_DecryptUpdate(context, NULL, &length, sealed, MAGIC_SIZE) == 1 &&
		EVP_DecryptUpdate(context, out, &length, sealed + HEAD_SIZE,
				  (int)(size - HEAD_SIZE)) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, nonce + NONCE_SIZE) ==
			1 &&
		EVP_DecryptFinal_ex(context, out + length, &length) == 1;

	EVP_CIPHER_CTX_free(context);
	return is_good;
}

bool sealedfile_read(int directory, const char *name, struct buf *text, struct error *err)
{
	unsigned char key[SEALED_KEY_SIZE];
	autobuf struct buf sealed;
	bool is_there, is_good;
	char *room;

	buf_init(&sealed, text->limit + HEAD_SIZE);
	if (!file_read(directory, name, &sealed, err))
		return err->kind == ERROR_NOT_FOUND;
	if (!read_key(directory, key, &is_there, err))
		return error_in(err, "%s", name);
	if (!is_there)
		return error_set(err, ERROR_CORRUPT, "%s: its key is gone", name);
	if (sealed.length < HEAD_SIZE || memcmp(sealed.data, MAGIC, MAGIC_SIZE) != 0)
		return error_set(err, ERROR_CORRUPT, "%s: not a sealed file", name);
	room = buf_reserve(text, sealed.length);
	is_good = room &&
		  unseal(key, (unsigned char *)sealed.data, sealed.length, (unsigned char *)room);
	explicit_bzero(key, sizeof(key));
	if (!is_good)
		return error_set(err, ERROR_CORRUPT,
				 "%s: it was changed, or sealed with another key", name);
	buf_commit(text, sealed.length - HEAD_SIZE);
	return true;
}

bool sealedfile_write(int directory, const char *name, const struct buf *text, struct error *err)
{
	unsigned char key[SEALED_KEY_SIZE];
	autobuf struct buf sealed;
	size_t size = HEAD_SIZE + text->length;
	unsigned char *room;
	bool is_good;

	buf_init(&sealed, size);
	room = (unsigned char *)buf_reserve(&sealed, size);
	if (!need_key(directory, key, err))
		return error_in(err, "%s", name);
	memcpy(room, MAGIC, MAGIC_SIZE);
	if (getrandom(room + MAGIC_SIZE, NONCE_SIZE, 0) != NONCE_SIZE)
		return error_sys(err, "getrandom");
	is_good = seal(key, text, room, room + HEAD_SIZE);
	explicit_bzero(key, sizeof(key));
	if (!is_good)
		return error_set(err, ERROR_SYSTEM, "%s: encryption failed", name);
	buf_commit(&sealed, size);
	return file_replace(directory, name, sealed.data, sealed.length, 0600, FILE_DURABLE, err);
}
