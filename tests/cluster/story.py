"""How a story is told: steps that each print one line, in a namespace of its own that takes only restricted pods."""

import contextlib
import json
import pathlib
import re
import shutil
import textwrap
import threading
import time
import traceback
import unittest

from api import NAMESPACED
from plane import Failed
from wait import STOP, until

VALUES = pathlib.Path(__file__).parent / "values"
# How long Helm, or a controller, may take for one thing. A rollout waits five seconds for each pod to prove itself.
PATIENCE = 120
WAIT = ("--wait", f"--timeout={PATIENCE}s")
SECRETS = {
    "tollgate": {"twilio-auth-token": "a token", "acme-hook-secret": "sixteen bytes, at the least"},
    "tollgate-tls": {"tls.crt": "a certificate", "tls.key": "its key", "ca.crt": "its authority"},
    "tollgate-token": {"token": "sixteen bytes, at the least"},
}
# What an upgrade that changes nothing must not touch: all but Helm's own records, and what controllers write to.
STEADY = set(NAMESPACED) - {"secrets", "events", "horizontalpodautoscalers"}

check = unittest.TestCase()
check.maxDiff = None


class Stopped(Exception):
    """A step has failed, and told so; those after it rely on it."""


class Tally:
    """Counts the steps of all stories, and prints them as they come."""

    def __init__(self):
        self.lock, self.passed, self.failed = threading.Lock(), 0, 0

    def tell(self, ok, line, details=""):
        with self.lock:
            self.passed, self.failed = self.passed + ok, self.failed + (not ok)
            print(f"{'ok    ' if ok else 'FAILED'}  {line}", flush=True)
            if details:
                print(textwrap.indent(details, "        "), flush=True)


class Story:
    """One story: a namespace, a release in it, and what can be done with both."""

    def __init__(self, name, plane, chart, tally):
        self.name, self.plane, self.chart, self.tally = name, plane, chart, tally
        self.space, self.values = f"story-{name}", ["config"]

    @contextlib.contextmanager
    def step(self, text):
        """One line of the story; its assertions stand in the block."""
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            if STOP.is_set():
                raise Stopped from error
            known = isinstance(error, (AssertionError, Failed))
            details = str(error) if known else "".join(traceback.format_exception(error))
            self.tally.tell(False, f"{self.name}: {text}", f"{details}\n{self.events()}")
            raise Stopped from error
        self.tally.tell(True, f"{self.name}: {text} ({time.monotonic() - start:.1f} s)")

    def open(self):
        """Makes the namespace."""
        self.kubectl("apply", "-f", "-", input=json.dumps(namespace(self.space)))
        self.until("the namespace has its service account", lambda: self.list("serviceaccounts"))

    def given_secrets(self):
        """Makes what values/config.yaml and values/split.yaml name as existing secrets."""
        for name, keys in SECRETS.items():
            data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys}
            self.kubectl("apply", "-f", "-", input=json.dumps(data))

    def until(self, what, probe):
        """Waits until the probe is true, for as long as the control plane lives and patience lasts."""
        return until(what, probe, PATIENCE, self.plane.alive)

    def becomes(self, expected, probe, what):
        """Waits until the probe is what is expected, and otherwise says what it was in the end."""
        with contextlib.suppress(AssertionError):
            self.until(what, lambda: probe() == expected)
        check.assertEqual(probe(), expected, what)

    def kubectl(self, *arguments, **options):
        return self.plane.kubectl("--namespace", self.space, *arguments, **options)

    def helm(self, *arguments):
        """Runs Helm, which must end well and have nothing to warn of, and returns what it printed."""
        status, printed, complaint = self._helm(*arguments)
        asked = f"helm {' '.join(arguments)}"
        check.assertEqual(status, 0, f"`{asked}` said:\n{complaint or printed}")
        check.assertNotIn("warn", complaint.lower(), asked)
        return printed

    def _helm(self, *arguments):
        return self.plane.attempt(["helm", "--namespace", self.space, *arguments])

    def install(self, *options):
        self.helm("install", *self._release(), *options)

    def upgrade(self, *options):
        self.helm("upgrade", *self._release(), *options)

    def rollback(self, revision):
        self.helm("rollback", "tollgate", str(revision), *WAIT)

    def refused(self, *options):
        """What Helm says to an upgrade that it must refuse."""
        status, _, complaint = self._helm("upgrade", *self._release(), *options)
        check.assertNotEqual(status, 0, "it was not refused")
        return complaint

    def passes_tests(self):
        """Runs the release's tests. kwok calls their pods done without running them: this shows that they are admitted and removed."""
        told = self.helm("test", "tollgate", f"--timeout={PATIENCE}s")
        phases = re.findall(r"^Phase: +(\S+)$", told, re.MULTILINE)
        check.assertTrue(phases, f"there is no test:\n{told}")
        check.assertEqual(set(phases), {"Succeeded"}, told)
        hooks = self.helm("get", "hooks", "tollgate")
        asked = re.findall(r"https?://([a-z0-9-]+)[a-z0-9.-]*:(\d+)", hooks)
        there = {
            (item["metadata"]["name"], str(port["port"])) for item in self.list("services") for port in item["spec"]["ports"]
        }
        check.assertTrue(asked, hooks)
        check.assertLessEqual(set(asked), there, "what the tests ask, and the Services that there are")
        self.until("its pods are gone", lambda: not [pod for pod in self.list("pods") if is_hook(pod)])

    def uninstall(self, leaves):
        """Removes the release, and fails if something else of it is left than the kinds that are said to stay."""
        self.helm("uninstall", "tollgate", *WAIT)
        # Helm waits for what it made itself; the rest goes when the controllers see that its owner has gone.
        self.becomes(set(leaves), lambda: set(self.left()), "what is left of the release")

    def left(self):
        """The names of all that there is of the release, by kind."""
        found = {kind: names(self.labelled(kind)) for kind in NAMESPACED}
        return {kind: items for kind, items in found.items() if items}

    def _release(self):
        files = [word for file in self.values for word in ("--values", str(VALUES / f"{file}.yaml"))]
        return ["tollgate", str(self.chart), *files, *WAIT]

    @contextlib.contextmanager
    def next_version(self):
        """As if the chart, and the application, had been released once more."""
        now, self.chart = self.chart, self.plane.home / f"next-{self.name}"
        shutil.copytree(now, self.chart)
        about = self.chart / "Chart.yaml"
        about.write_text(re.sub(r"(?m)^(version|appVersion): .*$", r'\1: "99.0.0"', about.read_text()))
        yield
        self.chart = now

    def labelled(self, kind):
        """The objects of a kind that are the release's."""
        return self.list(kind, labelSelector="app.kubernetes.io/instance=tollgate")

    def list(self, kind, **query):
        return self.plane.api.list(kind, self.space, **query)

    def only(self, kind):
        """The one object of a kind that there must be."""
        found = self.list(kind)
        check.assertEqual(len(found), 1, f"{kind}: {names(found)}")
        return found[0]

    def pods(self):
        """The pods that are not on their way out."""
        return [pod for pod in self.list("pods") if "deletionTimestamp" not in pod["metadata"]]

    def identities(self):
        """Which pods there are: another pod of the same name is another identity."""
        return {pod["metadata"]["uid"] for pod in self.pods()}

    def state(self):
        """What would be different after any change to the release's objects, by kind and name."""
        marks = {}
        for kind in STEADY:
            for item in self.list(kind):
                about = item["metadata"]
                # Each change of a specification is a new generation; where there is none, any change is a new version.
                mark = about.get("generation") or about["resourceVersion"]
                marks[kind, about["name"]] = (about["uid"], mark)
        return marks

    def events(self):
        """What the cluster had to say, for whoever looks for the cause of a failure."""
        with contextlib.suppress(Exception):
            told = [(event["lastTimestamp"] or "", event) for event in self.list("events") if event["type"] != "Normal"]
            lines = [f"{one['involvedObject']['name']}: {one['message']}" for _, one in sorted(told, key=lambda it: it[0])]
            return "\n".join(list(dict.fromkeys(lines))[-8:])
        return ""


def is_hook(item):
    return "helm.sh/hook" in item["metadata"].get("annotations", {})


def names(items):
    return sorted(item["metadata"]["name"] for item in items)


def namespace(name):
    """A namespace that takes restricted pods only, and warns of others wherever they are described."""
    levels = {f"pod-security.kubernetes.io/{what}": "restricted" for what in ("enforce", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}}
