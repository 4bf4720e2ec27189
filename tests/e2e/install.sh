#!/usr/bin/env bash
# `make install`: the program, its manual, its completions and the unit of a node, wherever they go.
source "$(dirname "$0")/../lib/e2e.sh"
plan 32

check "make install" make -C "$ROOT" -s install MODE=linked "DESTDIR=$TMP/there" PREFIX=/opt/afrun
there=$TMP/there/opt/afrun
expect_output "afrun" "$there/bin/afrun" --version
expect_output "Lua 5.4" "$there/bin/afrun" --version
expect_output "SQLite 3." "$there/bin/afrun" --version
if cmp -s "$ROOT/build/linked/afrun" "$there/bin/afrun"; then ok "it is the build that was asked for"; else not_ok "it is the build that was asked for" ""; fi
check "with traces" "$ROOT/tests/lib/trace_sums.sh" 2 "$there/bin/afrun"
cp "$OUT" fast
check "and does the same" bash -c "'$ROOT/tests/lib/trace_sums.sh' 2 '$PROGRAM' | diff - fast"
check "the program runs without its sources" "$there/bin/afrun" "$ROOT/flows/sync_state.lua" --mock -q
expect_output "--control" bash -c "source '$there/share/bash-completion/completions/afrun'
    COMP_WORDS=(afrun node --con) COMP_CWORD=2 COMP_LINE='afrun node --con'
    \"\$(complete -p afrun | sed -E 's/.*-F ([^ ]+).*/\\1/')\" afrun --con node; printf '%s\\n' \"\${COMPREPLY[@]}\""
expect_output '.SH NAME' cat "$there/share/man/man1/afrun.1"
expect_output 'talk to a running node' cat "$there/share/man/man1/afrun-ctl.1"
expect_output '\fB\-\-dry\-run\fR' cat "$there/share/man/man1/afrun-ctl-reload.1"
expect_output '#compdef afrun' cat "$there/share/zsh/site-functions/_afrun"
expect_output 'complete -c afrun' cat "$there/share/fish/vendor_completions.d/afrun.fish"
if command -v man >/dev/null; then
    MANPATH=$there/share/man expect_output "draw a trace as a sequence chart" man afrun-chart
else
    skip 1 "there is no man"
fi
unit=$there/lib/systemd/system/afrun-node@.service
expect_output "ExecStart=/opt/afrun/bin/afrun node --config /etc/afrun/%i.conf" cat "$unit"
if command -v systemd-analyze >/dev/null; then
    sed "s,/opt/afrun/bin,$there/bin," "$unit" >'afrun-node@x.service'
    check "systemd takes the unit" systemd-analyze verify --man=no "$PWD/afrun-node@x.service"
    if [ ! -s "$OUT" ] && [ ! -s "$ERR" ]; then ok "and complains of nothing"; else not_ok "and complains of nothing" "$(cat "$OUT" "$ERR")"; fi
else
    skip 2 "there is no systemd-analyze"
fi
schema=$there/share/afrun/schema
expect_output '"additionalProperties": false' cat "$schema/run.schema.json"
if [ "$(cd "$schema" && ls)" = "$(cd "$ROOT/tests/data/schema" && ls)" ]; then ok "each schema is there"; else not_ok "each schema is there" "$(ls "$schema")"; fi

# ---- The reference: pages of man, and what editors and luacheck read. ----
if command -v man >/dev/null; then
    MANPATH=$there/share/man expect_output "Declares an event type" man af.event
    MANPATH=$there/share/man expect_output "party:send(targets, event)" man af.Party
else
    skip 2 "there is no man"
fi
for page in "$there"/share/man/man3/*.3afrun; do
    ! command -v mandoc >/dev/null || mandoc -T lint -W warning "$page"
done >complaints
if [ ! -s complaints ] && [ -e "$there/share/man/man3/af.vector.sum.3afrun" ]; then ok "mandoc takes each page"; else not_ok "mandoc takes each page" "$(head complaints)"; fi
check "the stub is Lua" luac5.4 -p "$there/share/afrun/lua/af.lua"
check "the stub of af.test is Lua" luac5.4 -p "$there/share/afrun/lua/test.lua"
printf 'stds.afrun = dofile "%s/share/afrun/lua/luacheck.lua"\nstd = "afrun"\n' "$there" >.luacheckrc
echo 'print(af.event, af.evnt, os)' >mistaken.lua
if command -v luacheck >/dev/null; then
    run luacheck --no-color mistaken.lua
    if grep -q "2 warnings" "$OUT" && grep -q evnt "$OUT"; then ok "luacheck knows what flows see"; else not_ok "luacheck knows what flows see" "$(cat "$OUT")"; fi
else
    skip 1 "there is no luacheck"
fi
expect_output '"workspace.library": ["'"$there/share/afrun/lua"'"]' bash -c "'$there/bin/afrun' new edited >/dev/null && cat edited/.luarc.json"
rm -r edited

# ---- What is shipped stays small, and goes again. ----
strip -o small "$there/bin/afrun"
bytes=$(stat -c %s small)
if [ "$bytes" -lt 1500000 ]; then ok "the stripped program is below 1.5 MB: $bytes bytes"; else not_ok "the stripped program is below 1.5 MB" "$bytes bytes"; fi
mkdir -p "$there/var/lib/afrun" "$there/share/man/man1" && touch "$there/var/lib/afrun/node.db" "$there/share/man/man1/other.1"
check "make uninstall" make -C "$ROOT" -s uninstall "DESTDIR=$TMP/there" PREFIX=/opt/afrun
find there ! -type d >left
expect_output "2" bash -c 'wc -l <left'
expect_output "there/opt/afrun/share/man/man1/other.1" cat left
expect_output "there/opt/afrun/var/lib/afrun/node.db" cat left
