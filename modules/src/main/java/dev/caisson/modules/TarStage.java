package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Packs the tree of an input into an archive with GNU tar. The members are sorted by name, so that
/// the same tree gives the same archive.
final class TarStage implements StageModule {
  @Override
  public String name() {
    return "org.osbuild.tar";
  }

  @Override
  public void run(StageContext context) throws IOException {
    var options = context.options();
    var archive = context.location("/" + options.path("filename").asString());
    var input = context.inputs().get("tree");
    if (input == null) {
      throw new dev.caisson.engine.spi.StageException("the input 'tree' is missing");
    }
    var tar = new ArrayList<>(List.of("env", "XZ_OPT=--threads=0", "tar", "--sort=name"));
    var format = options.path("format").asString("gnu");
    tar.add("--format=" + format);
    if (format.equals("posix")
        || List.of("acls", "selinux", "xattrs").stream()
            .anyMatch(what -> options.path(what).asBoolean(true))) {
      // Any of these options makes tar write a POSIX archive. By default such an archive also
      // stores when files were last read and changed.
      tar.add("--pax-option=delete=atime,delete=ctime");
    }
    if (options.path("acls").asBoolean(true)) {
      tar.add("--acls");
    }
    if (options.path("selinux").asBoolean(true)) {
      tar.add("--selinux");
    }
    if (options.path("xattrs").asBoolean(true)) {
      tar.addAll(List.of("--xattrs", "--xattrs-include=*"));
    }
    if (options.path("sparse").asBoolean(false)) {
      // The later versions store the id of the process of tar in a POSIX archive.
      tar.addAll(List.of("--sparse", "--sparse-version=0.0"));
    }
    if (options.has("transform")) {
      tar.add("--transform=" + options.get("transform").asString());
    }
    if (options.path("numeric-owner").asBoolean(false)) {
      tar.add("--numeric-owner");
    }
    var compression = options.path("compression").asString("auto");
    tar.add(compression.equals("auto") ? "--auto-compress" : "--" + compression);
    tar.addAll(List.of("-cf", archive, "-C", input.path()));
    if (options.path("paths").size() > 0) {
      tar.add("--");
      options.path("paths").forEach(path -> tar.add(path.asString()));
      context.check("tar", tar);
    } else if (options.path("root-node").asString("include").equals("include")) {
      tar.add(".");
      context.check("tar", tar);
    } else {
      // Packs the content of the root without the root itself. tar reads the names separated by
      // NUL, since they may contain any other byte.
      tar.addAll(List.of("--null", "--verbatim-files-from", "--files-from=-"));
      var list = new ArrayList<>(List.of(input.path()));
      list.addAll(tar);
      context.check("tar", Script.command("tar-contents.sh", list));
    }
  }
}
