# A request that a proxy could cut otherwise than we do is refused, and its connection ends.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 31
source "$ROOT/tests/lib/serve.sh"

start_serve --prefix-nodes --open-tasks
python3 "$ROOT/tests/lib/framing.py" "${URL##*:}" >answers
plain='^(a length|chunks|an empty field|blanks around a value|a field that stands twice)$'
while read -r line; do
    name=${line%:*} right=refused
    [[ ! $name =~ $plain ]] || right="answered 2"
    # Lawful, and understood by libmicrohttpd from 1.0 on.
    [ "$line" != "blanks behind a coding: answered 2" ] || right="answered 2"
    [ "${line##*: }" = "$right" ] && ok "$name: $right" || not_ok "$name: $right" "${line##*: }"
done <answers
[ "$(wc -l <answers)" -eq 30 ] && ok "all were tried" || not_ok "all were tried"
kill -TERM $serve_pid
wait $serve_pid || :
