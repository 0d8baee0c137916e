package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// A peer repeatedly sends as many descriptors as the kernel allows. No unused descriptor stays
/// open.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Requires(Need.OPEN_FILES)
class DescriptorFloodTest {
  private static final Fd[] NONE = {};

  private static long open() throws IOException {
    try (var entries = Files.list(Path.of("/proc/self/fd"))) {
      return entries.count();
    }
  }

  private static Fd[] many(Fd fd) {
    return Collections.nCopies(UnixSocket.MAX_DESCRIPTORS, fd).toArray(NONE);
  }

  @Test
  void descriptorsOfRefusedMessagesAreClosed() throws IOException {
    var texts = List.of("{", "\u0000", "{} {}", "[".repeat(100_000), "<args-via-fd>");
    try (var peer = Peer.of(Limits.UNTRUSTED);
        var fd = Fd.nullDevice()) {
      var many = many(fd);
      long before = open();
      for (int i = 0; i < 500; i++) {
        peer.send(texts.get(i % texts.size()).getBytes(UTF_8), many);
        assertThatThrownBy(() -> peer.channel().receive(Peer.LONG))
            .isInstanceOf(MessageException.class);
      }
      assertThat(open()).isBetween(before - 5, before + 5);
    }
  }

  @Test
  void unusedDescriptorsAreClosedWithTheirMessages() throws IOException {
    try (var peer = Peer.of(Limits.UNTRUSTED);
        var fd = Fd.nullDevice()) {
      var many = many(fd);
      long before = open();
      for (int i = 0; i < 1000; i++) {
        peer.send("[]".getBytes(UTF_8), many);
        try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
          assertThat(message.descriptors()).hasSize(UnixSocket.MAX_DESCRIPTORS);
        }
      }
      assertThat(open()).isBetween(before - 5, before + 5);
    }
  }

  /// The kernel counts descriptors in transit for the receiver, and not for the sender.
  @Test
  void unreceivedDescriptorsAreClosedWithTheConnection() throws IOException {
    long before = open();
    for (int round = 0; round < 20; round++) {
      try (var peer = Peer.of(Limits.UNTRUSTED);
          var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        var both = new Fd[] {pair.ours().fd(), pair.theirs().fd(), peer.raw().fd()};
        for (int i = 0; i < 20; i++) {
          peer.send("[]".getBytes(UTF_8), both);
        }
      }
    }
    assertThat(open()).isBetween(before - 5, before + 5);
  }

  /// Only a socket itself holds a reference to a socket in transit to itself. The kernel must
  /// collect it, and a received copy must be closed as well.
  @Test
  void socketsThatCarryThemselvesAreCollected() throws IOException {
    long before = open();
    for (int i = 0; i < 200; i++) {
      try (var peer = Peer.of(Limits.UNTRUSTED);
          var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
        var knot = List.of(pair.ours().fd(), pair.theirs().fd(), peer.raw().fd());
        var until = Deadline.in(Peer.LONG);
        pair.ours().sendmsg("[1]".getBytes(UTF_8), knot, until);
        pair.theirs().sendmsg("[2]".getBytes(UTF_8), knot, until);
        peer.send("[3]".getBytes(UTF_8), knot.toArray(NONE));
        peer.send("{".getBytes(UTF_8), knot.toArray(NONE));
        try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
          assertThat(message.descriptors()).hasSize(3);
        }
        assertThatThrownBy(() -> peer.channel().receive(Peer.LONG))
            .isInstanceOf(MessageException.class);
      }
    }
    assertThat(open()).isBetween(before - 5, before + 5);
  }

  @Test
  void withoutDescriptorsAMessageIsRefusedAndTheNextArrives() throws Exception {
    assertThat(new SmallJvm(64, 120).run(ScarceProgram.class)).contains("went well");
  }

  /// For [#withoutDescriptorsAMessageIsRefusedAndTheNextArrives()]: 120 descriptors are all that
  /// the process may have, and a message carries 253.
  static final class ScarceProgram {
    private ScarceProgram() {}

    public static void main(String... args) throws IOException {
      try (var peer = Peer.of(Limits.DEFAULT);
          var fd = Fd.nullDevice()) {
        exchange(peer);
        long before = open();
        for (int i = 0; i < 200; i++) {
          refused(peer, "[]", many(fd));
          refused(peer, "<args-via-fd>", many(fd));
          exchange(peer);
        }
        var all = new ArrayList<Fd>();
        try {
          while (true) {
            all.add(fd.dup());
          }
        } catch (IOException exhausted) {
          refused(peer, "[]", fd);
          exchange(peer);
          all.removeLast().close();
          refused(peer, "[]", fd, fd);
          peer.send("[]".getBytes(UTF_8), fd);
          peer.channel().receive(Peer.LONG).orElseThrow().close();
        } finally {
          all.forEach(Fd::close);
        }
        long after = open();
        if (after > before + 5) {
          throw new AssertionError(before + " descriptors before, " + after + " after");
        }
      }
      System.out.println("all went well");
    }

    private static void exchange(Peer peer) throws IOException {
      peer.send("[1]".getBytes(UTF_8));
      try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
        if (!message.value().toString().equals("[1]")) {
          throw new AssertionError(message);
        }
      }
    }

    private static void refused(Peer peer, String text, Fd... descriptors) throws IOException {
      peer.send(text.getBytes(UTF_8), descriptors);
      try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
        throw new AssertionError("received " + message.descriptors().size() + " descriptors");
      } catch (MessageException expected) {
        // The other descriptors were closed.
      }
    }
  }
}
