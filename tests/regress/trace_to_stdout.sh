#!/usr/bin/env bash
# A trace that is written to standard output, where that is a file, is in that file; a link is
# written through, not replaced (/dev/stdout once became a file for whoever was allowed to).
source "$(dirname "$0")/../lib/e2e.sh"
plan 9
flow=$ROOT/flows/sync_state.lua

ln -s target.jsonl link.jsonl
check "a run is written to a link" "$AFRUN" "$flow" --mock -q --trace link.jsonl
if [ -L link.jsonl ] && grep -q '"kind":"done"' target.jsonl; then
    ok "what the link points to has it"
else
    not_ok "what the link points to has it" "$(ls -l)"
fi
echo 'longer than any trace could ever be' >old
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat old old >more && mv more old; done
mv old target.jsonl
check "and again, over something longer" "$AFRUN" "$flow" --mock -q --trace link.jsonl
check "of which nothing is left" "$AFRUN" chart link.jsonl

# A link of our own stands for /dev/stdout, which must not be at risk here.
ln -s /proc/self/fd/1 own_stdout
"$AFRUN" "$flow" --mock -q --trace own_stdout >out.jsonl
if [ -L own_stdout ] && grep -q '"kind":"done"' out.jsonl; then
    ok "standard output has it"
else
    not_ok "standard output has it" "$(ls -l; cat out.jsonl)"
fi
"$AFRUN" "$flow" --mock -q --trace - >dash.jsonl
if grep -q '"kind":"done"' dash.jsonl && [ ! -e ./- ]; then
    ok "a dash is standard output"
else
    not_ok "a dash is standard output" "$(ls -l)"
fi

# A check looks whether it can write before it searches, and writes behind its jail.
for name in own_stdout - dash.jsonl; do
    "$AFRUN" check "$flow" --explore '[]' --trace "$name" >dash.jsonl 2>told
    if [ "$(head -c 9 dash.jsonl)" = '{"trace":' ]; then ok "so it is of a check: $name"; else not_ok "so it is of a check: $name" "$(ls -l; cat told)"; fi
done
