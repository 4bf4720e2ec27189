#!/usr/bin/env bash
# Which files a script reaches: those below what was granted, by names that harm nobody. The same in mock and for real.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 6

mkdir -p in/deep out secret flow
echo plain >in/plain
echo secret >secret/file
ln -s ../secret/file in/link
ln -s ../secret out/folder
ln secret/file out/hard
ln secret/file in/hard
mkfifo in/pipe
cat >flow/reach.lua <<'LUA'
local af = require "af"
local function try(what, url, options)
  local ok, answer = pcall(af.download, "file://" .. url, options)
  print(what .. ": " .. tostring(answer):gsub("\n.*", ""):gsub("^.-af.download: ", ""))
  return ok
end
return af.flow { name = "reach", args = { at = af.string }, mock = { a = 1 },
  roles = { a = { start = "s", states = { s = { enter = function(party)
    local at = party.args.at
    for _, path in ipairs { "in/plain", "in/link", "in/hard", "in/pipe", "in/../secret/file", "in/plain\0x", "out/hard", "in/.", "" } do
      try("read " .. path:gsub("%c", "^"), at .. "/" .. path)
    end
    for _, path in ipairs { "out/new", "out/.bashrc", "out/a\27[2J", "out/folder/file", "out/../secret/file", "out/hard", "out/n\0m", "in/new" } do
      try("write " .. path:gsub("%c", "^"), at .. "/in/plain", { path = at .. "/" .. path })
    end
    return af.done()
  end } } } } }
LUA
cat >expected <<END
read in/plain: plain
read in/link: $PWD/in/link: is outside of what the script may reach; grant its folder with --allow-read
read in/hard: secret
read in/pipe: $PWD/in/pipe: is not a plain file
read in/../secret/file: $PWD/in/../secret/file: is outside of what the script may reach; grant its folder with --allow-read
read in/plain^x: download: a zero byte stands in 'url'
read out/hard: $PWD/out/hard: has another name elsewhere (a hard link), and stands where scripts may write
read in/.: $PWD/in/.: is not a plain file
read : $PWD/: is outside of what the script may reach; grant its folder with --allow-read
write out/new: $PWD/out/new
write out/.bashrc: $PWD/out/.bashrc: may not be written: names that begin with a dot, and control characters, are not for scripts
write out/a^[2J: $PWD/out/a^[2J: may not be written: names that begin with a dot, and control characters, are not for scripts
write out/folder/file: $PWD/out/folder/file: is outside of what the script may reach; grant its folder with --allow-write
write out/../secret/file: $PWD/out/../secret/file: is outside of what the script may reach; grant its folder with --allow-write
write out/hard: $PWD/out/hard
write out/n^m: download: a zero byte stands in 'path'
write in/new: $PWD/in/new: is outside of what the script may reach; grant its folder with --allow-write
END
# The same answers, wherever they are printed: what each line begins with is the command's.
same() { # same NAME COMMAND…
    local name=$1
    shift
    rm -f out/new out/hard
    ln secret/file out/hard
    run "$@"
    cat "$OUT" "$ERR" | grep -aoE '(read|write) .*' | sed -E 's/reach\.lua:[0-9]+: //; s/\\x1b/^/g; s/\x1b/^/g' >answers
    if [ "$status" -eq 0 ] && diff expected answers >difference; then ok "$name"; else not_ok "$name" "$(explain "exit status $status")$(cat difference)"; fi
    [ "$(cat secret/file)" = secret ] && [ "$(cat out/hard)" = plain ] && [ "$(find . -newer expected -name '.*' -type f | wc -l)" -eq 0 ] &&
        ok "$name: nothing else was written" || not_ok "$name: nothing else was written" "$(find . -newer expected -type f)"
}
mkdir elsewhere
grants=(--allow-read "$PWD/in" --allow-read "$PWD/out" --allow-write "$PWD/out" --arg "at=$PWD")
in_folder() { (cd elsewhere && "$@"); }
same "in mock" in_folder "$AFRUN" ../flow/reach.lua --mock "${grants[@]}"
same "for real" in_folder "$AFRUN" ../flow/reach.lua --bus local:bus.db --task t --node n --role a --peers a=n "${grants[@]}"

# Where what the run itself keeps and reads stands among what was granted.
cat >flow/own.lua <<'LUA'
local af = require "af"
return af.flow { name = "own", args = { at = af.string }, mock = { a = 1 },
  roles = { a = { start = "s", states = { s = { enter = function(party)
    local refused = {}
    for i, name in ipairs { "kept.db", "kept.db-wal", "bus.db", "config" } do
      local ok, why = pcall(af.download, "file://" .. party.args.at .. "/" .. name)
      refused[i] = not ok and why:find("is what the run itself keeps or reads", 1, true) and name or nil
    end
    return af.done(table.concat(refused, " "))
  end } } } } }
LUA
(umask 077 && echo '# nothing' >out/config)
expect_output '"kept.db kept.db-wal bus.db config"' "$AFRUN" flow/own.lua --task own --node n --role a --peers a=n --json \
    --bus "local:$PWD/out/bus.db" --state out/kept.db --config out/config --allow-read "$PWD/out" --arg "at=$PWD/out"
