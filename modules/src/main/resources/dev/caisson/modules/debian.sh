# Installs exactly the Debian packages of a directory into an empty tree. Arguments: the directory, the tree, the
# variant of mmdebstrap, the requested packages (separated by commas), and the lines of the tree's sources.list, which
# may be empty.
set -eu
umask 022
packages=$1 tree=$2 variant=$3 include=$4 sources=$5
repository=/tmp/repository

for tool in mmdebstrap apt-get dpkg-deb; do
    if ! command -v "$tool" > /dev/null; then
        echo "The build root has no $tool: install the package ${tool%-*} on the host, or in the build pipeline." >&2
        exit 1
    fi
done

# apt installs only from repositories, so this makes a repository of the packages. apt may trust them: their checksums
# were verified against the manifest when they were fetched.
mkdir -p "$repository" /etc/apt/apt.conf.d /etc/apt/preferences.d
for package in "$packages"/*; do
    sum=$(sha256sum < "$package")
    sum=${sum%% *}
    ln -s "$package" "$repository/$sum.deb"
    dpkg-deb --field "$package"
    printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$sum" "$(stat -c %s "$package")" "$sum"
done > "$repository/Packages"

# minbase includes apt, because of the priority that the Debian archive gives it. The package itself has another
# priority.
if [ "$variant" = minbase ]; then
    include=apt${include:+,$include}
fi
# The first architecture is that of dpkg; packages may have others, too.
architectures=$(sed -n 's/^Architecture: //p' "$repository/Packages" | sort -u |
    { grep -vx -e all -e "$(dpkg --print-architecture)" || true; } | tr '\n' ',')
architectures=$(dpkg --print-architecture)${architectures:+,${architectures%,}}

# Tell the engine what dpkg does. dpkg runs in the tree, where mmdebstrap shows this /dev/shm.
set --
progress=/run/osbuild/progress
if [ "$variant" != extract ] && [ -w "$progress" ] && [ -d /dev/shm ]; then
    total=$(grep -c '^Package: ' "$repository/Packages")
    : > /dev/shm/dpkg-status
    tail -n +1 -f /dev/shm/dpkg-status 2> /dev/null | {
        unpacked=0 configured=0
        while read -r kind action package _; do
            case "$kind $action" in
                'processing: install:' | 'processing: upgrade:')
                    unpacked=$((unpacked + 1))
                    echo "unpacking $package ($unpacked of $total)" ;;
                'processing: configure:')
                    configured=$((configured + 1))
                    echo "configuring $package ($configured of $total)" ;;
                'processing: trigproc:')
                    echo "running triggers of $package" ;;
            esac
        done
    } >> "$progress" 2> /dev/null &
    set -- '--dpkgopt=status-logger=cat >> /dev/shm/dpkg-status'
fi

mmdebstrap --mode=root --variant="$variant" ${include:+--include="$include"} --architectures="$architectures" "$@" \
    '' "$tree" "deb [trusted=yes] copy:$repository ./"

# Every package of the directory must be installed now, and configured.
if [ "$variant" != extract ]; then
    sed -n 's/^Package: //p' "$repository/Packages" | sort > /tmp/given
    dpkg-query --admindir="$tree/var/lib/dpkg" --show --showformat='${db:Status-Status} ${Package}\n' |
        sed -n 's/^installed //p' | sort > /tmp/installed
    if ! cmp -s /tmp/given /tmp/installed; then
        echo 'The packages given (<) and the packages installed (>) differ:' >&2
        diff /tmp/given /tmp/installed >&2 || exit 1
    fi
    audit=$(dpkg --admindir="$tree/var/lib/dpkg" --audit)
    if [ -n "$audit" ]; then
        printf '%s\n' "$audit" >&2
        exit 1
    fi
fi

# The variant extract records no packages, so packages that were left out are found by their missing files.
if [ "$variant" = extract ]; then
    for package in "$repository"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" > /tmp/contents
        file=$(tar --quoting-style=literal -tf /tmp/contents | grep -v '/$' | head -n 1)
        if [ -n "$file" ] && [ ! -e "$tree/$file" ] && [ ! -L "$tree/$file" ]; then
            echo "The package $(dpkg-deb --field "$package" Package) was given, and nothing needs it." >&2
            exit 1
        fi
    done
fi

# Remove files that only the installation needed.
rm -f "$tree/etc/apt/apt.conf.d/99mmdebstrap" "$tree/etc/apt/sources.list" \
    "$tree/etc/dpkg/dpkg.cfg.d/99mmdebstrap" \
    "$tree/var/lib/apt/lists/lock" "$tree/var/cache/apt/archives/lock" \
    "$tree"/var/cache/debconf/*-old "$tree"/var/lib/dpkg/*-old
rm -rf "$tree/var/lib/apt/lists/partial" "$tree/var/cache/apt/archives/partial"
if [ -n "$sources" ]; then
    mkdir -p "$tree/etc/apt"
    printf '%s' "$sources" > "$tree/etc/apt/sources.list"
fi
if [ "$variant" = extract ]; then
    # apt and dpkg needed these files; no package contains them.
    rm -f "$tree/etc/fstab" "$tree/var/lib/dpkg/arch" "$tree/var/lib/dpkg/status"
    for directory in etc/apt etc/dpkg var/lib/apt var/lib/dpkg var/cache/apt var/log/apt; do
        if [ -d "$tree/$directory" ]; then
            find "$tree/$directory" -depth -type d -empty -delete
        fi
    done
fi
# Packages may contain files that are younger than the source epoch.
if [ -n "${SOURCE_DATE_EPOCH-}" ]; then
    find "$tree" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
fi
