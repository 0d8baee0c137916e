/// The modules that ship with Caisson. Modules named `org.osbuild.*` take the options of osbuild's
/// modules of the same name and do the same. Modules named `dev.caisson.*` exist only in Caisson.
/// The resource `NAME.meta.json` holds the description and the schema of each module.
@NullMarked
package dev.caisson.modules;

import org.jspecify.annotations.NullMarked;
