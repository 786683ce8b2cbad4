/*
 * endpoint.c - opens sockets and terminals. See endpoint.h.
 */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "report.h"

enum { QUEUE = 8 };

static void prepare(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void open_fd(n6_endpoint_t *end, int fd)
{
    struct stat about;
    if (fstat(fd, &about) || !S_ISSOCK(about.st_mode)) {
        n6_report_failure("--fd %d is not an open socket", fd);
    }
    prepare(fd);
    end->client = fd;
    snprintf(end->url, sizeof(end->url), "fd:%d", fd);
}

/* A socket file without a listener is a remainder of a process that was killed. */
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat about;
    if (lstat(address->sun_path, &about) || !S_ISSOCK(about.st_mode)) {
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM, 0);
    if (probe < 0) {
        return false;
    }
    bool refused = connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    close(probe);
    return refused;
}

static void open_unix(n6_endpoint_t *end, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        n6_report_failure("--unix %s: the path is longer than %zu bytes", path,
                          sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (is_left_over(&address)) {
        unlink(path);
    }
    end->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (end->listener < 0 ||
        bind(end->listener, (const struct sockaddr *)&address, sizeof(address)) ||
        listen(end->listener, QUEUE)) {
        n6_report_failure("--unix %s: %s", path, strerror(errno));
    }
    end->path = path;
    snprintf(end->url, sizeof(end->url), "unix:%s", path);
}

static void open_tcp(n6_endpoint_t *end, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof(address);
    int on = 1;
    end->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (end->listener < 0 || setsockopt(end->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        bind(end->listener, (const struct sockaddr *)&address, sizeof(address)) ||
        listen(end->listener, QUEUE) ||
        getsockname(end->listener, (struct sockaddr *)&address, &size)) {
        n6_report_failure("--tcp %d: %s", port, strerror(errno));
    }
    snprintf(end->url, sizeof(end->url), "tcp:127.0.0.1:%d", ntohs(address.sin_port));
}

static void open_pty(n6_endpoint_t *end)
{
    struct termios raw;
    const char *name = NULL;
    end->client = posix_openpt(O_RDWR | O_NOCTTY);
    if (end->client < 0 || grantpt(end->client) || unlockpt(end->client) ||
        !(name = ptsname(end->client)) || (end->slave = open(name, O_RDWR | O_NOCTTY)) < 0 ||
        tcgetattr(end->slave, &raw)) {
        n6_report_failure("--pty: %s", strerror(errno));
    }
    cfmakeraw(&raw);
    tcsetattr(end->slave, TCSANOW, &raw);
    prepare(end->client);
    prepare(end->slave);
    snprintf(end->url, sizeof(end->url), "serial:%s", name);
}

void n6_endpoint_open(n6_endpoint_t *end, const n6_options_t *options)
{
    *end = (n6_endpoint_t){.kind = options->end, .listener = -1, .client = -1, .slave = -1};
    switch (options->end) {
    case N6_END_FD:
        open_fd(end, options->number);
        break;
    case N6_END_UNIX:
        open_unix(end, options->path);
        break;
    case N6_END_TCP:
        open_tcp(end, options->number);
        break;
    default:
        open_pty(end);
        break;
    }
    if (end->listener >= 0) {
        prepare(end->listener);
    }
}

int n6_endpoint_accept(const n6_endpoint_t *end)
{
    int on = 1;
    int fd = end->listener < 0 ? -1 : accept(end->listener, NULL, NULL);
    if (fd < 0) {
        return -1;
    }
    prepare(fd);
    if (end->kind == N6_END_TCP) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

bool n6_endpoint_hang_up(n6_endpoint_t *end)
{
    close(end->client);
    end->client = -1;
    return end->listener >= 0;
}

void n6_endpoint_close(n6_endpoint_t *end)
{
    const int fds[] = {end->client, end->slave, end->listener};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (end->path) {
        unlink(end->path);
    }
}
