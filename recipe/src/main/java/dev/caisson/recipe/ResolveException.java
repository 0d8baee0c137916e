package dev.caisson.recipe;

import java.io.IOException;

/// apt cannot resolve a recipe.
public final class ResolveException extends IOException {
  private static final long serialVersionUID = 1;

  ResolveException(String reason) {
    super(reason);
  }
}
