package dev.caisson.recipe;

/// A package as apt chose it.
///
/// @param size in bytes
/// @param sha256 in hexadecimal digits
public record LockedPackage(
    String name, String version, String architecture, long size, String sha256, String url) {}
