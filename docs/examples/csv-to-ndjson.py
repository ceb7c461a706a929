"""Turns CSV with a header on stdin into one JSON object a line on stdout; every value stays text."""
import csv
import json
import sys

for row in csv.DictReader(sys.stdin):
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
