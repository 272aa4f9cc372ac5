"""Stands in for `main.py convert --progress-json`: tells of blocks that nobody quantizes, and keeps a work folder.

Run as a script, it takes the same arguments; the first one says how it behaves, as `command` puts it together.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

NAMES = (
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
    "mlp.down_proj",
)  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """How the child behaves.

    Attributes:
        blocks: of the model that it pretends to convert.
        step_s: that one block takes.
        fail_at: block at which it fails; -1 never.
        failure: kind, message and way out of the failure; without, it ends with a traceback.
        estimate_failure: likewise, told in place of the estimate.
        memory_bytes: that it says it needs.
    """

    blocks: int = 8
    step_s: float = 0.1
    fail_at: int = -1
    failure: tuple[str, str, str] | None = None
    estimate_failure: tuple[str, str, str] | None = None
    memory_bytes: int = 900_000_000


def command(behaviour: Behaviour | str = "") -> tuple[str, ...]:
    """The command to run, as `Launch.convert_command`."""
    about = json.dumps(vars(behaviour)) if isinstance(behaviour, Behaviour) else behaviour or "{}"
    return sys.executable, str(Path(__file__).resolve()), about


def say(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def listen(wanted: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "pause":
            wanted.set()
    os._exit(1)


def module(number: int, behaviour: Behaviour, bits: int, resumed: bool) -> dict[str, object]:
    names = NAMES if number < behaviour.blocks else ("",)
    place = f"model.layers.{number}." if number < behaviour.blocks else "lm_head"
    low = bits + (number in (0, behaviour.blocks - 1))
    tensors = [
        {"key": place + name, "bits": low, "error": 0.5 * 4.0**-low * (1 + 0.3 * n + 0.1 * number)}
        for n, name in enumerate(names)
    ]
    name = f"block {number}" if number < behaviour.blocks else "head"
    return {"name": name, "tensors": tensors, "drift": 0.001, "seconds": 1.0, "is_resumed": resumed}


def main() -> int:
    values = json.loads(sys.argv[1])
    behaviour = Behaviour(**values)
    parser = argparse.ArgumentParser()
    for name in ("-i", "-o", "-b", "-hb", "-cb", "--calibration"):
        parser.add_argument(name)
    for name in ("-r", "--dry-run", "--progress-json", "--optimize"):
        parser.add_argument(name, action="store_true")
    options = parser.parse_args(sys.argv[2:])
    wanted = threading.Event()
    threading.Thread(target=listen, args=(wanted,), daemon=True).start()
    sys.stdout.write("a warning that some library writes\n")
    target = Path(options.o)
    if behaviour.estimate_failure is not None:
        say("Failure", **dict(zip(("kind", "message", "way_out"), behaviour.estimate_failure)))
        return 1
    say(
        "Estimate", memory_bytes=behaviour.memory_bytes, work_bytes=280_000_000, output_bytes=20_500_000,
        seconds=2210.9,
    )  # fmt: skip
    if options.dry_run:
        return 0
    return convert(options, behaviour, target, wanted)


def convert(options: argparse.Namespace, behaviour: Behaviour, target: Path, wanted: threading.Event) -> int:
    work = target.with_name(target.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    kept = sorted(work.glob("module-*.json"))
    if bool(kept) != options.r:
        say("Failure", kind="InvalidRequestError", message=f"{work} is not as it should be.", way_out="Use -r.")
        return 1
    (work / "job.json").write_text(json.dumps(sys.argv[2:]))
    bits, total = int(float(options.b)), behaviour.blocks + 1
    modules = [json.loads(path.read_text()) | {"is_resumed": True} for path in kept]
    for each in modules:
        say("ModuleReport", **each)
    for number in range(len(kept), total):
        name = f"block {number}" if number < behaviour.blocks else "head"
        say("Advance", module=name, done=number * 10, total=total * 10, seconds_left=0.0)
        time.sleep(behaviour.step_s / 2)
        if number == behaviour.fail_at:
            if behaviour.failure is None:
                raise RuntimeError("a fault of the program")
            say("Failure", **dict(zip(("kind", "message", "way_out"), behaviour.failure)))
            return 1
        say("Advance", module=name, done=number * 10 + 5, total=total * 10, seconds_left=4000.0 / (number + 1))
        time.sleep(behaviour.step_s / 2)
        modules.append(module(number, behaviour, bits, resumed=False))
        (work / f"module-{number + 1:05d}.json").write_text(json.dumps(modules[-1]))
        say("ModuleReport", **modules[-1])
        if wanted.is_set():
            say("Paused")
            return 0
    say("Advance", module="head", done=total * 10, total=total * 10, seconds_left=0.0)
    target.mkdir(exist_ok=True)
    config = {"architectures": ["LlamaForCausalLM"], "quantization_config": {"quant_method": "exl3", "bits": bits}}
    (target / "config.json").write_text(json.dumps(config))
    (target / "model.safetensors").write_bytes(b"")
    for path in work.iterdir():
        path.unlink()
    work.rmdir()
    say("Finished", bits=float(options.b), output_bytes=20_500_000, seconds=3900.0, modules=modules)
    return 0


if __name__ == "__main__":
    sys.exit(main())
