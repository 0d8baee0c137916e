/// A recipe lists, in a few lines, the Debian packages of a tree. Resolving it asks apt which
/// packages these are today, and writes a manifest that locks each package by its URL, size and
/// SHA-256.
@NullMarked
package dev.caisson.recipe;

import org.jspecify.annotations.NullMarked;
