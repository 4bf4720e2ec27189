# What callers share has a limit that can be set, and is told with what each has of it: all by one table.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 84
source "$ROOT/tests/lib/serve.sh"

admin() { call GET "$1" '' -H 'Authorization: Bearer admin-token-0123456789'; }
quota() { python3 -c 'import json, sys; print(json.load(sys.stdin)["data"]["quotas"][sys.argv[1]][sys.argv[2]])' "$@" <<<"$status_text"; }
uses() { python3 -c 'import json, sys; print(next(n for n in json.load(sys.stdin)["data"]["nodes"] if n["node_id"] == sys.argv[1]).get(sys.argv[2], 0))' "$@" <<<"$status_text"; }
readable() { (($1 % 1048576)) && echo $1 || numfmt --to=iec $1 | sed 's/\.0//'; }
secret tokens 'token-of-a-0123456789 a
token-of-b-0123456789 b
token-of-out-0123456789 out'
secret admin admin-token-0123456789

# ---- Each can be set, and all that there are stand in help and in README. ----

start_serve --tokens tokens --admin-token admin
status_text=$(admin /status)
names=$(python3 -c 'import json, sys; print(*json.load(sys.stdin)["data"]["quotas"])' <<<"$status_text")
[ "$(wc -w <<<"$names")" -ge 9 ] && ok "status lists them" || not_ok "status lists them" "$status_text"
"$AFRUN" serve --help | tr -s ' \n' ' ' >help.txt
set --
for name in $names; do
    limit=$(quota $name limit)
    of=$(quota $name of)
    row=$(grep -F "| \`$name\` | $of |" "$ROOT/runtime/serve/README.md")
    grep -qE "\b$name\b" help.txt && ok "$name: --help names it" || not_ok "$name: --help names it" "$(cat help.txt)"
    [ "$name" = connections ] || says "$name: README has its row and default" "| $(readable $limit) |" "$row"
    set -- "$@" --quota "$name=321"
    never_says "$name: the default is another than what is set here" 321 "$limit"
done
never_says "nothing is used yet but by who asks" '"polls":' "$(sed 's/.*"nodes"//' <<<"$status_text")"
stop_serve
start_serve --tokens tokens --admin-token admin "$@"
status_text=$(admin /status)
for name in $names; do
    [ "$(quota $name limit)" = 321 ] && ok "$name: --quota sets it" || not_ok "$name: --quota sets it" "$status_text"
    says "$name: metrics say so" "afrun_quota{of=\"$(quota $name of)\",name=\"$name\"} 321" "$(admin /metrics)"
done
stop_serve

# ---- What each does. ----

printf '%s\n' 'quota = polls=4' 'quota = logins=4' 'quota = bodies=1M' 'quota = connections=40' 'quota = bundles=3M' 'quota = files=4M' 'quota = queue=3' \
    'quota = answers=1M' >conf
chmod 600 conf
start_serve --config conf --tokens tokens --admin-token admin
tap "quotas" python3 "$ROOT/tests/lib/quotas.py" "$URL" small
status_text=$(admin /status)
[ "$(uses out bundles)" = 3000000 ] && ok "status says what a node has of bundles" || not_ok "status says what a node has of bundles" "$status_text"
says "the log says which bundle went" "the oldest bundle of 'out' goes" "$(cat serve.err)"
stop_serve
start_serve --config conf --tokens tokens --admin-token admin --quota requests=40
call POST '/alpha-med/fed-bass?cmb=Login' '{"UserName":"out","Password":"token-of-out-0123456789"}' -H 'Authorization: Bearer token-of-out-0123456789' >/dev/null
status_text=$(admin /status)
[ "$(uses out bundles)" = 3000000 ] && ok "… and still when it was started again" || not_ok "… and still when it was started again" "$status_text"
tap "a second" python3 "$ROOT/tests/lib/quotas.py" "$URL" requests
stop_serve
[ "$status" -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(cat serve.err)"

# Bundles of a version that kept them in one folder are launched as before.
printf '{"afrun_launch":7}' >old
mkdir -p afrun.db.files/bundles
key=$(sha256sum old | cut -d' ' -f1)
cp old afrun.db.files/bundles/$key
start_serve --tokens tokens --admin-token admin
says "an older bundle is found" 'of format 7' "$(call POST '/alpha-med/fed-bass?cmb=StartCalculationTaskRunning' \
    "{\"TaskId\":\"T\",\"ProgramObject\":\"$key\"}" -H 'Authorization: Bearer token-of-a-0123456789')"
stop_serve

# ---- What is none. ----

for wrong in polls polls= polls=0 polls=-1 polls=1.5 polls=1M beds=1 =1 polls=99999999999 bodies=0 bodies=9999T; do
    run "$AFRUN" serve --node n --listen 127.0.0.1:0 --quota "$wrong"
    [ "$status" -eq 2 ] && says "refused: $wrong" '--quota' "$(cat "$OUT" "$ERR")" || not_ok "refused: $wrong" "$status"
done
