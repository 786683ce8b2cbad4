/* See crash.h. */
#include "crash.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

static char **command; /* the command line, with room for two more arguments */
static char *words;    /* text of the command line */
static int arguments;
static char expected[32]; /* name of the network */
static int standard_error = -1;

void n6_crash_keep(int argc, char **argv)
{
    size_t size = 0;
    for (int i = 0; i < argc; i++) {
        size += strlen(argv[i]) + 1;
    }
    words = malloc(size + 1);
    command = calloc((size_t)argc + 3, sizeof(*command));
    if (!words || !command) {
        abort();
    }
    char *at = words;
    for (int i = 0; i < argc; i++) {
        size = strlen(argv[i]) + 1;
        command[i] = memcpy(at, argv[i], size);
        at += size;
    }
    arguments = argc;
    standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* Only system calls: the heap may be damaged. */
static void on_crash(int number)
{
    static const char failure[] =
        "{\"error\": \"LiteRT crashes on a network, and n6sim cannot start itself again\"}\n";
    sigset_t none;
    (void)number;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(standard_error, STDERR_FILENO);
    command[arguments] = "--crashed";
    command[arguments + 1] = expected;
#ifdef __linux__
    execv("/proc/self/exe", command);
#endif
    execv(command[0], command);
    ssize_t written = write(STDOUT_FILENO, failure, sizeof(failure) - 1);
    _exit(written > 0 ? 2 : EXIT_FAILURE);
}

void n6_crash_expect(const char *network)
{
    struct sigaction action = {.sa_handler = network ? on_crash : SIG_DFL};
    sigemptyset(&action.sa_mask);
    snprintf(expected, sizeof(expected), "%s", network ? network : "");
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        sigaction(crashes[i], &action, NULL);
    }
}
