/// Connects to what the policy allows, and passes the connected descriptors on.
@NullMarked
package dev.caisson.network.broker;

import org.jspecify.annotations.NullMarked;
