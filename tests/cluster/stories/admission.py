"""A namespace that enforces the restricted level refuses a pod that is not, or none of the other stories would mean anything."""

import json

from plane import Failed
from story import check


def tell(story):
    story.open()
    with story.step("a pod that runs as root is refused"):
        container = {"name": "main", "image": "busybox"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": {"containers": [container]}}
        with check.assertRaises(Failed) as refused:
            story.kubectl("create", "-f", "-", input=json.dumps(pod))
        check.assertIn('violates PodSecurity "restricted:latest"', str(refused.exception))
        check.assertEqual(story.list("pods"), [])
