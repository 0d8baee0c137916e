# Runs a command in the tree, with the kernel's file systems mounted on those of /proc, /dev and /sys that exist in it.
# The mounts exist only in the sandbox and end with it. Arguments: the tree, then the command.
set -eu
tree=$1
shift
for place in proc dev sys; do
    if [ -d "$tree/$place" ]; then
        mount --rbind "/$place" "$tree/$place"
    fi
done
exec chroot "$tree" "$@"
