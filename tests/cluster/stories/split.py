"""The adapter and the gateway apart: what concerns one role leaves the other's pods alone."""

import re

import facts
from story import check


def tell(story):
    story.values = ["config", "split"]
    story.open()
    story.given_secrets()
    with story.step("installs, and is ready"):
        story.install()
        adapter, gateway = story.only("deployments"), story.only("statefulsets")
        check.assertEqual(adapter["status"]["readyReplicas"], 2)
        check.assertEqual(gateway["status"]["readyReplicas"], 1)
        check.assertEqual(len(story.pods()), 3)
    with story.step("mounts what there is, and every Service leads to it"):
        check.assertGreaterEqual(facts.hold(story), 5)
    with story.step("the adapter's address of the gateway is a headless Service with that port"):
        finds_gateway(story)
    with story.step("the adapter's pods stand on different nodes"):
        nodes = {pod["spec"]["nodeName"] for pod in of(story, "ReplicaSet")}
        check.assertEqual(len(nodes), 2)
    with story.step("the adapter's pods may be taken away one at a time"):
        story.becomes((2, 1), lambda: budget(story), "pods of the budget, and how many may go")
    with story.step("passes its tests"):
        story.passes_tests()

    adapters, gateways, steady = uids(of(story, "ReplicaSet")), uids(of(story, "StatefulSet")), story.state()
    with story.step("an upgrade that changes nothing touches nothing"):
        story.upgrade()
        check.assertEqual(story.state(), steady)
    with story.step("a provider's setting replaces the gateway's pod alone"):
        story.upgrade("--set", "config.providers.twilio-us.timeout=1s")
        check.assertEqual(uids(of(story, "ReplicaSet")), adapters)
        check.assertFalse(uids(of(story, "StatefulSet")) & gateways)
    with story.step("a rollback leaves the adapter's pods, and gives the gateway its first template"):
        story.rollback(1)
        check.assertEqual(uids(of(story, "ReplicaSet")), adapters)
        check.assertEqual(story.only("statefulsets")["spec"]["template"], gateway["spec"]["template"])
    gateways = uids(of(story, "StatefulSet"))
    with story.step("a setting of Okta's door replaces the adapter's pods alone"):
        story.upgrade("--set", "config.public.max_in_flight=512")
        check.assertEqual(uids(of(story, "StatefulSet")), gateways)
        check.assertFalse(uids(of(story, "ReplicaSet")) & adapters)
    adapters = uids(of(story, "ReplicaSet"))
    with story.step("more adapters are added, and none is replaced"):
        story.upgrade("--set", "config.public.max_in_flight=512", "--set", "adapter.replicas=4")
        check.assertEqual(len(of(story, "ReplicaSet")), 4)
        check.assertLess(adapters, uids(of(story, "ReplicaSet")))
        check.assertEqual(uids(of(story, "StatefulSet")), gateways)
        facts.hold(story)
    with story.step("a second gateway is refused, with the reason"):
        check.assertIn("ledger", story.refused("--set", "gateway.replicas=2"))
        check.assertEqual(uids(of(story, "StatefulSet")), gateways)
    with story.step("uninstalls, and leaves the gateway's claim"):
        story.uninstall(leaves={"persistentvolumeclaims"})


def finds_gateway(story):
    """The one address among the configurations that the adapter's pod mounts."""
    mounted = {name for kind, name, _ in facts.mounted(of(story, "ReplicaSet")[0]) if kind == "configmaps"}
    texts = [text for item in story.list("configmaps") if item["metadata"]["name"] in mounted for text in item["data"].values()]
    found = re.findall(r"https?://([a-z0-9-]+)\.([a-z0-9-]+)\.svc[^:\s]*:(\d+)", "\n".join(texts))
    check.assertEqual(len(found), 1, "\n".join(texts))
    name, space, port = found[0]
    check.assertEqual(space, story.space)
    service = next(item for item in story.list("services") if item["metadata"]["name"] == name)
    check.assertEqual(service["spec"]["clusterIP"], "None")
    check.assertIn(int(port), [entry["port"] for entry in service["spec"]["ports"]])


def budget(story):
    status = story.only("poddisruptionbudgets").get("status", {})
    return status.get("expectedPods"), status.get("disruptionsAllowed")


def of(story, owner):
    """The pods of a kind of owner."""
    return [pod for pod in story.pods() if pod["metadata"].get("ownerReferences", [{}])[0].get("kind") == owner]


def uids(pods):
    return {pod["metadata"]["uid"] for pod in pods}
