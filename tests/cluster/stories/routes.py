"""Every way in from outside, and every wall, as the API server and the controllers take them."""

import facts
from story import check, names


def tell(story):
    story.values = ["config", "split", "routes"]
    story.open()
    story.given_secrets()
    with story.step("installs with Ingress, routes of the Gateway API and policies"):
        story.install()
    with story.step("the Ingress leads to a Service that there is"):
        ingress = story.only("ingresses")
        paths = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        backends = [path["backend"]["service"] for path in paths]
        facts.leads_to_services(story, ingress, [(to["name"], next(iter(to["port"].values()))) for to in backends])
    for kind in ("httproutes", "grpcroutes"):
        with story.step(f"the {kind} lead to Services that there are"):
            route = story.only(kind)
            ends = [end for rule in route["spec"]["rules"] for end in rule["backendRefs"]]
            facts.leads_to_services(story, route, [(end["name"], end["port"]) for end in ends])
    with story.step("the gateway's certificate is known to whoever routes to it"):
        policy = story.only("backendtlspolicies")
        targets = {target["name"] for target in policy["spec"]["targetRefs"]}
        check.assertLessEqual(targets, set(names(story.list("services"))))
    with story.step("every pod has its policy, and each policy its pods"):
        facts.hold(story)
        policies = story.labelled("networkpolicies")
        for pod in story.pods():
            check.assertTrue(any(facts.selected(policy["spec"]["podSelector"], [pod]) for policy in policies), facts.named(pod))
    with story.step("an upgrade that changes nothing touches nothing"):
        steady = story.state()
        story.upgrade()
        check.assertEqual(story.state(), steady)
    with story.step("they go when they are switched off"):
        story.values = ["config", "split"]
        story.upgrade()
        for kind in ("ingresses", "httproutes", "grpcroutes", "backendtlspolicies", "networkpolicies"):
            check.assertEqual(names(story.list(kind)), [])
    with story.step("uninstalls, and leaves the gateway's claim"):
        story.uninstall(leaves={"persistentvolumeclaims"})
