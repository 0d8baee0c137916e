/*
 * The witness: a process of the host that a vandal (vandal.c) may try to reach. It listens on sockets, has a key, a
 * message queue and shared memory, and reports their state.
 *
 *     witness ABSTRACT DIRECTORY LENT
 *
 * ABSTRACT is the name of its abstract socket. In DIRECTORY it creates a Unix socket. LENT is a file that the vandal
 * sees. First it prints its TCP port and its process id. For each line that it reads, it prints lines "NAME VALUE" and
 * an empty line. It exits at the end of its standard input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_GET_FILE_RW_HINT 1037
#endif

enum { LISTENERS = 6, SPARE = 8, TIMERS = 64, PAUSE = 15 };

static volatile sig_atomic_t signals[NSIG];
static int listeners[LISTENERS];
static long connections[LISTENERS];
static long leases;

/* Resources that the kernel limits per user. Each counter says how often there was not enough. */
static struct {
    const char *name;
    long lacking;
} quotas[] = {{"inotify", 0}, {"timers", 0}, {"message-queues", 0}, {"pipe-size", 0}, {"locked-memory", 0}};

static void count_signal(int number)
{
    signals[number]++;
}

static int64_t clock_offset(void)
{
    struct timespec real, monotonic;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    return (real.tv_sec - monotonic.tv_sec) * 1000 + (real.tv_nsec - monotonic.tv_nsec) / 1000000;
}

static int listen_at(struct sockaddr *address, socklen_t length, int type)
{
    int fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, address, length) < 0 || (type != SOCK_DGRAM && listen(fd, 64) < 0)) {
        perror("witness");
        exit(1);
    }
    return fd;
}

static void listen_everywhere(const char *abstract, const char *directory)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sockaddr_in internet = {.sin_family = AF_INET};
    socklen_t length = sizeof internet;
    strncpy(address.sun_path + 1, abstract, sizeof address.sun_path - 2);
    listeners[0] = listen_at((struct sockaddr *)&address,
        offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract), types[0]);
    for (int i = 1; i < 4; i++) {
        snprintf(address.sun_path, sizeof address.sun_path, "%s/witness-%d", directory, i);
        listeners[i] = listen_at((struct sockaddr *)&address, sizeof address, types[i - 1]);
        chmod(address.sun_path, 0777);
    }
    listeners[4] = listen_at((struct sockaddr *)&internet, sizeof internet, SOCK_STREAM);
    getsockname(listeners[4], (struct sockaddr *)&internet, &length);
    listeners[5] = listen_at((struct sockaddr *)&internet, sizeof internet, SOCK_DGRAM);
    printf("%d %d\n", ntohs(internet.sin_port), getpid());
    fflush(stdout);
}

static void take_connections(void)
{
    for (int i = 0; i < LISTENERS; i++) {
        char buffer[16];
        int fd = accept(listeners[i], NULL, NULL);
        if (fd >= 0) {
            connections[i]++;
            close(fd);
        } else if (recv(listeners[i], buffer, sizeof buffer, MSG_DONTWAIT) >= 0) {
            connections[i]++;
        }
    }
}

/* Whether opening a lent file would block. */
static void look_for_leases(const char *lent)
{
    int fd = open(lent, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == EWOULDBLOCK) {
        leases++;
    }
    close(fd);
}

/* Whether the user of the witness can still watch files. */
static void look_for_watches(void)
{
    int fds[SPARE], count = 0;
    while (count < SPARE && (fds[count] = inotify_init1(IN_CLOEXEC)) >= 0) {
        count++;
    }
    quotas[0].lacking += count < SPARE;
    while (count > 0) {
        close(fds[--count]);
    }
}

/* Whether the user of the witness can still get the resources that the kernel limits per user. See setrlimit(2),
 * RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE and RLIMIT_MEMLOCK; pipe(7). */
static void look_for_quotas(int memory)
{
    timer_t timers[TIMERS];
    char name[32];
    int count = 0, ends[2];
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    while (count < TIMERS && timer_create(CLOCK_MONOTONIC, NULL, &timers[count]) == 0) {
        count++;
    }
    quotas[1].lacking += count < TIMERS;
    while (count > 0) {
        timer_delete(timers[--count]);
    }
    snprintf(name, sizeof name, "/caisson-%d", getpid());
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
    quotas[2].lacking += queue < 0;
    if (queue >= 0) {
        mq_close(queue);
        mq_unlink(name);
    }
    if (pipe(ends) == 0) {
        quotas[3].lacking += fcntl(ends[0], F_GETPIPE_SZ) < 65536;
        close(ends[0]);
        close(ends[1]);
    }
    quotas[4].lacking += shmctl(memory, SHM_LOCK, NULL) < 0;
    shmctl(memory, SHM_UNLOCK, NULL);
}

static void tell_of_key(void)
{
    char payload[64] = "";
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "caisson-witness", 0);
    long length = key < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, key, payload, sizeof payload - 1);
    printf("key %.*s\n", length < 0 ? 4 : (int)length, length < 0 ? "none" : payload);
    char description[128] = "none";
    if (key >= 0) {
        syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, description, sizeof description - 1);
    }
    printf("key-description %s\n", description);
    key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "vandal", 0);
    printf("key-of-a-vandal %s\n", key >= 0 ? "yes" : "no");
    if (key >= 0) {
        syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
    }
}

static void tell_of_process(void)
{
    struct sched_param parameter = {0};
    cpu_set_t cpus;
    char line[256];
    printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
    printf("ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
    sched_getparam(0, &parameter);
    printf("scheduler %d %d\n", sched_getscheduler(0), parameter.sched_priority);
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    printf("affinity %d\n", CPU_COUNT(&cpus));
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = {0};
        getrlimit(i, &limit);
        printf("rlimit-%d %llu %llu\n", i, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    }
    printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    FILE *file = fopen("/proc/self/oom_score_adj", "r");
    if (file && fgets(line, sizeof line, file)) {
        printf("oom_score_adj %s", line);
    }
    if (file) {
        fclose(file);
    }
    file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "TracerPid", 9) == 0 || strncmp(line, "Uid", 3) == 0 || strncmp(line, "Cap", 3) == 0) {
            printf("status-%s", line);
        }
    }
    if (file) {
        fclose(file);
    }
    for (int i = 1; i < NSIG; i++) {
        if (signals[i] != 0) {
            printf("signal-%d %d\n", i, (int)signals[i]);
        }
    }
}

static void tell_of_lent(const char *lent)
{
    int flags = 0;
    uint64_t hint = 0, hint_of_file = 0;
    struct fsxattr extended = {0};
    int fd = open(lent, O_RDONLY | O_CLOEXEC);
    ioctl(fd, FS_IOC_GETFLAGS, &flags);
    ioctl(fd, FS_IOC_FSGETXATTR, &extended);
    fcntl(fd, F_GET_RW_HINT, &hint);
    fcntl(fd, F_GET_FILE_RW_HINT, &hint_of_file);
    printf("lent-flags %x %u %llu %llu\n", flags, extended.fsx_projid, (unsigned long long)hint,
        (unsigned long long)hint_of_file);
    close(fd);
}

static void tell(int64_t offset, int memory, mqd_t queue, const char *lent)
{
    struct utsname names;
    struct timex time = {0};
    struct shmid_ds segment = {0};
    struct mq_attr attributes = {0};
    int64_t step = clock_offset() - offset;
    uname(&names);
    printf("hostname %s\n", names.nodename);
    printf("domainname %s\n", names.domainname);
    printf("clock %lld\n", (long long)(step > -100 && step < 100 ? 0 : step));
    adjtimex(&time);
    printf("tick %ld\n", (long)time.tick);
    int found = shmctl(memory, IPC_STAT, &segment);
    printf("shared-memory %d %o %u\n", found, segment.shm_perm.mode, segment.shm_perm.uid);
    mq_getattr(queue, &attributes);
    printf("message-queue %ld\n", attributes.mq_curmsgs);
    mqd_t again = mq_open("/caisson-witness", O_RDONLY);
    printf("message-queue-name %s\n", again >= 0 ? "there" : "gone");
    if (again >= 0) {
        mq_close(again);
    }
    for (int i = 0; i < LISTENERS; i++) {
        printf("connections-%d %ld\n", i, connections[i]);
    }
    printf("leases %ld\n", leases);
    for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
        printf("quota-of-%s %s\n", quotas[i].name, quotas[i].lacking > 0 ? "lacking" : "there");
        quotas[i].lacking = 0;
    }
    tell_of_key();
    tell_of_process();
    tell_of_lent(lent);
    puts("");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: witness ABSTRACT DIRECTORY LENT\n", stderr);
        return 2;
    }
    for (int i = 1; i < NSIG; i++) {
        if (i != SIGKILL && i != SIGSTOP && i != SIGCONT) {
            signal(i, count_signal);
        }
    }
    umask(0);
    syscall(SYS_add_key, "user", "caisson-witness", "the key of the witness", 22, KEY_SPEC_USER_KEYRING);
    int memory = shmget(0xca155, 4096, IPC_CREAT | 0666);
    int own_memory = shmget(IPC_PRIVATE, 65536, IPC_CREAT | 0600);
    mqd_t queue = mq_open("/caisson-witness", O_CREAT | O_RDWR, 0666, NULL);
    int64_t offset = clock_offset();
    listen_everywhere(argv[1], argv[2]);
    while (1) {
        struct pollfd input = {0, POLLIN, 0};
        char line[64];
        if (poll(&input, 1, PAUSE) > 0) {
            ssize_t count = read(0, line, sizeof line);
            if (count <= 0) {
                break;
            }
            take_connections();
            tell(offset, memory, queue, argv[3]);
            continue;
        }
        take_connections();
        look_for_leases(argv[3]);
        look_for_watches();
        look_for_quotas(own_memory);
    }
    shmctl(own_memory, IPC_RMID, NULL);
    shmctl(memory, IPC_RMID, NULL);
    mq_unlink("/caisson-witness");
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", "caisson-witness", 0);
    if (key >= 0) {
        syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
    }
    return 0;
}
