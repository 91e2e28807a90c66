#!/usr/bin/env python3
"""Makes the prompt library of Belfry: sounds/zh-CN/**.wav, sounds/en/**.wav and manifest.tsv.

    prompts.tsv (name, zh-CN, en)  ->  voice.py  ->  telephone.py  ->  LANGUAGE/NAME.wav
                                                                   ->  manifest.tsv

A prompt is made if its file is missing, its text has changed, or the way of making it has.
A file whose manifest line names a voice of another kind (a studio recording) is never touched.

    python3 sounds/make.py [--voices FOLDER] [--cache FOLDER] [--only NAME] [--check]

`--check` makes nothing: it measures every file and says what is out of bounds.
Packages: see README.md.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

import telephone

HERE = Path(__file__).resolve().parent
LANGUAGES = ("zh-CN", "en")
COLUMNS = ("name", "language", "file", "duration_ms", "voice", "licence", "text")
LICENCE = "Apache-2.0"
RECIPE = 1  # raise it when voice.py or telephone.py change what is heard
MUSIC = ("music/default", "-", "music/default.wav", None, "make_music.py", "MIT OR Apache-2.0", "")
PACE_MS = {"zh-CN": (110, 420), "en": (90, 620)}  # speech per syllable; English: per vowel group
LEVEL_SLACK_DB = 1.0


def read_texts():
    """prompts.tsv as a list of (name, {language: text}); its faults are named with their line."""
    texts, seen = [], set()
    for number, line in enumerate((HERE / "prompts.tsv").read_text("utf8").splitlines(), 1):
        if not line.strip() or line.startswith("#") or line == "name\tzh-CN\ten":
            continue
        fields = line.split("\t")
        if len(fields) != 3 or not re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)*", fields[0]):
            sys.exit(f"prompts.tsv:{number}: expected NAME, zh-CN text and en text: {line!r}")
        if fields[0] in seen:
            sys.exit(f"prompts.tsv:{number}: {fields[0]} is there twice")
        seen.add(fields[0])
        texts.append((fields[0], dict(zip(LANGUAGES, fields[1:]))))
    return texts


def read_manifest():
    """The manifest as {(name, language): row}; empty if there is none yet."""
    path = HERE / "manifest.tsv"
    if not path.exists():
        return {}
    lines = path.read_text("utf8").splitlines()[1:]
    rows = [dict(zip(COLUMNS, line.split("\t"))) for line in lines]
    return {(row["name"], row["language"]): row for row in rows}


def write_manifest(rows):
    """Writes the manifest, in the order of prompts.tsv."""
    lines = ["\t".join(COLUMNS)] + ["\t".join(str(row[c]) for c in COLUMNS) for row in rows]
    (HERE / "manifest.tsv").write_text("\n".join(lines) + "\n", "utf8")


def way_of(text, language):
    """Which of voice.py's two ways speaks this text."""
    short = language == "zh-CN" and re.fullmatch("[\u4e00-\u9fff]{1,4}", text)
    return "word" if short else "sentence"


def is_ours(row):
    """Whether the file was made here, and not put here by an installer."""
    return row["voice"].startswith("kokoro-82m/")


def measure(path):
    """(level of the speech, peak, ms of speech, ms before it) of a file."""
    wave = telephone.read_wav(path)
    level = telephone.frames_db(wave)
    loud = np.flatnonzero(level > level.max() - telephone.FLOOR_DB)
    peak = 20 * np.log10(np.abs(wave).max())
    return telephone.active_level(wave), peak, (loud[-1] - loud[0] + 1) * 10, loud[0] * 10


def syllables(text, language):
    """How many syllables, counted well enough to judge a duration."""
    if language == "zh-CN":
        return len(re.findall("[\u4e00-\u9fff]", text))
    return sum(max(1, len(re.findall("[aeiouy]+", w))) for w in re.findall("[a-z']+", text.lower()))


def faults(row):
    """What is wrong with a file, as a list of short texts."""
    path = HERE / row["file"]
    if not path.exists():
        return ["missing"]
    level, peak, speech, lead = measure(path)
    low, high = (b * syllables(row["text"], row["language"]) for b in PACE_MS[row["language"]])
    pauses = 450 * len(re.findall("[，。？,.?](?=.)", row["text"]))
    found = []
    if abs(level - telephone.LEVEL_DBFS) > LEVEL_SLACK_DB:
        found.append(f"level {level:.1f} dBFS")
    if peak > telephone.PEAK_DBFS:
        found.append(f"peak {peak:.1f} dBFS")
    if not low <= speech <= high + pauses:
        found.append(f"{speech} ms of speech, expected {low} to {high + pauses}")
    if lead > 80:
        found.append(f"starts after {lead} ms")
    return found


def make(kokoro, name, language, text):
    """Makes one file; returns its manifest row."""
    from voice import RATE, VOICES

    way, warning = way_of(text, language), ""
    if way == "word":
        wave, warning = kokoro.word(text)
    else:
        wave, warning = kokoro.sentence(text, language)
    octets, duration = telephone.finish(wave, RATE)
    file = f"{language}/{name}.wav"
    (HERE / file).parent.mkdir(parents=True, exist_ok=True)
    (HERE / file).write_bytes(octets)
    said = f"{language} {name}: {duration} ms"
    print(said + (f"  NOT CLEAN: {warning}" if warning else ""), flush=True)
    voice = f"kokoro-82m/{VOICES[language]}/{way}@{RECIPE}"
    return dict(zip(COLUMNS, (name, language, file, duration, voice, LICENCE, text)))


def main():
    """Makes or checks the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="make this prompt again, whatever its state")
    parser.add_argument("--check", action="store_true", help="measure, make nothing")
    parser.add_argument("--voices", default="node_modules/kokoro-js/voices", help="folder of *.bin")
    parser.add_argument("--cache", default="~/.cache/belfry-voice", help="folder for the model")
    options = parser.parse_args()
    texts, old, rows, kokoro = read_texts(), read_manifest(), [], None
    if not options.check:
        from voice import VOICES, Kokoro
    for name, by_language in texts:
        for language, text in by_language.items():
            row = old.get((name, language))
            if options.check:
                rows += [row] if row else sys.exit(f"{language} {name}: not in the manifest")
                continue
            if row and not is_ours(row):
                rows.append(row)
                if row["text"] != text:
                    print(f"{language} {name}: its text changed; the studio file did not")
                continue
            voice = f"kokoro-82m/{VOICES[language]}/{way_of(text, language)}@{RECIPE}"
            fresh = row and row["text"] == text and row["voice"] == voice
            if fresh and (HERE / row["file"]).exists() and options.only != name:
                rows.append(row)
                continue
            if kokoro is None:
                cache = Path(options.cache).expanduser()
                cache.mkdir(parents=True, exist_ok=True)
                kokoro = Kokoro(options.voices, cache)
            rows.append(make(kokoro, name, language, text))
            old[name, language] = rows[-1]
            write_manifest(list(old.values()))  # an interrupted run goes on where it stopped
    bad = [(row, f) for row in rows if is_ours(row) for f in faults(row)]
    for row, fault in bad:
        print(f"{row['file']} ({row['text']}): {fault}")
    if not options.check:
        music = dict(zip(COLUMNS, MUSIC))
        music["duration_ms"] = len(telephone.read_wav(HERE / music["file"])) // 8
        write_manifest(rows + [music])
    print(f"{len(rows)} prompts, {len(bad)} faults")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
