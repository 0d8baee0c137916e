# Functions of ./caisson. Source this file with `caisson_top` set to the root of the checkout. The variables have names
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

# Hides the variables that change how any JVM starts. Caisson hands them on to the programs that it runs.
caisson_hide_variables() {
    for caisson_name in JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JDK_AOT_VM_OPTIONS CLASSPATH; do
        eval "caisson_set=\${$caisson_name+set}"
        if [ -n "$caisson_set" ]; then
            eval "export CAISSON_HIDDEN_$caisson_name=\"\$$caisson_name\""
            unset "$caisson_name"
        fi
    done
}
