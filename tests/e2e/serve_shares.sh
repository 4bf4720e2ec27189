# What all callers share has a share for each: logins, polls, memory, the disk, the queue of launches.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 40
source "$ROOT/tests/lib/serve.sh"

seconds=2 polls=1000
is_short || seconds=60 polls=10500 # more than may wait together
ulimit -n "$(ulimit -Hn)"
secret tokens 'token-of-a-0123456789 a
token-of-b-0123456789 b
token-of-out-0123456789 out'
secret admin admin-token-0123456789
start_serve --tokens tokens --admin-token admin --audit audit.log
as_admin() { call POST /admin/tasks "$1" -H 'Authorization: Bearer admin-token-0123456789'; }
as_admin '{"task_id":"T","members":[{"node_id":"a"},{"node_id":"b"}]}' >/dev/null
as_admin '{"task_id":"O","members":[{"node_id":"out"}]}' >/dev/null
tap "shares" python3 "$ROOT/tests/lib/serve_attacks.py" "$URL" $seconds $polls ${1:+"$1"} # a name: these alone

# What is not known yet may send little.
head -c 5000 /dev/zero | tr '\0' ' ' >large
says "a login is of 4 KiB at most" '"Code":"413"' "$(call POST '/alpha-med/fed-bass?cmb=Login' @large)"
says "… and there may be many members for the admin" '"code":0' \
    "$(as_admin "$(python3 -c 'import json; print(json.dumps({"task_id": "M", "members": [{"node_id": "n%d" % i} for i in range(900)]}))')")"
stop_serve
"$AFRUN" audit verify audit.log >verified && ok "what was logged is whole" || not_ok "what was logged is whole" "$(cat verified)"
[ "$(grep -c '"outcome":40[13]' audit.log)" -lt 1000 ] && ok "refusals are an entry a minute of each caller" ||
    not_ok "refusals are an entry a minute of each caller" "$(grep -c '"outcome":40[13]' audit.log)"
[ "$status" -eq 0 ] && ok "the service ends well" || not_ok "the service ends well" "$(cat serve.err)"

# A small disk of its own, where the kernel lets us have one: a node of no task, and then one with files and bundles, leave room for the others' contracts.
if unshare -rm true 2>/dev/null; then
    cat >in_disk.sh <<'SH'
mount -t tmpfs -o size=96m tmpfs disk && cd disk && exec "$@"
SH
    mkdir disk
    PROGRAM_ALONE=$AFRUN
    AFRUN=$TMP/on_disk
    printf '#!/bin/sh\nexec unshare -rm sh %q/in_disk.sh %q "$@"\n' "$TMP" "$PROGRAM" >on_disk
    chmod +x on_disk
    start_serve --tokens "$TMP/tokens" --admin-token "$TMP/admin"
    tap "small disk" python3 "$ROOT/tests/lib/serve_attacks.py" "$URL" 0 0 disk
    stop_serve
    AFRUN=$PROGRAM_ALONE
    [ "$status" -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(cat serve.err)"
else
    skip_rest "no file system can be mounted"
fi
[ $# -eq 0 ] || skip_rest "not among those that are named"
