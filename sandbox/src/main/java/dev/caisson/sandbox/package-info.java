/// A build root is a throw-away root file system around one command, made with bubblewrap, into
/// which each API endpoint (a socket that the host answers) is passed by name.
///
/// Its layout is that of osbuild's `buildroot.py`. All that it mounts lies in a mount namespace of
/// its own, so nothing of it is ever seen on the host, and nothing is left even if the JVM is
/// killed.
@NullMarked
package dev.caisson.sandbox;

import org.jspecify.annotations.NullMarked;
