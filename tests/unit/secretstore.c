/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle/ipc/secretstore.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/tap.h"

static const char *data;

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/secrets/%s", data, name);
	return path;
}

/* "ARN VERSION-IS-THERE STAGE VALUE", or the error's text. */
static const char *find(const char *id, const char *version, const char *stage)
{
	static char text[2048];
	struct secret_query query = { id, version, stage };
	struct arena arena = { 0 };
	struct secret secret;
	struct error err;

	if (secretstore_find(data, &query, &arena, &secret, &err))
		snprintf(text, sizeof(text), "%s %zu %s %s%s", secret.arn, strlen(secret.version),
			 secret.stages[0],
			 secret.text ? secret.text : "base64:", secret.text ? "" : secret.binary);
	else
		snprintf(text, sizeof(text), "%d: %s", (int)err.kind, err.text);
	secretstore_wipe(&arena);
	return text;
}

static bool put(const char *name, const char *arn, const char *text, const char *binary)
{
	const struct secret_value value = { name, arn, text, binary };
	struct error err;

	return check_ok(secretstore_put(data, &value, &err), &err, "put %s", name);
}

#define ARN "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf"

static void test_life(void)
{
	autobuf struct buf text;
	struct jsonout out;
	struct error err;

	check_text(find("db", NULL, NULL), "2: there is no secret \"db\"", "none yet");
	put("db", ARN, "first", NULL);
	put("key", NULL, NULL, "AP8=");
	check_text(find("db", NULL, NULL), ARN " 36 AWSCURRENT first", "by name");
	check_text(find(ARN, NULL, "AWSCURRENT"), ARN " 36 AWSCURRENT first", "by ARN");
	check_text(find("key", NULL, NULL),
		   "arn:mooring:secretsmanager:local:0:secret:key 36 AWSCURRENT base64:AP8=",
		   "binary, with an ARN of ours");
	put("db", NULL, "second", NULL);
	check_text(find("db", NULL, NULL), ARN " 36 AWSCURRENT second", "changed");
	check_text(find("db", NULL, "AWSPREVIOUS"), ARN " 36 AWSPREVIOUS first", "the one before");
	put("db", NULL, "third", NULL);
	check_text(find("db", NULL, "AWSPREVIOUS"), ARN " 36 AWSPREVIOUS second",
		   "not the one before that");
	check_text(find("db", "no-such-version", NULL),
		   "2: secret \"db\" has no version \"no-such-version\"", "a version");
	check_text(find("db", NULL, "MINE"), "2: secret \"db\" has no version \"MINE\"", "a stage");
	buf_init(&text, 4096);
	jsonout_init(&out, &text, false);
	check_ok(secretstore_list(data, &out, NULL, &err), &err, "list");
	jsonout_done(&out);
	check(strstr(text.data, "\"name\":\"db\"") && strstr(text.data, "\"name\":\"key\"") &&
		      !strstr(text.data, "third"),
	      "names, no values");
	check_ok(secretstore_remove(data, "key", &err), &err, "removed");
	check_error(secretstore_remove(data, "key", &err), &err, ERROR_NOT_FOUND, "key", "twice");
	check_text(find("key", NULL, NULL), "2: there is no secret \"key\"", "gone");
}

static void test_sealed(void)
{
	autobuf struct buf store, key;
	struct stat status;
	struct error err;

	buf_init(&store, 1 << 20);
	buf_init(&key, 64);
	check_ok(file_read(AT_FDCWD, path_of("store"), &store, &err), &err, "the store");
	check_ok(file_read(AT_FDCWD, path_of("key"), &key, &err), &err, "the key");
	check(!memmem(store.data, store.length, "third", 5) &&
		      !memmem(store.data, store.length, "secretsmanager", 14),
	      "nothing is in clear");
	check(stat(path_of("key"), &status) == 0 && (status.st_mode & 0777) == 0400, "key: 0400");
	check(stat(path_of("store"), &status) == 0 && (status.st_mode & 0777) == 0600,
	      "store: 0600");
	for (size_t at = 0; at < store.length; at += 7) {
		store.data[at] ^= 1;
		check_ok(file_replace(AT_FDCWD, path_of("store"), store.data, store.length, 0600,
				      FILE_VOLATILE, &err),
			 &err, "tampered at %zu", at);
		if (strncmp(find("db", NULL, NULL), "6: secrets: store: ", 19) != 0)
			check(false, "is noticed at %zu", at);
		store.data[at] ^= 1;
	}
	for (size_t length = 1; length < store.length; length += 11) {
		check_ok(file_replace(AT_FDCWD, path_of("store"), store.data, length, 0600,
				      FILE_VOLATILE, &err),
			 &err, "cut to %zu", length);
		if (strncmp(find("db", NULL, NULL), "6: secrets: store: ", 19) != 0)
			check(false, "is noticed at %zu", length);
	}
	check_ok(file_replace(AT_FDCWD, path_of("store"), store.data, store.length, 0600,
			      FILE_VOLATILE, &err),
		 &err, "restored");
	key.data[3] ^= 1;
	check_ok(file_replace(AT_FDCWD, path_of("key"), key.data, key.length, 0400, FILE_VOLATILE,
			      &err),
		 &err, "another key");
	check_text(find("db", NULL, NULL),
		   "6: secrets: store: it was changed, or sealed with another key",
		   "opens nothing");
	const struct secret_value value = { "x", NULL, "y", NULL };

	check_error(secretstore_put(data, &value, &err), &err, ERROR_CORRUPT, "another key",
		    "and nothing is overwritten");
	unlink(path_of("key"));
	check_text(find("db", NULL, NULL), "6: secrets: store: its key is gone", "no key");
}

static void test_limits(void)
{
	static char long_text[SECRETSTORE_VALUE_MAX * 2];
	const struct secret_value no_name = { "", NULL, "x", NULL };
	struct secret_value large = { "large", NULL, long_text, NULL };
	struct error err;

	memset(long_text, 'x', sizeof(long_text) - 1);
	check_error(secretstore_put(data, &no_name, &err), &err, ERROR_INPUT, "name", "no name");
	check_error(secretstore_put(data, &large, &err), &err, ERROR_INPUT, "65536", "too large");
}

int main(void)
{
	data = tap_dir();
	test_life();
	test_sealed();
	test_limits();
	return tap_done();
}
