#!/usr/bin/env bash
# The SHA-256 of the model of a training, which is by floating point and in Lua: model_sum.sh DATA PROGRAM…. DATA: a folder of CSV
# files, one for each of three participants, as tables.py deals them out.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1
shift
"$@" flows/fed_avg.lua --mock --quiet --arg train=training.logistic --arg size=31 --allow-read "$data" --arg data="$data/{id}.csv" --arg rounds=20 --arg steps=5 \
    --trace - 2>/dev/null | sed -nE 's/.*"file_type":"model","file_url":"mock:\/\/file\/([0-9a-f]{64})".*/\1/p' | sort -u
