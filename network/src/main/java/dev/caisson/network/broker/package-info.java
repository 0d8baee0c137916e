/// Makes the connections that a policy allows, and passes connected descriptors to sandboxes.
@NullMarked
package dev.caisson.network.broker;

import org.jspecify.annotations.NullMarked;
