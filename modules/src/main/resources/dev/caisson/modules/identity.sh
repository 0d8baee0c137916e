# Finds the files of a tree that identify one machine, and prints each. Arguments: the tree, the action, a file (only
# files that were changed after it count; all count if it is empty), and the list of files (identity.list). The action "clean" also removes
# the files that the list wants removed; the action "report" changes nothing.
set -eu
tree=$1 action=$2 since=$3 list=$4
cd "$tree"

# Whether a file is there, and made in time. A directory or a link is not such a file.
counts() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    [ -z "$since" ] || [ -n "$(find "$1" -maxdepth 0 -newercc "$since" -print)" ]
}

# Whether a package has the file.
packaged() {
    [ -d var/lib/dpkg/info ] && grep -qsxF -- "/$1" var/lib/dpkg/info/*.list
}

tell() {
    if [ "$3" = - ]; then
        printf '%s %s: %s\n' "$1" "$2" "$4"
    else
        printf '%s %s: %s (%s)\n' "$1" "$2" "$4" "$3"
    fi
}

: > /tmp/identities
printf '%s\n' "$list" | while read -r what pattern remedy; do
    case $what in '' | '#'*) continue ;; esac
    for file in $pattern; do
        counts "$file" || continue
        case $file in
            # Some tools write this word in place of an identity.
            etc/machine-id) [ "$(head -c 14 "$file")" != uninitialized ] && [ -s "$file" ] || continue ;;
        esac
        if packaged "$file"; then
            continue
        fi
        printf '%s\n' "$file" >> /tmp/identities
        if [ "$action" != clean ] || [ "$what" = report ]; then
            tell kept "$file" "$remedy" 'each machine of this tree has the same; make it anew on each'
        elif [ "$what" = empty ]; then
            : > "$file"
            tell emptied "$file" "$remedy" 'each machine makes its own'
        else
            rm -f -- "$file"
            tell removed "$file" "$remedy" 'each machine needs its own'
        fi
    done
done

# Other private keys that no package has.
find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./usr/share -o -path ./usr/lib \) -prune -o \
    -type f -size -64k ${since:+-newercc "$since"} -exec grep -lse '-----BEGIN [A-Z ]*PRIVATE KEY-----' {} + |
    while IFS= read -r file; do
        file=${file#./}
        if ! grep -qxF -- "$file" /tmp/identities && ! packaged "$file"; then
            tell kept "$file" - 'a private key that was made at build time; each machine of this tree has the same'
        fi
    done || true
