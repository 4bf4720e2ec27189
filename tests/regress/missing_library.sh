#!/usr/bin/env bash
# Libraries that are loaded when they are first needed: one that is missing is told by name, with its package, by what needs it,
# and nothing else asks for it.
source "$(dirname "$0")/../lib/e2e.sh"
plan 8

# Libraries of these names that have nothing in them stand before the real ones.
mkdir none
: >empty.c
for file in libsqlite3.so.0 libcurl.so.4 libmicrohttpd.so.12; do
    "${CC:-gcc}" -shared -fPIC -o "none/$file" empty.c
done
flow=$ROOT/flows/sync_state.lua
without="env LD_LIBRARY_PATH=$PWD/none"
party() { $without "$AFRUN" "$flow" --bus "$1" --task t --node a --role initiator; }
expect_status 0 $without "$AFRUN" "$flow" --mock -q
expect_status 0 $without "$AFRUN" check "$flow"
expect_error "afrun: libsqlite3.so.0: cannot be loaded; it is in Debian's package libsqlite3-0 (" 3 party local:bus.db
expect_error "afrun: libsqlite3.so.0: cannot be loaded; it is in Debian's package libsqlite3-0 (" 3 $without "$AFRUN" --version
expect_error "afrun: libsqlite3.so.0: cannot be loaded" 3 $without "$AFRUN" store check "$flow"
expect_error "afrun: libcurl.so.4: cannot be loaded; it is in Debian's package libcurl4 (" 3 party http://127.0.0.1:1
rm none/libsqlite3.so.0
expect_error "afrun: libmicrohttpd.so.12: cannot be loaded; it is in Debian's package libmicrohttpd12 (" 3 \
    $without "$AFRUN" serve --bus local:bus.db --prefix-nodes --listen 127.0.0.1:0
expect_output "SQLite 3." $without "$AFRUN" --version
