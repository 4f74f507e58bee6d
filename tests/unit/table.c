/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <errno.h>

#include "cli/human.h"
#include "cli/textwidth.h"
#include "tap.h"

static void check_table(const char *lines, const char *want)
{
	autotable struct table table = { 0 };
	autofree char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		exit(1);
	table_add(&table, lines);
	table_print(&table, out);
	fclose(out);
	check_text(text, want, "table of %s", lines);
}

static void check_size(int64_t bytes, int digits, const char *want)
{
	char text[HUMAN_MAX];

	check_text(human_size(bytes, digits, text), want, "%lld bytes", (long long)bytes);
}

static void check_duration(int64_t seconds, const char *want)
{
	char text[HUMAN_MAX];

	check_text(human_duration(seconds, text), want, "%lld seconds", (long long)seconds);
}

static void check_cut(const char *source, size_t most, const char *want)
{
	autoarena struct arena arena = { 0 };

	check_text(textwidth_cut(&arena, source, most), want, "%s in %zu places", source, most);
}

int main(void)
{
	check_cut("t🐳ststring", 2, "t…");
	check_cut("t🐳ststring", 6, "t🐳st…");
	check_cut("t🐳ststring", 20, "t🐳ststring");
	check_cut("你好世界teststring", 3, "你…");
	check_cut("你好世界teststring", 6, "你好…");
	check_cut("你好世界teststring", 18, "你好世界teststring");
	check_cut("plain text", 10, "plain text");
	check_cut("plain text", 9, "plain te…");
	check_cut("\xff\xfe\xfd", 2, "\xff…");
	check_cut("", 2, "");
	check_table("NAMES\tIMAGE\nc-t\ttiny:2\n", "NAMES     IMAGE\nc-t       tiny:2\n");
	check_table("REPOSITORY\tTAG\tSIZE\n127.0.0.1:5000/t/a\t1\t1.98MB",
		    "REPOSITORY           TAG       SIZE\n127.0.0.1:5000/t/a   1         1.98MB\n");
	check_table("ééééééééé\tx\na\ty\n", "ééééééééé   x\na           y\n");
	check_table("你好\tx\nabcdefghij\ty\n", "你好         x\nabcdefghij   y\n");
	check_table("\t\tlast\n", "                    last\n");
	check_table("alone\n", "alone\n");
	check_table("", "");

	check_size(0, 3, "0B");
	check_size(-5, 3, "0B");
	check_size(999, 3, "999B");
	check_size(1000, 3, "1kB");
	check_size(988123, 3, "988kB");
	check_size(999999, 3, "1MB");
	check_size(1984000, 3, "1.98MB");
	check_size(1984000, 4, "1.984MB");
	check_size(12345678901, 3, "12.3GB");
	check_size(INT64_MAX, 3, "9.22EB");

	check_duration(-3, "Less than a second");
	check_duration(0, "Less than a second");
	check_duration(1, "1 second");
	check_duration(59, "59 seconds");
	check_duration(60, "About a minute");
	check_duration(119, "About a minute");
	check_duration(120, "2 minutes");
	check_duration(3599, "59 minutes");
	check_duration(3600, "About an hour");
	check_duration(5399, "About an hour");
	check_duration(5400, "2 hours");
	check_duration(47 * 3600, "47 hours");
	check_duration(48 * 3600, "2 days");
	check_duration(13LL * 86400, "13 days");
	check_duration(14LL * 86400, "2 weeks");
	check_duration(59LL * 86400, "8 weeks");
	check_duration(60LL * 86400, "2 months");
	check_duration(729LL * 86400, "24 months");
	check_duration(730LL * 86400, "2 years");

	char text[HUMAN_MAX];

	check_text(human_errno(ENOENT, text), "no such file or directory", "ENOENT in Go's words");
	check_text(human_errno(99999, text), "unknown error", "no errno at all");
	return tap_done();
}
