package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Methods with records of all supported kinds, with descriptors in every place.
public final class TypedSample extends Service {
  /// A nested record.
  public record Leaf(int number, Fd file) {}

  /// Has descriptors before, between and after other components.
  public record Tree(
      String name,
      Optional<String> note,
      Fd first,
      List<Leaf> leaves,
      JsonNode any,
      Optional<Fd> extra,
      Optional<Leaf> nested,
      List<Fd> rest) {}

  /// The contents of the files of a tree.
  public record Contents(List<String> texts, JsonNode any, boolean noted) {}

  /// A number and a text.
  public record Order(int count, long bytes, String text) {}

  /// A signal that carries a descriptor.
  public record Step(int number, Fd file) {}

  /// Reads the files.
  public static final ServiceMethod<Tree, Contents> READ =
      ServiceMethod.of("read", Tree.class, Contents.class);

  /// Returns the tree with its descriptors.
  public static final ServiceMethod<Tree, Tree> MIRROR =
      ServiceMethod.of("mirror", Tree.class, Tree.class);

  /// Returns its request.
  public static final ServiceMethod<JsonNode, JsonNode> JSON =
      ServiceMethod.of("json", JsonNode.class, JsonNode.class);

  /// Returns an order.
  public static final ServiceMethod<Order, Order> ORDER =
      ServiceMethod.of("order", Order.class, Order.class);

  /// Signals as many steps as are ordered.
  public static final ServiceMethod<Order, Order> STEPS =
      ServiceMethod.of("steps", Order.class, Order.class);

  /// Fails with the text of the order.
  public static final ServiceMethod<Order, Order> FAIL =
      ServiceMethod.of("fail", Order.class, Order.class);

  /// Answers with a closed descriptor.
  public static final ServiceMethod<Leaf, Leaf> CLOSED =
      ServiceMethod.of("closed", Leaf.class, Leaf.class);

  /// Registers the handlers.
  public TypedSample() {
    on(READ, TypedSample::read);
    on(MIRROR, TypedSample::mirror);
    on(JSON, json -> json);
    on(ORDER, order -> order);
    on(STEPS, this::steps);
    on(CLOSED, leaf -> leaf);
    on(
        FAIL,
        order -> {
          throw new IOException(order.text());
        });
  }

  /// Also answers the method "raw" with the JSON and the descriptors of the call.
  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    if (method.equals("raw")) {
      return new Message(args, moved(descriptors));
    }
    if (method.equals("descriptors")) {
      return Message.of(Support.json(Long.toString(Support.openDescriptors())));
    }
    return super.dispatch(method, args, descriptors);
  }

  private static List<Fd> moved(List<Fd> descriptors) {
    return descriptors.stream().map(Fd::move).toList();
  }

  private static Contents read(Tree tree) throws IOException {
    var texts = new ArrayList<String>();
    texts.add(Support.contents(tree.first()));
    for (var leaf : tree.leaves()) {
      texts.add(leaf.number() + Support.contents(leaf.file()));
    }
    if (tree.extra().isPresent()) {
      texts.add(Support.contents(tree.extra().get()));
    }
    if (tree.nested().isPresent()) {
      texts.add(Support.contents(tree.nested().get().file()));
    }
    for (var file : tree.rest()) {
      texts.add(Support.contents(file));
    }
    return new Contents(texts, tree.any(), tree.note().isPresent());
  }

  private static Leaf moved(Leaf leaf) {
    return new Leaf(leaf.number(), leaf.file().move());
  }

  private static Tree mirror(Tree tree) {
    return new Tree(
        tree.name(),
        tree.note(),
        tree.first().move(),
        tree.leaves().reversed().stream().map(TypedSample::moved).toList(),
        tree.any(),
        tree.extra().map(Fd::move),
        tree.nested().map(TypedSample::moved),
        moved(tree.rest()).reversed());
  }

  private Order steps(Order order) throws IOException {
    for (int i = 0; i < order.count(); i++) {
      try (var file = Support.memfd("step " + i)) {
        emitSignal(new Step(i, file));
      }
    }
    return order;
  }

  /// The program.
  public static void main(String... args) {
    System.exit(ServiceProgram.main(new TypedSample(), args));
  }
}
