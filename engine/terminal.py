"""The terminal's side of the sub-commands: load with a progress line, chat, and print a benchmark."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from engine.budget import FP16_CACHE
from engine.errors import EngineError, InvalidRequestError, NotEnoughMemoryError
from engine.evaluation.speed import BENCH_CACHE_TOKENS, SpeedBench, SpeedResult
from engine.events import EncodingImages, GenerationFinished, LoadProgress
from engine.footprint import MemoryUse
from engine.loading import LoadTimes
from engine.requests import GenerateRequest, LoadRequest, Message
from engine.session import Session, open_session
from engine.units import FILE_GB, MEMORY_GB

IMAGE_COMMAND = "/image"
REASONS = {
    "stop_token": "stopped by itself",
    "stop_string": "stopped at a stop text",
    "length": "reached the token limit",
    "cancelled": "stopped by you",
}


def load_with_progress(request: LoadRequest) -> Session:
    """Opens a session; on a terminal, one line on the error stream shows how far it is."""
    interactive = sys.stderr.isatty()

    def show(progress: LoadProgress) -> None:
        if not interactive:
            return
        if progress.unit == "bytes":
            line = f"Reading {progress.done / FILE_GB:.2f} of {progress.total / FILE_GB:.2f} GB"
        else:
            line = f"Preparing kernels, {progress.done} of {progress.total} (slow only the first time)"
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    try:
        return open_session(request, show)
    finally:
        if interactive:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def load_for_bench(request: LoadRequest) -> Session:
    """Opens a session with the largest of the benchmark's cache sizes that fits, unless the request names one."""
    sizes = (request.cache_tokens,) if request.cache_tokens else BENCH_CACHE_TOKENS
    for tokens in sizes[:-1]:
        try:
            return load_with_progress(replace(request, cache_tokens=tokens))
        except NotEnoughMemoryError:
            continue
    return load_with_progress(replace(request, cache_tokens=sizes[-1]))


def chat(session: Session, system: str, changes: dict[str, Any], images: Sequence[Path] = ()) -> int:
    """Talks until the input ends. Ctrl+C stops a reply, and leaves at the prompt.

    Args:
        images: that the first message shows.
    """
    info = session.info
    settings = replace(info.recommended, **changes)
    print(f"{info.name}: {info.format}, {info.device_name}, context {info.context_tokens} tokens, {info.load_s:.1f} s.")
    print("Enter sends, /new starts over, /quit or Ctrl+D leaves, Ctrl+C stops a reply.")
    print("/image FILE shows an image with the next message." if info.sees else f"Without images: {info.why_blind}")
    shown = tuple(images)
    if shown and not info.sees:
        raise InvalidRequestError(info.why_blind, "Leave out --image, or load a model that sees.")
    start = [Message("system", system)] if system else []
    messages = list(start)
    while True:
        try:
            text = input("\n> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return 0
        if text == "/quit":
            return 0
        if text == "/new":
            messages, shown = list(start), ()
        elif text == IMAGE_COMMAND or text.startswith(IMAGE_COMMAND + " "):
            shown = _with_image(session, shown, text.removeprefix(IMAGE_COMMAND).strip())
        elif text:
            after = _turn(session, messages, Message("user", text, shown), settings)
            shown = shown if after is messages else ()  # what could not be sent is shown with the next try
            messages = after


def _with_image(session: Session, shown: tuple[Path, ...], name: str) -> tuple[Path, ...]:
    """The images of the next message with one more; without a name, with none."""
    if not name:
        print("The next message shows no image." if shown else "Write /image and the name of a file.")
        return ()
    path = Path(name).expanduser()
    try:
        counted = session.count(GenerateRequest(0, (Message("user", "", (path,)),)))
    except EngineError as error:
        print(f"Error: {error}", file=sys.stderr)
        return shown
    print(f"The next message shows {path.name}, {counted.image_tokens} tokens.")
    return (*shown, path)


def _turn(session: Session, messages: list[Message], message: Message, settings: Any) -> list[Message]:
    """One exchange; returns the conversation after it, unchanged if the reply could not begin."""
    asked = [*messages, message]
    reply = ""
    events = None
    try:
        events = session.chat(asked, settings)
        for event in events:
            reply += event.text
            print(event.text, end="", flush=True)
            if isinstance(event, EncodingImages) and event.done < event.total and sys.stderr.isatty():
                print(f"Looking at image {event.done + 1} of {event.total}", file=sys.stderr)
            if isinstance(event, GenerationFinished):
                print(f"\n[{_footer(event)}]")
    except KeyboardInterrupt:
        if events is not None:
            events.close()  # type: ignore[attr-defined]  # a generator: closing cancels the request
        print("\n[stopped by you]")
    except EngineError as error:
        print(f"\nError: {error}", file=sys.stderr)
        if not reply:
            return messages
    return [*asked, Message("assistant", reply)]


def _footer(event: GenerationFinished) -> str:
    return (
        f"{event.tokens_per_s:.1f} tokens/s, first token {event.first_token_s:.2f} s, "
        f"{event.new_tokens} tokens, {REASONS[event.reason]}"
    )


def bench(session: Session) -> SpeedResult:
    """Measures and prints."""
    info = session.info
    print(f"{info.name}: {info.architecture}, {info.format}, {info.device_name}")
    for line in load_lines(session.load_times, session.memory.plan.weights_bytes):
        print(line)
    print(f"ready {time.time() - psutil.Process().create_time():.1f} s after the program was started")
    result = SpeedBench(session, lambda line: print(line, flush=True)).run()
    for line in memory_lines(result.memory):
        print(line)
    used, grown = result.memory_used_bytes / MEMORY_GB, result.grown_bytes / MEMORY_GB
    print(f"in use at the end {used:.3f} GB, {grown:+.3f} GB since the load")
    for line in result.skipped:
        print(f"left out: {line}")
    return result


def load_lines(times: LoadTimes, weights_bytes: int) -> list[str]:
    """Where the seconds of a load went."""
    rate = weights_bytes / FILE_GB / times.reading_s
    return [
        f"loaded in {times.total_s:.2f} s: the file in {times.reading_s:.2f} s ({weights_bytes / FILE_GB:.3f} GB, "
        f"{rate:.1f} GB/s), all else in {times.besides_reading_s:.2f} s",
        f"  opening {times.opening_s:.2f} s, reserving {times.reserving_s:.2f} s, kernels {times.kernels_s:.2f} s, "
        f"first step {times.first_step_s:.2f} s",
    ]


def memory_lines(memory: MemoryUse) -> list[str]:
    """A table of planned and measured memory."""
    plan = memory.plan
    width = "fp16" if plan.cache_bits == FP16_CACHE else "{} and {} bits".format(*plan.cache_bits)
    rows = [
        ("weights", plan.weights_bytes, memory.weights_bytes, f"{100 * memory.over_packed:+.2f} % of the packed size"),
        ("cache", plan.cache_bytes, memory.cache_bytes, f"{plan.cache_tokens} tokens and a spare page, {width}"),
        ("all else", plan.working_bytes, memory.working_bytes, "planned: at most"),
        ("together", plan.total_bytes, memory.total_bytes, ""),
    ]
    head = f"{'memory':10s}{'planned':>12s}{'measured':>12s}"
    return [head] + [
        f"{name:10s}{planned / MEMORY_GB:9.3f} GB{measured / MEMORY_GB:9.3f} GB  {note}".rstrip()
        for name, planned, measured, note in rows
    ]
