/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Pid 1 of a container that was started with --init: `docker-init -- PROGRAM ARG…`. It starts the
 * program, passes every signal on to it, reaps whatever is left to it, and ends as the program
 * does. The kernel ignores signals that pid 1 has no handler for; here they are waited for instead.
 */

#define EXIT_NOT_FOUND      127
#define EXIT_NOT_EXECUTABLE 126

static _Noreturn void execute(char **argv, const sigset_t *signals)
{
	sigprocmask(SIG_UNBLOCK, signals, NULL);
	execvp(argv[0], argv);

	int sys = errno;

	fprintf(stderr, "docker-init: exec %s: %s\n", argv[0], strerror(sys));
	_exit(sys == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Takes all that have ended; true once the program itself is among them. */
static int reap(pid_t program, int *code)
{
	int status;
	int is_over = 0;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == program) {
			*code = exit_code(status);
			is_over = 1;
		}
	}
	return is_over;
}

int main(int argc, char **argv)
{
	sigset_t signals;
	int code = EXIT_NOT_FOUND;
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	if (argc <= first) {
		fprintf(stderr, "usage: docker-init -- PROGRAM [ARG...]\n");
		return EXIT_NOT_FOUND;
	}
	sigfillset(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	pid_t program = fork();
	if (program == 0)
		execute(argv + first, &signals);
	if (program < 0) {
		perror("docker-init: fork");
		return EXIT_NOT_EXECUTABLE;
	}
	while (!reap(program, &code)) {
		int number = sigwaitinfo(&signals, NULL);

		if (number > 0 && number != SIGCHLD)
			kill(program, number);
	}
	return code;
}
