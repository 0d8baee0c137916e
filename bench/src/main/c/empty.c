/* A program that does nothing, without a library: the cost of starting any program. */
#include <asm/unistd.h>

void _start(void)
{
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(__NR_exit), "D"(0));
#else
    register long number __asm__("x8") = __NR_exit;
    register long status __asm__("x0") = 0;
    __asm__ volatile("svc #0" : : "r"(number), "r"(status));
#endif
    __builtin_unreachable();
}
