#!/usr/bin/env bash
# What `make MODE=fast` learns from, as train.sh PROGRAM: simulating, drawing, replaying, and checking with and without
# reductions. Each command does the same whenever it runs, so that two builds are equal; a jail would keep what is counted
# from being written.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$1
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

quietly() { "$program" "$@" >"$runs/said"; }

quietly tests/bench/ping_pong.lua --mock --no-jail --parties player=2 --arg rounds=20000
quietly tests/bench/ping_pong.lua --mock --no-jail --parties player=500 --arg rounds=40
quietly tests/bench/many_parties.lua --mock --no-jail --parties participant=2000 --arg participants=2000
quietly tests/bench/ping_pong.lua --mock --no-jail --arg rounds=5000 --trace "$runs/traced"
for seed in $(seq 30); do
    quietly flows/sync_state.lua --mock --no-jail --seed "$seed" --drop .1 --duplicate .05 --crash participant:.05
done
quietly flows/fed_avg.lua --mock --no-jail --parties participant=5 --trace "$runs/fed_avg"
quietly replay "$runs/fed_avg" --no-jail
quietly chart "$runs/fed_avg" --no-jail
for reduction in "" --no-reduction; do
    quietly check tests/bench/handshake.lua --no-jail --jobs 1 --parties participant=7 $reduction
    quietly check flows/protocols/training_round.lua --no-jail --jobs 1 --drop 1 --lose 1 $reduction
    quietly check flows/protocols/two_phase_commit.lua --no-jail --jobs 1 --crash 1 $reduction
done
quietly check flows/protocols/paxos.lua --no-jail --jobs 1
