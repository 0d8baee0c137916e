package dev.caisson.recipe;

/// A package that apt chose.
///
/// @param size the size in bytes
/// @param sha256 the checksum in hexadecimal digits
public record LockedPackage(
    String name, String version, String architecture, long size, String sha256, String url) {}
