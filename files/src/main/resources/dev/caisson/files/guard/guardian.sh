# Removes what a killed JVM leaves behind. $1: the id of the JVM. $2: what its processes bear in their command lines.
#
# Reads lines of a number, a kind and a path with octal escapes to remember, or of a number alone to forget. At the end
# of the input, which is the end of the JVM, kills those processes and removes what is remembered. A directory can be
# removed once the last process that writes to it has died, which takes its time; a control group likewise.
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
  # An empty pattern would be found everywhere. A process has no command line for a moment when
  # it executes another program, so one look is not enough.
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
  number=0
  while [ "$number" -le "$last" ]; do
    eval "kind=\${kind$number-} path=\${path$number-}"
    number=$((number + 1))
    [ -n "$kind" ] || continue
    path=$(printf '%b.' "$path")
    path=${path%.}
    tries=0
    while [ -e "$path" ] && [ "$tries" -lt 200 ]; do
      case $kind in
        directory)
          if ! rm -rf --one-file-system -- "$path"; then
            if [ "$(id -u)" -eq 0 ]; then
              # Each in its directory, so that paths may be of any length.
              find "$path" -xdev \( -type d -o -type f \) -execdir chattr -f -i -a -- {} +
              rm -rf --one-file-system -- "$path"
            else
              # Its owner may have lost the right to look into a directory.
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
