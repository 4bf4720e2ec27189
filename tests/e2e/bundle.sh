#!/usr/bin/env bash
# A flow with its modules as one thing: `afrun bundle` makes and signs it, commands take it in place of a
# flow, a node takes it whole, in whichever layout it stands there, and says by name why it does not.
source "$(dirname "$0")/../lib/e2e.sh"
plan 117
source "$ROOT/tests/lib/parties.sh"

minisign -G -W -p author.pub -s author.key >/dev/null
minisign -G -W -p stranger.pub -s stranger.key >/dev/null
mkdir src src/sub flows

source_of() { # source_of VERSION: the flow "trio", of three modules, one of them required by a handler alone
    cat >src/trio.lua <<LUA
local af = require "af"
local words = require "words" -- what handlers require 'stands in no "text"
local Go = af.event("go", { word = af.string })
return af.flow {
  name = "trio", version = $1, mock = { waiter = 1 },
  roles = { waiter = { start = "idle", states = {
    idle = { may_end = true, [Go] = function() return require("sub.late").outcome(af) end },
  }, data = function() return { words = words.version } end } },
}
LUA
    echo "return { version = $1 }" >src/words.lua
    echo "return { version = $1, outcome = function(af) return af.done($1) end }" >src/sub/late.lua
}
bundle() { "$AFRUN" bundle src/trio.lua "$@"; }
make() { # make VERSION WHERE [OPTION…]
    source_of "$1"
    shift
    bundle -o "$@" >/dev/null 2>made.err || not_ok "a bundle is made" "$(cat made.err)"
}

# ---- Making. ----
source_of 1
printf '#!/bin/sh\necho trained\n' >train
expect_output "trio.afb: version 1 of trio, 4 files, not signed" bundle --with train --allow-run train
[ ! -s "$ERR" ] && ok "it misses nothing: the library is in the program" || not_ok "it misses nothing: the library is in the program" "$(cat "$ERR")"
cp trio.afb first.afb
touch src/words.lua
check "again" bundle --with train --allow-run train
check "the same files and options give the same bytes" cmp first.afb trio.afb
expect_output "sub/late.lua" tar tf trio.afb
check "a signature" bundle -o signed --sign author.key --json
check "minisign knows it" minisign -q -V -p author.pub -m signed/manifest.json
cp train train.sh
check "a program's name may have a dot" bundle -o dot.afb --with train.sh --allow-run train.sh --sign author.key
modes=$(tar tvf dot.afb | awk '{ print $1, $NF }')
[ "$(grep -c '^-rwx' <<<"$modes")" = 1 ] && grep -qx -e '-rwxr-xr-x train.sh' <<<"$modes" && ok "and it alone can be run" || not_ok "and it alone can be run" "$modes"
check "a bundle is made anew, and signed" "$AFRUN" bundle first.afb -o again.afb --sign author.key
expect_output '"run":["train"]' tar xOf again.afb manifest.json
expect_error "is there already, is no bundle, and is left alone" 2 bundle -o src
expect_error "author.pub: is no secret key of minisign" 2 bundle -o x --sign author.pub
expect_error "is a sequential script; a bundle is of a flow" 2 "$AFRUN" bundle src/words.lua -o x
expect_error "--least-af: expected a version of afrun" 2 bundle --least-af 1
expect_error "name one flow: afrun bundle FLOW.lua" 2 "$AFRUN" bundle
cat >password.py <<'PY'
import os, pty, select, sys, termios, time
def wait_quiet(terminal): # what is typed before is thrown away
    until = time.monotonic() + 20
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < until:
        time.sleep(0.01)
def talk(command, prompts):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            some = os.read(terminal, 1000)
        except OSError:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        seen += some
        if prompts and prompts[0] in seen:
            wait_quiet(terminal)
            os.write(terminal, sys.argv[1].encode() + b"\n")
            prompts.pop(0)
            seen = b""
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    sys.exit("it waits: %s" % seen)
sys.exit(talk(sys.argv[2:], [b"assword", b"one more time"] if sys.argv[2] == "minisign" else [b"assword"]))
PY
check "a key with a password" python3 password.py secret minisign -G -p locked.pub -s locked.key
check "its password is asked for" python3 password.py secret "$PROGRAM" bundle src/trio.lua -o locked --sign locked.key
check "and is the right one" minisign -q -V -p locked.pub -m locked/manifest.json
expect_error "has a password, and there is no terminal" 2 setsid "$AFRUN" bundle src/trio.lua -o x --sign locked.key
for field in 38 46; do # operations, and memory: 8 bytes each
    python3 - $field >costly.key <<'PY'
import base64, sys
at = int(sys.argv[1])
head, key = open("locked.key").read().splitlines()
key = bytearray(base64.b64decode(key))
key[at:at + 8] = (1 << 33).to_bytes(8, "little")
print(head, base64.b64encode(key).decode(), sep="\n")
PY
    expect_error "costly.key: its password would take too much memory or time" 2 setsid "$AFRUN" bundle src/trio.lua -o x --sign costly.key
done

# ---- In place of a flow. ----
for what in signed trio.afb; do
    expect_output "trio: 0 parties done, 0 failed, 1 resting" "$AFRUN" run "$what" --mock
    expect_output "no violation" "$AFRUN" check "$what"
    run "$AFRUN" lint "$what"
    expect_in "$OUT" "$what/trio.lua:3: unsent: event 'go' is never sent" "and lint"
done
expect_output "1 resting" "$AFRUN" signed --mock

# ---- What is refused, by name. ----
manifest() { # manifest FROM TO: a bundle `odd` whose manifest says something else
    rm -rf odd && cp -r signed odd && rm odd/manifest.json.minisig
    sed -i "s|$1|$2|" odd/manifest.json
}
while IFS='~' read -r from to text; do
    manifest "$from" "$to"
    expect_error "manifest.json: $text" 2 "$AFRUN" run odd --mock
done <<'TABLE'
"format":1~"format":2~field format is newer than 1, the one that this afrun reads
"format":1~"format":0~field format is not 1
"version":1~"version":0~field version is no version
"version":1~"version":2~says version 2 of 'trio', and trio.lua is version 1 of 'trio'
"name":"trio","v~"name":"duo","v~says version 1 of 'duo'
"flow":"trio.lua"~"flow":"sub/late.lua"~field flow is no name of a Lua file beside manifest.json
"flow":"trio.lua"~"flow":"none.lua"~field flow is not among its files
"least_af":"0.1.0"~"least_af":"99.0.0"~needs afrun 99.0.0, and this is
"least_af":"0.1.0"~"least_af":"new"~field least_af is no version of afrun
"least_af":"0.1.0",~~field least_af is missing
"read":\[\]~"read":[1]~field grants.read has an item that is no text
"run":\[\]~"dance":[]~field grants.dance is not known to this afrun
"size":~"sise":~field files[0].sise is not known to this afrun
"name":"words.lua"~"name":"../words.lua"~field files[2].name is no name of a file in a bundle
"name":"words.lua"~"name":"/words.lua"~field files[2].name is no name of a file in a bundle
"name":"words.lua"~"name":"trio.lua"~field files[2].name comes twice
"sha256":"~"sha256":"x~field files[0].sha256 is no SHA-256
"format":1~"format":1,"format":1~is no JSON
}]}~}]~is no JSON
TABLE
manifest x x
rm odd/words.lua
expect_error "odd/words.lua: cannot be read: No such file" 2 "$AFRUN" run odd --mock
echo 'return {}' >odd/words.lua
expect_error "odd/words.lua: has 10 bytes, and manifest.json says" 2 "$AFRUN" run odd --mock
sed 's/1/2/' src/words.lua >odd/words.lua
expect_error "odd/words.lua: has other bytes than manifest.json says" 2 "$AFRUN" run odd --mock
rm odd/words.lua && ln -s "$TMP/src/words.lua" odd/words.lua
expect_error "odd/words.lua: cannot be read: Invalid cross-device link" 2 "$AFRUN" run odd --mock

odd_tar() { # odd_tar PYTHON: odd.afb, of first.afb's files, changed by the code
    python3 - "$1" <<'PY'
import io, sys, tarfile
files = []
with tarfile.open("first.afb") as old:
    for member in old:
        files.append((member, old.extractfile(member).read()))
def add(name, text=b"", **more):
    member = tarfile.TarInfo(name)
    member.size = len(text)
    for key, value in more.items():
        setattr(member, key, value)
    files.append((member, text))
exec(sys.argv[1])
with tarfile.open("odd.afb", "w", format=tarfile.USTAR_FORMAT) as new:
    for member, text in files:
        new.addfile(member, io.BytesIO(text))
PY
}
while IFS='~' read -r code text; do
    odd_tar "$code"
    expect_error "$text" 2 "$AFRUN" run odd.afb --mock
done <<'TABLE'
add("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")~odd.afb/link: is a link, and a bundle has none
add("hard", type=tarfile.LNKTYPE, linkname="trio.lua")~odd.afb/hard: is a link
add("null", type=tarfile.CHRTYPE)~odd.afb/null: is neither a file nor a folder
add("pipe", type=tarfile.FIFOTYPE)~odd.afb/pipe: is neither a file nor a folder
add("../up.lua")~odd.afb/../up.lua: leads out of the bundle
add("/etc/up.lua")~odd.afb//etc/up.lua: leads out of the bundle
add("more.lua")~odd.afb/more.lua: is not in the list of manifest.json
add("words.lua")~odd.afb/words.lua: comes twice
add("./words.lua")~odd.afb/words.lua: comes twice
files = [f for f in files if f[0].name != "words.lua"]~odd.afb/words.lua: is missing; manifest.json lists it
files = [f for f in files if f[0].name != "manifest.json"]~odd.afb/manifest.json: is missing
files = [(m, t.replace(b"1", b"2") if m.name == "words.lua" else t) for m, t in files]~odd.afb/words.lua: has other bytes
TABLE
odd_tar 'add("folder", type=tarfile.DIRTYPE)'
expect_output "1 resting" "$AFRUN" run odd.afb --mock
head -c 2000 first.afb >odd.afb
expect_error "odd.afb: ends too early" 2 "$AFRUN" run odd.afb --mock
head -c 3000 /dev/zero >odd.afb
expect_error "odd.afb/manifest.json: is missing" 2 "$AFRUN" run odd.afb --mock
gzip -c first.afb >odd.afb
expect_error "odd.afb: is no ustar archive" 2 "$AFRUN" run odd.afb --mock
truncate -s 70M odd.afb
expect_error "odd.afb: is larger than" 2 "$AFRUN" run odd.afb --mock

# ---- A node. ----
node() { # node OPTION…
    start_party i node --node i --bus local:bus.db --flows "${folder:-flows}" --state i.state "$@"
    wait_line i.out "afrun node: node i" || not_ok "the node starts" "$(cat i.err)"
}
launch() { ctl launch trio --task "$1" --role waiter --peers waiter=i; }
says_status() { ctl status --json 2>/dev/null | grep -qF "$1"; }
status_has() { # status_has TEXT NAME
    if until_true says_status "$1"; then ok "$2"; else not_ok "$2" "$(ctl status --json 2>&1; tail -n 3 i.err)"; fi
}
afresh() { # afresh OPTION…: another node, of no flows
    stop_all
    rm -rf i.state flows bus.db* && mkdir flows
    node "$@"
}

node
expect_error "no such flow in flows" 2 launch t
make 1 flows/trio --allow-run no-such-program --allow-read "$TMP"
expect_output "launched" launch t
expect_in i.err "trio.lua: wants --allow-run no-such-program, which this node does not grant" "what it asks for and is not granted is told"
status_has '"--allow-run no-such-program"],"worker"' "and is in the status for programs"
expect_output "its bundle wants, and has not: --allow-read $TMP, --allow-run no-such-program" ctl status
make 2 flows/trio
status_has '"version":2' "a folder that is replaced is taken"
make 3 next
cp next/manifest.json flows/trio/
wait_line i.err "trio.lua is not taken" || not_ok "a half-written folder is refused" "$(cat i.err)"
status_has '"version":2' "a half-written folder is not taken"
status_has 'manifest.json says' "and status says why"
cp next/trio.lua flows/trio/ && cp next/words.lua flows/trio/
cp next/sub/late.lua flows/trio/sub/
status_has '"version":3' "it is, once its last file is there, in a folder below"
source_of 4
cp src/trio.lua src/words.lua flows/
expect_error "stands there twice, as trio and as trio.lua" 2 ctl reload trio
rm -r flows/trio
status_has '"version":4' "a single file takes the place of a bundle"
rm flows/words.lua flows/trio.lua
make 5 flows/trio.afb
status_has '"version":5' "and a .afb that of a file"
make 2 flows/trio.afb
expect_error "would go back from version 5 to 2" 2 ctl reload trio
make 6 flows/trio.afb --least-next 6
status_has '"version":6' "a version is taken"
expect_error "version 5 may not follow version 6, whose manifest says that the least is 6" 2 ctl rollback trio
make 5 flows/trio.afb
expect_error "version 5 may not follow version 6" 2 launch u
make 7 flows/trio.afb --least-af 99.0.0
expect_error "needs afrun 99.0.0" 2 ctl reload trio
rm flows/trio.afb src/sub/late.lua
kill_party i KILL
node
status_has '"version":6' "after a crash it goes on with what it ran"
mkdir -p src/sub
check "an event from outside" ctl send t go '{"word":"go"}'
status_has '"status":"done"' "a module that a handler requires comes from the bundle that is kept"

# ---- Layouts: a link that moves, a ConfigMap, the flows folder itself. ----
mkdir releases
make 1 releases/1
make 2 releases/2
afresh
ln -s ../releases/current flows/trio && ln -s 1 releases/current
expect_output "launched" launch t
ln -s 2 releases/.next && mv -T releases/.next releases/current
status_has '"version":2' "a link that moves, far from the folder, is seen"
config_map() { # config_map VERSION: as Kubernetes changes one
    make "$1" whole
    mkdir -p "map/..$1/sub"
    cp -r whole/. "map/..$1/"
    ln -s "..$1" map/..data_tmp && mv -T map/..data_tmp map/..data
}
mkdir map
config_map 3
for name in manifest.json trio.lua words.lua sub; do ln -s "..data/$name" "map/$name"; done
rm flows/trio && ln -s ../map flows/trio
status_has '"version":3' "a ConfigMap's folder is taken"
config_map 4
status_has '"version":4' "and its next version"
mkdir -p far waits/later/on && make 5 waits/later/on/5 && ln -s 5 waits/later/on/current
ln -s ../far/later/on/current flows/.next && mv -T flows/.next flows/trio
until_true grep -q "trio.lua is not taken" i.err || not_ok "a link that leads nowhere yet is told" "$(cat i.err)"
mv waits/later far/
status_has '"version":5' "a folder that comes behind the link to it is seen"
mkdir next.flows && make 6 next.flows/trio
mv flows old.flows && mv next.flows flows
status_has '"version":6' "the flows folder is replaced"

# ---- Trust: the manifest's signature alone. ----
afresh --trust author.pub
make 1 flows/trio
expect_error "manifest.json: is not signed, and this node takes signed flows only" 2 launch t
make 1 flows/trio --sign stranger.key
expect_error "manifest.json: is signed by key" 2 launch t
cp flows/trio/manifest.json . && minisign -S -W -s author.key -m manifest.json >/dev/null </dev/null
make 1 flows/trio --least-next 1
cp manifest.json.minisig flows/trio/
expect_error "manifest.json: is not what key" 2 launch t
make 1 flows/trio --sign author.key
echo "return { version = 9 }" >flows/trio/words.lua
expect_error "words.lua: has other bytes than manifest.json says" 2 launch t
make 1 flows/trio --sign author.key
expect_output "launched" launch t
make 2 flows/trio
wait_line i.err "trio.lua is not taken" || not_ok "an unsigned version is refused" "$(cat i.err)"
(cd flows/trio && minisign -S -W -s ../../author.key -m manifest.json >/dev/null </dev/null)
status_has '"version":2' "it is taken when its signature arrives, which minisign has made"
kill_party i
node --trust stranger.pub
status_has 'manifest.json: is signed by key' "a party whose key is trusted no more does not go on"
kill_party i
node --trust author.pub
status_has '"status":"resting"' "and goes on where it is"
stop_all

# ---- A refused reload is tried again once the handler that refused it has ended. ----
slow() { # slow VERSION
    cat >src/slow.lua <<LUA
local af = require "af"
return af.flow { name = "slow", version = $1, roles = { waiter = { start = "busy", states = {
  busy = { enter = function() af.process.run("wait.sh") return "idle" end },
  idle = { may_end = true },
} } } }
LUA
    "$AFRUN" bundle src/slow.lua -o flows/slow.afb >/dev/null
}
printf '#!/bin/bash\nuntil [ -e %q/go ]; do sleep 0.05; done\n' "$TMP" >wait.sh && chmod +x wait.sh
for watching in "" --no-watch; do
    rm -rf i.state flows go bus.db* && mkdir flows
    PATH=$TMP:$PATH node --allow-run wait.sh $watching
    slow 1
    expect_output "launched" ctl launch slow --task s --role waiter --peers waiter=i
    status_has '"status":"slow"' "a handler waits ($watching)"
    slow 2
    expect_error "give it more time" 1 ctl reload slow --wait 0.1s
    status_has '"not_taken":[{"file":"slow.lua"' "the reload is refused ($watching)"
    touch go
    status_has '"version":2' "and made once the handler has ended ($watching)"
    status_has '"not_taken":[]' "and shown no more ($watching)"
    stop_all
done

# ---- One party as a process. ----
for what in single folder; do
    make 1 "live$what"
    start_party "$what" run "live$what" --role waiter --node i --task "$what" --bus local:live.db --peers waiter=i --state "$what.db"
    until_true test -s "$what.db" || not_ok "it starts" "$(cat $what.err)"
done
make 2 livefolder
if wait_line folder.err "goes on with version 2"; then ok "afrun run --state takes a folder that is replaced"; else not_ok "afrun run --state takes a folder that is replaced" "$(cat folder.err)"; fi
stop_all
