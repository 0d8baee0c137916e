/// A recipe says in a few lines which Debian packages a tree is made of. Resolving it asks apt
/// which packages that means today, and writes a manifest in which each is locked by its URL, size
/// and SHA-256.
@NullMarked
package dev.caisson.recipe;

import org.jspecify.annotations.NullMarked;
