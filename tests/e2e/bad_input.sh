# Flows that are wrong: each file of tests/data/bad says in its first line how the program must end
# (2: the file is wrong, 1: what a handler does is) and what it must say. It says it in one line,
# with the file, and the line that is marked HERE if there is one.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 37
bad=$ROOT/tests/data/bad

# refused FILE STATUS TEXT [LINE]
refused() {
    local file=$1 expected=$2 text=$3 line=${4:-} name=${1##*/} errors
    run timeout 60 "$AFRUN" "$file" --mock
    errors=$(grep '^afrun: ' "$ERR")
    if [ "$status" -ne "$expected" ]; then
        not_ok "$name exits with $expected" "$(explain "exit status $status" "$AFRUN $file")"
    elif [ "$(echo "$errors" | wc -l)" -ne 1 ]; then
        not_ok "$name is told in one line" "$errors"
    elif ! grep -qF -e "$text" <<<"$errors"; then
        not_ok "$name says '$text'" "$errors"
    elif ! grep -qF -e "${name%.lua}.lua${line:+:$line:}" <<<"$errors"; then
        not_ok "$name names its line${line:+ $line}" "$errors"
    elif [ "$expected" -eq 2 ] && [ "$(wc -l <"$ERR")" -ne 1 ]; then
        not_ok "$name: the error stands alone" "$(cat "$ERR")"
    else
        ok "$name: ${errors:0:150}"
    fi
}

for file in "$bad"/*.lua; do
    header=$(sed -n '1s/^-- \([12]: .*\)/\1/p' "$file")
    [ -n "$header" ] || continue # a module
    refused "$file" "${header%%:*}" "${header#*: }" "$(grep -n -e '-- HERE$' "$file" | cut -d: -f1)"
done

cat >syntax_error.lua <<'END'
local af = require "af"
local function broken( -- the parenthesis is never closed
return af.flow {}
END
refused syntax_error.lua 2 "near 'return'" 3

# Bytecode is refused, whatever its name; so is text that is none.
echo 'local f = io.open(arg[1], "wb") f:write(string.dump(loadfile(arg[2]))) f:close()' >dump.lua
lua5.4 dump.lua bytecode.lua "$ROOT/flows/sync_state.lua"
refused bytecode.lua 2 "bytecode"
printf 'return 1\0' >zero.lua
refused zero.lua 2 "zero byte"
: >empty.lua
expect_error "empty.lua: is empty" 2 "$AFRUN" empty.lua --mock
mkdir folder.lua
refused folder.lua 2 "folder.lua"

# A handler that raises is a finding, whatever else is allowed.
expect_error "data.loss" 1 "$AFRUN" "$bad/data_nan.lua" --mock --allow-fail
expect_error "data.loss" 1 "$AFRUN" "$bad/data_nan.lua" --mock --drop 0.01 --runs 10
