/// HTTP and SOCKS5 for programs that know nothing of the broker.
@NullMarked
package dev.caisson.network.internal.proxy;

import org.jspecify.annotations.NullMarked;
