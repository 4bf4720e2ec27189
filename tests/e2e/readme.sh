#!/usr/bin/env bash
# The code blocks of the READMEs do what they say (tests/lib/doc_blocks.py; that of the service has a test of its own).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
for file in README.md README.zh-CN.md flows/README.md flows/protocols/README.md; do
    run "$ROOT/tests/lib/doc_blocks.py" "$PROGRAM" "$ROOT/$file"
    while IFS= read -r line; do
        case $line in
        "ok "*) ok "${line#ok }" ;;
        "not ok "*) not_ok "${line#not ok }" "$(cat "$OUT" "$ERR")" ;;
        esac
    done < <(grep -E '^(not )?ok ' "$OUT")
    [ "$status" -eq 0 ] || not_ok "$file" "$(explain "status $status" doc_blocks.py)"
done

# Each message of the Chinese index is one that the program may say: a piece of it stands in the sources.
cat >messages.py <<'PYTHON'
import glob, re, sys
sources = ""
for pattern in ("runtime/**/*.[ch]", "bindings/*.[ch]", "scripts/af/*.lua"):
    for path in glob.glob(sys.argv[1] + "/" + pattern, recursive=True):
        sources += open(path).read()
sources = re.sub(r'"\s*(\.\.)?\s*"', "", sources).replace('\\"', '"')
rows = re.findall(r"^\| `(.*?)` \|", open(sys.argv[1] + "/flows/ERRORS.zh-CN.md").read().replace("\\`", "\x01"), re.M)
for row in rows:
    pieces = re.split("['…]+", row.replace("\x01", "`"))
    long = [piece.strip(" :;") for piece in pieces if len(piece.strip(" :;")) >= 7]
    if not any(piece in sources for piece in long):
        print("nothing says: " + row)
if len(rows) < 40:
    print("only %d rows" % len(rows))
PYTHON
run /usr/bin/python3 messages.py "$ROOT"
if [ ! -s "$OUT" ] && [ ! -s "$ERR" ]; then ok "what the Chinese index explains is said"; else not_ok "what the Chinese index explains is said" "$(cat "$OUT" "$ERR")"; fi
