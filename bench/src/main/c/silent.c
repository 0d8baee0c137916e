/*
 * Keeps connections to a Unix socket open without sending anything. Reconnects when the listener closes a connection.
 * Arguments: the path of the socket, and the number of connections. Prints a line when it has tried each connection
 * once, and exits at the end of its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int epoll;

/* Returns whether there was room in the listener's backlog. */
static int connect_one(void)
{
    struct epoll_event event = { .events = EPOLLRDHUP };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return 0;
    }
    event.data.fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return 1;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    long missing, tried = 0;

    if (argc != 3)
        return 2;
    strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
    missing = atol(argv[2]);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)missing + 16) {
        fprintf(stderr, "silent: needs a hard limit of %ld open files\n", missing + 16);
        return 1;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (;;) {
        struct epoll_event events[256];
        struct pollfd input = { .fd = 0, .events = POLLIN };
        int i, count;

        while (missing > 0 && connect_one())
            missing--;
        if (!tried++) {
            puts("connected");
            fflush(stdout);
        }
        /* A full backlog does not report when it has room again. */
        count = epoll_wait(epoll, events, 256, missing > 0 ? 1 : 100);
        for (i = 0; i < count; i++) {
            close(events[i].data.fd);
            missing++;
        }
        if (poll(&input, 1, 0) > 0)
            return 0;
    }
}
