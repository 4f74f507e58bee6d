/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * pace: runs commands in turn, round after round, and prints what each took.
 *
 *     pace ROUNDS WARMUP PAUSE_MS NAME=COMMAND…
 *
 * The order rotates from round to round, so that a slow spell of the machine hits all alike and
 * nobody always profits from the work of the same predecessor. A command is split at blanks; %i in
 * it becomes a number that no other run has. One line per contestant, tab-separated: name, wall ms
 * (median, p10, p90), CPU ms of the command and its waited-for descendants (median), CPU ms of the
 * whole machine (mean), peak RSS KiB, ratio to the first contestant (median over the rounds),
 * failed runs.
 *
 * It must be static and small: a child's peak RSS starts at its parent's.
 */

#define ROUNDS_MAX        10000
#define CONTESTANTS_MAX   16
#define WORDS_MAX         64
#define COMMAND_MAX       4096

#define QUIET_WINDOW_MS   60
#define QUIET_SHARE       0.2 /* of one core, that others may use */
#define QUIET_PATIENCE_MS 500

extern char **environ;

struct contestant {
	const char *name, *command;
	double *wall, *cpu; /* per round, ms */
	double machine;     /* sum, ms */
	long peak_rss;
	int failed;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Busy time of all CPUs. It counts ticks, so only a mean over many runs says anything. */
static double machine_ms(void)
{
	unsigned long long user, nice, system, idle, wait, irq, softirq;
	FILE *file = fopen("/proc/stat", "re");
	int count = file ? fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
				  &system, &idle, &wait, &irq, &softirq)
			 : 0;

	if (file)
		fclose(file);
	if (count != 7)
		return 0;
	return (double)(user + nice + system + irq + softirq) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

static double tv_ms(struct timeval time)
{
	return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

/* Waits for a moment in which the machine has nothing else to do, but not for ever. */
static void wait_for_quiet(void)
{
	for (double begin = now_ms(); now_ms() - begin < QUIET_PATIENCE_MS;) {
		double start = now_ms();
		double busy = machine_ms();

		usleep(QUIET_WINDOW_MS * 1000);
		if (machine_ms() - busy <= QUIET_SHARE * (now_ms() - start))
			return;
	}
}

/* Splits a copy of the command in `text`. */
static void split(const char *command, char text[COMMAND_MAX], char *words[WORDS_MAX])
{
	static unsigned serial;
	size_t length = 0, count = 0;

	for (const char *c = command; *c && length < COMMAND_MAX - 24; c++) {
		if (c[0] == '%' && c[1] == 'i') {
			length +=
				(size_t)snprintf(text + length, 24, "%d-%u", (int)getpid(), serial);
			c++;
		} else {
			text[length++] = *c;
		}
	}
	text[length] = '\0';
	serial++;
	for (char *word = strtok(text, " "); word && count < WORDS_MAX - 1;
	     word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
}

static pid_t start(char **words)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	errno = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errno) {
		perror(words[0]);
		exit(1);
	}
	return pid;
}

static void run(struct contestant *contestant, int round)
{
	char text[COMMAND_MAX], *words[WORDS_MAX];
	struct rusage usage;
	int status;

	split(contestant->command, text, words);

	double machine = machine_ms();
	double begin = now_ms();
	pid_t pid = start(words);

	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;

	double wall = now_ms() - begin;

	if (round < 0)
		return;
	contestant->wall[round] = wall;
	contestant->cpu[round] = tv_ms(usage.ru_utime) + tv_ms(usage.ru_stime);
	contestant->machine += machine_ms() - machine;
	contestant->failed += status != 0;
	if (usage.ru_maxrss > contestant->peak_rss)
		contestant->peak_rss = usage.ru_maxrss;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *values, int count, double share)
{
	static double sorted[ROUNDS_MAX];

	memcpy(sorted, values, (size_t)count * sizeof(*values));
	qsort(sorted, (size_t)count, sizeof(*sorted), compare);
	return sorted[(int)(share * (count - 1) + 0.5)];
}

static void print(const struct contestant *all, int count, int rounds)
{
	for (int i = 0; i < count; i++) {
		const struct contestant *one = &all[i];
		static double ratios[ROUNDS_MAX];

		for (int round = 0; round < rounds; round++)
			ratios[round] = one->wall[round] / all[0].wall[round];
		printf("%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.2f\t%ld\t%.3f\t%d\n", one->name,
		       quantile(one->wall, rounds, 0.5), quantile(one->wall, rounds, 0.1),
		       quantile(one->wall, rounds, 0.9), quantile(one->cpu, rounds, 0.5),
		       one->machine / rounds, one->peak_rss, quantile(ratios, rounds, 0.5),
		       one->failed);
	}
}

static struct contestant parse(char *text, int rounds)
{
	char *equals = strchr(text, '=');

	if (!equals) {
		fprintf(stderr, "pace: %s: expected NAME=COMMAND\n", text);
		exit(2);
	}
	*equals = '\0';
	return (struct contestant){ .name = text,
				    .command = equals + 1,
				    .wall = calloc((size_t)rounds, sizeof(double)),
				    .cpu = calloc((size_t)rounds, sizeof(double)) };
}

int main(int argc, char **argv)
{
	struct contestant all[CONTESTANTS_MAX];
	int count = argc - 4;
	int rounds = argc > 1 ? atoi(argv[1]) : 0;

	if (count < 1 || count > CONTESTANTS_MAX || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: pace ROUNDS WARMUP PAUSE_MS NAME=COMMAND...\n");
		return 2;
	}

	int warmup = atoi(argv[2]);
	useconds_t pause = (useconds_t)atoi(argv[3]) * 1000;

	for (int i = 0; i < count; i++)
		all[i] = parse(argv[4 + i], rounds);
	for (int round = -warmup; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			usleep(pause);
			wait_for_quiet();
			run(&all[(i + (round > 0 ? round : 0)) % count], round);
		}
	print(all, count, rounds);
	return 0;
}
