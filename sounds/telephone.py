"""The last step of every sound of Belfry: from a studio-rate wave to a telephone file.

    24 kHz float -> band 120..3500 Hz -> 8 kHz -> one level -> trim -> G.711 A-law in a WAV (format 6)

Everything is deterministic and needs numpy only. Levels are in dB below digital full scale
(a sample of 32768 is 0 dBFS). What this does not do: it does not make speech; see voice.py.
"""

import struct

import numpy as np

RATE = 8000
LEVEL_DBFS = -19.0  # RMS while somebody speaks
PEAK_DBFS = -3.0  # no sample is louder
LEAD_MS = 50  # kept before the first sound
TAIL_MS = 150  # kept after the last one
FLOOR_DB = 38.0  # below the loudest 10 ms: silence
ACTIVE_DB = 16.0  # below the active level: not counted as speech (after ITU-T P.56)


def db(x):
    """Power ratio in dB, never minus infinity."""
    return 10.0 * np.log10(np.maximum(x, 1e-12))


def band_and_decimate(wave, rate_in):
    """Band-limits to the telephone channel and resamples to 8 kHz, with zero phase, by FFT."""
    pad = rate_in // 10
    n = len(wave) + 2 * pad
    n += -n % (rate_in // 1000 * 2)
    x = np.zeros(n)
    x[pad : pad + len(wave)] = wave
    spec = np.fft.rfft(x)
    hz = np.fft.rfftfreq(n, 1.0 / rate_in)
    low = np.clip((hz - 90.0) / 60.0, 0.0, 1.0)
    high = np.clip((3800.0 - hz) / 400.0, 0.0, 1.0)
    spec *= np.sin(low * np.pi / 2) ** 2 * np.sin(high * np.pi / 2) ** 2
    m = n * RATE // rate_in
    y = np.fft.irfft(spec[: m // 2 + 1], m) * (m / n)
    start = pad * RATE // rate_in
    return y[start : start + len(wave) * RATE // rate_in]


def frames_db(wave, size=RATE // 100):
    """Level of each 10 ms frame in dB."""
    whole = len(wave) // size * size
    return db((wave[:whole].reshape(-1, size) ** 2).mean(axis=1))


def trim(wave):
    """Cuts silence down to LEAD_MS before and TAIL_MS after the speech, with soft edges."""
    level = frames_db(wave)
    loud = np.flatnonzero(level > level.max() - FLOOR_DB)
    first, last = loud[0] * 80, (loud[-1] + 1) * 80
    lead, tail = LEAD_MS * RATE // 1000, TAIL_MS * RATE // 1000
    padded = np.concatenate([np.zeros(lead), wave, np.zeros(tail)])
    out = padded[first : last + lead + tail].copy()
    out[:lead] *= np.linspace(0.0, 1.0, lead) ** 2
    out[-tail:] *= np.linspace(1.0, 0.0, tail) ** 2
    return out


def active_level(wave):
    """RMS in dBFS over the frames in which somebody speaks."""
    level = frames_db(wave, RATE // 50)
    threshold = -100.0
    for _ in range(10):
        active = db(np.mean(10 ** (level[level > threshold] / 10)))
        threshold = active - ACTIVE_DB
    return active


def limit(wave, peak):
    """Turns the gain down, smoothly over 10 ms, where a sample would pass `peak`."""
    need = np.minimum(1.0, peak / np.maximum(np.abs(wave), 1e-9))
    if need.min() >= 1.0:
        return wave
    half = RATE // 200
    wide = np.pad(need, half, constant_values=1.0)
    held = np.lib.stride_tricks.sliding_window_view(wide, 2 * half + 1).min(axis=1)
    bell = np.hanning(2 * half + 3)[1:-1]
    gain = np.convolve(np.pad(held, half, mode="edge"), bell / bell.sum(), "valid")
    return wave * np.minimum(gain, need)


def level(wave, target=LEVEL_DBFS, peak_dbfs=PEAK_DBFS):
    """Brings speech to the common level, and keeps its peaks below the limit."""
    peak = 10 ** ((peak_dbfs - 0.2) / 20)  # 0.2 dB left for the A-law step
    out = wave
    for _ in range(6):
        out = limit(out * 10 ** ((target - active_level(out)) / 20), peak)
    return out


def alaw(wave):
    """G.711 A-law octets of a float wave in -1..1."""
    pcm = np.clip(np.round(wave * 32768.0), -32768, 32767).astype(np.int64)
    size = np.where(pcm >= 0, pcm, ~pcm) >> 4
    shift = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int64) - 4, 0)
    code = np.where(size < 32, size, (size >> shift) - 16 + ((shift + 1) << 4))
    return ((code | np.where(pcm >= 0, 0x80, 0)) ^ 0x55).astype(np.uint8).tobytes()


def alaw_to_wave(octets):
    """The float wave that a receiver of these A-law octets hears."""
    code = np.frombuffer(octets, np.uint8).astype(np.int64) ^ 0x55
    step, mantissa = (code >> 4) & 7, code & 15
    size = np.where(step == 0, mantissa * 16 + 8, (mantissa * 16 + 264) << np.maximum(step - 1, 0))
    return np.where(code & 0x80, size, -size) / 32768.0


def wav(octets):
    """An A-law WAV file: RIFF, fmt of 18 octets (format 6), fact, data."""
    fmt = struct.pack("<HHIIHHH", 6, 1, RATE, RATE, 1, 8, 0)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"fact" + struct.pack("<II", 4, len(octets))
    body += b"data" + struct.pack("<I", len(octets)) + octets + b"\0" * (len(octets) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def read_wav(path):
    """The samples of a file that `wav` wrote."""
    raw = path.read_bytes()
    at = raw.index(b"data")
    (size,) = struct.unpack_from("<I", raw, at + 4)
    return alaw_to_wave(raw[at + 8 : at + 8 + size])


def finish(wave, rate_in):
    """A prompt as it is stored: the octets of the WAV file and its length in ms."""
    out = level(trim(band_and_decimate(wave, rate_in)))
    packet = RATE // 50
    out = np.concatenate([out, np.zeros(-len(out) % packet)])  # whole 20 ms packets
    return wav(alaw(out)), len(out) * 1000 // RATE
