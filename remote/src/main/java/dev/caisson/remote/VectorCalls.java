package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.PREADV;
import static dev.caisson.linux.abi.SystemCall.PWRITEV;
import static dev.caisson.linux.abi.SystemCall.READV;
import static dev.caisson.linux.abi.SystemCall.WRITEV;

import java.io.IOException;
import java.util.List;

/// The calls that read into several buffers, and write from several buffers, at once. The kernel
/// takes at most 1024 buffers (EINVAL).
public interface VectorCalls extends Caller {
  /// Reads into several arrays, one after the other. May block. See `readv(2)`.
  ///
  /// @param sizes of the arrays, in bytes
  /// @return an array for each size; the last one with data may be shorter, and those after it are
  ///   empty
  default List<byte[]> readv(RemoteFd fd, int... sizes) throws IOException {
    var block = new IovecBlock(sizes);
    return block.read(block.argument(call(READV).fd(fd)).counted(block.size()));
  }

  /// Reads at an offset in a file into several arrays. See `preadv(2)`, and [#readv(RemoteFd,
  /// int...)].
  default List<byte[]> preadv(RemoteFd fd, long offset, int... sizes) throws IOException {
    var block = new IovecBlock(sizes);
    var call = block.argument(call(PREADV).fd(fd)).word(offset).word(0);
    return block.read(call.counted(block.size()));
  }

  /// Reads into several pieces of shared memory, one after the other. May block. See `readv(2)`.
  ///
  /// @return how many bytes were read; 0 at the end
  default long readv(RemoteFd fd, List<RemoteMemory> into) throws IOException {
    return shared(call(READV).fd(fd), into).counted(IovecBlock.size(into));
  }

  /// Reads at an offset in a file into several pieces of shared memory. See `preadv(2)`.
  ///
  /// @return how many bytes were read; 0 at the end
  default long preadv(RemoteFd fd, long offset, List<RemoteMemory> into) throws IOException {
    return shared(call(PREADV).fd(fd), into).word(offset).word(0).counted(IovecBlock.size(into));
  }

  /// Writes several arrays, one after the other; as a single write, if the file system or pipe
  /// writes that much at once. May block. See `writev(2)`, and [FileCalls#write(RemoteFd, byte[])]
  /// for SIGPIPE.
  ///
  /// @return how many bytes were written
  default long writev(RemoteFd fd, byte[]... parts) throws IOException {
    var block = new IovecBlock(parts);
    return block.argument(call(WRITEV).fd(fd)).counted(block.size());
  }

  /// Writes several arrays at an offset in a file. See `pwritev(2)`.
  ///
  /// @return how many bytes were written
  default long pwritev(RemoteFd fd, long offset, byte[]... parts) throws IOException {
    var block = new IovecBlock(parts);
    return block.argument(call(PWRITEV).fd(fd)).word(offset).word(0).counted(block.size());
  }

  /// Writes several pieces of shared memory, one after the other. May block. See `writev(2)`.
  ///
  /// @return how many bytes were written
  default long writev(RemoteFd fd, List<RemoteMemory> from) throws IOException {
    return shared(call(WRITEV).fd(fd), from).counted(IovecBlock.size(from));
  }

  /// Writes several pieces of shared memory at an offset in a file. See `pwritev(2)`.
  ///
  /// @return how many bytes were written
  default long pwritev(RemoteFd fd, long offset, List<RemoteMemory> from) throws IOException {
    return shared(call(PWRITEV).fd(fd), from).word(offset).word(0).counted(IovecBlock.size(from));
  }

  private Call shared(Call call, List<RemoteMemory> pieces) {
    return call.in(IovecBlock.of(call, pieces)).word(pieces.size());
  }
}
