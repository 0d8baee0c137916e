/*
 * Measures what the kernel needs for system calls in another process: the floor for the stub.
 *
 *   calls one ROUNDS              56 bytes to the other process, a system call there, 8 bytes back
 *   calls many COUNT ROUNDS       COUNT calls sent together and answered together; prints the time per call
 *   calls spawn PROGRAM ROUNDS    posix_spawn and waitpid
 *
 * Prints the nanoseconds that one round takes. Runs on the CPU that it is started on (taskset).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 56, ANSWER = 8, MOST = 128 };

extern char **environ;

static void die(const char *what)
{
    fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void serve(int socket)
{
    static int64_t requests[MOST * REQUEST / 8];
    static int64_t answers[MOST];

    for (;;) {
        ssize_t size = read(socket, requests, sizeof(requests));
        if (size <= 0)
            exit(0);
        for (int i = 0; i < size / REQUEST; i++)
            answers[i] = syscall(requests[i * REQUEST / 8], 0, 0, 0, 0, 0, 0);
        if (write(socket, answers, size / REQUEST * ANSWER) < 0)
            exit(1);
    }
}

static int64_t calls(int count, int rounds)
{
    static int64_t requests[MOST * REQUEST / 8];
    static int64_t answers[MOST];
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        die("socketpair");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    for (int i = 0; i < count; i++)
        requests[i * REQUEST / 8] = SYS_getppid;
    int64_t start = now();
    for (int round = 0; round < rounds; round++) {
        if (write(ends[0], requests, count * REQUEST) != count * REQUEST)
            die("write");
        for (ssize_t have = 0; have < count * ANSWER;) {
            ssize_t more = read(ends[0], (char *)answers + have, count * ANSWER - have);
            if (more <= 0)
                die("read");
            have += more;
        }
    }
    int64_t took = now() - start;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return took / rounds / count;
}

static int64_t spawn(char *program, int rounds)
{
    char *arguments[] = {program, NULL};
    int64_t start = now();
    for (int round = 0; round < rounds; round++) {
        pid_t child;
        errno = posix_spawn(&child, program, NULL, NULL, arguments, environ);
        if (errno != 0)
            die("posix_spawn");
        if (waitpid(child, NULL, 0) < 0)
            die("waitpid");
    }
    return (now() - start) / rounds;
}

int main(int argc, char **argv)
{
    int64_t took;

    if (argc == 3 && strcmp(argv[1], "one") == 0)
        took = calls(1, atoi(argv[2]));
    else if (argc == 4 && strcmp(argv[1], "many") == 0 && atoi(argv[2]) <= MOST)
        took = calls(atoi(argv[2]), atoi(argv[3]));
    else if (argc == 4 && strcmp(argv[1], "spawn") == 0)
        took = spawn(argv[2], atoi(argv[3]));
    else {
        fprintf(stderr, "usage: calls one ROUNDS | many COUNT ROUNDS | spawn PROGRAM ROUNDS\n");
        return 2;
    }
    printf("%lld\n", (long long)took);
    return 0;
}
