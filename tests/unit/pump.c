/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pump.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "image/allowance.h"
#include "image/limits.h"
#include "tests/unit/tap.h"

static const char text[] = "hello, hello, hello, world\n";

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
	const char *name;
	const char *bytes;
	size_t length;
} cases[] = {
	{ "gzip in three members",
	  BYTES("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8"
		"\x48\xcd\x01\x00\xc1\x83\xf7\xbb\x0a\x00\x00\x00\x1f\x8b\x08\x00\x00\x00"
		"\x00\x00\x02\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1f\x8b\x08\x00"
		"\x00\x00\x00\x00\x02\x03\xcb\xc9\xd7\x51\xc8\x48\xcd\xc9\x01\x52\xe5\xf9"
		"\x45\x39\x29\x5c\x00\x2c\xf9\xbd\x63\x11\x00\x00\x00") },
	{ "zstd", BYTES("\x28\xb5\x2f\xfd\x04\x58\x9d\x00\x00\x68\x68\x65\x6c\x6c\x6f\x2c\x20\x77"
			"\x6f\x72\x6c\x64\x0a\x01\x00\x92\x8b\x11\x8a\x96\xf4\x0b") },
	{ "zstd with skippable frames",
	  BYTES("\x50\x2a\x4d\x18\x04\x00\x00\x00\x61\x62\x63\x64\x28\xb5\x2f\xfd\x04\x58"
		"\x9d\x00\x00\x68\x68\x65\x6c\x6c\x6f\x2c\x20\x77\x6f\x72\x6c\x64\x0a\x01"
		"\x00\x92\x8b\x11\x8a\x96\xf4\x0b\x50\x2a\x4d\x18\x04\x00\x00\x00\x61\x62"
		"\x63\x64") },
	{ "xz", BYTES("\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00"
		      "\x00\x00\x74\x2f\xe5\xa3\xe0\x00\x1a\x00\x13\x5d\x00\x34\x19\x49\xee\x8d"
		      "\xef\x8c\x88\x49\x5c\x92\xb6\xf5\x96\xfe\xaa\x64\x00\x00\x00\x00\x4a\x99"
		      "\x31\x63\x90\x7e\x3f\x03\x00\x01\x2f\x1b\xaa\x44\xff\xb8\x1f\xb6\xf3\x7d"
		      "\x01\x00\x00\x00\x00\x04\x59\x5a") },
	{ "bzip2", BYTES("\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xf6\xc1\xdb\x04\x00\x00\x05\xd1"
			 "\x80\x00\x10\x40\x04\x06\x44\x90\x80\x20\x00\x31\x00\x30\x23\xd4\x6a\x7a"
			 "\x9e\x90\x91\x09\x07\xda\xdd\x1d\x1e\x8f\xe2\xee\x48\xa7\x0a\x12\x1e\xd8"
			 "\x3b\x60\x80") },
	{ "plain", BYTES("\x68\x65\x6c\x6c\x6f\x2c\x20\x68\x65\x6c\x6c\x6f\x2c\x20\x68\x65\x6c\x6c"
			 "\x6f\x2c\x20\x77\x6f\x72\x6c\x64\x0a") },
};

static int file_of(const char *bytes, size_t length)
{
	struct error err;
	int fd = memfd_create("pump", MFD_CLOEXEC);

	if (fd < 0 || !file_write(fd, "pump", bytes, length, &err) || lseek(fd, 0, SEEK_SET) < 0)
		check(false, "prepare");
	return fd;
}

/* Pumps the bytes into `out`. */
static bool pump_bytes(const char *bytes, size_t length, int64_t size, struct pump *pump,
		       struct buf *out, struct error *err)
{
	autoclose int from = file_of(bytes, length), to = file_of("", 0);

	*pump = (struct pump){ .source = { .fd = from, .offset = -1, .size = size }, .to = to };
	return pump_run(pump, err) && lseek(to, 0, SEEK_SET) == 0 &&
	       file_read_fd(to, "out", out, err);
}

static void test_good(void)
{
	struct digest in_digest, out_digest;

	hash_digest(text, strlen(text), &out_digest);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		autobuf struct buf out;
		struct pump pump;
		struct error err;

		buf_init(&out, 65536);
		hash_digest(cases[i].bytes, cases[i].length, &in_digest);
		if (!check_ok(pump_bytes(cases[i].bytes, cases[i].length, (int64_t)cases[i].length,
					 &pump, &out, &err),
			      &err, "%s", cases[i].name))
			continue;
		check_text(out.data, text, "%s: text", cases[i].name);
		check_text(pump.in_digest.text, in_digest.text, "%s: digest of the blob",
			   cases[i].name);
		check_text(pump.out_digest.text, out_digest.text, "%s: digest of the text",
			   cases[i].name);
		check_int(pump.in, (long long)cases[i].length, "%s: bytes in", cases[i].name);
		check_int(pump.out, (long long)strlen(text), "%s: bytes out", cases[i].name);
	}
}

/* Its last block fills the buffer, and no checksum follows: one block of 128 KiB, all the same. */
static void test_whole_block(void)
{
	autoclose int from = file_of(BYTES("\x28\xb5\x2f\xfd\x00\x58\x03\x00\x10x"));
	struct pump pump = { .source = { .fd = from, .offset = -1, .size = 10 }, .to = -1 };
	struct error err;

	check_ok(pump_run(&pump, &err), &err, "zstd of a whole block");
	check_int(pump.out, 128 << 10, "bytes out");
}

/* Cut anywhere, a blob is either refused, or shorter and so of another digest. */
static void test_cut(void)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int accepted = 0;

		for (size_t length = 0; length < cases[i].length; length++) {
			autobuf struct buf out;
			struct pump pump;
			struct error err;

			buf_init(&out, 65536);
			if (pump_bytes(cases[i].bytes, length, -1, &pump, &out, &err) &&
			    out.length == strlen(text) && strcmp(out.data, text) == 0)
				accepted++;
		}
		/* Frames and members end where they end: what is skipped anyway may be missing. */
		check(accepted <= 1, "%s: cut, whole text %d times", cases[i].name, accepted);
	}
}

static void test_damaged(void)
{
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t at = 0; at < cases[i].length; at++) {
			autofree char *bytes = mem_alloc(cases[i].length);
			autobuf struct buf out;
			struct digest good;
			struct pump pump;
			struct error err;

			memcpy(bytes, cases[i].bytes, cases[i].length);
			bytes[at] ^= 0x55;
			buf_init(&out, 65536);
			hash_digest(cases[i].bytes, cases[i].length, &good);
			if (pump_bytes(bytes, cases[i].length, -1, &pump, &out, &err) &&
			    digest_is_equal(&pump.in_digest, &good))
				check(false, "%s: byte %zu is not in the digest", cases[i].name,
				      at);
		}
		check(true, "%s: every byte counts", cases[i].name);
	}
}

static void test_size(void)
{
	autobuf struct buf out;
	struct pump pump;
	struct error err;

	buf_init(&out, 65536);
	check_error(pump_bytes(text, strlen(text), (int64_t)strlen(text) + 1, &pump, &out, &err),
		    &err, ERROR_CORRUPT, "unexpected EOF", "a byte is missing");
	check_error(pump_bytes(text, strlen(text), (int64_t)strlen(text) - 1, &pump, &out, &err),
		    &err, ERROR_CORRUPT, "longer than", "a byte too many");
	check_ok(pump_bytes("", 0, 0, &pump, &out, &err), &err, "nothing at all");
}

/* A range of a file others read too; and a prefix that was read before. */
static void test_places(void)
{
	autoclose int from = file_of(BYTES("<<<<hello>>>>")), to = file_of("", 0);
	struct pump range = { .source = { .fd = from, .offset = 4, .size = 5 }, .to = to };
	autobuf struct buf out;
	struct error err;

	buf_init(&out, 65536);
	check_ok(pump_run(&range, &err), &err, "a range");
	check_int(lseek(from, 0, SEEK_CUR), 0, "does not move the file");
	check(lseek(from, 4, SEEK_SET) == 4, "rewind");

	struct pump rest = { .source = { .fd = from,
					 .offset = -1,
					 .size = -1,
					 .prefix = "and ",
					 .prefix_length = 4 },
			     .to = to };

	check_ok(pump_run(&rest, &err), &err, "after a prefix");
	check(lseek(to, 0, SEEK_SET) == 0 && file_read_fd(to, "out", &out, &err), "read");
	check_text(out.data, "helloand hello>>>>", "both");
}

static void test_closed(void)
{
	int ends[2];
	struct error err;

	signal(SIGPIPE, SIG_IGN);
	if (pipe(ends) < 0)
		return;
	close(ends[0]);

	autoclose int from = file_of(text, strlen(text)), to = ends[1];
	struct pump pump = { .source = { .fd = from, .offset = -1, .size = -1 }, .to = to };

	check_error(pump_run(&pump, &err), &err, ERROR_SYSTEM, "pass on", "nobody reads");
	check(pump.is_cut_off, "and it is said so");
}

/* The frame of the table, with a window of 8 MiB in place of 2. */
#define WIDE                                                                                       \
	BYTES("\x28\xb5\x2f\xfd\x04\x68\x9d\x00\x00\x68\x68\x65\x6c\x6c\x6f\x2c\x20\x77"           \
	      "\x6f\x72\x6c\x64\x0a\x01\x00\x92\x8b\x11\x8a\x96\xf4\x0b")

static bool pump_within(const char *bytes, size_t length, const struct allowance *allowance,
			struct error *err)
{
	autoclose int from = file_of(bytes, length);
	struct pump pump = { .source = { .fd = from, .offset = -1, .size = -1 },
			     .to = -1,
			     .allowance = allowance };

	return pump_run(&pump, err);
}

static bool is_all_spare(const struct allowance *allowance)
{
	uint64_t spare = 0, turn = 0;
	bool is_all = read(allowance->spare, &spare, sizeof(spare)) == 8 &&
		      read(allowance->turn, &turn, sizeof(turn)) == 8 &&
		      (int64_t)spare == allowance->kib && turn == 1;

	allowance_reset(allowance);
	return is_all;
}

/* Who finds too little spare would wait: here it is told so. */
static void test_allowance(void)
{
	struct allowance allowance;
	struct error err;
	int64_t held = 0;

	check_ok(allowance_open(0, &allowance, &err), &err, "the usual memory");
	fcntl(allowance.spare, F_SETFL, O_NONBLOCK);
	check(pump_within(WIDE, &allowance, &err) && is_all_spare(&allowance),
	      "a wide window: the memory is given back");
	check(allowance_take(&allowance, "another", 5 << 20, &held, &err), "another is at it");
	check_error(pump_within(WIDE, &allowance, &err), &err, ERROR_SYSTEM, "wait for memory",
		    "a wide window waits for him");
	check(pump_within(cases[1].bytes, cases[1].length, &allowance, &err),
	      "a narrow one does not");
	allowance_give(&allowance, &held);
	check(is_all_spare(&allowance), "who failed has given back what he had");
	check(!pump_within("\x28\xb5\x2f\xfd\x04\x68\x9d", 7, &allowance, &err) &&
		      is_all_spare(&allowance),
	      "a broken one gives it back");
	check(allowance_take(&allowance, "all", 64 << 20, &held, &err) && held == allowance.kib,
	      "who wants more than there is has it alone");
	allowance_reset(&allowance);
	check(is_all_spare(&allowance), "who was killed is forgotten");
	allowance_close(&allowance);
}

static void test_ceiling(void)
{
	static const char too_wide[] = "zstd's window needs more memory than unpack-memory in "
				       "daemon.json allows: make that 16m at least";
	struct allowance allowance;
	struct error err;

	check_ok(allowance_open(UNPACK_MEMORY_LEAST, &allowance, &err), &err, "little memory");
	check(pump_within(cases[1].bytes, cases[1].length, &allowance, &err),
	      "zstd's usual window fits in the least that can be set");
	check_error(pump_within(WIDE, &allowance, &err), &err, ERROR_UNSUPPORTED, too_wide,
		    "a wide window does not");
	check_error(pump_within(cases[3].bytes, cases[3].length, &allowance, &err), &err,
		    ERROR_UNSUPPORTED,
		    "an xz dictionary of 8 MiB needs more memory than unpack-memory in "
		    "daemon.json allows: make that 15m at least",
		    "nor does xz's usual dictionary");
	allowance_close(&allowance);
	check_ok(allowance_open(16 << 20, &allowance, &err), &err, "what the message asked for");
	check(pump_within(WIDE, &allowance, &err), "a wide window fits");
	allowance_close(&allowance);
	check_ok(allowance_open(0, &allowance, &err), &err, "no ceiling");
	fcntl(allowance.spare, F_SETFL, O_NONBLOCK);
	check(pump_within(cases[3].bytes, cases[3].length, &allowance, &err) &&
		      is_all_spare(&allowance),
	      "xz has what it needs, and gives it back");
	allowance_close(&allowance);
	check_error(pump_within("\x28\xb5\x2f\xfd\x04\x90\x9d", 7, NULL, &err), &err,
		    ERROR_UNSUPPORTED, "a window of 256 MiB; at most 128 are supported",
		    "a window beyond all limits");
}

int main(void)
{
	test_good();
	test_whole_block();
	test_cut();
	test_damaged();
	test_size();
	test_places();
	test_closed();
	test_allowance();
	test_ceiling();
	return tap_done();
}
