"""Espalier's entry: without arguments the window, with a sub-command the terminal.

Parses arguments and nothing else; what a sub-command does is in `engine` and `terminal` code that it calls.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.requests import LoadRequest

if TYPE_CHECKING:
    from app.storage.settings import Settings
    from engine.hub.endpoint import Endpoint


_ENDPOINT_HELP = "a mirror of the hub (default: the window's settings, then HF_ENDPOINT)"


def main(arguments: list[str] | None = None) -> int:
    """Runs the program. Returns the process's exit code."""
    # Before anything imports torch: cards are numbered as the driver's own tools number them, in the window too.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    options = _parser().parse_args(arguments)
    if options.command is None:
        gc.disable()  # imports and widgets leave next to nothing to collect; the window goes on with it when it stands
        from app.entry import run

        return run(options.folder)
    try:
        return int(options.run(options))
    except EngineError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        if error.way_out:
            print(error.way_out, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="espalier", description="Chat with EXL3 models on your own computer.")
    parser.add_argument(
        "--open", type=Path, dest="folder", metavar="FOLDER", help="open the window with the model in this folder"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands (none opens the window)")
    chat = commands.add_parser("chat", help="talk to a model in the terminal")
    _add_model(chat)
    chat.add_argument("--system", default="", help="system prompt")
    chat.add_argument("--temperature", type=float, help="0 always takes the likeliest token")
    chat.add_argument("--max-new-tokens", type=int, help="longest reply, in tokens")
    chat.add_argument("--seed", type=int, help="makes replies repeatable")
    chat.add_argument(
        "--image", type=Path, action="append", default=[], metavar="FILE",
        help="an image that the first message shows; may be given several times",
    )  # fmt: skip
    chat.set_defaults(run=_chat)
    bench = commands.add_parser("bench", help="measure a model's speed")
    _add_model(bench)
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    bench.set_defaults(run=_bench)
    _add_download(commands)
    _add_fit(commands)
    _add_convert(commands)
    _add_eval(commands)
    return parser


def _add_download(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    download = commands.add_parser(
        "download", help="fetch a model from the hub, or the rest of it",
        description="Fetches a model from the hub. Run again, it goes on where it stopped. A token for private and "
        "gated models is taken from the variable HF_TOKEN, else from where the window keeps it.",
    )  # fmt: skip
    download.add_argument("model", metavar="OWNER/NAME[@BRANCH]", help="the model, or the address of its page")
    download.add_argument(
        "--to", type=Path, metavar="FOLDER", help="folder of models in which it gets a folder (default: the window's)"
    )
    download.add_argument("--endpoint", default="", metavar="URL", help=_ENDPOINT_HELP)
    download.add_argument(
        "--own-server", action="store_true", help="the endpoint is your own server and may have the token"
    )
    download.add_argument(
        "--proxy", default="", metavar="URL", help="HTTP proxy (default: the window's settings, then the system's)"
    )
    download.add_argument("--connections", type=_positive, metavar="N", help="files at a time (default: 3)")
    download.set_defaults(run=_download)


def _add_fit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fit = commands.add_parser("fit", help="tell whether a model fits a card, before it is downloaded")
    fit.add_argument("model", metavar="MODEL_OR_REPO", help="a model's folder, or owner/name[@branch] on the hub")
    fit.add_argument(
        "--vram", type=_gigabytes, metavar="GB", help="memory of the card to plan for (default: this one's)"
    )
    fit.add_argument(
        "--context", type=_positive, default=8192, metavar="TOKENS", help="to make room for (default: 8192)"
    )
    fit.add_argument(
        "--cache-bits", type=_cache_bits, default=LoadRequest.cache_bits, metavar="BITS",
        help="bits of the cache's keys and values, as for chat (default: 16)",
    )  # fmt: skip
    fit.add_argument("--endpoint", default="", metavar="URL", help=_ENDPOINT_HELP)
    fit.set_defaults(run=_fit)


def _add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = commands.add_parser(
        "convert", help="make an EXL3 model out of one in fp16 or bf16",
        description="Makes an EXL3 folder. Ended at any moment, it goes on by -r, and the result is the same.",
    )  # fmt: skip
    convert.add_argument("-i", "--in_dir", type=Path, required=True, metavar="FOLDER", help="the original model")
    convert.add_argument("-o", "--out_dir", type=Path, required=True, metavar="FOLDER", help="the folder to make")
    convert.add_argument("-b", "--bits", type=_bits, required=True, help="mean bits per weight, as 4 or 3.75")
    convert.add_argument("-hb", "--head_bits", type=int, default=6, help="bits of the output head, 1 to 8 or 16")
    convert.add_argument("-cb", "--codebook", choices=("mul1", "mcg", "3inst"), default="mul1")
    convert.add_argument(
        "-w", "--work_dir", type=Path, metavar="FOLDER", help="for what is unfinished (default: beside the output)"
    )
    convert.add_argument("-r", "--resume", action="store_true", help="go on with what the work folder holds")
    convert.add_argument(
        "--calibration", type=Path, metavar="FILE_OR_FOLDER",
        help="text to calibrate with (default: the model's own text and a mixture of ours)",
    )  # fmt: skip
    convert.add_argument(
        "--own-text", action=argparse.BooleanOptionalAction, default=None,
        help="let the original model write seven eighths of the calibration text itself, which needs the memory of all "
        "of it at once (default: if no text is named and memory or the card has room for it; else given text alone, "
        "which costs quality)",
    )  # fmt: skip
    convert.add_argument("-cr", "--cal_rows", type=_positive, help="rows of calibration (default: by the model's size)")
    convert.add_argument("-cc", "--cal_cols", type=_positive, help="tokens of each row (default: 1024)")
    convert.add_argument(
        "-ss", "--shard_size", type=_positive, default=8192, metavar="MIB",
        help="most of one file of weights, as file systems and hosts may limit it (default: 8192)",
    )  # fmt: skip
    convert.add_argument(
        "--optimize", action="store_true",
        help="measure first which linears need their bits most, and choose each one's bits by that; takes longer",
    )  # fmt: skip
    convert.add_argument("--seed", type=int, default=1, help="of the random signs and of the calibration's order")
    convert.add_argument(
        "--device", default="auto",
        help="auto, cpu or cuda:N (default: auto, the first card with enough memory, else the processor)",
    )  # fmt: skip
    convert.add_argument("--dry-run", action="store_true", help="only say what it would take")
    convert.add_argument(
        "--progress-json", action="store_true",
        help="for programs: one JSON object a line; ends when its input ends, and by a line 'pause' after a block",
    )  # fmt: skip
    convert.set_defaults(run=_convert)


def _add_eval(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("eval", help="measure a model's quality on a text")
    evaluate.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="folders of models")
    evaluate.add_argument("--against", type=Path, metavar="MODEL", help="the original, to compare predictions with")
    evaluate.add_argument("--text", type=Path, required=True, metavar="FILE", help="text that no model was made with")
    evaluate.add_argument("--tokens", type=_positive, metavar="N", help="only the text's first N tokens")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    evaluate.add_argument("--plot", type=Path, metavar="FILE", help="draw quality against size: a .png or .svg file")
    evaluate.set_defaults(run=_eval)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model's folder")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N (default: auto)")
    parser.add_argument("--cache-tokens", type=int, help="tokens of context to make room for")
    parser.add_argument(
        "--cache-bits", type=_cache_bits, default=LoadRequest.cache_bits, metavar="BITS",
        help="bits of the cache's keys and values, 2 to 8 or 16, one number or two (8,4); fewer hold more context and "
        "are less exact (default: 16)",
    )  # fmt: skip
    parser.add_argument(
        "--fast", action="store_true", help="on a card, round the activations of a single reply to 8 bits"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _bits(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, as 3.75 is") from None


def _gigabytes(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, as 24 is") from None


def _cache_bits(text: str) -> tuple[int, int]:
    """One width for keys and values, or both with a comma between them."""
    parts = text.split(",")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bits, as 8 and 8,4 are")
    return int(parts[0]), int(parts[-1])


def _chat(options: argparse.Namespace) -> int:
    from engine.terminal import chat, load_with_progress

    given = {"temperature": options.temperature, "max_new_tokens": options.max_new_tokens, "seed": options.seed}
    changes = {name: value for name, value in given.items() if value is not None}
    return chat(load_with_progress(_load_request(options)), options.system, changes, options.image)


def _bench(options: argparse.Namespace) -> int:
    from engine.terminal import bench, load_for_bench

    if options.json is not None and not options.json.resolve().parent.is_dir():
        print(f"Error: the folder of {options.json} does not exist.", file=sys.stderr)
        return 1
    result = bench(load_for_bench(_load_request(options)))
    if options.json is not None:
        options.json.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="utf-8")
    return 0


def _download(options: argparse.Namespace) -> int:
    from app.storage.paths import data_folder
    from engine.hub.download_command import DownloadOrder, download_model
    from engine.hub.transfer.settings import TransferSettings
    from engine.hub.transfer.source import Access

    data = data_folder()
    endpoint = _endpoint(data, options.endpoint, options.proxy, is_own=options.own_server)
    token = _token_for(endpoint, data)
    settings = TransferSettings(parallel_files=options.connections or TransferSettings.parallel_files)
    usual = next((Path(each) for each in _saved(data).models_folders), data / "models")
    folder = (options.to or usual).expanduser().absolute()
    return download_model(DownloadOrder(options.model, folder, Access(endpoint, token), settings), sys.stdout)


def _endpoint(data: Path, address: str, proxy: str = "", *, is_own: bool = False) -> Endpoint:
    """Where the hub is by the window's settings, with what the command line says in place of them."""
    saved = _saved(data).hub
    if address:  # another server than the one that the settings may call the user's own
        saved = replace(saved, address=address, is_own=is_own)
    elif is_own:
        saved = replace(saved, is_own=True)
    return replace(saved, proxy=proxy or saved.proxy).endpoint(os.environ)


def _saved(data: Path) -> Settings:
    """What the user chose in the window."""
    from app.storage.paths import DataPaths
    from app.storage.settings import saved_settings

    return saved_settings(DataPaths(data).settings)


def _token_for(endpoint: Endpoint, data: Path) -> str:
    """The token for the hub, '' where there is none or none may go."""
    from engine.hub.settings import token_for
    from engine.hub.tokens import TokenStore

    return token_for(endpoint, TokenStore(data), os.environ)


def _fit(options: argparse.Namespace) -> int:
    import platformdirs

    from app.storage.paths import data_folder
    from engine.fit_report import FitRequest, FitSources, fit_lines

    data, cache = data_folder(), Path(platformdirs.user_cache_dir("Espalier", appauthor=False))
    endpoint = _endpoint(data, options.endpoint)
    token = "" if Path(options.model).is_dir() else _token_for(endpoint, data)
    request = FitRequest(options.model, options.vram, options.context, options.cache_bits)
    print("\n".join(fit_lines(request, FitSources(endpoint, token, cache))))
    return 0


def _convert(options: argparse.Namespace) -> int:
    from engine.quantizer.command import convert_model
    from engine.quantizer.converter import ConvertRequest

    request = ConvertRequest(
        source=options.in_dir, target=options.out_dir, bits=options.bits, head_bits=options.head_bits,
        codebook=options.codebook, work=options.work_dir, resume=options.resume, calibration=options.calibration,
        rows=options.cal_rows, columns=options.cal_cols, seed=options.seed, optimize=options.optimize,
        own_text=options.own_text, shard_bytes=options.shard_size * 1024**2,
    )  # fmt: skip
    if options.progress_json:
        from engine.quantizer.watched import convert_watched

        return convert_watched(request, sys.stdin, sys.stdout, dry_run=options.dry_run, device=options.device)
    return convert_model(request, sys.stdout, dry_run=options.dry_run, device=options.device)


def _eval(options: argparse.Namespace) -> int:
    from engine.evaluation.quality_command import EvalRequest, evaluate

    request = EvalRequest(
        tuple(options.models), options.against, options.text, options.tokens, options.json, options.plot
    )  # fmt: skip
    return evaluate(request, sys.stdout)


def _load_request(options: argparse.Namespace) -> LoadRequest:
    return LoadRequest(options.model, options.device, options.cache_tokens, options.cache_bits, not options.fast)


if __name__ == "__main__":
    sys.exit(main())
