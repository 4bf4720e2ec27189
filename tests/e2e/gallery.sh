#!/usr/bin/env bash
# The gallery is what `make gallery` draws: again, it changes nothing. (If charts or flows have changed: run it, look, and commit.)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 23

names="sync_state fed_avg two_phase_commit psi_rsa"
check "four runs are drawn" "$ROOT/tests/lib/gallery.sh" "$PROGRAM" "$ROOT/flows" drawn $names
for name in $names; do
    for what in states run; do
        [ "$name.$what" != psi_rsa.states ] || continue # psi has them
        check "$name's $what as they stand in the gallery" cmp "drawn/$name.$what.svg" "$ROOT/flows/gallery/$name.$what.svg"
    done
done

# The page shows each picture, and no other; all together are small.
grep -oE '[a-z_]+\.(states|run)\.svg' "$ROOT/flows/gallery/README.md" | sort >shown
(cd "$ROOT/flows/gallery" && ls -- *.svg) >there
check "the page shows what is there" cmp shown there
size=$(cat "$ROOT"/flows/gallery/*.{svg,md} | wc -c)
if [ "$size" -lt 450000 ]; then ok "the gallery is small"; else not_ok "the gallery is small" "$size bytes"; fi
for picture in studio studio_dark studio_zh node service; do # of tests/lib/studio_pictures.py, ops_pictures.py
    size=$(wc -c <"$ROOT/flows/gallery/$picture.png")
    if [ "$size" -lt 90000 ] && grep -q "($picture.png)" "$ROOT/flows/gallery/README.md"; then ok "$picture is shown, and small"; else not_ok "$picture is shown, and small" "$size bytes"; fi
done
for flow in "$ROOT"/flows/protocols/*.lua; do
    name=$(basename "$flow" .lua)
    if grep -q "^$name\.states" there; then ok "it has $name"; else not_ok "it has $name"; fi
done
check "pictures hold no script and nothing from elsewhere" /usr/bin/python3 - "$ROOT"/flows/gallery/*.svg <<'PY'
import sys, xml.etree.ElementTree as tree
for name in sys.argv[1:]:
    for element in tree.parse(name).getroot().iter():
        assert element.tag.split("}")[1] in {"svg", "title", "style", "rect", "text", "g", "path", "circle", "line"}, (name, element.tag)
        assert not any(key.endswith("href") or key.startswith("on") for key in element.attrib), (name, element.attrib)
    assert "url(" not in open(name).read() and "@import" not in open(name).read()
PY
