#!/usr/bin/env bash
# The code blocks of the READMEs, and of their Chinese pages, do what they say (tests/lib/doc_blocks.py; that of the service has a test of its own).
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 139
for file in {,flows/,flows/protocols/}README{,.zh-CN}.md; do
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

# What a page links to is there, to the heading.
cat >links.py <<'PYTHON'
import os, re, sys
def headings(path):
    text = re.sub(r"^```.*?^```", "", open(path).read(), flags=re.M | re.S)
    for title in re.findall(r"^#+ (.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
for page in sys.argv[1:]:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", open(page).read(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = link.partition("#")
        path = os.path.join(os.path.dirname(page), file) if file else page
        if re.match("[a-z]+:", link):
            continue
        if not os.path.exists(path) or heading and heading not in headings(path):
            print("%s: %s leads nowhere" % (page, link))
PYTHON
run /usr/bin/python3 links.py "$ROOT"/{,flows/,flows/protocols/}README{,.zh-CN}.md "$ROOT/flows/ERRORS.zh-CN.md"
if [ "$status" -eq 0 ] && [ ! -s "$OUT" ]; then ok "each link leads somewhere"; else not_ok "each link leads somewhere" "$(cat "$OUT" "$ERR")"; fi
