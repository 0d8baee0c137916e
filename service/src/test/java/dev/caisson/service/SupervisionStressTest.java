package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// Many threads start, stop, restart, kill and call the same few services concurrently.
///
/// In any order, each call ends with its own answer or with an exception that gives the reason, and
/// nothing leaks.
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Tag("stress")
class SupervisionStressTest {
  private static final Restart OFTEN = Restart.atMost(1_000_000, Duration.ofHours(1));

  @TempDir Path directory;

  private final ConcurrentHashMap<String, ServiceClient> clients = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Throwable> strange = new ConcurrentLinkedQueue<>();
  private final AtomicInteger answers = new AtomicInteger();

  private static final class Echo extends Service {
    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      if (method.equals("die")) {
        throw new InternalError("on purpose");
      }
      return Message.of(args);
    }
  }

  @Test
  void servicesOfThisJvm() throws Exception {
    var spec = ServiceSpec.inJvm(Echo::new).restart(OFTEN);
    stress(spec, "die", 3000);
  }

  @Test
  @Requires(Need.PYTHON)
  void servicesThatAreProcesses() throws Exception {
    var spec = ServiceSpec.executable(Support.pythonService(directory)).restart(OFTEN);
    stress(spec, "exit", 60);
  }

  private void stress(ServiceSpec spec, String death, int steps) throws Exception {
    var handler = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> strange.add(thrown));
    try {
      var manager = Support.manager(OutputListener.NONE, LONG);
      var threads = new ArrayList<Background<Boolean>>();
      for (int i = 0; i < 6; i++) {
        int seed = i;
        threads.add(
            Background.startPlatform(() -> {
              var random = new Random(seed);
              for (int step = 0; step < steps; step++) {
                step(manager, spec, death, random);
              }
              return true;
            }));
      }
      for (var thread : threads) {
        assertThat(thread.get()).isTrue();
      }
      var closing =
          Background.startPlatform(() -> {
            Hostility.stop(manager);
            return true;
          });
      assertThat(closing.get()).isTrue();
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(handler);
    }
    assertThat(strange).isEmpty();
    assertThat(answers.get()).isPositive();
  }

  private void step(ServiceManager manager, ServiceSpec spec, String death, Random random) {
    var id = "s" + random.nextInt(3);
    try {
      switch (random.nextInt(10)) {
        case 0 -> clients.put(id, manager.start(id, spec));
        case 1 -> manager.stop(id);
        case 2 -> manager.restart(id);
        case 3 -> call(id, death, json("[1, \"\"]"));
        default -> {
          var question = json(Integer.toString(random.nextInt()));
          var answer = call(id, "echo", question);
          assertThat(answer).isIn(question, json("null"));
        }
      }
    } catch (IllegalArgumentException notNow) {
      if (!notNow.getMessage().contains(id)) {
        strange.add(notNow);
      }
    } catch (ServiceEndedException ended) {
      if (!ended.getMessage().contains(id)) {
        strange.add(ended);
      }
    } catch (IOException | RuntimeException | AssertionError other) {
      strange.add(other);
    }
  }

  private JsonNode call(String id, String method, JsonNode args) throws IOException {
    var client = clients.get(id);
    if (client == null) {
      return json("null");
    }
    var answer = client.call(method, args, LONG);
    answers.incrementAndGet();
    return answer;
  }
}
