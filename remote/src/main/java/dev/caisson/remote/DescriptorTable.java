package dev.caisson.remote;

/// The table that gives numbers to the descriptors of a process, and of all who share it. It is
/// what it is, and nothing else: two tables with the same numbers in them are two tables.
final class DescriptorTable {
  private final String owner;

  DescriptorTable(String owner) {
    this.owner = owner;
  }

  @Override
  public String toString() {
    return owner;
  }
}
