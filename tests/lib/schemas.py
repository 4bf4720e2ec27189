"""Validates what the program has answered to --json: schemas.py SCHEMAS FOLDER.

FOLDER is as answers.sh has filled it: of each command NAME.out, NAME.words and NAME.status. Says of each answer that
is not right which command it was, and why; the exit status tells.
An answer is right if it is one object on one line, if it is what SCHEMAS/<its kind>.schema.json says, and if it
has an error exactly where the command's exit status is not 0.
"""
import json
import pathlib
import sys

import jsonschema


def load(folder):
    schemas = {}
    for path in sorted(folder.glob("*.schema.json")):
        schemas[path.name] = json.loads(path.read_text())
        jsonschema.Draft7Validator.check_schema(schemas[path.name])
    return schemas


def mistakes(schemas, status, answer):
    """What is wrong with an answer, in words."""
    lines = answer.split(b"\n")
    if lines[-1] != b"" or len(lines) != 2:
        return [f"not one line, but {answer.count(bytes([10]))}: {answer[:200]!r}"]
    try:
        document = json.loads(lines[0])
    except ValueError as error:
        return [f"no JSON: {error}: {answer[:200]!r}"]
    kind = document.get("kind") if isinstance(document, dict) else None
    schema = schemas.get(f"{kind}.schema.json")
    if schema is None:
        return [f"an answer of no known kind: {answer[:200]!r}"]
    resolver = jsonschema.RefResolver("", schema, store=schemas)
    found = [f"{error.message[:300]}, at /{'/'.join(map(str, error.absolute_path))}"
             for error in jsonschema.Draft7Validator(schema, resolver=resolver).iter_errors(document)]
    told = document.get("error")
    if (told is not None) != (status != 0):
        found.append(f"exit status {status}, and {'an' if told else 'no'} error")
    elif told is not None and told["status"] != status:
        found.append(f"exit status {status}, and an error of status {told['status']}")
    return found


def main():
    schemas = load(pathlib.Path(sys.argv[1]))
    count = wrong = 0
    for path in sorted(pathlib.Path(sys.argv[2]).glob("*.status")):
        words = path.with_suffix(".words").read_text().split("\0")
        answer = path.with_suffix(".out").read_bytes()
        count += 1
        for mistake in mistakes(schemas, int(path.read_text()), answer):
            wrong += 1
            print(f"{' '.join(words)[:200]}: {mistake}")
    print(f"{count} answers")
    sys.exit(1 if wrong else 0)


main()
