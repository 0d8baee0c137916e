package dev.caisson.cli;

import java.io.IOException;
import java.nio.file.Path;

/// The peer of the conformance cases, which knows nothing of Caisson, as a service and as a host.
final class Peer {
  /// With what a script begins that uses it.
  static final String PRELUDE =
      """
      #!/usr/bin/python3
      import json, os, signal, socket, subprocess, sys, time
      sys.dont_write_bytecode = True
      sys.path.insert(0, %s)
      import peer
      """
          .formatted(
              python(
                  Path.of(System.getProperty("caisson.samples"))
                      .resolveSibling("service/src/test/resources/dev/caisson/service/conformance")
                      .normalize()
                      .toString()));

  private Peer() {}

  private static String python(String text) {
    return "'" + text + "'";
  }

  /// A service that has the methods of the cases.
  static Path service(Caisson caisson) throws IOException {
    return service(caisson, "peer.serve(sys.argv[1:])\n");
  }

  /// A service that is written in Python, and may use the peer.
  static Path service(Caisson caisson, String script) throws IOException {
    return caisson.executable("service", PRELUDE + script);
  }

  /// A host that starts the executable that it is given, and makes the calls that it is given as
  /// JSON.
  static Path host(Caisson caisson) throws IOException {
    return caisson.executable(
        "host",
        PRELUDE
            + """
            manager = peer.Manager()
            manager.start("s", sys.argv[1], sys.argv[3:])
            try:
                for call in json.loads(sys.argv[2]):
                    fds = [os.open(name, os.O_RDONLY) for name in call.get("with", [])]
                    signalled = lambda value, fds: print("signal", json.dumps(value), len(fds), flush=True)
                    value, fds, _ = manager.call("s", call, fds, signalled)
                    text = json.dumps(value)
                    shown = text if len(text) < 200 else len(text)
                    print("reply", shown, [peer.contents(fd) for fd in fds])
            except peer.RemoteError as error:
                print("exception", error.name, error)
            except peer.Ended:
                print("ended")
            status = manager.close("s")
            print("status", status["status"])
            for line in status["said"]:
                print("|", line)
            """);
  }
}
