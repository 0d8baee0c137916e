/// Temporary directories that are deleted even after a crash, and access to untrusted files and
/// trees.
// The module that a package is exported to is compiled after this one.
@SuppressWarnings("module")
module dev.caisson.files {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.linux;

  exports dev.caisson.files;
  exports dev.caisson.files.guard to
      dev.caisson.sandbox;
}
