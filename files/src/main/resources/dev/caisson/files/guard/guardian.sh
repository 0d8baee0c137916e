# Cleans up after a killed JVM. $1: the pid of the JVM. $2: the mark on the command lines of its processes.
#
# A line with a number, a kind and a path with octal escapes registers the path. A line with only a number unregisters
# it. The end of the input is the end of the JVM: the script then kills the marked processes and removes the registered
# paths. It retries, because a directory or control group can be removed only after its last process has died. A mount
# point (place) is removed only if it is empty and no process has locked it.
exec 3<&0
(
  trap '' HUP INT QUIT TERM
  last=-1
  count=0
  while read -r number kind path; do
    if [ -n "$kind" ]; then
      eval "kind$number=\$kind path$number=\$path"
      last=$number
      count=$((count + 1))
    else
      eval "known=\${kind$number-}"
      [ -z "$known" ] || count=$((count - 1))
      unset "kind$number" "path$number"
    fi
  done
  [ "$count" -gt 0 ] || exit 0
  rounds=0
  quiet=0
  # An empty pattern would match every process. A process has no command line for a moment during
  # execve, so one search is not enough.
  while [ -n "$2" ] && [ "$rounds" -lt 400 ] && [ "$quiet" -lt 10 ]; do
    alive=$(printf 'caisson-sandbox-of-%s\n' "$2" | grep -lasFf - /proc/[0-9]*/cmdline)
    quiet=$((quiet + 1))
    for file in $alive; do
      process=${file#/proc/}
      kill -KILL "${process%/cmdline}"
      quiet=0
    done
    sleep 0.02
    rounds=$((rounds + 1))
  done
  # The youngest path first: a directory is removed after what was made in it.
  number=$last
  while [ "$number" -ge 0 ]; do
    eval "kind=\${kind$number-} path=\${path$number-}"
    number=$((number - 1))
    [ -n "$kind" ] || continue
    path=$(printf '%b.' "$path")
    path=${path%.}
    case $kind in
      place | link)
        # Nothing is removed behind a symbolic link.
        if [ "$(readlink -f -- "${path%/*}/")" = "${path%/*}" ]; then
          if [ -L "$path" ]; then
            [ "$kind" = place ] || rm -f -- "$path"
          elif [ "$kind" = place ] && [ -d "$path" ]; then
            flock -n -- "$path" rmdir -- "$path"
          elif [ "$kind" = place ] && [ -f "$path" ] && [ ! -s "$path" ]; then
            flock -n -- "$path" rm -f -- "$path"
          fi
        fi
        continue
        ;;
    esac
    tries=0
    while [ -e "$path" ] && [ "$tries" -lt 200 ]; do
      case $kind in
        directory)
          if ! rm -rf --one-file-system -- "$path"; then
            if [ "$(id -u)" -eq 0 ]; then
              # -execdir runs in each directory, so a path may have any length.
              find "$path" -xdev \( -type d -o -type f \) -execdir chattr -f -i -a -- {} +
              rm -rf --one-file-system -- "$path"
            else
              # The owner may lack the permission to list a directory.
              find "$path" -xdev -type d ! -perm -700 -execdir chmod u+rwx -- {} \;
              rm -rf --one-file-system -- "$path" ||
                unshare --map-root-user --map-auto rm -rf --one-file-system -- "$path"
            fi
          fi
          ;;
        cgroup) find "$path" -depth -type d -exec rmdir -- {} + ;;
      esac
      [ ! -e "$path" ] || sleep 0.05
      tries=$((tries + 1))
    done
  done
) <&3 3<&- &
