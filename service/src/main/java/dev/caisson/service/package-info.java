/// Host services: an executable, spawned on demand, that does on the host what a sandbox may not do
/// itself, and lives exactly as long as what it provides.
///
/// The wire is that of osbuild's `host.py`, in both directions: modules of osbuild run under
/// [dev.caisson.service.ServiceManager], and a [dev.caisson.service.Service] written in Java runs
/// under osbuild.
@NullMarked
package dev.caisson.service;

import org.jspecify.annotations.NullMarked;
