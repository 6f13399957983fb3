#!/usr/bin/env python3
"""Reads figures in Prometheus' text format 0.0.4 from standard input, strictly: every family has one
HELP and one TYPE before its samples, which stand together; names, labels and numbers are well formed;
no sample comes twice; counters, and nothing else, end in _total, and none is negative.

    metrics_check.py NAME...     each of these must be there, as overlay_peers or
                                 'overlay_peer_direct{peer="alice"} 1'
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (\S+)\Z")
NUMBER = re.compile(r"(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN)\Z")


def fail(number, why):
    sys.exit(f"line {number}: {why}")


def read(text):
    if not text.endswith("\n"):
        sys.exit("the last line has no end")
    helped, kinds, samples, family = set(), {}, {}, None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        words = line.split(" ", 3)
        if words[:2] == ["#", "HELP"]:
            if len(words) != 4 or not re.fullmatch(NAME, words[2]) or words[2] in helped:
                fail(number, "a HELP that is malformed, or comes twice")
            family = words[2]
            helped.add(family)
        elif words[:2] == ["#", "TYPE"]:
            if len(words) != 4 or words[2] != family or family in kinds:
                fail(number, "a TYPE that does not stand right behind its HELP")
            if words[3] not in ("counter", "gauge"):
                fail(number, "a TYPE of another kind")
            if (words[3] == "counter") != family.endswith("_total"):
                fail(number, "counters, and nothing else, end in _total")
            kinds[family] = words[3]
        else:
            match = SAMPLE.match(line)
            if not match or not NUMBER.match(match[3]):
                fail(number, "no sample: " + line)
            if match[1] != family or family not in kinds:
                fail(number, "a sample of another family")
            one = match[1] + (match[2] or "")
            if one in samples:
                fail(number, "a sample that comes twice")
            if kinds[family] == "counter" and float(match[3]) < 0:
                fail(number, "a counter below zero")
            samples[one] = match[3]
    return samples


def main():
    samples = read(sys.stdin.read())
    lines = {f"{name} {value}" for name, value in samples.items()}
    for wanted in sys.argv[1:]:
        if wanted not in samples and wanted not in lines:
            sys.exit(f"missing: {wanted}\n" + "\n".join(sorted(lines)))
    print(f"{len(samples)} samples")


main()
