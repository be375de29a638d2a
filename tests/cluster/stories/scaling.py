"""The adapter under an autoscaler: who counts its pods, and that Helm never counts them back."""

from api import is_true
from story import PATIENCE, check

# Pods here prove themselves at once: there are many roll-outs, and this is not about them.
ON = ("--set", "adapter.autoscaling.enabled=true,adapter.autoscaling.minReplicas=3,adapter.minReadySeconds=0")
CHANGED = ("--set", "config.public.max_in_flight=512")


def tell(story):
    story.values = ["config", "split"]
    story.open()
    story.given_secrets()

    def replicas():
        return story.only("deployments")["spec"]["replicas"]

    with story.step("the autoscaler finds the adapter, and brings it to its least"):
        story.install(*ON)
        story.becomes((3, 4), lambda: (replicas(), len(story.pods())), "adapters, and pods in all")
        story.until("it is able to scale", lambda: is_true(story.only("horizontalpodautoscalers"), "AbleToScale"))
    with story.step("what it has scaled stays so over an upgrade that changes the pods"):
        # Nobody measures anything here: this stands for what the autoscaler would do under load.
        story.kubectl("scale", "deployment", "--all", "--replicas=5")
        story.becomes(5, lambda: story.only("deployments")["status"].get("readyReplicas"), "ready adapters")
        before = story.identities()
        story.upgrade(*ON, *CHANGED)
        check.assertEqual(replicas(), 5)
        check.assertEqual(len(story.identities() & before), 1, "only the gateway's pod stays")
    with story.step("its budget counts all of them"):
        story.becomes(5, lambda: story.only("poddisruptionbudgets")["status"]["expectedPods"], "pods of the budget")
    with story.step("an upgrade leaves a restart that was made by hand as it is"):
        story.kubectl("rollout", "restart", "deployment,statefulset")
        story.kubectl("rollout", "status", "deployment", f"--timeout={PATIENCE}s")
        story.kubectl("rollout", "status", "statefulset", f"--timeout={PATIENCE}s")
        restarted = story.identities()
        check.assertFalse(restarted & before)
        story.upgrade(*ON, *CHANGED)
        check.assertEqual(story.identities(), restarted)
        check.assertEqual(replicas(), 5)
    with story.step("uninstalls, and leaves the gateway's claim"):
        story.uninstall(leaves={"persistentvolumeclaims"})
