# Runs a command in the tree, with the kernel's file systems mounted on those of /proc, /dev and /sys that exist in it.
# The mounts exist only in the sandbox and end with it. Arguments: the tree, the PATH of the command, then the command.
set -eu
tree=$1 path=$2
shift 2
for place in proc dev sys; do
    if [ -d "$tree/$place" ]; then
        mount --rbind "/$place" "$tree/$place"
    fi
done
chroot=$(command -v chroot)
PATH=$path
export PATH
exec "$chroot" "$tree" "$@"
