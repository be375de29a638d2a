"""What must hold of every release that is up, whatever its values are."""

import itertools

from story import check


def hold(story):
    """Asserts all of it, and returns the number of things that were looked at."""
    pods = story.pods()
    check.assertTrue(pods, "there is no pod")
    for pod in pods:
        mounts_what_there_is(story, pod)
    services = story.labelled("services")
    check.assertTrue(services, "there is no Service")
    for service in services:
        leads_to_pods(story, service, pods)
    policies = story.labelled("networkpolicies")
    for policy in policies:
        check.assertTrue(selected(policy["spec"]["podSelector"], pods), f"{named(policy)} is for no pod")
    return len(pods) + len(services) + len(policies)


def mounts_what_there_is(story, pod):
    """Every Secret and ConfigMap that a pod mounts is there, with every key that it wants: otherwise it would never start."""
    there = {kind: {item["metadata"]["name"]: item for item in story.list(kind)} for kind in ("secrets", "configmaps")}
    for kind, name, keys in mounted(pod):
        check.assertIn(name, there[kind], f"{kind} that {named(pod)} mounts")
        held = there[kind][name].get("data", {})
        missing = [key for key in keys if key not in held]
        check.assertFalse(missing, f"{named(pod)} mounts keys that {name} does not have")


def mounted(pod):
    """What a pod mounts: kind, name, and the keys that it names."""
    for volume in pod["spec"].get("volumes", []):
        for source in volume.get("projected", {}).get("sources", [volume]):
            for word, kind, name in (("secret", "secrets", "secretName"), ("configMap", "configmaps", "name")):
                if word in source and not source[word].get("optional"):
                    about = source[word]
                    yield kind, about.get(name) or about["name"], [item["key"] for item in about.get("items", [])]


def leads_to_pods(story, service, pods):
    """Every port of a Service leads to a port that a container has, in every pod that is selected; and there is one."""
    wanted = {port.get("name", "") for port in service["spec"]["ports"]}
    behind = [pod for pod in pods if fits(service["spec"]["selector"], pod)]
    check.assertTrue(behind, f"{named(service)} selects no pod")

    def found():
        label = f"kubernetes.io/service-name={service['metadata']['name']}"
        slices = story.list("endpointslices", labelSelector=label)
        led = {port: set() for port in wanted}
        for one, port in itertools.chain(*(itertools.product([one], one["ports"] or []) for one in slices)):
            ready = [end for end in one["endpoints"] or [] if end["conditions"].get("ready")]
            led.setdefault(port["name"], set()).update((end["targetRef"]["name"], port["port"]) for end in ready)
        return led

    expected = {port: len(behind) for port in wanted}
    story.becomes(expected, lambda: {port: len(ends) for port, ends in found().items()}, f"pods behind {named(service)}")
    open_ports = {port["containerPort"] for pod in behind for one in pod["spec"]["containers"] for port in one.get("ports", [])}
    for ends in found().values():
        check.assertLessEqual({port for _, port in ends}, open_ports, f"ports behind {named(service)}")


def leads_to_services(story, route, backends):
    """Every backend of a route is a port of a Service that there is."""
    services = {item["metadata"]["name"]: item["spec"]["ports"] for item in story.list("services")}
    check.assertTrue(backends, f"{named(route)} has no backend")
    for name, port in backends:
        check.assertIn(name, services, f"the backend of {named(route)}")
        known = {entry["port"] for entry in services[name]} | {entry["name"] for entry in services[name]}
        check.assertIn(port, known, f"the port of {named(route)}'s backend {name}")


def selected(selector, pods):
    """The pods that a selector of labels means."""
    check.assertNotIn("matchExpressions", selector)
    return [pod for pod in pods if fits(selector.get("matchLabels", {}), pod)]


def fits(labels, item):
    return labels.items() <= item["metadata"]["labels"].items()


def named(item):
    return f"{item.get('kind', '')} {item['metadata']['name']}".strip()
