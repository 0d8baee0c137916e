/*
 * The first program of a sandbox. bubblewrap executes it as process 1, after the filter of system calls. It starts the
 * command, reaps orphans, and reports exactly how the command ended, or why it was not executed.
 *
 * It is called with the number of a descriptor that holds its orders (struct orders, then strings). There is no C
 * library. See docs/adr/0022-start-the-command-with-our-own-first-program.md.
 */
#include <asm/unistd.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;
typedef int s32;

enum {
	AT_FDCWD = -100, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20,
	CLONE_VFORK = 0x4000, SIGCHLD = 17, TIOCSCTTY = 0x540e, F_SETFD = 2, FD_CLOEXEC = 1, F_SETFL = 4, O_NONBLOCK = 04000, P_ALL = 0, WEXITED = 4,
	PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_RAISE = 2,
	ENOENT = 2, EINTR = 4, ENOEXEC = 8, EACCES = 13, ENOTDIR = 20, EINVAL = 22, ENAMETOOLONG = 36
};

/* What the command gets. Arguments and then variables follow, each ended by a NUL. */
struct orders {
	u64 size; /* of all of this, in bytes */
	u32 own; /* the descriptors from here to the end do not belong to the command */
	u32 report; /* one of them: reports are written to it */
	u32 flags;
	u32 uid;
	u32 gid;
	u32 arguments;
	u32 variables;
	u32 end;
	u64 capabilities; /* kept when the user changes */
};

enum { CONTROLLING_TERMINAL = 1, USER = 2 };

/* A report. The reader believes only the first of each kind, in this order: the command could forge later ones. */
struct report {
	u32 kind;
	s32 values[3];
};

enum { STARTED = 1, NOT_STARTED = 2, ENDED = 3 };

/* The steps of NOT_STARTED. */
enum { STEP_FORK = 1, STEP_TERMINAL = 2, STEP_USER = 3, STEP_EXECUTE = 4 };

/* No loader relocates this program: symbols outside C are reached relative to the code, not through a table. */
#pragma GCC visibility push(hidden)
/* Makes a system call; its sixth argument is 0. */
s64 raw_syscall(s64 nr, s64 a, s64 b, s64 c, s64 d, s64 e);
#pragma GCC visibility pop

#if defined(__x86_64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n"
	".globl raw_syscall\n"
	"raw_syscall:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n"
	"	mov %r8, %r10\n"
	"	mov %r9, %r8\n"
	"	xor %r9d, %r9d\n"
	"	syscall\n"
	"	ret\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov x0, sp\n"
	"	bl start\n"
	".globl raw_syscall\n"
	"raw_syscall:\n"
	"	mov x8, x0\n"
	"	mov x0, x1\n"
	"	mov x1, x2\n"
	"	mov x2, x3\n"
	"	mov x3, x4\n"
	"	mov x4, x5\n"
	"	mov x5, #0\n"
	"	svc #0\n"
	"	ret\n");
#else
#error "the first program of a sandbox supports only x86-64 and AArch64"
#endif

static s64 call(s64 nr, s64 a, s64 b, s64 c)
{
	return raw_syscall(nr, a, b, c, 0, 0);
}

static void exit_with(int status) __attribute__((noreturn));

static void exit_with(int status)
{
	call(__NR_exit_group, status, 0, 0);
	__builtin_unreachable();
}

static int failed(s64 result)
{
	return result < 0 && result >= -4095;
}

static u64 length(const char *text)
{
	u64 size = 0;

	while (text[size] != 0)
		size++;
	return size;
}

static void tell(u32 fd, u32 kind, s32 one, s32 two, s32 three)
{
	const struct report report = { kind, { one, two, three } };

	while (call(__NR_write, fd, (s64)&report, sizeof(report)) == -EINTR)
		;
}

static void *memory(u64 size, int sharing)
{
	s64 result = raw_syscall(__NR_mmap, 0, (s64)size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1);

	if (failed(result))
		exit_with(125);
	return (void *)result;
}

static int read_all(int fd, u8 *at, u64 size)
{
	while (size > 0) {
		s64 got = call(__NR_read, fd, (s64)at, (s64)size);

		if (got == -EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		size -= (u64)got;
	}
	return 0;
}

/* Splits strings into a list that ends with a null pointer. Returns what follows the strings. */
static char *list(char **to, char *text, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		to[i] = text;
		text += length(text) + 1;
	}
	to[count] = 0;
	return text;
}

static const char *variable(char **environment, const char *name)
{
	u64 size = length(name);

	for (; *environment != 0; environment++) {
		u64 i = 0;

		while (i < size && (*environment)[i] == name[i])
			i++;
		if (i == size && (*environment)[size] == '=')
			return *environment + size + 1;
	}
	return 0;
}

/* The outcome of the child, in memory that it shares with this process until it executes the command. */
struct outcome {
	s32 step;
	s32 errno_value;
	s32 exists; /* whether the file is there that was not executed: then its interpreter is missing */
};

/* Executes one file. A file without a known format is a script of the shell, as for execvp(3). */
static s64 execute(const char *path, char **arguments, u32 count, char **environment)
{
	s64 result = call(__NR_execve, (s64)path, (s64)arguments, (s64)environment);

	if (result == -ENOEXEC) {
		char **shell = memory((count + 3) * sizeof(*shell), MAP_PRIVATE);
		u32 i;

		shell[0] = "/bin/sh";
		shell[1] = (char *)path;
		for (i = 1; i <= count; i++)
			((char *volatile *)shell)[i + 1] = arguments[i];
		result = call(__NR_execve, (s64)shell[0], (s64)shell, (s64)environment);
	}
	return result;
}

/* Executes the command as execvp(3) does, and returns why it cannot. */
static s64 search(struct outcome *outcome, char **arguments, u32 count, char **environment)
{
	const char *name = arguments[0];
	const char *path = variable(environment, "PATH");
	u64 size = length(name);
	s64 result = -ENOENT;
	s64 last = -ENOENT;
	char *file;
	u64 i;

	for (i = 0; i < size; i++) {
		if (name[i] != '/')
			continue;
		result = execute(name, arguments, count, environment);
		outcome->exists = call(__NR_faccessat, AT_FDCWD, (s64)name, 0) == 0;
		return result;
	}
	if (size == 0)
		return -ENOENT;
	if (path == 0)
		path = "/bin:/usr/bin";
	file = memory(length(path) + size + 2, MAP_PRIVATE);
	for (;; path++) {
		volatile char *to = file;

		while (*path != 0 && *path != ':')
			*to++ = *path++;
		if (to != file)
			*to++ = '/';
		for (i = 0; i <= size; i++)
			*to++ = name[i];
		result = execute(file, arguments, count, environment);
		if (result == -ENOENT || result == -ENOTDIR) {
			if (!outcome->exists)
				outcome->exists = call(__NR_faccessat, AT_FDCWD, (s64)file, 0) == 0;
		} else if (result == -EACCES) {
			last = result;
		} else {
			return result;
		}
		if (*path == 0)
			return last;
	}
}

/* Becomes another user, and keeps the capabilities of the orders. */
static s64 become(const struct orders *orders)
{
	const u32 header[2] = { 0x20080522, 0 };
	u32 sets[6] = { 0 };
	u64 kept;
	s64 result;
	int i;

	/* Forbidden in a user namespace with one group, which has no further groups to drop. */
	call(__NR_setgroups, 0, 0, 0);
	result = call(__NR_setresgid, orders->gid, orders->gid, orders->gid);
	if (failed(result))
		return result;
	result = call(__NR_capget, (s64)header, (s64)sets, 0);
	if (failed(result))
		return result;
	/* Of the three sets, the second and fifth words are what this process may keep. */
	kept = orders->capabilities & (sets[1] | (u64)sets[4] << 32);
	sets[0] = sets[1] = sets[2] = (u32)kept;
	sets[3] = sets[4] = sets[5] = (u32)(kept >> 32);
	if (kept != 0)
		raw_syscall(__NR_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	result = call(__NR_setresuid, orders->uid, orders->uid, orders->uid);
	if (failed(result))
		return result;
	result = call(__NR_capset, (s64)header, (s64)sets, 0);
	for (i = 0; i < 64 && !failed(result); i++)
		if ((kept >> i) & 1)
			result = raw_syscall(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
	return result;
}

/* The child, from its start to the command's. */
static void begin(const struct orders *orders, struct outcome *outcome, char **arguments, char **environment)
	__attribute__((noreturn));

static void begin(const struct orders *orders, struct outcome *outcome, char **arguments, char **environment)
{
	s64 result = 0;

	if (orders->flags & CONTROLLING_TERMINAL) {
		outcome->step = STEP_TERMINAL;
		result = call(__NR_setsid, 0, 0, 0);
		if (!failed(result))
			result = call(__NR_ioctl, 0, TIOCSCTTY, 0);
	}
	if (!failed(result) && (orders->flags & USER)) {
		outcome->step = STEP_USER;
		result = become(orders);
		/* The home directory, if it does not exist: the parent lets each user make one. */
		call(__NR_mkdirat, AT_FDCWD, (s64)variable(environment, "HOME"), 0700);
	}
	if (!failed(result)) {
		outcome->step = STEP_EXECUTE;
		result = search(outcome, arguments, orders->arguments, environment);
	}
	outcome->errno_value = (s32)-result;
	exit_with(1);
}

/* The words of siginfo_t for a child. */
enum { CODE = 2, PID = 4, STATUS = 6, CLD_EXITED = 1 };

/* Reaps all children until the command ends. The kernel then kills all others with this process. */
static int reap(const struct orders *orders, s64 command)
{
	for (;;) {
		s32 info[32];
		s64 result = raw_syscall(__NR_waitid, P_ALL, 0, (s64)info, WEXITED, 0);

		if (result == -EINTR)
			continue;
		if (failed(result))
			return 125;
		if (info[PID] != command)
			continue;
		tell(orders->report, ENDED, info[CODE], info[STATUS], 0);
		return info[CODE] == CLD_EXITED ? info[STATUS] : 128 + info[STATUS];
	}
}

/* Closes all descriptors but those of the command and the one for reports, which the command does not inherit. */
static void keep_descriptors(const struct orders *orders)
{
	u32 fd;

	for (fd = orders->own; fd < orders->end; fd++)
		if (fd != orders->report)
			call(__NR_close, fd, 0, 0);
	call(__NR_fcntl, orders->report, F_SETFD, FD_CLOEXEC);
	/* A command that fills the pipe, through /proc, must not stop this process. */
	call(__NR_fcntl, orders->report, F_SETFL, O_NONBLOCK);
}

static int run(u64 *stack)
{
	const char *number = stack[0] > 1 ? (const char *)stack[2] : "";
	/* struct sigaction of the kernel: the default action */
	const u64 usual[4] = { 0 };
	struct orders head;
	struct orders *orders;
	struct outcome *outcome;
	char **arguments;
	char **environment;
	char *rest;
	int fd = 0;
	s64 child;

	for (; *number >= '0' && *number <= '9'; number++)
		fd = fd * 10 + (*number - '0');
	if (read_all(fd, (u8 *)&head, sizeof(head)) < 0 || head.size < sizeof(head))
		return 125;
	orders = memory(head.size, MAP_PRIVATE);
	*orders = head;
	if (read_all(fd, (u8 *)(orders + 1), head.size - sizeof(head)) < 0)
		return 125;
	keep_descriptors(&head);
	arguments = memory((head.arguments + 1UL + head.variables + 1UL) * sizeof(*arguments), MAP_PRIVATE);
	environment = arguments + head.arguments + 1;
	rest = list(arguments, (char *)(orders + 1), head.arguments);
	list(environment, rest, head.variables);
	outcome = memory(sizeof(*outcome), MAP_SHARED);
	call(__NR_prctl, PR_SET_NAME, (s64) "caisson-init", 0);
	raw_syscall(__NR_rt_sigaction, SIGCHLD, (s64)usual, 0, 8, 0);

	/* This process waits until the child has executed the command or exited. */
	child = raw_syscall(__NR_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		begin(orders, outcome, arguments, environment);
	if (failed(child)) {
		tell(head.report, NOT_STARTED, STEP_FORK, (s32)-child, 0);
		return 125;
	}
	if (outcome->errno_value != 0) {
		tell(head.report, NOT_STARTED, outcome->step, outcome->errno_value, outcome->exists);
		return outcome->step != STEP_EXECUTE ? 125
			: outcome->errno_value == ENOENT && !outcome->exists ? 127 : 126;
	}
	tell(head.report, STARTED, (s32)child, 0, 0);
	return reap(orders, child);
}

__attribute__((noreturn)) void start(u64 *stack)
{
	exit_with(run(stack));
}
