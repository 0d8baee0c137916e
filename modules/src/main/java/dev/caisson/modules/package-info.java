/// The modules that ship with Caisson. Those named `org.osbuild.*` take the options of their
/// upstream namesakes and do the same; those named `dev.caisson.*` are its own. The description and
/// the schema of each lie beside it as `NAME.meta.json`.
@NullMarked
package dev.caisson.modules;

import org.jspecify.annotations.NullMarked;
