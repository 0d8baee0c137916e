# Pipes the names of a directory's entries to tar. Arguments: the directory, then the tar command.
set -eu
directory=$1
shift
cd "$directory"
find . -mindepth 1 -maxdepth 1 -printf '%P\0' | LC_ALL=C sort -z | "$@"
