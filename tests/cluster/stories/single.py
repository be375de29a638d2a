"""One pod with its ledger, from the first install to the second."""

import facts
from story import check, names


def tell(story):
    story.open()
    story.given_secrets()
    with story.step("installs, and is ready"):
        story.install()
        claimant = story.only("statefulsets")
        check.assertEqual(claimant["status"]["readyReplicas"], 1)
        check.assertEqual(story.list("deployments"), [])
    with story.step("mounts what there is, and every Service leads to it"):
        check.assertGreaterEqual(facts.hold(story), 2)
    with story.step("its claim is bound"):
        claim = story.only("persistentvolumeclaims")
        check.assertEqual(claim["status"]["phase"], "Bound")
    with story.step("passes its tests"):
        story.passes_tests()

    first, steady = story.identities(), story.state()
    with story.step("an upgrade that changes nothing touches nothing"):
        story.upgrade()
        check.assertEqual(story.state(), steady)
    with story.step("a changed configuration is a new pod with the same claim"):
        story.upgrade("--set", "config.tenants.acme.countries.allow={US,JP}")
        second = story.identities()
        check.assertEqual(len(second), 1)
        check.assertNotEqual(second, first)
        check.assertEqual(story.only("persistentvolumeclaims")["metadata"]["uid"], claim["metadata"]["uid"])
    with story.step("the next version of the chart, with labels of the user's own, is a new pod with the same claim"):
        with story.next_version():
            story.upgrade("--set", "commonLabels.team=identity")
        third = story.identities()
        check.assertFalse(third & second)
        check.assertEqual(story.only("persistentvolumeclaims")["metadata"]["uid"], claim["metadata"]["uid"])
    with story.step("a rollback is the first pod's template again"):
        story.rollback(1)
        before, after = claimant["spec"]["template"], story.only("statefulsets")["spec"]["template"]
        check.assertEqual(after, before)
        check.assertFalse(story.identities() & (first | second | third))
    with story.step("a change that pods are to take up by themselves replaces none"):
        # To say so is a change of the pod as well, so it is said before the change.
        story.upgrade("--set", "restartOnConfigChange=false")
        pods, files = story.identities(), configuration(story)
        story.upgrade("--set", "restartOnConfigChange=false,config.log.level=warn")
        check.assertEqual(story.identities(), pods)
        check.assertNotEqual(configuration(story), files)
    with story.step("it can be stopped, and started again"):
        story.upgrade("--set", "gateway.replicas=0")
        story.until("there is no pod", lambda: not story.list("pods"))
        story.upgrade()
        check.assertEqual(story.only("statefulsets")["status"]["readyReplicas"], 1)
        check.assertEqual(story.only("persistentvolumeclaims")["metadata"]["uid"], claim["metadata"]["uid"])
    with story.step("the template of its claim can be changed as the docs say, and its pod runs on"):
        pods = story.identities()
        check.assertIn("Forbidden", story.refused("--set", "persistence.size=10Gi"))
        story.kubectl("delete", "statefulset", *names([story.only("statefulsets")]), "--cascade=orphan", "--wait")
        story.upgrade("--set", "persistence.size=10Gi")
        check.assertEqual(story.only("statefulsets")["status"]["readyReplicas"], 1)
        check.assertEqual(story.identities(), pods)
        check.assertEqual(story.only("persistentvolumeclaims")["metadata"]["uid"], claim["metadata"]["uid"])
        story.kubectl("delete", "statefulset", *names([story.only("statefulsets")]), "--cascade=orphan", "--wait")
        story.upgrade()
    with story.step("it can be split in two roles, and made one again, with the same claim"):
        for values, deployments in ((["config", "split"], 1), (["config"], 0)):
            story.values = values
            story.upgrade()
            check.assertEqual(len(story.list("deployments")), deployments)
            facts.hold(story)
            check.assertEqual(story.only("statefulsets")["status"]["readyReplicas"], 1)
            check.assertEqual(story.only("persistentvolumeclaims")["metadata"]["uid"], claim["metadata"]["uid"])
    with story.step("a second writer is refused, with the reason"):
        check.assertIn("ledger", story.refused("--set", "gateway.replicas=2"))
        check.assertEqual(story.only("statefulsets")["spec"]["replicas"], 1)
    with story.step("uninstalls, and leaves the claim"):
        story.uninstall(leaves={"persistentvolumeclaims"})
    with story.step("installed again, it has its ledger back"):
        story.install()
        again = story.only("persistentvolumeclaims")
        check.assertEqual(again["metadata"]["uid"], claim["metadata"]["uid"])
        check.assertEqual(again["spec"]["volumeName"], claim["spec"]["volumeName"])
    with story.step("leaves nothing when its claim is deleted"):
        story.uninstall(leaves={"persistentvolumeclaims"})
        story.kubectl("delete", "persistentvolumeclaims", *names([claim]), "--wait")
        check.assertEqual(story.left(), {})


def configuration(story):
    """The files that the release has for its pod."""
    return {item["metadata"]["name"]: item["data"] for item in story.labelled("configmaps")}
