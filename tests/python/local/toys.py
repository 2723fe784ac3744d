"""Tiny models of the real formats, made by the test itself: the real libraries load and run them.

Each can be made slow, for tests that cut something in the middle.
"""

from __future__ import annotations

import json
import pathlib

import ctranslate2
import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper, numpy_helper

#: What the toy Whisper hears, whatever is said to it.
HEARD = "hello from the toy whisper."

#: Samples the toy Piper makes of a phoneme id, and the toy Kokoro of a phoneme.
PIPER_SAMPLES, KOKORO_SAMPLES = 256, 600

PIPER_RATE = 16_000

_WIDTH = 64


def whisper(folder: pathlib.Path, *, encoder_layers: int = 1) -> pathlib.Path:
    """A Whisper that passes positions through: each position of the answer names the token that stands there."""
    tokenizer = _tokenizer()
    specials = ["startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    text_size = tokenizer.get_vocab_size()
    names = [f"<|{name}|>" for name in ["endoftext", *specials]]
    tokenizer.add_special_tokens(names)
    stamps = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    vocabulary = [by_id[number] for number in range(len(by_id))] + stamps

    end, first_stamp = text_size, len(by_id)
    answer = [first_stamp, *tokenizer.encode(" " + HEARD).ids, first_stamp + 50]
    assert len(answer) < _WIDTH
    projection = np.zeros((len(vocabulary), _WIDTH), np.float32)
    for position in range(_WIDTH):
        projection[answer[position] if position < len(answer) else end, position] = 5.0
    positions = np.zeros((448, _WIDTH), np.float32)
    positions[:_WIDTH] = np.eye(_WIDTH, dtype=np.float32)

    spec = ctranslate2.specs.WhisperSpec(encoder_layers, 1, 1, 1)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = _zeros(_WIDTH, 80, 3), _zeros(_WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = _zeros(_WIDTH, _WIDTH, 3), _zeros(_WIDTH)
    encoder.position_encodings.encodings = _zeros(1500, _WIDTH)
    decoder.position_encodings.encodings = positions
    decoder.embeddings.weight = _zeros(len(vocabulary), _WIDTH)
    decoder.projection.weight = projection
    for part in (encoder, decoder):
        _norm(part.layer_norm)
        for layer in part.layer:
            _norm(layer.self_attention.layer_norm)
            _linear(layer.self_attention.linear[0], 3 * _WIDTH, _WIDTH)
            _linear(layer.self_attention.linear[1], _WIDTH, _WIDTH)
            _norm(layer.ffn.layer_norm)
            _linear(layer.ffn.linear_0, 4 * _WIDTH, _WIDTH)
            _linear(layer.ffn.linear_1, _WIDTH, 4 * _WIDTH)
            if part is decoder:
                _norm(layer.attention.layer_norm)
                for linear, size in zip(layer.attention.linear, (1, 2, 1)):
                    _linear(linear, size * _WIDTH, _WIDTH)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = []
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    folder.mkdir(parents=True)
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _tokenizer() -> tokenizers.Tokenizer:
    """Bytes, and the pairs of which Whisper suppresses the first part: as single bytes, that would be the blank."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    blank = "Ġ"
    pairs = [(blank, "-"), (blank, "'"), (blank, "â")]
    vocabulary = {token: number for number, token in enumerate([*letters, *("".join(pair) for pair in pairs)])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, pairs))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    return made


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def _norm(norm: object) -> None:
    norm.gamma, norm.beta = np.ones(_WIDTH, np.float32), _zeros(_WIDTH)  # type: ignore[attr-defined]


def _linear(linear: object, rows: int, columns: int) -> None:
    linear.weight, linear.bias = _zeros(rows, columns), _zeros(rows)  # type: ignore[attr-defined]


def piper(folder: pathlib.Path, name: str = "en_US-lessac-medium", *, work: int = 0) -> pathlib.Path:
    """A voice that hums every phoneme id for ``PIPER_SAMPLES``; ``work`` is how many steps it dawdles."""
    ramp = np.arange(PIPER_SAMPLES, dtype=np.float32).reshape(1, 1, -1) * (2 * np.pi / PIPER_SAMPLES)
    graph = _Graph()
    ids = graph.node("Unsqueeze", graph.node("Cast", "input", to=TensorProto.FLOAT), graph.constant([2]))
    wave = graph.node("Sin", graph.node("Mul", ids, graph.constant(ramp)))
    first = graph.node("Slice", "scales", graph.constant([0]), graph.constant([1]))
    slow = graph.dawdle(first, work)
    graph.node("Reshape", graph.node("Add", wave, slow), graph.constant([1, 1, 1, -1]), name="output")
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    graph.save(path, inputs, helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "t"]))
    sounds = "_^$ !',-.:;?abcdefhijklmnopqrstuvwxyzæðŋɐɑɒɔəɚɛɜɡɪɹʃʊʌʒʔˈˌːθᵻɾ"
    config = {
        "audio": {"sample_rate": PIPER_RATE},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": 1,
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_id_map": {sound: [number] for number, sound in enumerate(sounds)},
        "speaker_id_map": {},
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(config))
    return path


def kokoro(folder: pathlib.Path, name: str = "kokoro-v1.0", *, work: int = 0) -> pathlib.Path:
    """A model that hums every phoneme for ``KOKORO_SAMPLES``, with two voices; ``work`` as in ``piper``."""
    ramp = np.arange(KOKORO_SAMPLES, dtype=np.float32).reshape(1, 1, -1) * (2 * np.pi / 100)
    graph = _Graph()
    tokens = graph.node("Cast", "tokens", to=TensorProto.FLOAT)
    shape = graph.node("Mul", graph.node("Unsqueeze", tokens, graph.constant([2])), graph.constant([0.0], np.float32))
    wave = graph.node("Sin", graph.node("Add", shape, graph.constant(ramp)))
    slow = graph.dawdle("speed", work)
    graph.node("Reshape", graph.node("Add", wave, slow), graph.constant([-1]), name="audio")
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
        helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    graph.save(path, inputs, helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["t"]))
    voices = {voice: np.zeros((510, 1, 256), np.float32) for voice in ("af_heart", "bm_george")}
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **voices)
    return path


class _Graph:
    """An ONNX graph that is being written down."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: object, kind: type = np.int64) -> str:
        name = f"c{len(self._constants)}"
        array = value if isinstance(value, np.ndarray) else np.array(value, kind)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, name: str | None = None, **attributes: object) -> str:
        name = name or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dawdle(self, scalar: str, work: int) -> str:
        """Nothing, after ``work`` products of matrices that depend on an input: about 50 ms each."""
        if work == 0:
            return self.constant([0.0], np.float32)
        small = self.node("Mul", scalar, self.constant([1e-3], np.float32))
        matrix = self.node("Expand", small, self.constant([1200, 1200]))
        for _ in range(work):
            product = self.node("MatMul", matrix, matrix)
            matrix = self.node("Clip", product, self.constant(0.0, np.float32), self.constant(1e-3, np.float32))
        return self.node("Mul", self.node("ReduceMax", matrix, keepdims=0), self.constant(0.0, np.float32))

    def save(self, path: pathlib.Path, inputs: list[onnx.ValueInfoProto], output: onnx.ValueInfoProto) -> None:
        graph = helper.make_graph(self._nodes, path.stem, inputs, [output], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
