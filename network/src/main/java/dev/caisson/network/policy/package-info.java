/// Which names, addresses and ports work may reach.
@NullMarked
package dev.caisson.network.policy;

import org.jspecify.annotations.NullMarked;
