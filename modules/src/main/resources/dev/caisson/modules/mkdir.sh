# Makes directories. Four arguments for each: "parents" or "", "exist_ok" or "", the mode, the path.
set -eu
while [ $# -gt 0 ]; do
    parents=$1 exist_ok=$2 mode=$3 path=$4
    shift 4
    if [ -d "$path" ] && [ -n "$exist_ok" ]; then
        continue
    fi
    if [ -n "$parents" ]; then
        mkdir -p -- "$(dirname -- "$path")"
    fi
    mkdir -m "$mode" -- "$path"
done
