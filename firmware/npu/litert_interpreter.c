/* See litert_interpreter.h. */
#include "litert_interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "litert_describe.h"

extern char **environ;

static const char whole[] = "LiteRT Interpreter";

typedef struct {
    int32_t status;
    uint32_t size;
} answer_t;

/* As sent by the child process; followed by scales, zero points and the name. */
typedef struct {
    int32_t element;
    uint32_t rank;
    int32_t shape[8];
    float scale;
    int32_t zero_point;
    uint32_t axis;
    uint32_t channels;
    uint32_t name_size;
} record_t;

_Static_assert(sizeof(record_t) == 60, "TENSOR in interpreter.py");

/* ---- the socket ---- */

static int receive(litert_network_t *self, void *data, size_t size)
{
    char *at = data;
    while (size) {
        ssize_t got = recv(self->link, at, size, 0);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return -1;
        }
        at += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int transmit(litert_network_t *self, const void *data, size_t size)
{
    const char *at = data;
    while (size) {
        ssize_t sent = write(self->link, at, size);
        if (sent < 0 && errno != EINTR) {
            return -1;
        }
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

/* ---- the child ---- */

static int spawn(litert_load_t *load, int theirs)
{
    char *const arguments[] = {(char *)load->python, "-P", (char *)load->script,
                               (char *)load->source->path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
    if (load->verbose) {
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    } else {
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    if (load->client >= 0) {
        posix_spawn_file_actions_addclose(&actions, load->client);
    }
    int bad = posix_spawn(&child, load->python, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    load->self->child = bad ? 0 : child;
    return bad;
}

static int start_child(litert_load_t *load)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
        return n6_litert_fail(load, "there is no socket for LiteRT's Interpreter");
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN); /* a child process that has ended is an error of transmit() */
    int bad = spawn(load, ends[1]);
    close(ends[1]);
    load->self->link = ends[0];
    if (bad) {
        close(ends[0]);
        return n6_litert_fail(load, "%s cannot be started: %s", load->python, strerror(bad));
    }
    return 0;
}

/* The child process has closed its end. */
static void say_how_it_ended(litert_network_t *self)
{
    int how = 0;
    if (self->child && waitpid((pid_t)self->child, &how, 0) == self->child) {
        self->child = 0;
        close(self->link);
    }
    snprintf(self->failure, sizeof(self->failure), "LiteRT's Interpreter %s %d",
             WIFSIGNALED(how) ? "was ended by signal" : "has ended with code",
             WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
}

/*
 * Reads the header of an answer, and the reason of a failure. Returns 0, or -1 with the reason in
 * failure.
 */
static int receive_answer(litert_network_t *self, uint32_t *size)
{
    answer_t answer = {0};
    if (!self->child) {
        return -1; /* the reason is known */
    }
    if (receive(self, &answer, sizeof(answer))) {
        say_how_it_ended(self);
        return -1;
    }
    *size = answer.size;
    if (!answer.status) {
        return 0;
    }
    char *text = calloc(1, (size_t)answer.size + 1);
    if (!text) {
        abort();
    }
    (void)receive(self, text, answer.size);
    snprintf(self->failure, sizeof(self->failure), "%s", text);
    free(text);
    return -1;
}

/* ---- runs ---- */

static int run(litert_network_t *self)
{
    const n6_network_t *about = &self->about;
    uint64_t elapsed = 0;
    uint32_t size = 0;
    bool bad = !self->child;
    self->events = 0;
    for (size_t i = 0; !bad && i < about->inputs; i++) {
        bad = transmit(self, self->memory[LITERT_INPUT][i], about->input[i].size) != 0;
    }
    if (receive_answer(self, &size)) {
        return LRT_RUNTIME_FAILURE;
    }
    bad = receive(self, &elapsed, sizeof(elapsed)) != 0;
    for (size_t i = 0; !bad && i < about->outputs; i++) {
        bad = receive(self, self->memory[LITERT_OUTPUT][i], about->output[i].size) != 0;
    }
    if (bad) {
        say_how_it_ended(self);
        return LRT_RUNTIME_FAILURE;
    }
    *n6_litert_add_event(self) = (litert_event_t){.name = whole, .elapsed_ns = elapsed};
    return 0;
}

static void reason(litert_network_t *self, char *text, size_t size)
{
    snprintf(text, size, "%s", self->failure);
}

static void interrupt(litert_network_t *self)
{
    if (self->child) {
        shutdown(self->link, SHUT_RDWR);
    }
}

static void end(litert_network_t *self)
{
    if (self->child) {
        close(self->link);
        kill((pid_t)self->child, SIGKILL);
        waitpid((pid_t)self->child, NULL, 0);
        self->child = 0;
    }
}

/* ---- loading ---- */

/* The description of the inputs or outputs, from at on. Returns its end, or NULL. */
static const char *read_side(litert_load_t *load, int side, const char *at)
{
    litert_network_t *self = load->self;
    uint32_t count = 0;
    memcpy(&count, at, sizeof(count));
    at += sizeof(count);
    if (n6_litert_check_count(load, side, count)) {
        return NULL;
    }
    litert_tensor_t *tensor = n6_litert_keep(self, count * sizeof(*tensor));
    for (size_t i = 0; i < count; i++) {
        record_t record;
        memcpy(&record, at, sizeof(record));
        at += sizeof(record);
        tensor[i] = (litert_tensor_t){
            .element = record.element,
            .rank = record.rank,
            .scale = record.scale,
            .zero_point = record.zero_point,
            .axis = record.axis,
            .channels = record.channels,
            .scales = record.channels ? (const void *)at : NULL,
            .zero_points =
                record.channels ? (const void *)(at + 4 * (size_t)record.channels) : NULL,
            .name = at + 8 * (size_t)record.channels,
        };
        memcpy(tensor[i].shape, record.shape, sizeof(record.shape));
        at = tensor[i].name + record.name_size;
    }
    return n6_litert_describe(load, side, tensor, count) ? NULL : at;
}

static int map_side(litert_load_t *load, int side)
{
    litert_network_t *self = load->self;
    const n6_network_t *about = &self->about;
    const bool input = side == LITERT_INPUT;
    for (size_t i = 0; i < (input ? about->inputs : about->outputs); i++) {
        const uint32_t size = (input ? about->input : about->output)[i].size;
        self->memory[side][i] = n6_litert_map(self, size);
        if (!self->memory[side][i]) {
            return n6_litert_fail(load, "there is no memory for its tensors");
        }
    }
    return 0;
}

int n6_litert_interpreter_load(litert_load_t *load)
{
    static const litert_engine_t engine = {
        .timer_source = N6_TIMER_SOURCE_HOST_CLOCK,
        .run = run,
        .reason = reason,
        .interrupt = interrupt,
        .end = end,
    };
    litert_network_t *self = load->self;
    uint32_t size = 0;
    self->engine = &engine;
    if (start_child(load)) {
        return -1;
    }
    if (receive_answer(self, &size)) {
        return n6_litert_fail(load, "%s", self->failure);
    }
    char *text = n6_litert_keep(self, size);
    if (receive(self, text, size)) {
        say_how_it_ended(self);
        return n6_litert_fail(load, "%s", self->failure);
    }
    const char *at = read_side(load, LITERT_INPUT, text);
    if (!at || !read_side(load, LITERT_OUTPUT, at)) {
        return -1;
    }
    *n6_litert_add_event(self) = (litert_event_t){.name = whole};
    return map_side(load, LITERT_INPUT) || map_side(load, LITERT_OUTPUT) ? -1 : 0;
}
