/*
 * The stub: a program that can be launched under any name. It connects to a socket, describes itself and how it was
 * launched, and then makes the system calls that it is sent.
 *
 * The protocol is that of rsyscall's unix stub, with an extension that only a controller that requests it sees;
 * docs/reference/stub-wire.md describes both. There is no C library, and no state but the stack: the sender of the
 * calls has full control of this process.
 */
#include <asm/unistd.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;
typedef int s32;

enum {
	AF_UNIX = 1, SOCK_STREAM = 1, SOL_SOCKET = 1, SO_RCVTIMEO = 20, SCM_RIGHTS = 1,
	O_PATH = 010000000, O_CLOEXEC = 02000000, AT_FDCWD = -100, AT_EXECFN = 31,
	MSG_CMSG_CLOEXEC = 0x40000000, MSG_NOSIGNAL = 0x4000, MSG_PEEK = 2, SHUT_RDWR = 2,
	EINTR = 4, ENOENT = 2, ENOTDIR = 20, ENOSYS = 38, EPROTO = 71, ECANCELED = 125,
	SIGPIPE = 13, SIG_IGN = 1, SIGSTOP = 19, FUTEX_WAIT = 0
};

/* A system call as it is sent. */
struct request {
	s64 nr;
	s64 args[6];
};

/* No loader relocates this program: symbols outside C are reached relative to the code, not through a table. */
#pragma GCC visibility push(hidden)

/*
 * Makes the call. Touches no stack between the call and its return: the child of a clone returns on its own stack,
 * whose first word is the return address.
 */
s64 raw_syscall(const struct request *request);

/* Where a cloned child starts: asks to die with its parent, pops six arguments and a function, calls the function. */
void trampoline(void);

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
	"	mov (%rdi), %rax\n"
	"	mov 16(%rdi), %rsi\n"
	"	mov 24(%rdi), %rdx\n"
	"	mov 32(%rdi), %r10\n"
	"	mov 40(%rdi), %r8\n"
	"	mov 48(%rdi), %r9\n"
	"	mov 8(%rdi), %rdi\n"
	"	syscall\n"
	"	ret\n"
	".globl trampoline\n"
	"trampoline:\n"
	"	mov $157, %eax\n" /* prctl(PR_SET_PDEATHSIG, SIGKILL) */
	"	mov $1, %edi\n"
	"	mov $9, %esi\n"
	"	syscall\n"
	"	pop %rdi\n"
	"	pop %rsi\n"
	"	pop %rdx\n"
	"	pop %rcx\n"
	"	pop %r8\n"
	"	pop %r9\n"
	"	pop %rax\n"
	"	call *%rax\n"
	"	mov %eax, %edi\n"
	"	mov $60, %eax\n" /* exit */
	"	syscall\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov x0, sp\n"
	"	bl start\n"
	".globl raw_syscall\n"
	"raw_syscall:\n"
	"	mov x9, sp\n"
	"	mov x10, x0\n"
	"	ldr x8, [x10]\n"
	"	ldp x0, x1, [x10, #8]\n"
	"	ldp x2, x3, [x10, #24]\n"
	"	ldp x4, x5, [x10, #40]\n"
	"	svc #0\n"
	/* The return address is in a register, so a child on its own stack must be told apart from all others. */
	"	mov x10, sp\n"
	"	cmp x9, x10\n"
	"	b.eq 1f\n"
	"	ldr x30, [sp], #8\n"
	"1:	ret\n"
	".globl trampoline\n"
	"trampoline:\n"
	"	mov x8, #167\n" /* prctl(PR_SET_PDEATHSIG, SIGKILL) */
	"	mov x0, #1\n"
	"	mov x1, #9\n"
	"	svc #0\n"
	"	add x9, sp, #0\n"
	"	add x10, sp, #56\n"
	"	ldp x0, x1, [x9]\n"
	"	ldp x2, x3, [x9, #16]\n"
	"	ldp x4, x5, [x9, #32]\n"
	"	ldr x11, [x9, #48]\n"
	"	mov sp, x10\n"
	"	blr x11\n"
	"	mov x8, #93\n" /* exit */
	"	svc #0\n");
#else
#error "the stub supports only x86-64 and AArch64"
#endif

static s64 call(s64 nr, s64 a, s64 b, s64 c, s64 d, s64 e, s64 f)
{
	const struct request request = { nr, { a, b, c, d, e, f } };

	return raw_syscall(&request);
}

static s64 again(s64 nr, s64 a, s64 b, s64 c)
{
	s64 result;

	do {
		result = call(nr, a, b, c, 0, 0, 0);
	} while (result == -EINTR);
	return result;
}

/* Reads exactly so many bytes, which may come in pieces. */
static int read_all(int fd, void *data, u64 size)
{
	u8 *at = data;

	while (size > 0) {
		s64 got = again(__NR_read, fd, (s64)at, (s64)size);

		if (got <= 0)
			return -1;
		at += got;
		size -= (u64)got;
	}
	return 0;
}

static int write_all(int fd, const void *data, u64 size)
{
	const u8 *at = data;

	while (size > 0) {
		s64 written = again(__NR_write, fd, (s64)at, (s64)size);

		if (written < 0)
			return -1;
		at += written;
		size -= (u64)written;
	}
	return 0;
}

/* Serves one request at a time, and never reads beyond it: the bytes that follow may be meant for a call. */
int server(int infd, int outfd)
{
	struct request request;

	for (;;) {
		u64 have = 0;
		s64 result;

		while (have < sizeof(request)) {
			result = again(__NR_read, infd, (s64)((u8 *)&request + have), (s64)(sizeof(request) - have));
			if (result <= 0)
				return result < 0;
			have += (u64)result;
		}
		result = raw_syscall(&request);
		if (write_all(outfd, &result, sizeof(result)) < 0)
			return 1;
	}
}

/* Flags in the upper half of a call's number, with the extension. */
enum {
	FLUSH = 1, /* pending answers are sent before the call, which may take long */
	REFERENCE = 1 << 8 /* and the five bits above: the argument refers to an earlier result */
};

enum { AHEAD = 128, REMEMBERED = 256 };

/*
 * Replaces the arguments that refer to earlier results: the lowest byte says how many calls ago, the rest is added.
 * Returns 0 if one of those calls failed.
 */
static int resolve(struct request *request, u64 flags, const s64 *results, u8 next)
{
	int i;

	for (i = 0; i < 6; i++) {
		s64 arg = request->args[i];
		s64 result;

		if (!(flags & ((u64)REFERENCE << i)))
			continue;
		result = results[(u8)(next - (u8)arg)];
		if (result < 0 && result >= -4095)
			return 0;
		request->args[i] = result + (arg >> 8);
	}
	return 1;
}

/* Sends answers over a socket. MSG_NOSIGNAL: the stub must not die by SIGPIPE when the controller is gone. */
static int answer(int socket, const s64 *results, u64 count)
{
	const u8 *at = (const u8 *)results;
	u64 size = count * sizeof(*results);

	while (size > 0) {
		s64 sent = call(__NR_sendto, socket, (s64)at, (s64)size, MSG_NOSIGNAL, 0, 0);

		if (sent == -EINTR)
			continue;
		if (sent < 0)
			return -1;
		at += sent;
		size -= (u64)sent;
	}
	return 0;
}

/* Serves all requests that have come, and sends the answers in one write when no further request is there. */
int server_ahead(int infd, int outfd)
{
	struct request in[AHEAD];
	s64 out[AHEAD];
	s64 results[REMEMBERED];
	u64 have = 0;
	u64 done = 0;
	u64 answered = 0;
	u8 next = 0;

	for (next = 1; next != 0; next++)
		results[next] = -ECANCELED;
	results[0] = -ECANCELED;
	for (;;) {
		struct request *request = &in[done];
		u64 flags;
		s64 result;

		if (have < (done + 1) * sizeof(*request)) {
			u64 rest = have - done * sizeof(*request);
			u64 i;

			if (answer(outfd, out, answered) < 0)
				return 1;
			answered = 0;
			for (i = 0; done > 0 && i < rest; i++)
				((volatile u8 *)in)[i] = ((u8 *)request)[i];
			done = 0;
			result = again(__NR_read, infd, (s64)((u8 *)in + rest), (s64)(sizeof(in) - rest));
			/* Not 0: the program that launched the stub must not take a lost controller for success. */
			if (result <= 0)
				return 1;
			have = rest + (u64)result;
			continue;
		}
		done++;
		flags = (u64)request->nr >> 32;
		request->nr &= 0xffffffff;
		if ((flags & FLUSH) && answered > 0) {
			if (answer(outfd, out, answered) < 0)
				return 1;
			answered = 0;
		}
		result = resolve(request, flags, results, next) ? raw_syscall(request) : -ECANCELED;
		results[next++] = result;
		out[answered++] = result;
	}
}

struct iovec {
	void *base;
	u64 size;
};

struct msghdr {
	void *name;
	u32 name_size;
	struct iovec *parts;
	u64 count;
	void *control;
	u64 control_size;
	s32 flags;
};

/* A control message with descriptors. */
struct rights {
	u64 size;
	s32 level;
	s32 type;
	s32 fds[8];
};

/*
 * Receives exactly so many descriptors, and with them up to a number of bytes. Returns the number of bytes; 0 at the
 * end of the connection, -EPROTO for any other message.
 */
static s64 receive(int socket, s32 *fds, u32 count, void *bytes, u64 size)
{
	struct rights rights = { 0 };
	struct iovec part = { bytes, size };
	struct msghdr header = { 0, 0, &part, 1, &rights, sizeof(rights), 0 };
	s64 result = again(__NR_recvmsg, socket, (s64)&header, MSG_CMSG_CLOEXEC);
	u32 i;

	if (result <= 0)
		return result;
	if (rights.level != SOL_SOCKET || rights.type != SCM_RIGHTS)
		return -EPROTO;
	if (rights.size != 16 + 4 * count) {
		/* Otherwise they would leak. */
		for (i = 0; 16 + 4 * i < rights.size; i++)
			again(__NR_close, rights.fds[i], 0, 0);
		return -EPROTO;
	}
	for (i = 0; i < count; i++)
		fds[i] = rights.fds[i];
	return result;
}

/* Added to the number of descriptors: requests the addresses, and the extension. */
enum { DESCRIBED = 0x100 };

/* The addresses for a new controller, which has no other way to learn them. */
void tell_symbols(u64 *symbols);

/* The receive timeout of a connection, in seconds: a silent one delays others by at most twice that. */
enum { PATIENCE = 5 };

/* When its connection has ended, continues with the next one that connects to a listening socket. */
int persistent_server(int infd, int outfd, int listener, int ahead)
{
	const u64 patience[2] = { PATIENCE, 0 };
	/* struct sigaction of the kernel; the fields used here are the same on both architectures */
	u64 ignore[4] = { SIG_IGN, 0, 0, 0 };

	call(__NR_rt_sigaction, SIGPIPE, (s64)ignore, 0, 8, 0, 0);
	for (;;) {
		s32 count = 0;
		s32 fds[8];
		u64 told[6];
		u8 byte;
		s64 socket;
		int described;

		if (ahead)
			server_ahead(infd, outfd);
		else
			server(infd, outfd);
		again(__NR_shutdown, infd, SHUT_RDWR, 0);
		again(__NR_shutdown, outfd, SHUT_RDWR, 0);
		do {
			socket = call(__NR_accept4, listener, 0, 0, O_CLOEXEC, 0, 0);
		} while (socket == -EINTR);
		if (socket < 0)
			return 1;
		call(__NR_setsockopt, socket, SOL_SOCKET, SO_RCVTIMEO, (s64)patience, sizeof(patience), 0);
		described = read_all((int)socket, &count, sizeof(count)) == 0 ? count & DESCRIBED : 0;
		count -= described;
		if (count >= 1 && count <= 8 && receive((int)socket, fds, (u32)count, &byte, 1) > 0) {
			tell_symbols(told);
			told[5] = (u64)listener;
			if (write_all((int)socket, fds, 4 * (u64)count) == 0
			    && (!described || write_all((int)socket, told, sizeof(told)) == 0)) {
				infd = fds[0];
				outfd = fds[0];
				ahead = described;
			} else {
				/* The controller has disconnected meanwhile. */
				while (count > 0)
					again(__NR_close, fds[--count], 0, 0);
			}
		}
		again(__NR_close, socket, 0, 0);
	}
}

/* Exits when the kernel clears a word: when the child that the word belongs to exits or executes a program. */
int futex_helper(u32 *word, u32 value)
{
	call(__NR_tkill, call(__NR_gettid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
	call(__NR_futex, (s64)word, FUTEX_WAIT, value, 0, 0, 0);
	return 0;
}

void tell_symbols(u64 *symbols)
{
	symbols[0] = (u64)server;
	symbols[1] = (u64)persistent_server;
	symbols[2] = (u64)futex_helper;
	symbols[3] = (u64)trampoline;
	symbols[4] = (u64)server_ahead;
}

/* The description of a launched process. */
struct description {
	u64 symbols[4];
	s32 pid;
	s32 fds[4];
	s32 padding;
	u64 counts[2];
	u64 sigmask;
};

/* A controller requests the extension with this, beside the descriptors; the stub acknowledges it with the same. */
static const u8 MAGIC[8] = { 'c', 'a', 'i', 's', 's', 'o', 'n', 1 };

/* The same, for a controller that gets the acknowledgement on the data socket instead of the connection. */
static const u8 MAGIC_OVER_DATA[8] = { 'c', 'a', 'i', 's', 's', 'o', 'n', 2 };

/* Sent without descriptors, by a controller that cannot send any. It implies the extension. */
enum { FORWARDED = 2 };

struct acknowledgement {
	u8 magic[8];
	u64 server_ahead;
};

static u64 length(const char *text)
{
	u64 size = 0;

	while (text[size] != 0)
		size++;
	return size;
}

static int equal(const void *one, const void *other, u64 size)
{
	const u8 *a = one;
	const u8 *b = other;

	while (size > 0 && *a == *b) {
		a++;
		b++;
		size--;
	}
	return size == 0;
}

/* Named so because the compiler may call it, too; volatile, or the loop would become a call of itself. */
void *memcpy(void *to, const void *from, u64 size)
{
	volatile u8 *a = to;
	const u8 *b = from;

	while (size-- > 0)
		*a++ = *b++;
	return to;
}

/* Appends text as far as there is room, and returns the new length. */
static u64 append(char *text, u64 at, u64 room, const char *more)
{
	while (*more != 0 && at + 1 < room)
		((volatile char *)text)[at++] = *more++;
	text[at] = 0;
	return at;
}

enum { PARTS = 256 };

/* Writes to a socket. MSG_NOSIGNAL: the stub must not die by SIGPIPE when the controller is gone. */
static int write_parts(int fd, struct iovec *parts, u32 count)
{
	u32 first = 0;

	while (first < count) {
		const struct msghdr header = { 0, 0, parts + first, count - first, 0, 0, 0 };
		s64 written = again(__NR_sendmsg, fd, (s64)&header, MSG_NOSIGNAL);

		if (written < 0)
			return -1;
		while (first < count && (u64)written >= parts[first].size) {
			written -= (s64)parts[first].size;
			first++;
		}
		if (first < count) {
			parts[first].base = (u8 *)parts[first].base + written;
			parts[first].size -= (u64)written;
		}
	}
	return 0;
}

/* Writes a head and then strings, each after its length, in as few writes as possible. */
static int describe(int fd, void *head, u64 size, char **texts[2])
{
	struct iovec parts[PARTS];
	u64 lengths[PARTS / 2];
	u32 count = 0;
	int i;

	parts[count].base = head;
	parts[count++].size = size;
	for (i = 0; i < 2; i++) {
		char **text;

		for (text = texts[i]; *text != 0; text++) {
			if (count + 2 > PARTS) {
				if (write_parts(fd, parts, count) < 0)
					return -1;
				count = 0;
			}
			lengths[count / 2] = length(*text);
			parts[count].base = &lengths[count / 2];
			parts[count++].size = 8;
			parts[count].base = *text;
			parts[count].size = lengths[(count - 1) / 2];
			count++;
		}
	}
	return write_parts(fd, parts, count);
}

static s64 connect_to(const char *path)
{
	struct {
		unsigned short family;
		char path[108];
	} address = { AF_UNIX, { 0 } };
	u64 size = length(path);
	s64 socket;
	s64 place = -1;
	s64 result;

	if (size < sizeof(address.path)) {
		memcpy(address.path, path, size);
	} else {
		char digits[12];
		u32 at = sizeof(digits) - 1;
		u64 number;

		place = call(__NR_openat, AT_FDCWD, (s64)path, O_PATH | O_CLOEXEC, 0, 0, 0);
		if (place < 0)
			return place;
		digits[at] = 0;
		number = (u64)place;
		do {
			digits[--at] = (char)('0' + number % 10);
			number /= 10;
		} while (number > 0);
		size = append(address.path, 0, sizeof(address.path), "/proc/self/fd/");
		size = append(address.path, size, sizeof(address.path), digits + at);
	}
	socket = call(__NR_socket, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, 0, 0, 0);
	if (socket >= 0) {
		result = again(__NR_connect, socket, (s64)&address, (s64)(2 + size + 1));
		if (result < 0) {
			again(__NR_close, socket, 0, 0);
			socket = result;
		}
	}
	if (place >= 0)
		again(__NR_close, place, 0, 0);
	return socket;
}

/* Room for the path of a socket, which may be written into a copy of this program: it then needs nothing else. */
static const volatile struct {
	char marker[20];
	char path[108];
} built_in = { "caisson stub socket:", { 0 } };

static const char *variable(char **environment, const char *name)
{
	u64 size = length(name);

	for (; *environment != 0; environment++)
		if (equal(*environment, name, size) && (*environment)[size] == '=')
			return *environment + size + 1;
	return 0;
}

static int ends_with(const char *text, const char *end)
{
	u64 size = length(text);
	u64 least = length(end);

	return size >= least && equal(text + size - least, end, least);
}

/* A place where the stub looked for the controller, and the result: a socket, or a negated errno. */
struct attempt {
	char place[4096 + 8];
	const char *way;
	s64 result;
};

enum { WAYS = 3 };

struct search {
	struct attempt attempts[WAYS];
	u32 count;
	int variable_missing;
};

static s64 attempt(struct search *search, const char *way, const char *path, const char *end)
{
	struct attempt *next = &search->attempts[search->count++];
	u64 size = append(next->place, 0, sizeof(next->place), path);

	append(next->place, size, sizeof(next->place), end);
	next->way = way;
	next->result = connect_to(next->place);
	return next->result;
}

static s64 given_descriptor(struct search *search, const char *number)
{
	struct attempt *only = &search->attempts[search->count++];
	u64 size = append(only->place, 0, sizeof(only->place), "descriptor ");

	append(only->place, size, sizeof(only->place), number);
	only->way = "CAISSON_STUB_FD";
	only->result = 0;
	for (; *number >= '0' && *number <= '9'; number++)
		only->result = only->result * 10 + (*number - '0');
	return only->result;
}

/* Whether there is a socket that could not be used. */
static int found(const struct search *search)
{
	u32 i;

	for (i = 0; i < search->count; i++)
		if (search->attempts[i].result != -ENOENT && search->attempts[i].result != -ENOTDIR)
			return 1;
	return 0;
}

/* Tries the most specific place first. */
static s64 find_socket(const char *executed, char **environment, struct search *search)
{
	const char *given = variable(environment, "CAISSON_STUB_FD");
	const char *secret;
	char exe[4096 + 1];
	s64 socket = -ENOENT;
	s64 size;

	search->count = 0;
	search->variable_missing = 0;
	if (given != 0)
		return given_descriptor(search, given);
	if (built_in.path[0] != 0)
		return attempt(search, "written into the program", (const char *)built_in.path, "");
	if (executed != 0)
		socket = attempt(search, "beside the program", executed, ".sock");
	if (socket < 0) {
		size = call(__NR_readlinkat, AT_FDCWD, (s64) "/proc/self/exe", (s64)exe, sizeof(exe) - 1, 0, 0);
		if (size > 0) {
			exe[size] = 0;
			if (executed == 0 || length(executed) != (u64)size || !equal(executed, exe, (u64)size))
				socket = attempt(search, "beside the program's file", exe, ".sock");
		}
	}
	if (socket < 0) {
		given = variable(environment, "RSYSCALL_UNIX_STUB_SOCK_PATH");
		search->variable_missing = given == 0;
		if (given != 0) {
			socket = attempt(search, "RSYSCALL_UNIX_STUB_SOCK_PATH", given, "");
			/* The secret tells apart the stubs that connect to one controller. */
			secret = variable(environment, "CAISSON_STUB_SECRET");
			if (socket >= 0 && secret != 0)
				call(__NR_sendto, socket, (s64)secret, (s64)length(secret), MSG_NOSIGNAL, 0, 0);
		}
	}
	return socket;
}

static u64 append_errno(char *text, u64 at, u64 room, s64 number)
{
	/* No pointers: the program is never relocated. */
	static const struct {
		u8 number;
		char name[13];
	} names[] = {
		{ 1, "EPERM" }, { 2, "ENOENT" }, { 9, "EBADF" }, { 11, "EAGAIN" }, { 12, "ENOMEM" }, { 13, "EACCES" },
		{ 20, "ENOTDIR" }, { 23, "ENFILE" }, { 24, "EMFILE" }, { 36, "ENAMETOOLONG" }, { 38, "ENOSYS" },
		{ 40, "ELOOP" }, { 88, "ENOTSOCK" }, { 91, "EPROTOTYPE" }, { 104, "ECONNRESET" },
		{ 107, "ENOTCONN" }, { 111, "ECONNREFUSED" },
	};
	char digits[4] = { (char)('0' + number / 100), (char)('0' + number / 10 % 10), (char)('0' + number % 10), 0 };
	u32 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return append(text, at, room, names[i].name);
	at = append(text, at, room, "errno ");
	return append(text, at, room, number >= 0 && number < 1000 ? digits : "unknown");
}

/* The usual meaning of an errno of a connection. */
static const char *advice(s64 number)
{
	return number == 111 ? " (nothing listens there)"
		: number == 13 || number == 1 ? " (not permitted)"
		: number == 91 ? " (not a stream socket)"
		: number == 11 ? " (the backlog is full)"
		: "";
}

/* A message and its length. It is written at once, so that no other output gets into it. */
struct message {
	char text[1024 + WAYS * (4096 + 256)];
	u64 size;
};

static void say(struct message *message, const char *more)
{
	message->size = append(message->text, message->size, sizeof(message->text) - 1, more);
}

/* Appends text that others have chosen: it must neither steer a terminal nor end the line. */
static void say_foreign(struct message *message, const char *more, u64 room)
{
	u64 end = message->size + room < sizeof(message->text) ? message->size + room : sizeof(message->text) - 1;
	u64 i = message->size;

	message->size = append(message->text, message->size, end, more);
	for (; i < message->size; i++)
		if ((u8)message->text[i] < ' ' || message->text[i] == 127)
			message->text[i] = '?';
}

static void begin(struct message *message, const char *name)
{
	message->size = 0;
	say_foreign(message, name, 256);
	say(message, ": caisson stub: ");
}

static void finish(struct message *message)
{
	message->size = append(message->text, message->size, sizeof(message->text), "\n");
	write_all(2, message->text, message->size);
}

static void say_errno(struct message *message, s64 number)
{
	message->size = append_errno(message->text, message->size, sizeof(message->text) - 1, number);
	say(message, advice(number));
}

static void say_place(struct message *message, const struct attempt *attempt)
{
	say_foreign(message, attempt->place, sizeof(attempt->place));
	say(message, " (");
	say(message, attempt->way);
	say(message, ")");
}

/* Reports that no controller was found: where the stub looked, and what it found there. */
static int unconnected(const char *name, const struct search *search)
{
	struct message message;
	u32 i;

	begin(&message, name);
	say(&message, found(search) ? "cannot connect to the controller: " : "no controller found: ");
	for (i = 0; i < search->count; i++) {
		if (i > 0)
			say(&message, "; ");
		say_place(&message, &search->attempts[i]);
		say(&message, ": ");
		say_errno(&message, -search->attempts[i].result);
	}
	if (search->variable_missing)
		say(&message, search->count > 0 ? "; RSYSCALL_UNIX_STUB_SOCK_PATH: not set"
			: "RSYSCALL_UNIX_STUB_SOCK_PATH: not set");
	finish(&message);
	return 1;
}

/* Reports that the standard input, the only place to look, is not a controller. */
static int unconnected_input(const char *name, s64 result)
{
	struct message message;

	begin(&message, name);
	say(&message, "no controller found: standard input: ");
	if (result == 0)
		say(&message, "end of file");
	else
		say_errno(&message, -result);
	finish(&message);
	return 1;
}

/* Reports that the controller has disconnected, or that the peer is not a controller. */
static int turned_away(const char *name, const struct search *search, const char *how, s64 number)
{
	struct message message;

	begin(&message, name);
	if (search->count > 0)
		say_place(&message, &search->attempts[search->count - 1]);
	else
		say(&message, "standard input");
	say(&message, ": ");
	say(&message, how);
	if (number > 0) {
		say(&message, ": ");
		say_errno(&message, number);
	}
	finish(&message);
	return 1;
}

static const char CLOSED[] = "the controller closed the connection before the first call";

/* Keeps descriptors 0 to 2 in use, so that no descriptor of the stub becomes a standard stream that was closed. */
static u32 fill_streams(void)
{
	u32 filled = 0;
	s64 place;

	while ((place = call(__NR_openat, AT_FDCWD, (s64) "/", O_PATH | O_CLOEXEC, 0, 0, 0)) >= 0 && place <= 2)
		filled |= 1U << place;
	if (place >= 0)
		again(__NR_close, place, 0, 0);
	return filled;
}

static void empty_streams(u32 filled)
{
	int i;

	for (i = 0; i <= 2; i++)
		if (filled & (1U << i))
			again(__NR_close, i, 0, 0);
}

static int run(u64 *stack)
{
	const u32 filled = fill_streams();

	char **arguments = (char **)(stack + 1);
	char **environment = arguments + stack[0] + 1;
	char *none = 0;
	char **texts[2] = { arguments, environment };
	const char *name = stack[0] > 0 ? arguments[0] : "";
	const char *executed = 0;
	struct description head = { { (u64)server, (u64)persistent_server, (u64)futex_helper, (u64)trampoline },
		0, { 0 }, 0, { stack[0], 0 }, 0 };
	struct search search;
	u8 wish[16] = { 0 };
	u64 *entry;
	s64 socket;
	s64 got;
	int ahead;
	int over_data = 0;
	int by_stdin = 0;
	int forwarded = 0;

	while (environment[head.counts[1]] != 0)
		head.counts[1]++;
	for (entry = (u64 *)(environment + head.counts[1] + 1); entry[0] != 0; entry += 2)
		if (entry[0] == AT_EXECFN)
			executed = (const char *)entry[1];

	search.count = 0;
	search.variable_missing = 0;
	/*
	 * The standard input is the caller's, and may be a socket on which no controller ever sends anything. So the stub
	 * reads it only if "-" is the path in the program, or under upstream's name; then it looks nowhere else, whatever
	 * variables it has inherited.
	 */
	by_stdin = (built_in.path[0] == '-' && built_in.path[1] == 0)
		|| (executed != 0 && ends_with(executed, "rsyscall-stdin-bootstrap"));
	socket = by_stdin ? 0 : find_socket(executed, environment, &search);
	if (!by_stdin && socket >= 0) {
		got = receive((int)socket, head.fds, 4, wish, sizeof(wish));
		if (got == -EPROTO && wish[0] == FORWARDED) {
			/* A forwarded connection carries only bytes: this one is for calls, the next one for data. */
			forwarded = 1;
			head.fds[0] = (s32)socket;
			socket = find_socket(executed, environment, &search);
			if (socket < 0)
				return unconnected(name, &search);
			head.fds[1] = (s32)socket;
			head.fds[2] = head.fds[3] = -1;
			memcpy(wish, MAGIC, sizeof(MAGIC));
			got = (s64)sizeof(MAGIC);
		}
	} else if (!by_stdin) {
		return unconnected(name, &search);
	} else {
		/* A launcher that passes on only the standard input, as sudo does, puts the socket there. */
		got = receive(0, head.fds, 3, wish, sizeof(wish));
		head.fds[3] = head.fds[2];
		head.fds[2] = 0;
		if (got <= 0 && got != -EPROTO)
			return unconnected_input(name, got);
	}
	if (got <= 0)
		return turned_away(name, &search, got == 0 ? CLOSED
			: got == -EPROTO ? "not a controller of stubs: it sent no descriptors"
			: "cannot receive from the controller", got == -EPROTO ? 0 : -got);
	ahead = got >= (s64)sizeof(MAGIC) && equal(wish, MAGIC, sizeof(MAGIC));
	if (got >= (s64)sizeof(MAGIC) && equal(wish, MAGIC_OVER_DATA, sizeof(MAGIC)))
		ahead = over_data = 1;
	if (ahead) {
		struct acknowledgement acknowledgement;
		int to = over_data ? head.fds[1] : (int)socket;

		memcpy(acknowledgement.magic, wish, sizeof(MAGIC));
		acknowledgement.server_ahead = (u64)server_ahead;
		if (answer(to, (const s64 *)&acknowledgement, sizeof(acknowledgement) / sizeof(s64)) < 0)
			return turned_away(name, &search, CLOSED, 0);
	}
	if (!by_stdin && !forwarded)
		again(__NR_close, socket, 0, 0);

	head.pid = (s32)call(__NR_getpid, 0, 0, 0, 0, 0, 0);
	call(__NR_rt_sigprocmask, -1, 0, (s64)&head.sigmask, 8, 0, 0);
	if (by_stdin) {
		/* This form of the description has no arguments and no signal mask. */
		texts[0] = &none;
		head.counts[0] = head.counts[1];
		got = describe(head.fds[1], &head, 64, texts);
	} else {
		got = describe(head.fds[1], &head, sizeof(head), texts);
	}
	if (got < 0)
		return turned_away(name, &search, CLOSED, 0);
	/* A controller with too many peers closes the connection. */
	if (ahead && !by_stdin && call(__NR_recvfrom, head.fds[0], (s64)wish, 1, MSG_PEEK, 0, 0) == 0)
		return turned_away(name, &search, CLOSED, 0);
	empty_streams(filled);
	return ahead ? server_ahead(head.fds[0], head.fds[0]) : server(head.fds[0], head.fds[0]);
}

__attribute__((noreturn)) void start(u64 *stack)
{
	call(__NR_exit_group, run(stack), 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
