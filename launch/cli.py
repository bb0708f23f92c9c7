"""The command ``liquid-pilot``. Each command's work is in a module of its own name; here are its words.

Imports of jobs stand inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from launch.console import complain, run_command_line, say, spread_options

app = typer.Typer(
    name="liquid-pilot",
    help="Record drives, train 19 liquid neurons on them by imitation, and drive them closed loop.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
drives_app = typer.Typer(help="Look at recorded drives: info, verify.", rich_markup_mode=None)
app.add_typer(drives_app, name="drives")

MANY_VALUES = frozenset({"--scenario", "--weather", "--fault"})
"""Options that take several values at once."""

OutFolder = Annotated[Path, typer.Option("--out", help="Folder to write; it must be new or hold this command's work.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything random follows from it.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="Worker processes; all cores if not given.")
]

OnBackend = Annotated[
    Literal["embedded", "carla"], typer.Option("--backend", help="Our own world, or a CARLA 0.9.16 server (serve).")
]
Host = Annotated[str | None, typer.Option("--host", help="Of the CARLA server; 127.0.0.1 if not given.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Of the CARLA server; 2000 if not given.")]
Town = Annotated[
    str | None, typer.Option("--town", help="A map of the CARLA server, or an .xodr file, not the scenarios' roads.")
]


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option("--out", help="Output folder; demo, or demo-drone, if not given.")] = None,
    drone: Annotated[bool, typer.Option("--drone", help="Fly a drone to a target instead.")] = False,
    seed: Seed = 0,
    workers: Workers = None,
) -> None:
    """Record, train, evaluate: all of it in five minutes; ten on a processor without bfloat16.

    Works in the embedded world on two cores, from nothing; names the report at the end.

    Example: liquid-pilot demo
    """
    from launch.demo import run_demo

    kind, usual = ("flight", "demo-drone") if drone else ("driving", "demo")
    report = run_demo(out or Path(usual), kind=kind, seed=seed, workers=workers)
    say(f"report: {report}")


@app.command()
def record(
    scenario: Annotated[list[str], typer.Argument(help="Names from the catalogue, YAML files, or a split: train.")],
    out: OutFolder,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each scenario.")] = 10,
    mode: Annotated[
        Literal["segments", "drives"],
        typer.Option(help="Short stretches from disturbed poses (best to learn from), or whole drives."),
    ] = "segments",
    policy: Annotated[str, typer.Option(help="Who drives: expert, a zoo name or a run folder.")] = "expert",
    driver: Annotated[
        str | None, typer.Option(help="Another policy that moves the car, while --policy answers (DAgger).")
    ] = None,
    seed: Seed = 0,
    workers: Workers = None,
    backend: OnBackend = "embedded",
    host: Host = None,
    port: Port = None,
    town: Town = None,
) -> None:
    """Record drives of the expert to learn from.

    One MCAP file per episode, with pictures, states, and the expert's answer to each.

    Example: liquid-pilot record train-hairpins --out drives/mine --episodes 40
    """
    from launch.backend import chosen
    from launch.progress import progress_bar
    from launch.record import record as run

    where = chosen(backend, host, port, town)
    with progress_bar("record", "frames") as progress:
        done = run(
            scenario,
            out,
            episodes=episodes,
            policy=policy,
            driver=driver,
            seed=seed,
            workers=workers,
            mode=mode,
            progress=progress,
            backend=where,
        )
    say(f"{done.episodes} episodes, {done.frames:,} frames in {out}")


@app.command()
def train(
    drives: Annotated[list[Path], typer.Argument(help="Folders of recorded drives.")],
    out: OutFolder,
    controller: Annotated[str, typer.Option(help="ncp19, ncp2020, ltc, cfc, lstm, gru, ctrnn or cnn.")] = "ncp19",
    epochs: Annotated[
        float | None, typer.Option(min=0.01, help="Times through the data; the recipe's own if not given.")
    ] = None,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in --out.")] = False,
    check: Annotated[bool, typer.Option(help="Choose the checkpoint by driving on the validation roads.")] = True,
    workers: Workers = None,
) -> None:
    """Train a controller by imitation of recorded drives.

    The checkpoint is chosen by driving, not by loss.

    Example: liquid-pilot train drives/mine --out runs/mine --epochs 1
    """
    from launch.train import DrivingCheck, kind_of, recipe
    from launch.train import train as run
    from liquid_pilot.nn.config import require_controller

    require_controller(controller)
    config = recipe(controller, seed=seed, epochs=epochs, kind=kind_of(drives))
    trained = run(drives, out, config=config, resume=resume, check=DrivingCheck() if check else None, workers=workers)
    say(trained.summary)


@app.command()
def evaluate(
    policy: Annotated[list[str], typer.Argument(help="Run folders, zoo names, or expert; compared on the same seeds.")],
    out: OutFolder,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Scenarios, files or a split; heldout (or fly-heldout) if not given.")
    ] = None,
    weather: Annotated[
        list[str] | None, typer.Option(help="Weathers by name, CARLA's too; the scenario's own if not given.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME:SEVERITY,... and none; each is driven in each weather.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each scenario (and weather, and fault).")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first episode; the next ones count up.")] = 0,
    videos: Annotated[bool, typer.Option(help="Film the first episode of every scenario.")] = True,
    workers: Workers = None,
    backend: OnBackend = "embedded",
    host: Host = None,
    port: Port = None,
    town: Town = None,
) -> None:
    """Drive closed loop and judge.

    Writes results.json, videos and report.html, with n and 95 % intervals.

    Example: liquid-pilot evaluate ncp19-lane expert --scenario heldout-hairpins --episodes 2 --out results/first
    """
    from launch.backend import chosen
    from launch.evaluate import evaluate as run

    outcome = run(
        policy,
        scenario,
        out,
        weathers=weather or (),
        faults=fault or (),
        episodes=episodes,
        seed=seed,
        videos=videos,
        workers=workers,
        backend=chosen(backend, host, port, town),
    )
    for line in (*outcome.table, *outcome.headlines):
        say(line)
    say(f"report: {outcome.report}")


@app.command()
def replay(
    drive: Annotated[Path, typer.Argument(help="A recorded drive, .mcap.")],
    check: Annotated[
        bool, typer.Option("--check", help="Run the recorded actions again and compare every bit.")
    ] = False,
    policy: Annotated[
        str | None, typer.Option(help="Who drives the recorded route again: a run folder, a zoo name or expert.")
    ] = None,
    weather: Annotated[list[str] | None, typer.Option(help="Weathers by name; as recorded if not given.")] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME:SEVERITY,... and none; as recorded if not given.")
    ] = None,
    open_loop: Annotated[
        bool, typer.Option("--open-loop", help="Keep the car on the recorded path and only compare the answers.")
    ] = False,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Also when the scenario's file has changed since.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the videos and the report; needed with --policy.")
    ] = None,
    workers: Workers = None,
    backend: OnBackend = "embedded",
    host: Host = None,
    port: Port = None,
    town: Town = None,
) -> None:
    """Run a recorded drive again through the world.

    With --check the recorded actions, every bit compared. With --policy and --out under other weather and faults,
    beside the original: closed loop, or open loop along the recorded path.

    Example: liquid-pilot replay drives/mine/train-hairpins-000000.mcap --check
    """
    from launch.backend import chosen

    where = chosen(backend, host, port, town)
    if check:
        if where.remote:
            raise typer.BadParameter(
                "--check compares every bit, and a CARLA server repeats none; leave --backend carla out, or drive it "
                "again with --policy and --out",
                param_hint="'--check'",
            )
        _replay_check(
            drive, as_recorded, with_nothing_else=policy is None and not weather and not fault and not open_loop
        )
        return
    if policy is None or out is None:
        missing = "--policy" if policy is None else "--out"
        raise typer.BadParameter(
            f"say what to do with the drive: --check compares every bit, --policy P --out FOLDER drives it again "
            f"({missing} is missing)",
            param_hint=f"'{missing}'",
        )
    import os

    from launch.rerun import rerun

    outcome = rerun(
        drive,
        out,
        policy=policy,
        weathers=weather or (),
        faults=fault or (),
        open_loop=open_loop,
        as_recorded=as_recorded,
        workers=workers or os.cpu_count() or 1,
        backend=where,
    )
    for line in outcome.lines:
        say(line)
    say(f"report: {outcome.report}")


def _replay_check(drive: Path, as_recorded: bool, *, with_nothing_else: bool) -> None:
    from launch.replay import check_replay

    if not with_nothing_else:
        raise typer.BadParameter(
            "it compares the drive as it was recorded; leave the other options out", param_hint="'--check'"
        )
    outcome = check_replay(drive, as_recorded=as_recorded)
    say(outcome.summary)
    if not outcome.identical:
        raise typer.Exit(1)


@app.command()
def view(drive: Annotated[Path, typer.Argument(help="A recorded drive, .mcap.")]) -> None:
    """Open a drive in the Rerun viewer.

    It opens in Foxglove as it is, too.

    Example: liquid-pilot view drives/mine/train-hairpins-000000.mcap
    """
    from launch.view import view_drive

    view_drive(drive)


@app.command()
def export(
    policy: Annotated[str, typer.Argument(help="A run folder, a checkpoint or a zoo name.")],
    to: Annotated[Literal["onnx"], typer.Option(help="The format.")] = "onnx",
    out: Annotated[Path | None, typer.Option("--out", help="The file; NAME.onnx here if not given.")] = None,
) -> None:
    """Write a trained policy as one file for other programs.

    Head and controller, state in and out; it is compared with torch over 1,000 steps first. docs/deployment.md says
    how to use it.

    Example: liquid-pilot export ncp19-lane --to onnx --out ncp19-lane.onnx
    """
    from launch.export import export_policy

    del to  # there is only one
    path, found = export_policy(policy, out)
    say(f"{path}: equal to torch over {found.steps:,} steps within {max(found.action, found.state):.1e}")


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65534, help="Port of the calls; streams take the next.")] = 2000,
    map_name: Annotated[str, typer.Option("--map", help="A map that comes along, or an OpenDRIVE file.")] = "town-1",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets everybody in.")] = "127.0.0.1",
    theme: Annotated[
        str | None, typer.Option(help="Look of the land where the map does not say; town or meadow if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the land where the map does not say.")] = 0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell who comes and goes.")] = False,
) -> None:
    """Serve a driving world to CARLA 0.9.16 clients, without a GPU.

    What is written for CARLA's Python API connects to it; docs/carla.md says what it can do. Ctrl-C ends it.

    Example: liquid-pilot serve --map town-1
    """
    from launch.serve import run_server

    run_server(host, port, map_name, theme or "", seed, verbose)


@app.command()
def scenarios(
    show: Annotated[str | None, typer.Option(help="Print one scenario, resolved.")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of scenario files, for editors.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Draw every weather and every fault of pictures into this PNG.")
    ] = None,
) -> None:
    """List the scenarios that come along.

    Example: liquid-pilot scenarios --show heldout-hairpins
    """
    from launch.listing import list_scenarios, scenario_schema, show_scenario

    if schema:
        say(scenario_schema())
    elif sheet is not None:
        from launch.progress import progress_bar
        from launch.sheet import draw_sheet

        with progress_bar("draw", "scenes") as progress:
            draw_sheet(sheet, progress)
        say(f"written: {sheet}")
    elif show is not None:
        say(show_scenario(show))
    else:
        for line in list_scenarios():
            say(line)


@drives_app.command("verify")
def drives_verify(path: Annotated[Path, typer.Argument(help="A drive or a folder of drives.")]) -> None:
    """Check every byte of drives against checksums.

    Example: liquid-pilot drives verify drives/mine
    """
    from launch.listing import verify_drives
    from launch.progress import progress_bar

    with progress_bar("verify", "drives") as progress:
        good, broken = verify_drives(path, progress)
    for error in broken:
        complain(str(error))
    say(f"{good} drives are whole, {len(broken)} are broken")
    if broken:
        raise typer.Exit(1)


@drives_app.command("info")
def drives_info(path: Annotated[Path, typer.Argument(help="A drive or a folder of drives.")]) -> None:
    """Say what drives hold.

    Scenario, seed, policy, frames, how they ended, versions.

    Example: liquid-pilot drives info drives/mine
    """
    from launch.listing import describe_drives

    for line in describe_drives(path):
        say(line)


@app.command()
def doctor() -> None:
    """Check this machine and say how to get what is missing.

    Example: liquid-pilot doctor
    """
    from launch.doctor import examine

    marks = {"good": "ok  ", "note": "note", "bad": "BAD "}
    missing = 0
    for finding in examine():
        missing += finding.state == "bad"
        cure = f"  -> {finding.cure}" if finding.cure else ""
        say(f"{marks[finding.state]}  {finding.subject:<13} {finding.found}{cure}")
    if missing:
        complain(f"{missing} of these must be mended before everything works")
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the command ``liquid-pilot``."""
    arguments = spread_options(sys.argv[1:], MANY_VALUES) or ["--help"]
    sys.exit(run_command_line(lambda: app(arguments, standalone_mode=False)))


if __name__ == "__main__":
    main()
