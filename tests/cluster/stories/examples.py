"""Every values file that the chart is tested with: each a release of its own, all side by side in one namespace.

Not all can get ready, as some name schedulers, volumes or machines that are not here. But every object must be taken, and every pod
admitted: the controllers that make them are told when one is not.
"""

import json
import re

from api import NAMESPACED
from story import check, namespace


def tell(story):
    story.open()
    files = {file.name.removesuffix("-values.yaml"): file for file in sorted((story.chart / "ci").glob("*-values.yaml"))}
    with story.step("there are examples"):
        check.assertGreaterEqual(len(files), 5)
    for name, file in files.items():
        with story.step(f"{name} is taken, and its pods are admitted"):
            grant(story, story.helm("template", name, str(story.chart), "--values", str(file)))
            story.helm("install", name, str(story.chart), "--values", str(file))
            story.until("every pod is made", lambda name=name: all_made(story, name))
    with story.step("all of them uninstall, and leave nothing but claims"):
        story.helm("uninstall", *files)
        story.until("all is gone that must go", lambda: not left(story, *files))


def grant(story, rendered):
    """Makes what an example takes for granted, and the API server looks for before it admits an object or a pod."""
    wanted = [namespace(name) for name in set(re.findall(r"^  namespace: [\"']?([a-z0-9-]+)", rendered, re.MULTILINE))]
    for kind, version, more in (
        ("PriorityClass", "scheduling.k8s.io/v1", {"value": 1000}),
        ("RuntimeClass", "node.k8s.io/v1", {"handler": "other"}),
    ):
        field = kind[0].lower() + kind[1:] + "Name"
        for name in set(re.findall(rf"^ +{field}: [\"']?([a-z0-9.-]+)", rendered, re.MULTILINE)):
            wanted.append({"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more})
    story.plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))


def all_made(story, release):
    """Whether the controllers have made every pod that they were told to make."""
    owners = of(story, "deployments", release) + of(story, "statefulsets", release)
    check.assertTrue(owners)
    return all(owner["status"].get("replicas", 0) == owner["spec"]["replicas"] for owner in owners)


def left(story, *releases):
    """What is left of releases, in whatever namespace, beside their claims."""
    return [item for kind in set(NAMESPACED) - {"persistentvolumeclaims"} for item in of(story, kind, *releases)]


def of(story, kind, *releases):
    """The objects of a kind that are the releases', in whatever namespace they are."""
    return story.plane.api.list(kind, labelSelector=f"app.kubernetes.io/instance in ({','.join(releases)})")
