/// The names, addresses and ports that sandboxed work may reach.
@NullMarked
package dev.caisson.network.policy;

import org.jspecify.annotations.NullMarked;
