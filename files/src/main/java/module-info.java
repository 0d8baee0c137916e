/// Directories that do not outlive their user, and files and trees that others have made.
// The module that a package is exported to is compiled later.
@SuppressWarnings("module")
module dev.caisson.files {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.linux;

  exports dev.caisson.files;
  exports dev.caisson.files.guard to
      dev.caisson.sandbox;
}
