"""What a CUDA card makes of the full scale: training, sampling, scoring, encoding, and the tests that want a card.

Training is at the full scale's settings of characters and of stories, as config/full.yaml has them, on random tokens. Beside it
is nanoGPT's model and loop of the same sizes (with GELU and a tied output layer, whatever ours has), once as it is and once
compiled, as its authors run it on a card. Stories are read as blocks, like nanoGPT's, and as padded documents, as the settings
say, where tokens are those that are predicted. Utilisation counts operations by the sizes and divides by the card's peak, where
that is known. Networks have random weights.

It runs in less than eight minutes and needs no environment of the project's:

    PYTHONPATH=scripts python benchmarks/card.py

on a Python with torch, Transformers and the packages that --needs lists. Each section is a process of its own, which is ended
where it takes too long; what it has measured until then is printed. On a machine without a card nothing is measured. Prints one
JSON line a figure.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import training
from common import emit, interleave, median_ratio, parser, rate
from full_scale import Scale

ROOT = Path(__file__).resolve().parents[1]
#: What is imported beside torch and Transformers; the last three are the tests'.
NEEDS = (
    *("numpy", "pandas", "pyarrow", "pydantic", "safetensors", "tokenizers", "tqdm", "yaml"),
    *("filelock", "pytest", "pytest_timeout"),
)
ROUNDS = 5


# --- what is measured -------------------------------------------------------------------------------------------------


def network(scale: Scale, key: str, args: argparse.Namespace):
    """The language model of a declaration with random weights, in evaluation mode."""
    import torch

    from relab import gpt

    torch.manual_seed(0)
    return gpt.build(scale.model(key).architecture, scale.vocabulary(key)).to(args.device).eval()


def finished(program: Callable[[], Any], args: argparse.Namespace) -> Callable[[], None]:
    """A program that waits for what it has asked of a card."""
    import torch

    def waits() -> None:
        program()
        if args.device == "cuda":
            torch.cuda.synchronize()

    return waits


def random_texts(number: int, shortest: int, longest: int, vocabulary: int) -> list[list[int]]:
    """Texts of random token ids whose lengths are evenly spread, in any order."""
    import numpy as np

    generator = np.random.default_rng(0)
    lengths = generator.permutation(np.linspace(shortest, longest, number).astype(int))
    return [generator.integers(1, vocabulary, length).tolist() for length in lengths]


def emit_rates(figure: str, unit: str, figures: dict[str, list[float]], settings: dict[str, Any], args, mine="ours") -> None:
    """Emit the speed of our program beside that of each peer's; a name that begins with "ours" is no peer's."""
    for peer in [name for name in figures if not name.startswith("ours")]:
        value, peer_value = (statistics.median(figures[name]) for name in (mine, peer))
        ratio = median_ratio(figures[mine], figures[peer])
        emit(
            "card", figure, value, unit, peer=peer, peer_value=peer_value, ratio_to=ratio, settings=settings,
            repeats=args.repeats, device=args.name,
        )  # fmt: skip


# --- sections ---------------------------------------------------------------------------------------------------------

NANOGPT, COMPILED, DOCUMENTS = "nanoGPT", "nanoGPT, compiled", "ours, documents"


def train(key: str, title: str, scale: Scale, args: argparse.Namespace) -> None:
    """Tokens/s, utilisation and peak memory of a training, nanoGPT's beside it."""
    model = scale.model(key)
    architecture, trained = model.architecture, model.training
    sizes = {name: getattr(architecture, name) for name in ("width", "layers", "heads", "block", "dropout")}
    settings = training.Settings(
        **sizes, batch=trained.batch, vocabulary=scale.vocabulary(key), device=args.device, threads=args.threads
    )
    other = architecture.model_dump(exclude=set(sizes))
    options = trained.model_dump(exclude={"batch", "accumulation", "steps", "evaluation", "samples"})
    ours, nanogpt = partial(training.ours, settings, other, options), partial(training.nanogpt, settings)
    loops: dict[str, Callable[[], training.Loop]] = {"ours": ours, NANOGPT: nanogpt}
    operations = dict.fromkeys(("ours", NANOGPT, COMPILED), flops(scale, key, architecture.block))
    if trained.reading == "documents":
        lengths = document_lengths()
        loops[DOCUMENTS] = partial(ours, lengths=lengths)
        read = [min(length - 1, architecture.block) for length in lengths]  # the attention of a document is as wide as that
        operations[DOCUMENTS] = flops(scale, key, round(sum(length**2 for length in read) / sum(read)))
    shown = {**asdict(settings), **other, "optimizer": trained.optimizer, "precision": trained.precision}
    shown = {name: value for name, value in shown.items() if name not in ("device", "threads")}
    seconds = 0.2 if scale.small else 1.0
    figures, memory = training.measure(loops, args.repeats, seconds=seconds)
    emit_training(title, figures, memory, operations, shown, args)
    if args.device == "cpu" and not args.compiled:
        return
    try:
        loops = {"ours": ours, COMPILED: partial(nanogpt, compiled=True)}
        figures, memory = training.measure(loops, args.repeats, seconds=seconds)
    except EOFError:  # no compiler, say: what has been measured stands
        print(f"training, {title}: nanoGPT could not be compiled here", file=sys.stderr)
        return
    emit_training(title, figures, {COMPILED: memory[COMPILED]}, operations, shown, args)


def emit_training(
    title: str, figures: dict[str, list[float]], memory: dict[str, training.Memory], operations: dict[str, float],
    settings: dict[str, Any], args: argparse.Namespace,
) -> None:  # fmt: skip
    """Emit our loops' tokens/s beside the peers', and of the loops with a ``memory`` that and their utilisation.

    ``operations`` are those of a token, by loop.
    """
    from relab.utilisation import utilisation

    for name in [name for name in figures if name.startswith("ours")]:
        emit_rates(f"training, {title}, {name}", "tokens/s", figures, settings, args, mine=name)
    for name, taken in memory.items():
        figure, more = f"training, {title}, {name}", {"settings": settings, "device": args.name}
        share = utilisation(statistics.median(figures[name]), operations[name], args.name)
        if share is not None:
            emit("card", f"{figure}: utilisation", share, "share of peak", **more)
        emit("card", f"{figure}: peak memory", taken.peak, "MiB", **more)


def document_lengths() -> list[int]:
    """Tokens of documents that are about as long as those of TinyStories: 220 on average, seldom more than 500."""
    import numpy as np

    return np.clip(np.random.default_rng(0).normal(220, 90, 5000), 40, 1000).astype(int).tolist()


def flops(scale: Scale, key: str, context: int) -> float:
    """Floating-point operations a token; a tied output layer costs what one of its own does, so nanoGPT's are the same."""
    import torch

    from relab import gpt
    from relab.utilisation import flops_per_token

    architecture = scale.model(key).architecture
    with torch.device("meta"):
        model = gpt.build(architecture, scale.vocabulary(key))
    looked_up = model.transformer.wpe.weight.numel()
    looked_up += 0 if architecture.tied else model.transformer.wte.weight.numel()
    return flops_per_token(gpt.parameter_count(model), looked_up, architecture.layers, architecture.width, context)


def sample(scale: Scale, args: argparse.Namespace) -> None:
    """Tokens/s of texts sampled in one batch, beside Transformers' own sampling."""
    import sampling
    import transformers

    for key, title in (("char_gpt", "characters"), ("stories", "stories")):
        model, architecture = network(scale, key, args), scale.model(key).architecture
        number, length = scale.number(64), min(200, architecture.block - 1)
        prompts = [[1]] * number
        peer = f"generate() of transformers {transformers.__version__}"
        programs = {
            name: rate(finished(partial(program, model, prompts, length), args), number * length)
            for name, program in {"ours": sampling.ours, peer: sampling.generate}.items()
        }
        settings = {**architecture.model_dump(), "texts": number, "tokens": length, "precision": str(model.dtype)}
        emit_rates(f"sampling, {title}", "tokens/s", interleave(programs, args.repeats), settings, args)


def score(scale: Scale, args: argparse.Namespace) -> None:
    """Tokens/s of scoring texts in batches, as a judge does, beside one text at a time."""
    import torch
    import transformers

    from relab.judging.judge import TOKENS_BY_DEVICE
    from relab.scoring import BATCH_TOKENS, logprobs

    torch.manual_seed(0)
    # GPT-2's smallest (Radford et al. 2019), which judges at the full scale
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2} if scale.small else {}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).to(args.device).eval()
    texts = [([0], ids) for ids in random_texts(scale.number(256), 16, 500, model.config.vocab_size)]
    budget = TOKENS_BY_DEVICE.get(args.device, BATCH_TOKENS)

    def one_by_one() -> None:
        for text in texts:
            logprobs(model, [text], budget)

    tokens = sum(len(ids) for _, ids in texts)
    programs = {"ours": rate(partial(logprobs, model, texts, budget), tokens), "one text at a time": rate(one_by_one, tokens)}
    settings = {"model": "gpt2", **sizes, "texts": len(texts), "tokens": tokens, "batch_tokens": budget}
    settings["precision"] = str(model.dtype)
    emit_rates("scoring", "tokens/s", interleave(programs, args.repeats), settings, args)


def encode(scale: Scale, args: argparse.Namespace) -> None:
    """Texts/s of a frozen encoder as large as MiniLM, beside batches of 32 texts in their given order."""
    import torch
    import transformers
    from classifying import SIZES

    from relab import precision
    from relab.features.encode import pooled_batches, token_budget
    from relab.settings.encoders import Encoder

    torch.manual_seed(0)
    size = "small" if scale.small else "minilm"
    encoder = Encoder(model="minilm", tokens=256)
    dtype = getattr(torch, precision.resolve(encoder.precision, torch.device(args.device)))
    model = transformers.BertModel(transformers.BertConfig(**SIZES[size])).to(args.device, dtype).eval()
    texts = random_texts(scale.number(4096), 8, encoder.tokens, model.config.vocab_size)

    budget = token_budget(encoder, model.device)

    def ours() -> None:
        for _ in pooled_batches(model, texts, budget):
            pass

    @torch.inference_mode()
    def in_order() -> None:
        for start in range(0, len(texts), 32):
            rows = [torch.tensor(ids) for ids in texts[start : start + 32]]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
            mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            ids, mask = ids.to(args.device), mask.to(args.device)
            weights = mask[:, :, None].float()
            vectors = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            ((vectors * weights).sum(1) / weights.sum(1)).cpu()

    programs = {"ours": rate(ours, len(texts)), "batches of 32 in given order": rate(in_order, len(texts))}
    settings = {"size": size, **SIZES[size], "texts": len(texts), "tokens": sum(map(len, texts))}
    settings |= {"batch_tokens": budget, "precision": str(dtype)}
    emit_rates("encoding", "texts/s", interleave(programs, args.repeats), settings, args)


def test(scale: Scale, args: argparse.Namespace) -> None:
    """How many of the tests that are marked ``skipif`` with the reason "needs a CUDA card" pass, fail, or cannot be run."""
    unit = sorted((ROOT / "tests" / "unit").glob("test_*.py"))
    files = [path for path in unit if "CUDA card" in path.read_text(encoding="utf-8")]  # others may need other packages
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-p", "card_tests", "-p", "no:cacheprovider", "--quiet"]
        command += ["--continue-on-collection-errors", f"--junitxml={record}", *map(str, files)]
        paths = [str(ROOT / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
        print(done.stdout + done.stderr, file=sys.stderr)
        suite = ElementTree.parse(record).getroot().find("testsuite")
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    counts["passed"] = counts.pop("tests") - sum(counts.values())
    for name in ("passed", "failures", "errors", "skipped"):
        emit("card", f"CUDA tests: {name}", counts[name], "tests", device=args.name)


#: The sections in their order: each with the seconds that it may take where all take as long as they may.
SECTIONS: dict[str, tuple[float, Callable[[Scale, argparse.Namespace], None]]] = {
    "characters": (90, partial(train, "char_gpt", "characters")),
    "stories": (130, partial(train, "stories", "stories")),
    "sampling": (60, sample),
    "scoring": (50, score),
    "encoding": (50, encode),
    "tests": (70, test),
}
BUDGET = sum(seconds for seconds, _ in SECTIONS.values())


# --- the program ------------------------------------------------------------------------------------------------------


def measure(args: argparse.Namespace) -> int:
    """Run the sections in turn, each in a process of its own, within the budget; the number of those that failed.

    A section that is done early leaves its time to the others.
    """
    failed, end = 0, time.monotonic() + args.budget
    names = args.sections or list(SECTIONS)
    for number, name in enumerate(names):
        shares = [SECTIONS[later][0] for later in names[number:]]
        limit = max(1.0, (end - time.monotonic()) * shares[0] / sum(shares))
        reason = run_section([*sys.argv[1:], "--section", name], limit)
        if reason:
            print(f"{name}: {reason}", file=sys.stderr)
            failed += 1
    return failed


def run_section(words: Iterable[str], limit: float) -> str | None:
    """Run this program in a process group of its own; what became of it where it is not well."""
    process = subprocess.Popen([sys.executable, __file__, *words], start_new_session=True)
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        return f"not done in {limit:.0f} s, and ended"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its loops are processes too
            process.wait()
    return f"failed with status {status}" if status else None


def main() -> int:
    cli = parser(__doc__, repeats=ROUNDS)
    cli.add_argument("--budget", type=float, default=BUDGET, help="seconds that all may take (default: %(default)g)")
    cli.add_argument("--sections", nargs="+", choices=SECTIONS, help="measure these alone")
    cli.add_argument("--needs", action="store_true", help="list the packages that are imported beside torch and transformers")
    cli.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: for trying this program out")
    cli.add_argument("--small", action="store_true", help="small networks and few texts, for trying this program out")
    cli.add_argument("--compiled", action="store_true", help="compile nanoGPT on a CPU too")
    cli.add_argument("--section", choices=SECTIONS, help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.needs:
        print("\n".join(NEEDS))
        return 0
    if missing := [name for name in ("torch", "transformers", *NEEDS) if importlib.util.find_spec(name) is None]:
        print(f"error: not importable here: {', '.join(missing)}", file=sys.stderr)
        return 1
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA card here: nothing is measured", file=sys.stderr)
        return 0
    if not args.section:
        return 1 if measure(args) else 0
    import transformers  # noqa: F401 - so that its version stands in the figures

    from relab.device import device_name, prepare_device

    device = torch.device(args.device)
    args.name = device_name(device)
    prepare_device(device, args.threads)
    SECTIONS[args.section][1](Scale(args.small), args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
