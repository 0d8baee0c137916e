package dev.caisson.fuzz;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.Access;
import dev.caisson.service.ProtocolException;
import dev.caisson.service.RemoteException;
import dev.caisson.service.ServiceClient;
import dev.caisson.service.ServiceEndedException;
import dev.caisson.service.SignalListener;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Checks that each call of a client ends with its answer, or with the exception that gives the
/// reason. After such an exception no further call is sent, unless the method itself threw it.
public final class ClientTarget {
  private static final JsonNode ARGS = JsonNodeFactory.instance.arrayNode().add(1);

  /// A signal at which the listener fails.
  private static final String FAIL = "fail";

  /// A signal at which the service leaves. It is always sent as the last packet, so that no call
  /// waits.
  private static final String LEAVE = "leave";

  private ClientTarget() {}

  /// The exception that the listener throws.
  private static final class ListenerException extends IOException {
    private static final long serialVersionUID = 1;
  }

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    Check.withoutLeaks(() -> execute(input));
  }

  private static void execute(byte[] input) throws IOException {
    var packets = Packet.parse(input);
    packets.add(Packet.text("{\"type\":\"signal\",\"data\":{\"reply\":\"" + LEAVE + "\"}}"));
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var channel = JsonChannel.of(pair.ours(), Packet.LIMITS)) {
      for (var packet : packets) {
        packet.send(pair.theirs());
      }
      var client = Access.client(channel);
      var script = new Script(packets);
      while (!script.over) {
        Check.equal(script.call(), call(client, pair.theirs()));
      }
      Check.equal(List.of(new Spoken.End()), call(client, pair.theirs()));
      var service = JsonChannel.of(pair.theirs(), Packet.LIMITS);
      for (int i = 0; i < script.sent; i++) {
        Check.equal(new Spoken.Call("method", ARGS, List.of()), Spoken.of(Packet.receive(service)));
      }
      Check.equal(new Spoken.End(), Spoken.of(Packet.receive(service)));
    }
  }

  /// @return the signals that were received, then the end of the call
  private static List<Spoken> call(ServiceClient client, UnixSocket service) throws IOException {
    var heard = new ArrayList<Spoken>();
    SignalListener listener =
        (value, descriptors) -> {
          heard.add(new Spoken.Signal(value, Packet.regular(descriptors)));
          if (is(value, LEAVE)) {
            service.shutdown();
          } else if (is(value, FAIL)) {
            throw new ListenerException();
          }
        };
    try (var reply = client.callWithFds("method", ARGS, List.of(), listener, Packet.LONG)) {
      heard.add(new Spoken.Reply(reply.value(), Packet.regular(reply.descriptors())));
    } catch (RemoteException failure) {
      heard.add(new Spoken.Failure(failure.name(), failure.value(), failure.backtrace()));
    } catch (ProtocolException failure) {
      heard.add(new Spoken.Nonsense());
    } catch (MessageException failure) {
      heard.add(new Spoken.Refused());
    } catch (ServiceEndedException failure) {
      heard.add(new Spoken.End());
    } catch (ListenerException failure) {
      // The signal itself has been recorded.
    }
    return heard;
  }

  private static boolean is(JsonNode value, String text) {
    return value.isString() && value.stringValue().equals(text);
  }

  /// The expected results of the packets, call by call.
  private static final class Script {
    private final Queue<Packet> packets;
    private boolean left;

    /// Whether the connection has ended.
    boolean over;

    /// How many calls reach the service.
    int sent;

    Script(List<Packet> packets) {
      this.packets = new ArrayDeque<>(packets);
    }

    List<Spoken> call() {
      var heard = new ArrayList<Spoken>();
      if (!left) {
        sent++;
        while (!packets.isEmpty()) {
          var said = Spoken.of(packets.remove().expected());
          switch (said) {
            case Spoken.Signal(var value, var regular) -> {
              heard.add(said);
              left |= is(value, LEAVE);
              if (is(value, FAIL)) {
                over = true;
                return heard;
              }
            }
            case Spoken.Reply reply -> {
              heard.add(reply);
              return heard;
            }
            case Spoken.Failure failure -> {
              heard.add(failure);
              return heard;
            }
            case Spoken.Call call -> {
              return ended(heard, new Spoken.Nonsense());
            }
            case Spoken.Nonsense nonsense -> {
              return ended(heard, nonsense);
            }
            case Spoken.Refused refused -> {
              return ended(heard, refused);
            }
            case Spoken.End end -> {
              return ended(heard, end);
            }
          }
        }
      }
      return ended(heard, new Spoken.End());
    }

    private List<Spoken> ended(List<Spoken> heard, Spoken how) {
      over = true;
      heard.add(how);
      return heard;
    }
  }
}
