"""Turns CSV with a header on stdin into one JSON object a line on stdout; every value stays text."""
import csv
import json
import sys

# A byte-order mark at the start, and NULs that a loss of power left, do not belong to the data.
sys.stdin.reconfigure(encoding="utf-8-sig", newline="")
lines = (line.replace("\0", "") for line in sys.stdin)
for row in csv.DictReader(lines):
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
