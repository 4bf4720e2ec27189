#!/usr/bin/env bash
# The rule of who may know whom must notice: an include, and a call, that go upward are planted in a
# copy of the sources and of the objects.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 8

(cd "$ROOT" && tar -cf - runtime bindings tests/lib/layers.lua) | tar -xf - -C "$TMP"
mkdir -p build/release
cp -r "$ROOT/build/release/runtime" "$ROOT/build/release/bindings" build/release
layers() { lua5.4 tests/lib/layers.lua "$@"; }

# silent NAME COMMAND…: it has nothing to say.
silent() {
    local name=$1
    shift
    run "$@"
    if [ "$status" -eq 0 ] && [ ! -s "$OUT" ]; then ok "$name"; else not_ok "$name" "$(cat "$OUT" "$ERR")"; fi
}
silent "includes are as the table says" layers includes
silent "symbols are as the table says" layers symbols build/release

sed -i '1i #include "node/node.h"' runtime/party/take.c
expect_output "runtime/party/take.c:1: party may not include node/node.h" layers includes
mkdir runtime/new && echo 'int af_new;' >runtime/new/new.c
expect_output "runtime/new/new.c: stands in no folder of the table" layers includes

# A call is planted by an object that needs what a higher folder defines.
cat >planted.c <<'END'
void af_serve_free(void *serve);
void af_json_planted(void);
void af_json_planted(void) { af_serve_free(0); }
END
gcc -c -o build/release/runtime/json/planted.o planted.c && cp planted.c runtime/json/planted.c
expect_output "runtime/json/planted.c: json needs af_serve_free, which serve defines" layers symbols build/release
echo 'int planted_name;' >planted.c
gcc -c -o build/release/runtime/json/planted.o planted.c
expect_output "exports planted_name, which does not begin with af_" layers symbols build/release

# Two files that need each other, and a machine that is none any more.
for pair in "one other" "other one"; do
    set -- $pair
    printf 'void af_base_%s_planted(void);\nvoid af_base_%s_planted(void);\nvoid af_base_%s_planted(void) { af_base_%s_planted(); }\n' "$2" "$1" "$1" "$2" >planted.c
    gcc -c -o "build/release/runtime/base/$1_planted.o" planted.c && cp planted.c "runtime/base/$1_planted.c"
done
expect_output "runtime/base: one_planted other_planted: need each other, and are no machine" layers symbols build/release
sed -i 's/party = "commit take wait"/party = "commit take"/' tests/lib/layers.lua
expect_output "runtime/party: commit take: are no circle any more" layers symbols build/release
