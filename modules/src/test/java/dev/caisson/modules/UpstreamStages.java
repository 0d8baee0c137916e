package dev.caisson.modules;

import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.sha256;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import tools.jackson.databind.ObjectMapper;

/// Stages of osbuild that can run on this machine, each with options and a check of its effect. All
/// but those that pack files run one after another on one tree.
final class UpstreamStages {
  private static final long EPOCH = 1_700_000_000;

  private static final String[] NOTHING = {};

  /// A stage of a manifest.
  ///
  /// @param body the entry of the stage without its type
  /// @param shown what the check covers
  /// @param needs what some machines lack: programs, and modules of the system's Python after
  ///   `import `
  record Row(String stage, String body, String shown, List<String> needs, Check check) {
    String entry() {
      return "{\"type\":\"%s\",%s}".formatted(stage, body);
    }

    /// A missing need.
    Optional<String> missing() throws IOException, InterruptedException {
      for (var need : needs) {
        var command =
            need.startsWith("import ")
                ? new String[] {"/usr/bin/python3", "-c", need}
                : new String[] {"sh", "-c", "command -v \"$1\"", "sh", need};
        var process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        if (process.waitFor() != 0) {
          return Optional.of(need);
        }
      }
      return Optional.empty();
    }
  }

  /// Checks the tree after all stages have run.
  @FunctionalInterface
  interface Check {
    void look(Path tree) throws Exception;
  }

  private final List<Row> packing = new ArrayList<>();
  private final List<Row> rows = new ArrayList<>();
  private final Map<String, String> files = new LinkedHashMap<>();

  UpstreamStages() {
    prepare();
    permissions();
    firstBoot();
    systemd();
    packages();
    settings();
    accounts();
    archives();
  }

  List<Row> all() {
    var all = new ArrayList<>(packing);
    all.addAll(rows);
    return all;
  }

  private void add(String stage, String options, String shown, Check check) {
    add(stage, options, shown, NOTHING, check);
  }

  private void add(String stage, String options, String shown, String[] needs, Check check) {
    rows.add(row(stage, "\"options\":" + options, shown, needs, check));
  }

  private static Row row(String stage, String body, String shown, String[] needs, Check check) {
    return new Row("org.osbuild." + stage, body, shown, List.of(needs), check);
  }

  /// Checks that a file has these lines.
  private static Check holds(String path, String... lines) {
    return tree -> assertThat(Files.readAllLines(tree.resolve(path))).contains(lines);
  }

  /// Checks that a file has exactly these lines.
  private static Check is(String path, String... lines) {
    return tree -> assertThat(Files.readAllLines(tree.resolve(path))).containsExactly(lines);
  }

  private static String stat(String format, Path file) throws IOException, InterruptedException {
    return Programs.run("stat", "-c", format, file.toString()).strip();
  }

  private static String directories(String... paths) {
    return Arrays.stream(paths)
        .map(path -> "{\"path\":\"%s\",\"parents\":true}".formatted(path))
        .collect(Collectors.joining(",", "{\"paths\":[", "]}"));
  }

  private void prepare() {
    add(
        "noop",
        "{\"anything\":[1,{\"é\":null}],\"text\":\"\\u0000 \\ud83e\\udd80\"}",
        "nothing changes",
        tree -> {});
    add(
        "mkdir",
        directories(
            "/etc/cloud/cloud.cfg.d",
            "/etc/containers",
            "/etc/cron.daily",
            "/etc/dnf/plugins",
            "/etc/profile.d",
            "/etc/security/limits.d",
            "/etc/selinux",
            "/etc/skel",
            "/etc/ssh",
            "/etc/systemd/system/multi-user.target.wants",
            "/etc/udev/rules.d",
            "/home",
            "/opt/mapped",
            "/opt/shared/inner",
            "/opt/secret",
            "/packed",
            "/unpacked",
            "/usr/lib/sysctl.d",
            "/usr/lib/systemd/system",
            "/usr/lib/systemd/system-preset",
            "/usr/lib/sysusers.d",
            "/usr/lib/tmpfiles.d",
            "/usr/share/containers/systemd"),
        "directories, with parents",
        tree -> assertThat(tree.resolve("opt/shared/inner")).isDirectory());
    files.put("/etc/chrony.conf", "# kept\npool 2.example.org\ndriftfile /var/lib/drift\n");
    files.put("/etc/ssh/sshd_config", "# kept\nPasswordAuthentication yes\nUseDNS no\n");
    files.put("/etc/security/pwquality.conf", "# minlen = 8\nminlen = 8\n");
    files.put("/etc/selinux/config", "# kept\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
    files.put("/etc/waagent.conf", "Provisioning.Enabled=y\nOther=1\n");
    files.put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    files.put("/etc/shadow", "root:*:19000:0:99999:7:::\n");
    files.put("/etc/group", "root:x:0:\n");
    files.put("/etc/gshadow", "root:*::\n");
    files.put("/usr/lib/systemd/system/multi-user.target", "[Unit]\nDescription=All\n");
    files.put("/opt/mapped/file", "hello\n");
    files.put("/opt/shared/inner/file", "hello\n");
    var copies =
        files.entrySet().stream()
            .map(file ->
                "{\"from\":\"input://f/%s\",\"to\":\"tree://%s\"}"
                    .formatted(id(file.getValue()), file.getKey()))
            .collect(Collectors.joining(",", "{\"paths\":[", "]}"));
    var references =
        files.values().stream()
            .distinct()
            .map(contents -> "\"" + id(contents) + "\"")
            .collect(Collectors.joining(","));
    rows.add(
        row(
            "copy",
            """
            "inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":[%s]}},"options":%s
            """
                .formatted(references, copies),
            "files of a source",
            NOTHING,
            tree -> assertThat(tree.resolve("opt/shared/inner/file")).hasContent("hello\n")));
  }

  private static String id(String contents) {
    return sha256(contents.getBytes(StandardCharsets.UTF_8));
  }

  private void permissions() {
    add(
        "chmod",
        """
        {"items":{"/opt/secret":{"mode":"0700"},"/opt/shared":{"mode":"u=rwX,g=rX,o=","recursive":true}}}
        """,
        "numeric, symbolic, recursive modes",
        tree -> {
          assertThat(stat("%a", tree.resolve("opt/secret"))).isEqualTo("700");
          assertThat(stat("%a", tree.resolve("opt/shared/inner/file"))).isEqualTo("640");
        });
    add(
        "idmap",
        "{\"items\":{\"/opt/mapped\":[\"u:1000:0:10\",\"g:2000:0:10\"]}}",
        "owners shifted",
        tree -> assertThat(stat("%u:%g", tree.resolve("opt/mapped/file"))).isEqualTo("1000:2000"));
    add(
        "ln",
        """
        {"paths":[{"target":"../etc/fstab","link_name":"tree:///opt/soft","symbolic":true},
                  {"target":"/run/osbuild/tree/opt/shared/inner/file","link_name":"tree:///opt/hard"}]}
        """,
        "a symbolic and a hard link",
        tree -> {
          assertThat(Files.readSymbolicLink(tree.resolve("opt/soft"))).hasToString("../etc/fstab");
          assertThat(stat("%h", tree.resolve("opt/hard"))).isEqualTo("2");
        });
    add(
        "truncate",
        "{\"filename\":\"/opt/disk.img\",\"size\":\"3M\"}",
        "a sparse file",
        tree -> {
          assertThat(tree.resolve("opt/disk.img")).hasSize(3 << 20);
          assertThat(stat("%b", tree.resolve("opt/disk.img"))).isEqualTo("0");
        });
    add(
        "createaddrsize",
        "{\"initrd\":\"/opt/disk.img\",\"addrsize\":\"/opt/addrsize\"}",
        "the size of another file, binary",
        tree ->
            assertThat(Files.readAllBytes(tree.resolve("opt/addrsize")))
                .isEqualTo(new byte[] {0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x30, 0, 0}));
  }

  private void firstBoot() {
    var program = new String[] {"systemd-firstboot"};
    add(
        "machine-id",
        "{\"first-boot\":\"yes\"}",
        "`/etc/machine-id`",
        is("etc/machine-id", "uninitialized"));
    add(
        "hostname",
        "{\"hostname\":\"box.example\"}",
        "`/etc/hostname`",
        program,
        is("etc/hostname", "box.example"));
    add(
        "locale",
        "{\"language\":\"en_US.UTF-8\"}",
        "`/etc/locale.conf`, on Debian `/etc/default/locale`",
        program,
        tree -> {
          var debian = tree.resolve("etc/default/locale");
          assertThat(Files.exists(debian) ? debian : tree.resolve("etc/locale.conf"))
              .hasContent("LANG=en_US.UTF-8\n");
        });
    add(
        "keymap",
        "{\"keymap\":\"us\",\"x11-keymap\":{\"layouts\":[\"us\",\"de\"]},\"font\":\"eurlatgr\"}",
        "console and X11",
        program,
        tree -> {
          holds("etc/vconsole.conf", "KEYMAP=us", "FONT=eurlatgr").look(tree);
          assertThat(tree.resolve("etc/X11/xorg.conf.d/00-keyboard.conf"))
              .content()
              .contains("us,de");
        });
    add(
        "timezone",
        "{\"zone\":\"Etc/UTC\"}",
        "`/etc/localtime`",
        program,
        tree ->
            assertThat(Files.readSymbolicLink(tree.resolve("etc/localtime")).toString())
                .endsWith("Etc/UTC"));
    add(
        "first-boot",
        "{\"commands\":[\"/usr/bin/true\"],\"wait_for_network\":true}",
        "a unit, a link to it, a flag",
        tree -> {
          assertThat(tree.resolve("etc/osbuild-first-boot")).isEmptyFile();
          holds("usr/lib/systemd/system/osbuild-first-boot.service", "ExecStart=/usr/bin/true")
              .look(tree);
        });
  }

  private void systemd() {
    add(
        "systemd.unit.create",
        """
        {"filename":"box.service","config":{"Unit":{"Description":"A box","After":["a.target","b.target"]},
         "Service":{"Type":"oneshot","ExecStart":["/usr/bin/true"],"Environment":[{"key":"A","value":"b c"}]},
         "Install":{"WantedBy":["multi-user.target"]}}}
        """,
        "a unit with repeated keys",
        holds(
            "usr/lib/systemd/system/box.service",
            "Description=A box",
            "After=a.target",
            "After=b.target",
            "Environment=\"A=b c\""));
    add(
        "systemd.unit",
        """
        {"unit":"box.service","dropin":"10-more.conf",
         "config":{"Service":{"Environment":[{"key":"X","value":"y"}]}}}
        """,
        "a drop-in",
        holds("usr/lib/systemd/system/box.service.d/10-more.conf", "Environment=\"X=y\""));
    add(
        "systemd",
        """
        {"enabled_services":["box.service"],"masked_services":["other.service"],
         "masked_generators":["a-generator"],"default_target":"multi-user.target"}
        """,
        "`systemctl --root`: enabled, masked, default target",
        new String[] {"systemctl"},
        tree -> {
          var units = tree.resolve("etc/systemd/system");
          assertThat(
                  Files.exists(
                      units.resolve("multi-user.target.wants/box.service"),
                      LinkOption.NOFOLLOW_LINKS))
              .isTrue();
          assertThat(Files.readSymbolicLink(units.resolve("other.service")))
              .hasToString("/dev/null");
          assertThat(
                  Files.readSymbolicLink(tree.resolve("etc/systemd/system-generators/a-generator")))
              .hasToString("/dev/null");
        });
    add(
        "systemd.preset",
        "{\"presets\":[{\"name\":\"box.service\",\"state\":\"enable\"},{\"name\":\"a.timer\",\"state\":\"disable\"}]}",
        "a preset",
        is(
            "usr/lib/systemd/system-preset/50-osbuild.preset",
            "enable box.service",
            "disable a.timer"));
    add(
        "systemd-journald",
        "{\"filename\":\"j.conf\",\"config\":{\"Journal\":{\"Storage\":\"persistent\",\"Audit\":\"no\"}}}",
        "a drop-in",
        holds(
            "usr/lib/systemd/journald.conf.d/j.conf",
            "[Journal]",
            "Storage=persistent",
            "Audit=no"));
    add(
        "systemd-logind",
        "{\"filename\":\"l.conf\",\"config\":{\"Login\":{\"NAutoVTs\":0}}}",
        "a drop-in",
        holds("usr/lib/systemd/logind.conf.d/l.conf", "[Login]", "NAutoVTs=0"));
    add(
        "systemd-sysusers.d",
        """
        {"config":{"filename":"box.conf","entries":[
          {"type":"u","name":"box","id":"777","gecos":"A box","home":"/var/lib/box","shell":"/bin/sh"}]}}
        """,
        "a line for a user",
        tree ->
            assertThat(tree.resolve("usr/lib/sysusers.d/box.conf"))
                .content()
                .contains("u box 777"));
    add(
        "tmpfilesd",
        """
        {"filename":"t.conf","config":[{"type":"d","path":"/run/box","mode":"0755","group":"box"},
          {"type":"w-","path":"/proc/sys/vm/swappiness","argument":"10"}]}
        """,
        "columns, with `-` for those between",
        is(
            "usr/lib/tmpfiles.d/t.conf",
            "d /run/box 0755 - box",
            "w- /proc/sys/vm/swappiness - - - - 10"));
    add(
        "test",
        "{\"script\":\"/usr/bin/check\"}",
        "a unit and a link to it",
        tree -> {
          holds("etc/systemd/system/osbuild-test.service", "ExecStart=/usr/bin/check").look(tree);
          assertThat(
                  tree.resolve("etc/systemd/system/multi-user.target.wants/osbuild-test.service"))
              .isSymbolicLink();
        });
    add(
        "udev.rules",
        """
        {"filename":"/etc/udev/rules.d/9.rules","rules":[{"comment":["one","two"]},
          [{"key":"SUBSYSTEM","op":"==","val":"net"},{"key":{"name":"ENV","arg":"A"},"op":"=","val":"\\"b\\""}]]}
        """,
        "a comment and a rule",
        is(
            "etc/udev/rules.d/9.rules",
            "# one",
            "# two",
            "SUBSYSTEM==\"net\", ENV{A}=\"\\\"b\\\"\""));
  }

  private void packages() {
    add(
        "yum.repos",
        """
        {"filename":"box.repo","repos":[{"id":"box","name":"Box","baseurl":["https://a.example","https://b.example"],
          "gpgcheck":true,"enabled":false,"priority":7}]}
        """,
        "a repository",
        holds(
            "etc/yum.repos.d/box.repo",
            "[box]",
            "baseurl=https://a.example https://b.example",
            "enabled=0",
            "gpgcheck=1",
            "priority=7"));
    add(
        "yum.config",
        "{\"config\":{\"http_caching\":\"packages\"}}",
        "a setting",
        new String[] {"import iniparse"},
        tree -> assertThat(tree.resolve("etc/yum.conf")).content().contains("packages"));
    add(
        "dnf.config",
        "{\"config\":{\"main\":{\"ip_resolve\":\"4\",\"tsflags\":[\"nodocs\"]}}}",
        "a setting",
        new String[] {"import iniparse"},
        tree -> assertThat(tree.resolve("etc/dnf/dnf.conf")).content().contains("nodocs"));
    add(
        "dnf4.versionlock",
        "{\"add\":[\"box-0:1.2-3.*\"]}",
        "a lock, dated by `SOURCE_DATE_EPOCH`",
        is(
            "etc/dnf/plugins/versionlock.list",
            "",
            "# Added lock on Tue Nov 14 22:13:20 2023",
            "box-0:1.2-3.*"));
    add(
        "rpm.macros",
        "{\"filename\":\"/etc/rpm/macros.box\",\"macros\":{\"_install_langs\":[\"en\",\"de\"],\"_dbpath\":\"/usr/share/rpm\"}}",
        "macros",
        is("etc/rpm/macros.box", "%_install_langs en:de", "%_dbpath /usr/share/rpm"));
    add(
        "pacman.conf",
        "{\"architecture\":\"x86_64\",\"repositories\":[{\"name\":\"core\",\"siglevels\":[\"Required\"],\"server\":\"https://a.example\"}]}",
        "a repository",
        holds("etc/pacman.conf", "[core]", "SigLevel = Required", "Server = https://a.example"));
    add(
        "pacman.mirrorlist.conf",
        "{\"mirrors\":[\"https://a.example/$repo\"]}",
        "a mirror",
        holds("etc/pacman.d/mirrorlist", "Server = https://a.example/$repo"));
  }

  private void settings() {
    add(
        "fstab",
        """
        {"filesystems":[{"uuid":"6699-AFB5","path":"/boot/efi","vfs_type":"vfat","options":"umask=077","passno":2},
          {"label":"root","path":"/"},{"device":"/dev/vdb","path":"/data","vfs_type":"xfs","freq":1}]}
        """,
        "by UUID, label and device",
        is(
            "etc/fstab",
            "UUID=6699-AFB5\t/boot/efi\tvfat\tumask=077\t0\t2",
            "LABEL=root\t/\tnone\tdefaults\t0\t0",
            "/dev/vdb\t/data\txfs\tdefaults\t1\t0"));
    add(
        "crypttab",
        "{\"volumes\":[{\"volume\":\"luks\",\"uuid\":\"6699-AFB5\",\"options\":\"discard\"}]}",
        "a volume",
        is("etc/crypttab", "luks\tUUID=6699-AFB5\tnone\tdiscard"));
    add(
        "sysctld",
        "{\"filename\":\"s.conf\",\"config\":[{\"key\":\"vm.swappiness\",\"value\":\"1\"},{\"key\":\"-net.a\"}]}",
        "set and left out",
        is("usr/lib/sysctl.d/s.conf", "vm.swappiness = 1", "-net.a"));
    add(
        "modprobe",
        """
        {"filename":"m.conf","commands":[{"command":"blacklist","modulename":"floppy"},
          {"command":"install","modulename":"a","cmdline":"/bin/true"}]}
        """,
        "two commands",
        is("usr/lib/modprobe.d/m.conf", "blacklist floppy", "install a /bin/true"));
    add(
        "kernel-cmdline",
        "{\"root_fs_uuid\":\"6699-AFB5\",\"kernel_opts\":\"quiet ro\"}",
        "`/etc/kernel/cmdline`",
        is("etc/kernel/cmdline", "root=UUID=6699-AFB5 quiet ro"));
    add(
        "dracut.conf",
        "{\"filename\":\"d.conf\",\"config\":{\"compress\":\"zstd\",\"add_drivers\":[\"a\",\"b\"],\"reproducible\":true}}",
        "text, lists, flags",
        is(
            "usr/lib/dracut/dracut.conf.d/d.conf",
            "compress=\"zstd\"",
            "add_drivers+=\" a b \"",
            "reproducible=\"yes\""));
    add(
        "cloud-init",
        """
        {"filename":"c.cfg","config":{"system_info":{"default_user":{"name":"box"}},"datasource_list":["Ec2","None"]}}
        """,
        "YAML",
        new String[] {"import yaml"},
        holds("etc/cloud/cloud.cfg.d/c.cfg", "datasource_list: [Ec2, None]", "    name: box"));
    add(
        "chrony",
        """
        {"servers":[{"hostname":"a.example","prefer":true,"minpoll":0}],"leapsectz":"right/UTC",
         "refclocks":[{"driver":{"name":"PHC","path":"/dev/ptp0","nocrossts":true},"poll":3,"offset":0.25}]}
        """,
        "a file changed: servers, leap seconds, a clock",
        is(
            "etc/chrony.conf",
            "refclock PHC /dev/ptp0:nocrossts poll 3 offset 0.25",
            "leapsectz right/UTC",
            "server a.example prefer iburst minpoll 0",
            "# kept",
            "driftfile /var/lib/drift"));
    add(
        "sshd.config",
        "{\"config\":{\"PasswordAuthentication\":false,\"PermitRootLogin\":\"prohibit-password\"}}",
        "a file changed and added to",
        is(
            "etc/ssh/sshd_config",
            "# kept",
            "PasswordAuthentication no",
            "UseDNS no",
            "PermitRootLogin prohibit-password"));
    add(
        "pwquality.conf",
        "{\"config\":{\"minlen\":12,\"minclass\":3}}",
        "a file changed and added to",
        is("etc/security/pwquality.conf", "# minlen = 8", "minlen = 12", "minclass = 3"));
    add(
        "selinux.config",
        "{\"state\":\"permissive\",\"type\":\"mls\"}",
        "a file changed",
        is("etc/selinux/config", "# kept", "SELINUX=permissive", "SELINUXTYPE=mls"));
    add(
        "waagent.conf",
        "{\"config\":{\"Provisioning.Enabled\":false,\"ResourceDisk.Format\":true}}",
        "a file changed and added to",
        is("etc/waagent.conf", "Provisioning.Enabled=n", "Other=1", "ResourceDisk.Format=y"));
    add(
        "resolv-conf",
        "{\"nameserver\":[\"192.0.2.1\",\"2001:db8::1\"],\"search\":[\"a.example\",\"b.example\"]}",
        "`/etc/resolv.conf`",
        holds(
            "etc/resolv.conf",
            "search a.example b.example",
            "nameserver 192.0.2.1",
            "nameserver 2001:db8::1"));
    add(
        "shell.init",
        "{\"files\":{\"box.sh\":{\"env\":[{\"key\":\"A\",\"value\":\"é\"},{\"key\":\"B\",\"value\":\"2\"}]}}}",
        "variables",
        is("etc/profile.d/box.sh", "export A=\"é\"", "export B=\"2\""));
    add(
        "pam.limits.conf",
        "{\"filename\":\"b.conf\",\"config\":[{\"domain\":\"*\",\"type\":\"hard\",\"item\":\"nofile\",\"value\":4096}]}",
        "a limit",
        is("etc/security/limits.d/b.conf", "* hard nofile 4096"));
    add(
        "cron.script",
        "{\"filename\":\"job\",\"interval\":\"daily\",\"simple\":{\"command\":\"true\",\"comment\":[\"why\"]}}",
        "an executable script",
        tree -> {
          holds("etc/cron.daily/job", "# why", "true").look(tree);
          assertThat(stat("%a", tree.resolve("etc/cron.daily/job"))).isEqualTo("755");
        });
    add(
        "nm.conf",
        "{\"path\":\"/etc/NetworkManager/conf.d/a.conf\",\"settings\":{\"main\":{\"plugins\":[\"keyfile\",\"ifcfg-rh\"]}}}",
        "a list, mode 600",
        tree -> {
          holds("etc/NetworkManager/conf.d/a.conf", "plugins=keyfile,ifcfg-rh").look(tree);
          assertThat(stat("%a", tree.resolve("etc/NetworkManager/conf.d/a.conf"))).isEqualTo("600");
        });
    add(
        "nm.conn",
        """
        {"path":"/etc/NetworkManager/system-connections/a.nmconnection","settings":{
          "connection":{"type":"ethernet","id":"a","uuid":"6fb8f75a-7fde-4906-a51e-a70e56c58742","autoconnect":false},
          "ipv4":{"method":"manual","address":["192.0.2.5/24"]},"ipv6":{"method":"ignore"}}}
        """,
        "a connection",
        holds(
            "etc/NetworkManager/system-connections/a.nmconnection",
            "[ipv4]",
            "autoconnect=false",
            "address=192.0.2.5/24"));
    add(
        "kickstart",
        """
        {"path":"/ks.cfg","lang":"en_US.UTF-8","keyboard":"us","users":{"box":{"uid":1001,"groups":["wheel"]}},
         "network":[{"device":"eth0","bootproto":"dhcp","activate":true}]}
        """,
        "users, network, keyboard",
        holds("ks.cfg", "user --name box --uid 1001 --groups wheel", "lang en_US.UTF-8"));
    add(
        "treeinfo",
        """
        {"path":"/.treeinfo","treeinfo":{"checksums":["opt/hard"],
          "tree":{"arch":"x86_64","platforms":["x86_64","xen"]}}}
        """,
        "checksums made by threads",
        holds(".treeinfo", "platforms=x86_64,xen", "opt/hard=" + id("hello\n")));
    add(
        "rhsm.facts",
        "{\"facts\":{\"a\":{\"b\":[1,2.5,\"é\"]}}}",
        "JSON",
        tree ->
            assertThat(
                    new ObjectMapper()
                        .readTree(Files.readAllBytes(tree.resolve("etc/rhsm/facts/osbuild.facts")))
                        .at("/a/b/2")
                        .asString())
                .isEqualTo("é"));
    add(
        "containers.storage.conf",
        "{\"config\":{\"storage\":{\"driver\":\"overlay\",\"transient_store\":true}}}",
        "TOML",
        new String[] {"import toml"},
        holds("etc/containers/storage.conf", "driver = \"overlay\"", "transient_store = true"));
    add(
        "containers.unit.create",
        """
        {"filename":"web.container","config":{"Unit":{"Description":"Web"},
          "Container":{"Image":"registry.example/web:1","Environment":[{"key":"A","value":"b"}]},
          "Install":{"WantedBy":["multi-user.target"]}}}
        """,
        "a unit",
        holds(
            "usr/share/containers/systemd/web.container",
            "Image=registry.example/web:1",
            "Environment=\"A=b\""));
  }

  private void accounts() {
    add(
        "groups",
        "{\"groups\":{\"box\":{\"gid\":777},\"more\":{\"gid\":778}}}",
        "`groupadd --root`",
        new String[] {"groupadd"},
        holds("etc/group", "box:x:777:"));
    add(
        "users",
        """
        {"users":{"box":{"uid":1001,"gid":777,"groups":["more"],"description":"A box","home":"/home/box","shell":"/bin/sh",
          "password":"!","key":"ssh-ed25519 AAAA box"}}}
        """,
        "`useradd --root`, a home directory, a key",
        new String[] {"useradd"},
        tree -> {
          holds("etc/passwd", "box:x:1001:777:A box:/home/box:/bin/sh").look(tree);
          holds("etc/group", "more:x:778:box").look(tree);
          holds("home/box/.ssh/authorized_keys", "ssh-ed25519 AAAA box").look(tree);
          assertThat(stat("%u:%g %a", tree.resolve("home/box/.ssh/authorized_keys")))
              .isEqualTo("1001:777 600");
        });
  }

  private void archives() {
    var hello = id("hello\n");
    files.put("(an input)", "hello\n");
    var source =
        "\"inputs\":{\"file\":{\"type\":\"org.osbuild.files\",\"origin\":\"org.osbuild.source\",\"references\":[\"%s\"]}},"
            .formatted(hello);
    var content =
        "\"inputs\":{\"tree\":{\"type\":\"org.osbuild.tree\",\"origin\":\"org.osbuild.pipeline\",\"references\":[\"name:content\"]}},";
    packing.add(
        row(
            "gzip",
            source + "\"options\":{\"filename\":\"hello.gz\",\"level\":9}",
            "a file of a source",
            new String[] {"gzip"},
            unpacks("gzip", "packed/hello.gz")));
    packing.add(
        row(
            "xz",
            source + "\"options\":{\"filename\":\"hello.xz\"}",
            "a file of a source",
            new String[] {"xz"},
            unpacks("xz", "packed/hello.xz")));
    packing.add(
        row(
            "zstd",
            source + "\"options\":{\"filename\":\"hello.zst\"}",
            "a file of a source",
            new String[] {"zstd"},
            unpacks("zstd", "packed/hello.zst")));
    packing.add(
        row(
            "tar",
            content + "\"options\":{\"filename\":\"content.tar\",\"root-node\":\"omit\"}",
            "a pipeline's tree",
            new String[] {"tar"},
            tree ->
                assertThat(
                        Programs.run("tar", "-tf", tree.resolve("packed/content.tar").toString()))
                    .contains("x/hello")));
    packing.add(
        row(
            "zip",
            content + "\"options\":{\"filename\":\"content.zip\",\"level\":0}",
            "a pipeline's tree",
            new String[] {"zip"},
            tree -> {
              try (var zip = new ZipFile(tree.resolve("packed/content.zip").toFile())) {
                assertThat(zip.getEntry("x/hello")).isNotNull();
              }
            }));
    rows.add(
        row(
            "gunzip",
            packed("hello.gz") + "\"options\":{\"path\":\"/unpacked/hello\"}",
            "a file of a pipeline",
            new String[] {"gzip"},
            is("unpacked/hello", "hello")));
    rows.add(
        row(
            "untar",
            packed("content.tar") + "\"options\":{\"prefix\":\"/unpacked\"}",
            "a file of a pipeline; `CAP_MAC_ADMIN`",
            new String[] {"tar"},
            is("unpacked/x/hello", "hello")));
  }

  private static String packed(String file) {
    return "\"inputs\":{\"file\":{\"type\":\"org.osbuild.files\",\"origin\":\"org.osbuild.pipeline\",\"references\":{\"name:packed\":{\"file\":\"/%s\"}}}},"
        .formatted(file);
  }

  private static Check unpacks(String program, String path) {
    return tree ->
        assertThat(Programs.run(program, "-dc", tree.resolve(path).toString()))
            .isEqualTo("hello\n");
  }

  /// A manifest with the stages that can run here. Its last pipeline is called `everything`.
  String manifest(List<Row> able) {
    var items =
        files.values().stream()
            .distinct()
            .map(contents ->
                "\"%s\":{\"encoding\":\"base64\",\"data\":\"%s\"}"
                    .formatted(
                        id(contents),
                        Base64.getEncoder()
                            .encodeToString(contents.getBytes(StandardCharsets.UTF_8))))
            .collect(Collectors.joining(","));
    var content =
        """
        {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x"}]}},
        {"type":"org.osbuild.copy","inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["HELLO"]}},
         "options":{"paths":[{"from":"input://f/HELLO","to":"tree:///x/hello"}]}}
        """
            .replace("HELLO", id("hello\n"));
    var gather =
        """
        {"type":"org.osbuild.copy","inputs":{"p":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:packed"]}},
         "options":{"paths":[{"from":"input://p/","to":"tree:///packed/"}]}}
        """;
    return "{\"version\":\"2\",\"sources\":{\"org.osbuild.inline\":{\"items\":{%s}}},\"pipelines\":[%s,%s,%s]}"
        .formatted(
            items,
            pipeline("content", List.of(content)),
            pipeline("packed", entries(packing, able)),
            pipeline(
                "everything",
                Stream.concat(entries(rows, able).stream(), Stream.of(gather)).toList()));
  }

  private static List<String> entries(List<Row> rows, List<Row> able) {
    return rows.stream().filter(able::contains).map(Row::entry).toList();
  }

  private static String pipeline(String name, List<String> stages) {
    return "{\"name\":%s,\"source-epoch\":%d,\"stages\":[%s]}"
        .formatted(quoted(name), EPOCH, String.join(",", stages));
  }
}
