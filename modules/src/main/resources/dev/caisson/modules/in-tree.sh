# Runs a command in the tree, with the kernel's file systems where the tree has a place for them. They are mounted in the
# sandbox alone and go with it. Arguments: the tree, then the command.
set -eu
tree=$1
shift
for place in proc dev sys; do
    if [ -d "$tree/$place" ]; then
        mount --rbind "/$place" "$tree/$place"
    fi
done
exec chroot "$tree" "$@"
