"""Tries the chart on a real control plane: tells every story, prints a line for each step, and closes with one count.

Called by scripts/cluster.sh, which builds what this needs.
"""

import argparse
import concurrent.futures
import pathlib
import signal
import sys
import time

import stories
from plane import ControlPlane
from story import Stopped, Story, Tally

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Stories mostly wait, for a pod to prove itself five seconds long and the like.
AT_ONCE = 6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="tests/cluster")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="what scripts/cluster/build.sh has built")
    parser.add_argument("--helm", type=pathlib.Path, default=ROOT / ".cache/bin/helm")
    parser.add_argument("--chart", type=pathlib.Path, default=ROOT / "helm/tollgate")
    parser.add_argument("--up", action="store_true", help="tells no story, and stays up until it is interrupted")
    parser.add_argument("words", nargs="*", help="only the stories with one of these in their name")
    given = parser.parse_args()
    # Being ended is no reason to leave anything behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [name for name in stories.ALL if not given.words or any(word in name for word in given.words)]
    if not chosen:
        parser.error(f"there is no such story; there are {', '.join(stories.ALL)}")
    start, tally = time.monotonic(), Tally()
    with ControlPlane(given.programs, given.helm.resolve()) as plane:
        print(f"the control plane is ready after {time.monotonic() - start:.1f} s", flush=True)
        if given.up:
            return stay(plane)
        told = [Story(name, plane, given.chart.resolve(), tally) for name in chosen]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for story in concurrent.futures.as_completed([pool.submit(tell, story) for story in told]):
                    story.result()
            except BaseException:
                plane.interrupt()
                raise
        plane.alive()
    print(f"{tally.passed} passed, {tally.failed} failed, {time.monotonic() - start:.0f} s")
    return 1 if tally.failed or not tally.passed else 0


def tell(story):
    """Tells a story as far as it goes."""
    try:
        stories.ALL[story.name](story)
    except Stopped:
        pass
    except Exception as error:  # Outside of any step: nobody has told of it yet.
        story.tally.tell(False, f"{story.name}: {error!r}")


def stay(plane):
    """Says how to reach the control plane, and waits for Ctrl-C."""
    print("in another shell:")
    print(f"  export KUBECONFIG={plane.kubeconfig} PATH={plane.programs / 'bin'}:{plane.helm.parent}:$PATH")
    print("Ctrl-C ends it.", flush=True)
    try:
        while True:
            plane.alive()
            time.sleep(1)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
