/// A build root is a throw-away root file system around a command, made with bubblewrap. API
/// endpoints (sockets that the host serves) are passed into it by name.
///
/// Its layout is that of osbuild's `buildroot.py`. All its mounts are in a private mount namespace,
/// so the host never sees them, and nothing is left even if the JVM is killed.
@NullMarked
package dev.caisson.sandbox;

import org.jspecify.annotations.NullMarked;
