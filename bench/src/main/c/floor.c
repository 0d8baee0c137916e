/*
 * Measures the kernel's work for a call of a host service: the floor that Caisson is compared with.
 *
 *   floor ping BYTES ROUNDS    a packet to another process and one back
 *   floor fds COUNT ROUNDS     the same with descriptors in both directions; the receiver closes them
 *   floor memfd BYTES ROUNDS   creates, writes and reads a memfd
 *   floor serve PATH           returns the packets of each connection, until it is killed
 *   floor call PATH ROUNDS     a JSON message to a socket, and its answer
 *
 * Prints the nanoseconds that one round takes. Runs on the CPU that it is started on (taskset).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DESCRIPTORS = 253 };

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

union control {
    char bytes[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
    struct cmsghdr align;
};

static void send_packet(int socket, char *data, size_t length, const int *descriptors, int count)
{
    union control control;
    struct iovec iov = {data, length};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    if (sendmsg(socket, &message, MSG_NOSIGNAL) != (ssize_t)length)
        die("sendmsg");
}

/* Returns whether there was a packet; fills in the descriptors that came with it. */
static int receive_packet(int socket, char *data, size_t size, int *descriptors, int *count)
{
    union control control;
    struct iovec iov = {data, size};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (length < 0)
        die("recvmsg");
    *count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(header), sizeof(int) * *count);
    }
    return length > 0;
}

static int64_t exchange(size_t bytes, int count, int rounds)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        die("socketpair");
    char *data = calloc(1, bytes);
    int sent[MAX_DESCRIPTORS], received[MAX_DESCRIPTORS], got;
    for (int i = 0; i < count; i++)
        sent[i] = STDIN_FILENO;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        while (receive_packet(ends[1], data, bytes, received, &got)) {
            send_packet(ends[1], data, bytes, received, got);
            for (int i = 0; i < got; i++)
                close(received[i]);
        }
        _exit(0);
    }
    close(ends[1]);
    int64_t begin = now();
    for (int round = 0; round < rounds; round++) {
        send_packet(ends[0], data, bytes, sent, count);
        if (!receive_packet(ends[0], data, bytes, received, &got) || got != count)
            die("an answer is missing");
        for (int i = 0; i < got; i++)
            close(received[i]);
    }
    int64_t took = (now() - begin) / rounds;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return took;
}

static int64_t through_memfd(size_t bytes, int rounds)
{
    char *from = malloc(bytes), *to = malloc(bytes);
    memset(from, 'x', bytes);
    memset(to, 0, bytes);
    int64_t begin = now();
    for (int round = 0; round < rounds; round++) {
        int fd = memfd_create("floor", MFD_CLOEXEC);
        if (fd < 0)
            die("memfd_create");
        for (size_t done = 0; done < bytes;) {
            ssize_t count = write(fd, from + done, bytes - done);
            if (count <= 0)
                die("write");
            done += count;
        }
        for (size_t done = 0; done < bytes;) {
            ssize_t count = pread(fd, to + done, bytes - done, done);
            if (count <= 0)
                die("pread");
            done += count;
        }
        close(fd);
    }
    return (now() - begin) / rounds;
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(address.sun_path, path);
    return address;
}

static void serve(const char *path)
{
    struct sockaddr_un here = address(path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 8) != 0)
        die(path);
    char data[4096];
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            die("accept4");
        struct iovec iov = {data, sizeof data};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t length;
        while ((length = recvmsg(connection, &message, 0)) > 0)
            send_packet(connection, data, length, NULL, 0);
        close(connection);
    }
}

static int64_t call(const char *path, int rounds)
{
    static char text[] = "{\"method\": \"echo\", \"value\": [\"hello\", 42]}";
    char answer[4096];
    int received[MAX_DESCRIPTORS], got;
    struct sockaddr_un there = address(path);
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&there, sizeof there) != 0)
        die(path);
    int64_t begin = now();
    for (int round = 0; round < rounds; round++) {
        send_packet(connection, text, sizeof text - 1, NULL, 0);
        if (!receive_packet(connection, answer, sizeof answer, received, &got))
            die("an answer is missing");
    }
    return (now() - begin) / rounds;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    if (argc == 4 && strcmp(argv[1], "call") == 0) {
        printf("%lld\n", (long long)call(argv[2], atoi(argv[3])));
        return 0;
    }
    if (argc != 4) {
        fprintf(stderr, "usage: floor ping|fds|memfd AMOUNT ROUNDS, serve PATH, call PATH ROUNDS\n");
        return 2;
    }
    int amount = atoi(argv[2]), rounds = atoi(argv[3]);
    if (amount < 1 || rounds < 1 || (strcmp(argv[1], "fds") == 0 && amount > MAX_DESCRIPTORS)) {
        fprintf(stderr, "floor: an amount or the number of rounds is out of range\n");
        return 2;
    }
    int64_t took;
    if (strcmp(argv[1], "ping") == 0)
        took = exchange(amount, 0, rounds);
    else if (strcmp(argv[1], "fds") == 0)
        took = exchange(100, amount, rounds);
    else if (strcmp(argv[1], "memfd") == 0)
        took = through_memfd(amount, rounds);
    else {
        fprintf(stderr, "floor: unknown measurement %s\n", argv[1]);
        return 2;
    }
    printf("%lld\n", (long long)took);
    return 0;
}
