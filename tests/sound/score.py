#!/usr/bin/env python3
"""Scores what tests/sound wrote: PESQ by P.862.1 (8 kHz) and P.862.2 (16 kHz). Prints docs/sound.md's rows and
writes tests/sound/table.txt: hash and distances of the run, and their scores.

    python3 -m venv /tmp/pesq && /tmp/pesq/bin/pip install pesq numpy
    mkdir /tmp/sound && BELFRY_SOUND_DIR=/tmp/sound cargo test --test sound -- --ignored write
    /tmp/pesq/bin/python tests/sound/score.py /tmp/sound
"""
import pathlib
import sys
import wave
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor

import numpy
from pesq import pesq

CELLS = ["clean", "loss-1", "loss-5", "loss-10", "bursts-5", "jitter-60", "delay-250"]


def samples(path):
    with wave.open(str(path)) as file:
        data = numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)
        return file.getframerate(), data


def score(path):
    kind, rest = path.stem.split("-", 1)
    cell = next(cell for cell in CELLS if f"-{cell}-" in rest)
    clip = rest[: rest.index(f"-{cell}-")]
    rate, said = samples(path.with_name(f"{kind}-{clip}.wav"))
    _, heard = samples(path)
    return kind, cell, pesq(rate, said, heard, "nb" if rate == 8000 else "wb")


def main():
    folder = pathlib.Path(sys.argv[1])
    files = [p for p in sorted(folder.glob("*.wav")) if any(f"-{c}-" in p.stem for c in CELLS)]
    scores = defaultdict(list)
    with ProcessPoolExecutor() as pool:
        for kind, cell, value in pool.map(score, files, chunksize=8):
            scores[kind, cell].append(value)
    print("| | " + " | ".join(CELLS) + " |")
    print("|---|" + "---|" * len(CELLS))
    mean = {key: f"{numpy.mean(values):.3f}" for key, values in scores.items()}
    for kind in sorted({kind for kind, _ in scores}):
        print(f"| {kind} | " + " | ".join(mean[kind, cell] for cell in CELLS) + " |")
    lines = []
    for line in (folder / "run.txt").read_text().splitlines():
        kind, cell, _ = line.split(" ")
        lines.append(line if cell == "hash" else f"{line} {mean[kind, cell]}")
    pathlib.Path(__file__).with_name("table.txt").write_text("\n".join(lines) + "\n")


main()
