"""The commands of docs/kubernetes.md, exactly as they stand there.

A block that is to be run has a mark before it, `<!-- test-cluster: STORY -->`; the blocks of a story are one script, run where
the checkout is. A block with `<!-- test-cluster: STORY FILE -->` is a file, which the commands find under that name.
"""

import pathlib
import re
import shutil

import facts
from api import is_true
from story import PATIENCE, check

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/kubernetes.md"
BLOCK = re.compile(r"^<!-- test-cluster: (\w+)(?: (\S+))? -->\n+```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPACE = re.compile(r"^kubectl create namespace (\S+)$", re.MULTILINE)
TOLD = ("single", "split")


def tell(story):
    with story.step("docs/kubernetes.md shows how to install both"):
        check.assertTrue(PAGE.exists(), f"{PAGE} is missing")
        told = BLOCK.findall(PAGE.read_text())
        check.assertEqual(sorted({name for name, file, _ in told if not file}), sorted(TOLD))
    for name in TOLD:
        script = "\n".join(text for said, file, text in told if said == name and not file)
        with story.step(f"its commands for {name} end well"):
            folder = story.plane.home / f"docs-{name}"
            folder.mkdir()
            (folder / "helm").symlink_to(ROOT / "helm")
            (folder / "docs").symlink_to(ROOT / "docs")
            for _, file, text in (block for block in told if block[0] == name and block[1]):
                (folder / file).write_text(text)
            story.plane.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder)
            shutil.rmtree(folder)
        with story.step(f"{name}, as documented, is ready"):
            # Nobody could say which of two is meant.
            (story.space,) = SPACE.findall(script)
            story.until("every pod is ready", lambda: all(is_true(pod, "Ready") for pod in story.pods()))
            facts.hold(story)
            story.passes_tests()
            owners = {kind for kind in ("deployments", "statefulsets") if story.list(kind)}
            check.assertEqual(owners, {"statefulsets"} if name == "single" else {"deployments", "statefulsets"})
        with story.step(f"{name}, as documented, uninstalls"):
            story.uninstall(leaves={"persistentvolumeclaims"})
            story.until("no pod is left", lambda: not story.list("pods"))
            story.kubectl("delete", "namespace", story.space, f"--timeout={PATIENCE}s")
