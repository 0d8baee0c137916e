/// Building manifests and recipes, and telling how it goes.
@NullMarked
package dev.caisson.cli.build;

import org.jspecify.annotations.NullMarked;
