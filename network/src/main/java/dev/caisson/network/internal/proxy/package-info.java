/// HTTP and SOCKS5 for programs that do not use the broker directly.
@NullMarked
package dev.caisson.network.internal.proxy;

import org.jspecify.annotations.NullMarked;
