/// Host services. A host service is an executable, spawned on demand. It does on the host what a
/// sandbox may not do itself, and lives exactly as long as what it provides.
///
/// The wire format is that of osbuild's `host.py`, in both directions: modules of osbuild run under
/// [dev.caisson.service.ServiceManager], and a [dev.caisson.service.Service] written in Java runs
/// under osbuild.
@NullMarked
package dev.caisson.service;

import org.jspecify.annotations.NullMarked;
