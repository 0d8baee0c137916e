/*
 * The vandal: tries to change everything that it can reach. It runs in a sandbox, and a test compares the host before
 * and after (HostSnapshot.java).
 *
 *     vandal all|restrained|nothing MILLISECONDS [PORT ABSTRACT PID]...
 *
 * The last arguments name witnesses on the host (witness.c): their TCP ports, abstract sockets, and processes.
 * "restrained" is for a run with the rights of root on the host. It skips what would disturb the machine: block
 * devices, mounts, /proc/sys, network interfaces, modes in /proc, and files of the host that processes have mapped.
 * "nothing" only reports that it ran.
 *
 * An attempt that succeeds can be seen and undone: a mode gets the sticky bit, times become STAMP, names contain
 * "vandal", a renamed file is renamed back. Files of the kernel are opened for writing and closed. So nothing is lost
 * if a sandbox lets an attempt through. Each family of attempts runs in its own process, as some attempts break the
 * process that makes them.
 *
 * Prints a line "opened PATH" for each file that belongs to the host and could be opened for writing, and a line
 * "vandal FAMILY ATTEMPTS SUCCESSES" per family.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* The time that the vandal sets: 1977-07-07 07:07:07 UTC. HostSnapshot.java looks for it. */
#define STAMP 237107227

/* System calls that some headers lack. These numbers are the same on every architecture. */
#define NR_PIDFD_SEND_SIGNAL 424
#define NR_IO_URING_SETUP 425
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define NR_FSPICK 433
#define NR_PIDFD_OPEN 434
#define NR_CLONE3 435
#define NR_PIDFD_GETFD 438
#define NR_PROCESS_MADVISE 440
#define NR_MOUNT_SETATTR 442
#define NR_QUOTACTL_FD 443
#define NR_PROCESS_MRELEASE 448
#define NR_FCHMODAT2 452
#define NR_SETXATTRAT 463
#define NR_OPEN_TREE_ATTR 467
#define NR_FILE_SETATTR 469

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef F_SET_RW_HINT
#define F_SET_RW_HINT 1036
#define F_SET_FILE_RW_HINT 1038
#endif

enum { FAMILIES = 24, OPENED = 64, LENGTH = 160 };

/* The state that the processes of the vandal share. */
static struct shared {
    long attempts[FAMILIES];
    long successes[FAMILIES];
    int opened;
    char paths[OPENED][LENGTH];
} *shared;

static int family;
static int restrained;
static int64_t deadline;

/* Witnesses. */
static int witnesses;
static struct {
    int port, pid;
    const char *abstract;
} witness[4];

static int64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static int late(void)
{
    return now() > deadline;
}

/* An attempt; succeeds unless its result is negative. */
static long try(long result)
{
    shared->attempts[family]++;
    if (result >= 0) {
        shared->successes[family]++;
    }
    return result;
}

static void try_close(int fd)
{
    if (try(fd) >= 0) {
        close(fd);
    }
}

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Files that the kernel makes for one process, or for each process that opens them, are not the host's. */
static int of_the_host(const char *path)
{
    if (starts(path, "/proc/")) {
        return !starts(path, "/proc/self/") && !starts(path, "/proc/thread-self/")
            && (path[6] < '0' || path[6] > '9');
    }
    return starts(path, "/sys/") || starts(path, "/usr/") || starts(path, "/lent/") || starts(path, "/boot/");
}

static void tell_opened(const char *path)
{
    if (!of_the_host(path)) {
        return;
    }
    int slot = __atomic_fetch_add(&shared->opened, 1, __ATOMIC_SEQ_CST);
    if (slot < OPENED) {
        snprintf(shared->paths[slot], LENGTH, "%s", path);
    }
}

/* Runs a function in a new process, which ends at the deadline. */
static int apart(void (*work)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        int64_t left = deadline - now();
        struct itimerval timer = {.it_value = {left < 0 ? 0 : left / 1000, left < 0 ? 1 : left % 1000 * 1000 + 1}};
        setitimer(ITIMER_REAL, &timer, NULL);
        work();
        _exit(0);
    }
    int status = -1;
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    return status;
}

/* ---- A path ---- */

static void attempts_on_attributes(const char *path, const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;
    mode = mode & 01000 ? mode & ~0002 : mode | 01000;
    struct timespec times[2] = {{STAMP, 0}, {STAMP, 0}};
    if (S_ISLNK(st->st_mode)) {
        struct stat target;
        if (starts(path, "/proc/") && stat(path, &target) == 0) {
            try(chmod(path, (target.st_mode & 07777) | 01000));
        }
    } else {
        try(chmod(path, mode));
    }
    try(syscall(NR_FCHMODAT2, AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW));
    try(lchown(path, 1, 1));
    try(lchown(path, -1, 0));
    try(utimensat(AT_FDCWD, path, times, 0));
    try(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
    try(lsetxattr(path, "user.vandal", "x", 1, 0));
    try(lsetxattr(path, "trusted.vandal", "x", 1, 0));
}

/* Opens a path in each mode that could change it, without changing its contents. */
static void attempts_to_write(const char *path, const struct stat *st)
{
    static const int flags[] = {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = open(path, flags[i] | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (try(fd) >= 0) {
            tell_opened(path);
            if (strcmp(path, "/proc/sys/kernel/core_pattern") == 0) {
                try(write(fd, "vandal", 6));
            }
            if (starts(path, "/lent/")) {
                try(pwrite(fd, "vandal", 6, 0));
            }
            close(fd);
        }
    }
    if (S_ISREG(st->st_mode) && !starts(path, "/proc/") && !starts(path, "/sys/")) {
        try(truncate(path, st->st_size));
    }
}

static void attempts_on_an_open_file(int fd, const struct stat *st)
{
    mode_t mode = st->st_mode & 07777;
    mode = mode & 01000 ? mode & ~0002 : mode | 01000;
    struct timespec times[2] = {{STAMP, 0}, {STAMP, 0}};
    int number = 0;
    uint64_t hint = 2;
    struct fsxattr extended = {0};
    try(fchmod(fd, mode));
    try(fchown(fd, 1, 1));
    try(futimens(fd, times));
    try(fsetxattr(fd, "user.vandal", "x", 1, 0));
    try(fcntl(fd, F_SETLEASE, F_RDLCK));
    try(fcntl(fd, F_SETLEASE, F_WRLCK));
    try(fcntl(fd, F_NOTIFY, DN_ACCESS | DN_MODIFY | DN_MULTISHOT));
    try(fcntl(fd, F_SET_RW_HINT, &hint));
    try(fcntl(fd, F_SET_FILE_RW_HINT, &hint));
    try(fcntl(fd, F_SETOWN, witness[0].pid));
    try(fcntl(fd, F_SETOWN, 1));
    try(fcntl(fd, F_SETSIG, SIGURG));
    try(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK | O_NOATIME | O_DIRECT));
    try(fcntl(fd, F_SETFL, O_NONBLOCK));
    try(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    try(flock(fd, LOCK_EX | LOCK_NB));
    if (ioctl(fd, FS_IOC_GETFLAGS, &number) == 0) {
        number |= FS_NODUMP_FL;
    }
    try(ioctl(fd, FS_IOC_SETFLAGS, &number));
    if (ioctl(fd, FS_IOC_FSGETXATTR, &extended) == 0) {
        extended.fsx_projid = 7;
    }
    try(ioctl(fd, FS_IOC_FSSETXATTR, &extended));
    number = 7;
    try(ioctl(fd, FS_IOC_SETVERSION, &number));
    try(syscall(NR_FILE_SETATTR, fd, "", &extended, sizeof extended, AT_EMPTY_PATH));
    try(syscall(NR_QUOTACTL_FD, fd, 0x80000700u, 0, NULL));
}

static void attempts_on_a_directory(const char *path)
{
    char name[PATH_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;
    snprintf(name, sizeof name, "%s/vandal", path);
    fd = open(name, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644);
    try_close(fd);
    if (fd >= 0) {
        unlink(name);
    }
    fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    try_close(fd);
    static const struct {
        mode_t type;
        int major, minor;
    } nodes[] = {{S_IFIFO, 0, 0}, {S_IFREG, 0, 0}, {S_IFCHR, 1, 3}, {S_IFCHR, 1, 1}, {S_IFCHR, 1, 11}, {S_IFCHR, 5, 1},
        {S_IFBLK, 8, 0}, {S_IFBLK, 254, 0}, {S_IFBLK, 7, 0}};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        if (S_ISBLK(nodes[i].type) && restrained) {
            continue;
        }
        if (try(mknod(name, nodes[i].type | 0600, makedev(nodes[i].major, nodes[i].minor))) == 0) {
            if (!S_ISFIFO(nodes[i].type)) {
                try_close(open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
            }
            unlink(name);
        }
    }
    if (try(symlink("/etc/shadow", name)) == 0) {
        unlink(name);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && strlen(name) < sizeof address.sun_path) {
        strcpy(address.sun_path, name);
        if (try(bind(fd, (struct sockaddr *)&address, sizeof address)) == 0) {
            unlink(name);
        }
    }
    close(fd);
    try(mkdir(name, 0755)); /* Stays, so that the host notices it. */
}

static void attempts_on_a_name(const char *path, const struct stat *st)
{
    char other[PATH_MAX];
    snprintf(other, sizeof other, "%s.vandal", path);
    if (try(rename(path, other)) == 0) {
        rename(other, path);
    }
    if (!S_ISDIR(st->st_mode) && !starts(path, "/usr/")) {
        if (try(link(path, other)) == 0) {
            unlink(other);
        }
    }
    if (starts(path, "/lent/") || starts(path, "/proc/")
        || (starts(path, "/sys/") && !starts(path, "/sys/fs/cgroup"))) {
        try(S_ISDIR(st->st_mode) ? rmdir(path) : unlink(path));
    }
    if (starts(path, "/lent/")) {
        try(link(path, "/given/vandal-link"));
        try(link(path, "/var/vandal-link"));
        if (try(acct(path)) == 0) {
            acct(NULL);
        }
        try(swapon(path, 0));
        try(syscall(SYS_quotactl, 0x80000700u, path, 0, NULL));
    }
}

static void connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return;
    }
    strcpy(address.sun_path, path);
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        try(connect(fd, (struct sockaddr *)&address, sizeof address));
        close(fd);
    }
}

/* Makes all attempts on one path, but fewer on the many files of the kernel. */
static void vandalise(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0 || (restrained && (S_ISBLK(st.st_mode) || starts(path, "/proc/sys/")))) {
        return;
    }
    int kernel = starts(path, "/proc/") || starts(path, "/sys/");
    if (restrained && starts(path, "/proc/")) {
        if (of_the_host(path) && S_ISREG(st.st_mode)) {
            attempts_to_write(path, &st);
        }
        return;
    }
    attempts_on_attributes(path, &st);
    if (S_ISSOCK(st.st_mode)) {
        connect_to(path);
    } else if (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode)) {
        attempts_to_write(path, &st);
    }
    if (S_ISDIR(st.st_mode)) {
        if (kernel) {
            char name[PATH_MAX];
            snprintf(name, sizeof name, "%s/vandal", path);
            try(mkdir(name, 0755));
        } else {
            attempts_on_a_directory(path);
        }
    }
    if (!kernel || strlen(path) < 32) {
        attempts_on_a_name(path, &st);
        if ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
            int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            if (fd >= 0) {
                attempts_on_an_open_file(fd, &st);
                close(fd);
            }
        }
    }
}

struct walk {
    int depth;
    int most;
    int processes; /* whether to walk the directories of processes, too */
};

static void walk(const char *top, struct walk *how)
{
    if (how->most-- <= 0 || late()) {
        return;
    }
    vandalise(top);
    struct stat st;
    if (how->depth <= 0 || lstat(top, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return;
    }
    DIR *directory = opendir(top);
    struct dirent *entry;
    if (!directory) {
        return;
    }
    how->depth--;
    while ((entry = readdir(directory))) {
        char path[PATH_MAX];
        int process = strcmp(top, "/proc") == 0 && entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || (process && !how->processes)) {
            continue;
        }
        if (strcmp(entry->d_name, "task") == 0 && starts(top, "/proc/")) {
            continue;
        }
        int length = snprintf(path, sizeof path, "%s/%s", strcmp(top, "/") == 0 ? "" : top, entry->d_name);
        if (length < (int)sizeof path - 16) {
            walk(path, how);
        }
    }
    how->depth++;
    closedir(directory);
}

static void walk_to(const char *top, int depth, int most)
{
    struct walk how = {depth, most, 0};
    walk(top, &how);
}

/* ---- Families ---- */

static void proc(void)
{
    walk_to("/proc", 0, 1);
    walk_to("/proc/self/net/", 3, 300);
    walk_to("/proc", 1, 200);
    walk_to("/proc/sys/kernel", 3, 400);
    walk_to("/proc", 8, 3000);
    walk_to("/proc/self/", 1, 200);
    walk_to("/proc/self/ns", 1, 20);
    walk_to("/proc/self/map_files", 1, 20);
    walk_to("/proc/1/", 2, 400);
    for (int i = 2; i < 8; i++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/%d/", i);
        walk_to(path, 1, 100);
    }
    static const char *const ways[] = {"/proc/1/root/proc/sys/kernel/core_pattern",
        "/proc/self/root/proc/sys/kernel/core_pattern", "/proc/1/cwd/proc/sysrq-trigger",
        "/proc/thread-self/root/sys/kernel/uevent_helper", "/proc/1/root/oldroot", "/proc/1/root/../../../etc/shadow"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!restrained) {
            vandalise(ways[i]);
        }
    }
}

static void sys(void)
{
    walk_to("/sys/fs/cgroup", 4, 1500);
    walk_to("/sys/class/net", 2, 200);
    walk_to("/sys/power", 2, 100);
    walk_to("/sys/kernel", 3, 800);
    walk_to("/sys/module", 3, 600);
    walk_to("/sys", 3, 1500);
}

static void files(void)
{
    walk_to("/lent", 4, 200);
    walk_to("/", 0, 1);
    walk_to("/dev", 3, 200);
    walk_to("/run", 4, 200);
    walk_to("/etc", 2, 300);
    walk_to("/usr", 2, 400);
    walk_to("/boot", 1, 50);
    walk_to("/usr/lib", 1, 200);
    walk_to("/ostree", 1, 20);
    walk_to("/var", 2, 50);
    walk_to("/tmp", 1, 50);
}

/* Whether a file is the one that gets the results. */
static int is_result(int fd)
{
    return fd == 1 || fd == 2;
}

static void one_descriptor(int fd)
{
    struct stat st;
    char path[64];
    if (fstat(fd, &st) < 0) {
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    attempts_on_an_open_file(fd, &st);
    attempts_on_attributes(path, &st);
    try(fcntl(fd, F_SETPIPE_SZ, 4096 * 32));
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_TRUNC};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        /* A FIFO that is opened and closed may look like the end of the results. */
        if (!is_result(fd) || S_ISREG(st.st_mode)) {
            try_close(open(path, flags[i] | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        }
    }
    if (S_ISREG(st.st_mode)) {
        try(ftruncate(fd, is_result(fd) ? st.st_size : 0));
        try(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1));
    }
    if (!is_result(fd) && !S_ISSOCK(st.st_mode)) {
        try(write(fd, "vandal", 6));
    }
    if (S_ISDIR(st.st_mode)) {
        try_close(openat(fd, "vandal", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        try_close(openat(fd, "..", O_RDONLY | O_CLOEXEC));
        try(fchdir(fd));
    }
    if (S_ISSOCK(st.st_mode) && !is_result(fd)) {
        struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
        int one = 1;
        try(connect(fd, &nowhere, sizeof nowhere));
        try(send(fd, "vandal", 6, MSG_DONTWAIT | MSG_NOSIGNAL));
        try(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one));
        try(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof one));
        try(shutdown(fd, SHUT_RDWR));
    }
    if (isatty(fd)) {
        char letter = 'x';
        int number = 0;
        struct winsize size = {7, 7, 7, 7};
        for (uint64_t upper = 0; upper <= 1ULL << 32; upper += 1ULL << 32) {
            try(syscall(SYS_ioctl, fd, TIOCSTI | upper, &letter));
            letter = 3;
            try(syscall(SYS_ioctl, fd, TIOCLINUX | upper, &letter));
        }
        try(ioctl(fd, TIOCSWINSZ, &size));
        try(ioctl(fd, TIOCSETD, &number));
        try(ioctl(fd, TIOCCONS, NULL));
        try(ioctl(fd, TIOCEXCL, NULL));
        try(ioctl(fd, TIOCNXCL, NULL));
        try(ioctl(fd, TIOCSCTTY, 1));
        try(tcsetpgrp(fd, getpgrp()));
    }
    int on = 0;
    try(ioctl(fd, FIONBIO, &on));
    try(ioctl(fd, FIOASYNC, &on));
    try(flock(fd, LOCK_UN));
}

static void descriptors(void)
{
    for (int fd = 0; fd < 256 && !late(); fd++) {
        one_descriptor(fd);
    }
}

static void processes(void)
{
    static const int others[] = {1, 10001, INT_MAX};
    for (int i = 0; i < witnesses + 3; i++) {
        int pid = i < witnesses ? witness[i].pid : others[i - witnesses];
        struct sched_param high = {1};
        struct rlimit64 limit = {7, 7};
        cpu_set_t first;
        siginfo_t info = {.si_code = SI_QUEUE};
        char buffer[8] = "vandal";
        struct iovec here = {buffer, 6}, there = {buffer, 6};
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        try(kill(pid, SIGURG));
        try(kill(-pid, SIGURG));
        try(syscall(SYS_tgkill, pid, pid, SIGURG));
        try(syscall(SYS_rt_sigqueueinfo, pid, SIGURG, &info));
        try(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGURG, &info));
        if (i < witnesses) {
            try(kill(pid, SIGUSR1));
            try(kill(pid, SIGKILL));
        }
        try(setpriority(PRIO_PROCESS, pid, 7));
        try(setpriority(PRIO_PGRP, pid, 7));
        try(syscall(SYS_ioprio_set, 1, pid, 3 << 13));
        try(syscall(SYS_ioprio_set, 2, pid, 3 << 13));
        try(sched_setscheduler(pid, SCHED_FIFO, &high));
        try(sched_setscheduler(pid, SCHED_IDLE, &(struct sched_param){0}));
        try(sched_setaffinity(pid, sizeof first, &first));
        try(syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, &limit, NULL));
        try(syscall(SYS_prlimit64, pid, RLIMIT_CORE, &limit, NULL));
        try(syscall(SYS_ptrace, 0x4206 /* PTRACE_SEIZE */, pid, 0, 0));
        try(syscall(SYS_process_vm_writev, pid, &here, 1, &there, 1, 0));
        try(syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0));
        try(syscall(SYS_kcmp, pid, getpid(), 0, 0, 0));
        try(syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 0));
        try(syscall(SYS_migrate_pages, pid, 0, NULL, NULL));
        try(setpgid(pid, 0));
        try(syscall(SYS_get_robust_list, pid, &(long){0}, &(long){0}));
        int pidfd = syscall(NR_PIDFD_OPEN, pid, 0);
        if (try(pidfd) >= 0) {
            try(syscall(NR_PIDFD_SEND_SIGNAL, pidfd, SIGURG, NULL, 0));
            try_close(syscall(NR_PIDFD_GETFD, pidfd, 0, 0));
            try(syscall(NR_PROCESS_MADVISE, pidfd, &there, 1, 20, 0));
            try(syscall(NR_PROCESS_MRELEASE, pidfd, 0));
            close(pidfd);
        }
    }
    try(kill(-1, SIGWINCH));
    try(setpriority(PRIO_USER, 0, 3));
    try(setpriority(PRIO_USER, getuid(), 3));
    try(syscall(SYS_ioprio_set, 3, getuid(), 3 << 13));
}

static void tcp(const char *to, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, to, &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        try(-1);
    } else {
        struct pollfd wait = {fd, POLLOUT, 0};
        int error = 0;
        socklen_t length = sizeof error;
        poll(&wait, 1, 50);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
        try(wait.revents & POLLOUT && error == 0 ? 0 : -1);
    }
    close(fd);
}

static void abstract(const char *name, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length >= sizeof address.sun_path - 1) {
        return;
    }
    memcpy(address.sun_path + 1, name, length);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    try(connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length));
    close(fd);
}

/* Tries to change the MTU of the loopback device, by netlink and by ioctl. */
static void interfaces(void)
{
    struct {
        struct {
            uint32_t length;
            uint16_t type, flags;
            uint32_t sequence, pid;
        } header;
        struct {
            uint8_t family, pad;
            uint16_t type;
            int32_t index;
            uint32_t flags, change;
        } info;
        struct {
            uint16_t length, type;
            uint32_t value;
        } mtu;
    } request = {{sizeof request, 19 /* RTM_SETLINK */, 5, 1, 0}, {0, 0, 0, 1, 0, 0}, {8, 4 /* IFLA_MTU */, 64007}};
    struct {
        char header[16];
        int error;
        char rest[256];
    } answer = {.error = -1};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        struct timeval patience = {0, 50000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (send(fd, &request, sizeof request, 0) > 0 && recv(fd, &answer, sizeof answer, 0) >= 20) {
            try(answer.error == 0 ? 0 : -1);
        }
        close(fd);
    }
    struct ifreq wanted = {.ifr_name = "lo"};
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    wanted.ifr_mtu = 64007;
    try(ioctl(fd, SIOCSIFMTU, &wanted));
    close(fd);
}

static void sockets(void)
{
    for (int domain = 0; domain < 46 && !late(); domain++) {
        for (int type = SOCK_STREAM; type <= SOCK_RAW; type++) {
            try_close(socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        }
    }
    for (int protocol = 0; protocol < 23; protocol++) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        struct {
            uint16_t family, pad;
            uint32_t pid, groups;
        } address = {AF_NETLINK, 0, 0, 1};
        if (try(fd) >= 0) {
            try(bind(fd, (struct sockaddr *)&address, sizeof address));
            close(fd);
        }
    }
    for (int i = 0; i < witnesses; i++) {
        tcp("127.0.0.1", witness[i].port);
        tcp("127.9.9.9", witness[i].port);
        abstract(witness[i].abstract, SOCK_STREAM);
        abstract(witness[i].abstract, SOCK_DGRAM);
        abstract(witness[i].abstract, SOCK_SEQPACKET);
    }
    if (!restrained) {
        interfaces();
    }
}

static void keys(void)
{
    static const int rings[] = {-1, -2, -3, -4, -5, -6, -7};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++) {
        long key = syscall(SYS_add_key, "user", "vandal", "x", 1, rings[i]);
        try(key);
        try(syscall(SYS_keyctl, KEYCTL_SETPERM, rings[i], 0x3f3f3f3f));
        key = syscall(SYS_keyctl, KEYCTL_SEARCH, rings[i], "user", "caisson-witness", 0);
        if (try(key) >= 0) {
            try(syscall(SYS_keyctl, KEYCTL_UPDATE, key, "vandal", 6));
            try(syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f0000));
        }
    }
    try(syscall(SYS_request_key, "user", "caisson-witness", NULL, -4));
    try(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
    try(syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, -3));
}

/* Attempts that could not be undone have arguments that the kernel refuses from every user: only the errors differ. */
static void kernel(void)
{
    static const char garbage[64] = "vandal";
    try(syscall(SYS_init_module, garbage, sizeof garbage, ""));
    try(syscall(SYS_finit_module, 0, "", 0));
    try(syscall(SYS_delete_module, "no_such_module", O_NONBLOCK));
    try(syscall(SYS_kexec_load, 0, 7, NULL, 0));
    try(swapon("/no/such/file", 0));
    try(syscall(SYS_reboot, 1, 2, 3, NULL));
    try(syscall(SYS_syslog, 8, NULL, 7));
#ifdef SYS_iopl
    try(syscall(SYS_iopl, 3));
    try(syscall(SYS_ioperm, 0x80, 1, 1));
#endif
    try(syscall(SYS_vhangup));
#ifdef SYS_lookup_dcookie
    try(syscall(SYS_lookup_dcookie, 0ULL, NULL, 0));
#endif
    try_close(syscall(SYS_perf_event_open, &(char[128]){1, 0, 0, 0, 112}, -1, 0, -1, 0));
    try_close(syscall(SYS_fanotify_init, 0, O_RDONLY));
    try_close(syscall(SYS_fanotify_init, 0x4, O_RDONLY));
    try_close(syscall(SYS_fanotify_init, 0x200 | 0x800, O_RDONLY));
    try_close(syscall(SYS_bpf, 0, &(uint32_t[32]){2, 4, 4, 1}, 128));
    try_close(syscall(NR_IO_URING_SETUP, 1, &(char[256]){0}));
    try_close(syscall(SYS_userfaultfd, 0));
    try(syscall(SYS_personality, 0x0040000));
    uint32_t handle[34] = {8, 1, 2, 0};
    int at = open("/usr", O_RDONLY | O_CLOEXEC);
    try_close(syscall(SYS_open_by_handle_at, at, handle, O_RDONLY));
    int mount;
    handle[0] = 128;
    if (try(syscall(SYS_name_to_handle_at, AT_FDCWD, "/lent", handle, &mount, 0)) == 0) {
        try_close(syscall(SYS_open_by_handle_at, at, handle, O_RDONLY));
    }
    close(at);
}

static void clocks(void)
{
    struct timeval time;
    struct timespec precise;
    struct timex same = {.modes = ADJ_TICK, .tick = 10000};
    gettimeofday(&time, NULL);
    try(settimeofday(&time, NULL));
    clock_gettime(CLOCK_REALTIME, &precise);
    try(clock_settime(CLOCK_REALTIME, &precise));
    try(adjtimex(&same));
    try(clock_adjtime(CLOCK_REALTIME, &same));
}

static void names(void)
{
    try(sethostname("vandal", 6));
    try(setdomainname("vandal", 6));
}

static void ipc(void)
{
    int id = shmget(0xca155, 4096, 0);
    if (try(id) >= 0) {
        try(shmctl(id, IPC_RMID, NULL));
    }
    mqd_t queue = mq_open("/caisson-witness", O_RDWR | O_NONBLOCK);
    if (try(queue) >= 0) {
        try(mq_send(queue, "vandal", 6, 1));
    }
    try(mq_unlink("/caisson-witness"));
    for (int i = 0; i < 64; i++) {
        id = shmget(0xbad0 + i, 4096, IPC_CREAT | 0600);
        if (try(id) >= 0) {
            shmctl(id, IPC_RMID, NULL);
        }
    }
}

/* Takes nearly all inotify instances of its user for a moment. The witness checks whether its own user lacks them. */
static void watches(void)
{
    int most = 128;
    FILE *file = fopen("/proc/sys/fs/inotify/max_user_instances", "r");
    if (file && fscanf(file, "%d", &most) != 1) {
        most = 128;
    }
    most = (most > 512 ? 512 : most) - 5;
    int taken[512], count = 0;
    while (count < most && (taken[count] = inotify_init1(IN_CLOEXEC)) >= 0) {
        try(inotify_add_watch(taken[count], "/lent", IN_ALL_EVENTS));
        count++;
    }
    for (int spare = 0; count < most && spare < 5 && count > 0; spare++) {
        close(taken[--count]); /* So that other processes are not hindered. */
    }
    usleep(150000);
}

/* Takes resources that the kernel limits per user, and leaves a few to others. The witness checks whether its user
 * lacks them. */
static void quotas(void)
{
    enum { PIPES = 80, QUEUES = 16, SIGNALS = 200000, SPARE = 32 };
    static int pipes[PIPES][2];
    char name[32];
    sigset_t blocked;
    siginfo_t info;
    struct timespec at_once = {0, 0};
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    for (int i = 0; i < PIPES && try(pipe2(pipes[i], O_CLOEXEC)) == 0; i++) {
        try(fcntl(pipes[i][0], F_SETPIPE_SZ, 1 << 20));
    }
    for (int i = 0; i < QUEUES; i++) {
        snprintf(name, sizeof name, "/vandal-%d", i);
        try(mq_open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600, &attributes));
        mq_unlink(name);
    }
    int memory = shmget(IPC_PRIVATE, 8 << 20, IPC_CREAT | 0600);
    try(shmctl(memory, SHM_LOCK, NULL));
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGRTMAX);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    int signals = 0;
    while (signals < SIGNALS && sigqueue(getpid(), SIGRTMAX, (union sigval){0}) == 0) {
        signals++;
    }
    try(signals > 0 ? 0 : -1);
    for (int i = 0; i < SPARE; i++) {
        sigtimedwait(&blocked, &info, &at_once);
    }
    usleep(100000);
    shmctl(memory, IPC_RMID, NULL);
}

/* ---- Mounts and namespaces ---- */

struct attributes {
    uint64_t set, clear, propagation, userns;
};

static void mounts(void)
{
    char line[1024], targets[96][256];
    int count = 0;
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (file && count < 96 && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*s %*s %*s %*s %255s", targets[count]) == 1) {
            count++;
        }
    }
    if (file) {
        fclose(file);
    }
    for (int i = 0; i < count && !late(); i++) {
        const char *target = targets[i];
        struct attributes writable = {.clear = 1}, shared_again = {.propagation = MS_SHARED};
        try(mount("none", target, NULL, MS_REMOUNT | MS_BIND, NULL));
        try(mount("none", target, NULL, MS_REMOUNT, NULL));
        try(mount("none", target, NULL, MS_SHARED, NULL));
        try(syscall(NR_MOUNT_SETATTR, AT_FDCWD, target, 0, &writable, sizeof writable));
        try(syscall(NR_MOUNT_SETATTR, AT_FDCWD, target, 0x8000, &shared_again, sizeof shared_again));
        int tree = syscall(NR_OPEN_TREE, AT_FDCWD, target, 1 | O_CLOEXEC);
        if (try(tree) >= 0) {
            try(syscall(NR_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &writable, sizeof writable));
            try(syscall(NR_MOVE_MOUNT, tree, "", AT_FDCWD, "/tmp", 4));
            close(tree);
        }
        try_close(syscall(NR_OPEN_TREE_ATTR, AT_FDCWD, target, 1 | O_CLOEXEC, &writable, sizeof writable));
        int picked = syscall(NR_FSPICK, AT_FDCWD, target, 1);
        if (try(picked) >= 0) {
            try(syscall(NR_FSCONFIG, picked, 0, "rw", NULL, 0));
            try(syscall(NR_FSCONFIG, picked, 7, NULL, NULL, 0));
            close(picked);
        }
        try(mount(target, "/tmp", NULL, MS_BIND | MS_REC, NULL));
        try(mount(target, "/tmp", NULL, MS_MOVE, NULL));
    }
    for (int i = count - 1; i > 0 && !late(); i--) {
        if (!starts(targets[i], "/tmp")) {
            try(umount2(targets[i], MNT_DETACH));
        }
    }
    try(syscall(SYS_pivot_root, "/tmp", "/tmp"));
    try(chroot("/tmp"));
    if (chroot("/tmp") == 0) {
        for (int i = 0; i < 32 && chdir("..") == 0; i++) {
        }
        try(chroot("."));
    }
    /* The files below the mount, and files that have become writable. */
    walk_to("/proc", 3, 1500);
    walk_to("/sys", 3, 800);
    walk_to("/lent", 3, 100);
    walk_to("/usr", 1, 50);
    walk_to("/etc", 1, 50);
    walk_to("/dev", 1, 50);
}

static void mount_each(void)
{
    static const struct {
        const char *type, *options;
    } kinds[] = {{"proc", ""}, {"proc", "subset=pid"}, {"proc", "hidepid=2"}, {"sysfs", ""}, {"tmpfs", ""},
        {"ramfs", ""}, {"cgroup", ""}, {"cgroup", "memory"}, {"cgroup", "pids"}, {"cgroup", "devices"},
        {"cgroup", "none,name=systemd"}, {"cgroup", "none,name=vandal"}, {"cgroup2", ""}, {"cgroup2", "nsdelegate"},
        {"mqueue", ""}, {"devpts", "newinstance"}, {"devpts", ""}, {"devtmpfs", ""}, {"debugfs", ""}, {"tracefs", ""},
        {"securityfs", ""}, {"configfs", ""}, {"bpf", ""}, {"fusectl", ""}, {"binfmt_misc", ""}, {"hugetlbfs", ""},
        {"pstore", ""}, {"efivarfs", ""}, {"selinuxfs", ""},
        {"overlay", "lowerdir=/usr,upperdir=/tmp/u,workdir=/tmp/w"},
        {"overlay", "lowerdir=/proc,upperdir=/tmp/u,workdir=/tmp/w"},
        {"overlay", "lowerdir=/lent,upperdir=/tmp/u,workdir=/tmp/w,metacopy=on,redirect_dir=on"}};
    static const char *const binds[] = {"/", "/proc", "/proc/sys", "/sys", "/usr", "/lent", "/dev", "/proc/1/root"};
    char path[64];
    mkdir("/tmp/u", 0755);
    mkdir("/tmp/w", 0755);
    mkdir("/tmp/m", 0755);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !late(); i++) {
        snprintf(path, sizeof path, "/tmp/m/%zu", i);
        mkdir(path, 0755);
        if (try(mount("none", path, kinds[i].type, 0, kinds[i].options)) == 0) {
            if (starts(kinds[i].type, "cgroup")) {
                walk_to(path, 3, 400);
            } else if (strcmp(kinds[i].type, "proc") == 0) {
                char settings[PATH_MAX];
                walk_to(path, 1, 400);
                snprintf(settings, sizeof settings, "%s/sys/kernel", path);
                walk_to(settings, 1, 300);
                snprintf(settings, sizeof settings, "%s/sys/kernel/core_pattern", path);
                int fd = open(settings, O_WRONLY | O_CLOEXEC);
                if (try(fd) >= 0) {
                    try(write(fd, "vandal", 6));
                    close(fd);
                }
                snprintf(settings, sizeof settings, "%s/self/net/", path);
                walk_to(settings, 2, 200);
            } else {
                walk_to(path, 2, 300);
            }
        }
        int context = syscall(NR_FSOPEN, kinds[i].type, 1);
        if (try(context) >= 0) {
            if (try(syscall(NR_FSCONFIG, context, 6, NULL, NULL, 0)) == 0) {
                try_close(syscall(NR_FSMOUNT, context, 1, 0));
            }
            close(context);
        }
    }
    for (size_t i = 0; i < sizeof binds / sizeof *binds && !late(); i++) {
        snprintf(path, sizeof path, "/tmp/m/b%zu", i);
        mkdir(path, 0755);
        if (try(mount(binds[i], path, NULL, MS_BIND | MS_REC, NULL)) == 0) {
            try(mount("none", path, NULL, MS_BIND | MS_REMOUNT, NULL));
            walk_to(path, 2, 300);
        }
    }
}

static void mount_apart(void)
{
    if (try(unshare(CLONE_NEWNS)) == 0) {
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    }
    mount_each();
    mounts();
}

static const int KINDS[] = {CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
    CLONE_NEWTIME, CLONE_NEWUSER};

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : (int)write(fd, text, strlen(text));
    close(fd);
    return result;
}

static int user_namespace(int identity)
{
    char text[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (try(unshare(CLONE_NEWUSER)) < 0) {
        return -1;
    }
    write_file("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "%u %u 1\n", identity ? uid : 0, uid);
    try(write_file("/proc/self/uid_map", text));
    snprintf(text, sizeof text, "%u %u 1\n", identity ? gid : 0, gid);
    try(write_file("/proc/self/gid_map", text));
    return 0;
}

static void in_new_processes(void)
{
    proc();
    mount_apart();
}

static void in_user_namespace(int more)
{
    if (user_namespace(more == 0) < 0) {
        return;
    }
    names();
    sockets();
    clocks();
    processes();
    if (more) {
        try(unshare(more));
    }
    try(unshare(CLONE_NEWPID));
    apart(in_new_processes);
}

static void plainly(void)
{
    in_user_namespace(0);
}

static void with_all(void)
{
    in_user_namespace(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
}

static void with_cgroups(void)
{
    in_user_namespace(CLONE_NEWCGROUP | CLONE_NEWNS);
}

static int wanted;

static void unshare_wanted(void)
{
    try(unshare(wanted));
}

static void namespaces(void)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        wanted = KINDS[i];
        apart(unshare_wanted);
        wanted |= CLONE_NEWUSER;
        apart(unshare_wanted);
        long pid = syscall(SYS_clone, KINDS[i] | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
            _exit(0);
        }
        try(pid);
        uint64_t arguments[11] = {[0] = KINDS[i], [4] = SIGCHLD};
        pid = syscall(NR_CLONE3, arguments, 64);
        if (pid == 0) {
            _exit(0);
        }
        try(pid);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
    static const char *const names[] = {"mnt", "pid", "net", "ipc", "uts", "cgroup", "time", "user"};
    for (int process = 1; process < 6; process++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/ns/%s", process, names[i]);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (try(fd) >= 0) {
                try(setns(fd, 0));
                int parent = ioctl(fd, 0xb701 /* NS_GET_USERNS */);
                if (try(parent) >= 0) {
                    try(setns(parent, 0));
                    close(parent);
                }
                close(fd);
            }
        }
    }
    if (!restrained) {
        apart(plainly);
        apart(with_all);
        apart(with_cgroups);
    }
}

static void unshared(void)
{
    if (!restrained) {
        mount_each();
        apart(mount_apart);
        mounts();
    }
}

static const struct {
    const char *name;
    void (*work)(void);
} ALL[] = {{"descriptors", descriptors}, {"files", files}, {"proc", proc}, {"sys", sys}, {"processes", processes},
    {"sockets", sockets}, {"keys", keys}, {"kernel", kernel}, {"clocks", clocks}, {"names", names}, {"ipc", ipc},
    {"watches", watches}, {"quotas", quotas}, {"namespaces", namespaces}, {"mounts", unshared}};

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "nothing") == 0) {
        puts("vandal end");
        return 0;
    }
    if (argc < 3) {
        fputs("usage: vandal all|restrained|nothing MILLISECONDS [PORT ABSTRACT PID]...\n", stderr);
        return 2;
    }
    restrained = strcmp(argv[1], "restrained") == 0;
    int64_t until = now() + atoi(argv[2]);
    for (int i = 3; i + 2 < argc && witnesses < 4; i += 3) {
        witness[witnesses].port = atoi(argv[i]);
        witness[witnesses].abstract = argv[i + 1];
        witness[witnesses++].pid = atoi(argv[i + 2]);
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
    umask(0);
    signal(SIGURG, SIG_IGN);
    signal(SIGWINCH, SIG_IGN);
    signal(SIGIO, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    int count = sizeof ALL / sizeof *ALL;
    for (family = 0; family < count; family++) {
        /* Each family gets an equal part of the remaining time. */
        deadline = now() + (until - now()) / (count - family) * 3;
        deadline = deadline > until ? until : deadline;
        apart(ALL[family].work);
    }
    for (int i = 0; i < shared->opened && i < OPENED; i++) {
        printf("opened %s\n", shared->paths[i]);
    }
    for (family = 0; family < count; family++) {
        printf("vandal %s %ld %ld\n", ALL[family].name, shared->attempts[family], shared->successes[family]);
    }
    puts("vandal end");
    return 0;
}
