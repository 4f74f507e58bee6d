/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/opt.h"

#include "tests/unit/tap.h"

struct values {
	bool is_removed, is_interactive, is_without_proxy;
	const char *name, *workdir;
	struct texts env;
	struct opt_number memory, seconds, cpus;
};

static bool check_env(const char *text, struct error *err)
{
	return *text != '=' ||
	       error_set(err, ERROR_INPUT, "invalid environment variable: %s", text);
}

static const struct opt opts[] = {
	{ "rm", 0, OPT_BOOL, offsetof(struct values, is_removed), NULL, "", NULL },
	{ "interactive", 'i', OPT_BOOL, offsetof(struct values, is_interactive), NULL, "", NULL },
	{ "sig-proxy", 0, OPT_UNLESS, offsetof(struct values, is_without_proxy), NULL, "", NULL },
	{ "name", 0, OPT_TEXT, offsetof(struct values, name), "string", "", NULL },
	{ "workdir", 'w', OPT_TEXT, offsetof(struct values, workdir), "string", "", NULL },
	{ "env", 'e', OPT_LIST, offsetof(struct values, env), "list", "", check_env },
	{ "memory", 'm', OPT_SIZE, offsetof(struct values, memory), "bytes", "", NULL },
	{ "time", 't', OPT_NUMBER, offsetof(struct values, seconds), "int", "", NULL },
	{ "cpus", 0, OPT_CPUS, offsetof(struct values, cpus), "decimal", "", NULL },
	{ "gone", 0, OPT_MISSING_TEXT, 0, "string", NULL, NULL },
	{ "off", 0, OPT_MISSING_BOOL, 0, NULL, NULL, NULL },
	{ .name = NULL },
};

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

struct outcome {
	struct values values;
	struct texts arguments;
	bool wants_help;
	struct error err;
};

static bool parse(const char *const *argv, bool stops, struct outcome *outcome)
{
	const struct opt_grammar grammar = { .opts = opts, .stops_at_argument = stops };

	*outcome = (struct outcome){ 0 };
	return opt_parse(&grammar, argv, &outcome->values, &outcome->arguments,
			 &outcome->wants_help, &outcome->err);
}

static void done(struct outcome *outcome)
{
	texts_done(&outcome->values.env);
	texts_done(&outcome->arguments);
}

static void test_forms(void)
{
	struct outcome o;

	check(parse(WORDS("--rm", "-ieA=1", "--env=B=2", "--env", "C=3", "-e=D=4", "-w", "/x",
			  "image", "--rm=no", "-z"),
		    true, &o),
	      "all forms of options");
	check(o.values.is_removed && o.values.is_interactive, "booleans, alone and combined");
	check_int((long long)o.values.env.count, 4, "a list gathers");
	check_text(o.values.env.items[0], "A=1", "-eA=1");
	check_text(o.values.env.items[3], "D=4", "-e=D=4");
	check_text(o.values.workdir, "/x", "-w /x");
	check_int((long long)o.arguments.count, 3, "what follows the image is not ours");
	done(&o);

	check(parse(WORDS("a", "--name", "x", "b", "--", "--rm"), false, &o), "options anywhere");
	check_int((long long)o.arguments.count, 3, "arguments around them");
	check_text(o.arguments.items[2], "--rm", "nothing is an option after --");
	check_text(o.values.name, "x", "--name x");
	done(&o);

	check(parse(WORDS("--rm=false", "--sig-proxy=false", "-"), false, &o),
	      "booleans with values");
	check(!o.values.is_removed && o.values.is_without_proxy, "false is false");
	check_int((long long)o.arguments.count, 1, "- is an argument");
	done(&o);

	check(parse(WORDS("-m", "1.5g", "-t", "0x10", "--cpus", "0.5"), false, &o), "numbers");
	check_int(o.values.memory.value, 1610612736, "1.5g");
	check_int(o.values.seconds.value, 16, "0x10");
	check_int(o.values.cpus.value, 500000000, "half a CPU");
	done(&o);

	check(parse(WORDS("--cpus", "3/2"), false, &o), "a fraction");
	check_int(o.values.cpus.value, 1500000000, "one and a half CPUs");
	done(&o);

	check(parse(WORDS("--rm", "--help", "--nonsense"), false, &o) && o.wants_help,
	      "--help ends reading");
	done(&o);
	check(parse(WORDS("-h"), false, &o) && o.wants_help, "-h too, where it is free");
	done(&o);
	check(parse(WORDS("--off=false"), false, &o), "what we lack may be turned off");
	done(&o);
}

static void test_mistakes(void)
{
	static const struct {
		const char *const argv[4];
		enum error_kind kind;
		const char *text;
	} cases[] = {
		{ { "--nosuch=1" }, ERROR_INPUT, "unknown flag: --nosuch" },
		{ { "-ix" }, ERROR_INPUT, "unknown shorthand flag: 'x' in -x" },
		{ { "--name" }, ERROR_INPUT, "flag needs an argument: --name" },
		{ { "-ie" }, ERROR_INPUT, "flag needs an argument: 'e' in -e" },
		{ { "--rm=yes" },
		  ERROR_INPUT,
		  "invalid argument \"yes\" for \"--rm\" flag: strconv.ParseBool: parsing \"yes\": "
		  "invalid syntax" },
		{ { "-m", "10x" },
		  ERROR_INPUT,
		  "invalid argument \"10x\" for \"-m, --memory\" flag: invalid suffix: 'x'" },
		{ { "-m", "x" }, ERROR_INPUT, "invalid size: 'x'" },
		{ { "-m", "99999999999999999999g" }, ERROR_INPUT, "invalid size" },
		{ { "-m", "0x10" }, ERROR_INPUT, "invalid suffix" },
		{ { "-t", "1s" }, ERROR_INPUT, "strconv.ParseInt: parsing \"1s\": invalid syntax" },
		{ { "-t", "99999999999999999999" }, ERROR_INPUT, "value out of range" },
		{ { "--cpus", "1/0" }, ERROR_INPUT, "rational number" },
		{ { "--cpus", "1/3" }, ERROR_INPUT, "too precise" },
		{ { "-m", "-1" }, ERROR_INPUT, "invalid size: '-1'" },
		{ { "--cpus", "nan" }, ERROR_INPUT, "rational number" },
		{ { "-e", "=x" },
		  ERROR_INPUT,
		  "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: "
		  "=x" },
		{ { "---rm" }, ERROR_INPUT, "bad flag syntax: ---rm" },
		{ { "--=x" }, ERROR_INPUT, "bad flag syntax: --=x" },
		{ { "--gone", "x" }, ERROR_UNSUPPORTED, "--gone is not supported yet" },
		{ { "--off" }, ERROR_UNSUPPORTED, "--off is not supported yet" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct outcome o;

		check_error(parse(cases[i].argv, true, &o), &o.err, cases[i].kind, cases[i].text,
			    "%s", cases[i].argv[0]);
		done(&o);
	}
}

int main(void)
{
	test_forms();
	test_mistakes();
	return tap_done();
}
