# Functions of ./caisson, for bash. Source this file with `caisson_top` set to the root of the checkout. The variables have names
# that the environment of a caller does not have, because an assignment would change that environment.

caisson_image=$caisson_top/cli/target/image

# Whether a source is younger than the beginning of the last build, or a jar of the image is younger than its end.
caisson_stale() {
    [ -e "$caisson_image/built" ] && [ -e "$caisson_image/launch" ] || return 0
    [ -n "$(find "$caisson_top"/pom.xml "$caisson_top"/*/pom.xml "$caisson_top"/*/src/main "$caisson_top"/scripts \
        "$caisson_image/lib" \( -path "$caisson_image/lib*" -newer "$caisson_image/launch" \
        -o ! -path "$caisson_image/lib*" -newer "$caisson_image/built" \) -print -quit)" ]
}

# Prints names, sizes and times of the jars and of the cache. The JVM refuses a cache if one of them differs, and then
# starts more slowly.
caisson_state() {
    find "$caisson_image/lib" "$caisson_image/caisson.aot" -type f -printf '%f %s %T@ ' 2> /dev/null || true
}

# Whether the file `launch` fits this checkout, its jars and its cache. Source it first.
caisson_current() {
    [ -x "$caisson_java" ] && [ "$caisson_checkout" = "$caisson_top" ] && [ "$caisson_made" = "$(caisson_state)" ]
}

# Hides variables of the caller from the JVM: those that change how any JVM starts, and a locale in which Java cannot
# read all file names. Caisson hands the caller's variables on to the programs that it runs.
caisson_hide_variables() {
    for caisson_name in JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JDK_AOT_VM_OPTIONS CLASSPATH; do
        if [ -n "${!caisson_name+set}" ]; then
            export "CAISSON_HIDDEN_$caisson_name=${!caisson_name}"
            unset "$caisson_name"
        fi
    done
    case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
        *.UTF-8 | *.utf8) ;;
        *)
            if [ -n "${LC_ALL+set}" ]; then
                export "CAISSON_HIDDEN_LC_ALL=$LC_ALL"
            else
                export CAISSON_ADDED=LC_ALL
            fi
            export LC_ALL=C.UTF-8
            ;;
    esac
    # bash has its own values of these. The kernel still has the caller's.
    case ${IFS@a}${SHELLOPTS@a}${BASHOPTS@a} in
        *x*)
            while IFS= read -r -d '' caisson_name; do
                case $caisson_name in
                    IFS=* | SHELLOPTS=* | BASHOPTS=*) export "CAISSON_HIDDEN_$caisson_name" ;;
                esac
            done < "/proc/$$/environ"
            ;;
    esac
}
