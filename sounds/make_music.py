#!/usr/bin/env python3
"""Composes sounds/music/default.wav, the music a caller hears on hold.

Sixteen bars in D major at 80 beats a minute: a soft pad, broken chords and a sparse bell
melody, all made of sines, so nothing here belongs to anyone else. Notes that ring over the end
are added to the beginning: the file is a seamless loop. 48 s are 2400 packets of 20 ms.

    python3 sounds/make_music.py        needs numpy (PyPI)
"""

from pathlib import Path

import numpy as np

import telephone

BEAT = 60.0 / 80.0  # seconds
BAR = 4 * BEAT
LOUD_DBFS = -23.0  # below speech: the caller waits, and hears the next prompt well
PEAK_DBFS = -9.0

# One bar each; MIDI notes, low to high, all between 196 and 600 Hz.
CHORDS = {
    "D": (62, 66, 69, 73),
    "Bm": (59, 62, 66, 69),
    "G": (59, 62, 67, 71),
    "A": (61, 64, 69, 71),
    "F#m": (61, 64, 66, 69),
    "Em": (59, 64, 67, 71),
}
BARS = "D Bm G A D F#m G A Bm G D A Em A G D".split()

# (bar, beat, note, beats): two answering phrases and a close.
MELODY = [
    (0, 0, 78, 3), (1, 0, 76, 1), (1, 1, 74, 3), (2, 2, 71, 1), (2, 3, 74, 1), (3, 0, 76, 3),
    (4, 0, 78, 2), (4, 2, 81, 2), (5, 0, 78, 3), (6, 1, 76, 1), (6, 2, 74, 2), (7, 0, 73, 3),
    (8, 0, 74, 2), (8, 2, 78, 2), (9, 0, 79, 3), (10, 0, 78, 1), (10, 1, 76, 1), (10, 2, 74, 2),
    (11, 0, 76, 3), (12, 0, 79, 2), (12, 2, 78, 2), (13, 0, 76, 3), (14, 0, 74, 2), (14, 2, 71, 2),
    (15, 0, 74, 4),
]  # fmt: skip

ARPEGGIO = (0, 2, 1, 3, 2, 1, 3, 2)  # eighths of a bar, as indexes into the chord


def note(midi, seconds, attack, decay, partials):
    """One sounding note: sines at `partials` (ratio, weight), a soft attack and a fall."""
    t = np.arange(int(seconds * telephone.RATE)) / telephone.RATE
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    tone = sum(w * np.sin(2 * np.pi * hz * r * t) * np.exp(-t * decay * r) for r, w in partials)
    ends = np.minimum(1.0, t / attack) * np.minimum(1.0, (seconds - t) / 0.3)
    return tone * np.sin(np.clip(ends, 0, 1) * np.pi / 2) ** 2


def add(loop, start, sound, gain):
    """Mixes `sound` in at `start` seconds, around the end of the loop if need be."""
    where = (int(round(start * telephone.RATE)) + np.arange(len(sound))) % len(loop)
    np.add.at(loop, where, gain * sound)


def compose():
    """The loop as a float wave at 8 kHz."""
    loop = np.zeros(int(len(BARS) * BAR * telephone.RATE))
    for bar, name in enumerate(BARS):
        chord = CHORDS[name]
        for midi in chord:
            pad = note(midi, BAR * 1.4, 1.2, 0.1, ((1, 1.0), (2, 0.2)))
            add(loop, bar * BAR, pad, 0.16)
        for step, index in enumerate(ARPEGGIO):
            pluck = note(chord[index] + 12, 1.8, 0.012, 2.2, ((1, 1.0), (2, 0.25), (3, 0.06)))
            add(loop, bar * BAR + step * BEAT / 2, pluck, 0.16 if step % 2 else 0.22)
    for bar, beat, midi, beats in MELODY:
        bell = note(midi, beats * BEAT + 1.2, 0.03, 0.9, ((1, 1.0), (2, 0.12), (3.01, 0.04)))
        add(loop, bar * BAR + beat * BEAT, bell, 0.34)
    rms = 10 * np.log10(np.mean(loop**2))
    loop *= 10 ** ((LOUD_DBFS - rms) / 20)
    return telephone.limit(loop, 10 ** (PEAK_DBFS / 20))


def main():
    """Writes the file."""
    path = Path(__file__).parent / "music" / "default.wav"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(telephone.wav(telephone.alaw(compose())))
    print(f"{path}: {path.stat().st_size} octets")


if __name__ == "__main__":
    main()
