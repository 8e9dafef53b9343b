#!/usr/bin/env python3
"""Looks whether an exported audit trail is whole, and goes on from an earlier one.

  curl -s "$WATCHWORD/v1/subjects/u-1/audit" -H "Authorization: Bearer $KEY" > today.json
  docs/examples/verify-audit.py today.json               # no line is missing or moved
  docs/examples/verify-audit.py today.json last-week.json   # and none has changed since

Ends with 0 if so, and with 1 and what is wrong if not. Links are made under a key
that only the gateway has: that a line belongs to its link is for the gateway to
say, which looks each time the trail is read.
"""
import json
import sys

ZEROS = "0" * 64


def mistakes_in(trail):
    lines, count = trail["lines"], trail["count"]
    if not trail["complete"]:
        yield "the gateway says that lines are missing"
    if not lines:
        if count:
            yield f"{count} lines are said to be there, and none is"
        return
    if lines[0]["n"] == 1 and lines[0]["prev"] != ZEROS:
        yield "line 1 follows another one"
    for before, line in zip(lines, lines[1:]):
        if line["n"] != before["n"] + 1:
            yield f"line {line['n']} stands behind line {before['n']}"
        if line["prev"] != before["hash"]:
            yield f"line {line['n']} does not follow line {before['n']}"
    if (lines[-1]["n"], lines[-1]["hash"]) != (count, trail["head"]):
        yield "the trail does not end with its last line"


def mistakes_since(earlier, trail):
    if trail["count"] < earlier["count"]:
        yield f"it is older than the earlier one: {trail['count']} lines, {earlier['count']} before"
        return
    now = {line["n"]: line for line in trail["lines"]}
    kept = [line for line in earlier["lines"] if line["n"] in now]
    if earlier["lines"] and not kept and trail["lines"][:1] != []:
        # The oldest lines go; what follows them must still say so.
        first = trail["lines"][0]
        if first["n"] == earlier["count"] + 1 and first["prev"] != earlier["head"]:
            yield f"line {first['n']} does not follow the earlier trail"
    for line in kept:
        if now[line["n"]] != line:
            yield f"line {line['n']} has changed"


def main(paths):
    if not 1 <= len(paths) <= 2:
        sys.exit(__doc__)
    trails = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            trails.append(json.load(file))
    mistakes = list(mistakes_in(trails[0]))
    if len(trails) == 2:
        mistakes += mistakes_since(trails[1], trails[0])
    for mistake in mistakes:
        print(mistake)
    if mistakes:
        sys.exit(1)
    print(f"{len(trails[0]['lines'])} lines in order, head {trails[0]['head']}")


main(sys.argv[1:])
