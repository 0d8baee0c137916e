package dev.caisson.cli;

import java.io.IOException;
import java.nio.file.Path;

/// The peer of the conformance cases, as a service and as a host. It uses nothing of Caisson.
final class Peer {
  /// The beginning of a script that uses the peer.
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

  /// Makes a service with the methods of the cases.
  static Path service(Caisson caisson) throws IOException {
    return service(caisson, "peer.serve(sys.argv[1:])\n");
  }

  /// Makes a service in Python, which may use the peer.
  static Path service(Caisson caisson, String script) throws IOException {
    return caisson.executable("service", PRELUDE + script);
  }

  /// Makes a host. Its arguments are the executable to start, and the calls to make as JSON.
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
