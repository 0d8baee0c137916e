# Gives tar the names of what lies in a directory. Arguments: the directory, then the tar command.
set -eu
directory=$1
shift
cd "$directory"
find . -mindepth 1 -maxdepth 1 -printf '%P\0' | LC_ALL=C sort -z | "$@"
