# Functions of ./check, bench/run and scripts/prepare: find a JDK 25 and Maven, install missing programs, build what has
# changed. Source this file with `top` set to the root of the checkout.

caisson_top=$top
. "$top/scripts/launch.sh"
image=$caisson_image
stamp=$image/built

say() {
    printf 'caisson: %s\n' "$*" >&2
}

# Prints the home of a JDK 25. Reads the version from a file of the JDK, so that no JVM has to start.
find_jdk() {
    local home javac
    javac=$(readlink -f -- "$(command -v javac || true)") || javac=
    for home in "${JAVA_HOME-}" /usr/lib/jvm/* "${javac%/bin/javac}"; do
        if [ -x "$home/bin/javac" ] && grep -qs '^JAVA_VERSION="25[.".-]' "$home/release"; then
            printf '%s\n' "$home"
            return 0
        fi
    done
    return 1
}

# Installs Debian packages as root. Otherwise prints the command that installs them, and fails.
install_packages() {
    local sudo=
    if [ "$(id -u)" -ne 0 ]; then
        sudo='sudo '
    elif command -v apt-get > /dev/null; then
        say "installing: $*"
        if { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -y --no-install-recommends install "$@"; } >&2; then
            return 0
        fi
    fi
    say "missing: $*"
    say "to install it: ${sudo}apt-get update && ${sudo}apt-get install $*"
    return 1
}

# Installs the packages of missing programs. Arguments: PROGRAM=PACKAGE...
need_programs() {
    local pair missing=()
    for pair in "$@"; do
        if ! command -v "${pair%%=*}" > /dev/null; then
            missing+=("${pair#*=}")
        fi
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# Finds a JDK 25, or installs one, and exports JAVA_HOME, which Maven uses.
need_jdk() {
    local package
    if ! jdk=$(find_jdk); then
        package=openjdk-25-jdk-headless
        if ! apt-cache show "$package" > /dev/null 2>&1 && apt-cache show temurin-25-jdk > /dev/null 2>&1; then
            package=temurin-25-jdk
        fi
        install_packages "$package" || true
        if ! jdk=$(find_jdk); then
            say 'found no JDK 25 in JAVA_HOME, in /usr/lib/jvm or on the PATH'
            say 'install one (any vendor), and set JAVA_HOME to it if it is elsewhere'
            return 1
        fi
    fi
    export JAVA_HOME=$jdk
}

need_all() {
    # The compiler and the kernel's headers are for the stub, which is a program in C.
    need_programs bwrap=bubblewrap curl=curl mmdebstrap=mmdebstrap mvn=maven gcc=gcc
    if [ ! -e /usr/include/asm-generic/unistd.h ]; then
        install_packages linux-libc-dev
    fi
    need_jdk
}

java_flags=(
    # A command runs for seconds: it needs the quick compiler, and no threads that collect garbage.
    -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData
    # Keeps the JVM from raising the limit of descriptors, which its child processes would inherit.
    -XX:-MaxFDLimit
    # The standard output belongs to the command: the JVM logs nothing, and prints its own errors on standard error.
    -Xlog:disable -XX:+DisplayVMOutputToStderr -XX:+SuppressFatalErrorMessage
    --enable-native-access=dev.caisson.linux
    --module-path "$image/lib"
)

# Makes an ahead-of-time cache of the loaded classes, and $image/launch, which starts the command with it. Without a
# cache the command starts a little more slowly.
make_cache() {
    local cache=$image/caisson.aot flag started=$SECONDS
    "$JAVA_HOME/bin/java" "${java_flags[@]}" "-XX:AOTCacheOutput=$cache.new" \
        -m dev.caisson.cli/dev.caisson.cli.Training > "$image/training.log" 2>&1 || rm -f "$cache.new"
    rm -f "$image"/*.aot
    [ ! -e "$cache.new" ] || mv "$cache.new" "$cache"
    {
        printf 'caisson_checkout=%s\n' "$(quoted "$top")"
        printf 'caisson_java=%s\n' "$(quoted "$JAVA_HOME/bin/java")"
        printf 'caisson_made=%s\n' "$(quoted "$(caisson_state)")"
        printf 'caisson_start() {\n    exec "$caisson_java"'
        for flag in "${java_flags[@]}"; do
            printf ' %s' "$(quoted "$flag")"
        done
        [ ! -e "$cache" ] || printf ' %s' "$(quoted "-XX:AOTCache=$cache")"
        printf ' -m dev.caisson.cli/dev.caisson.cli.Main "$@"\n}\n'
    } > "$image/launch.new"
    mv "$image/launch.new" "$image/launch"
    say "made the start-up cache in $((SECONDS - started)) s"
}

# Quotes a word for any shell.
quoted() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

# Marks the beginning of a build. Later changes make it stale.
begin_build() {
    mkdir -p "$top/target"
    touch "$top/target/began"
}

# Marks the end of a build. Call it when the jars exist.
finish_build() {
    make_cache
    mv "$top/target/began" "$stamp"
}

build() {
    need_all
    mkdir -p "$top/target"
    (
        # One process builds; the others wait for the lock.
        flock 9
        if caisson_stale; then
            local started=$SECONDS
            say 'compiling (this takes a minute, once)'
            begin_build
            if ! (cd "$top" && mvn -q -B -Dmaven.test.skip=true -Dspotless.check.skip package > target/build.log 2>&1); then
                tail -n 40 "$top/target/build.log" >&2
                say "the build failed; all of its output is in $top/target/build.log"
                exit 1
            fi
            say "compiled in $((SECONDS - started)) s"
            finish_build
        fi
    ) 9> "$top/target/lock"
}
