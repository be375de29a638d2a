"""Reads from the API server of the control plane, without a client library."""

import functools
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

from wait import until

# Where each kind lives that is asked for: those of the cluster, and those of a namespace.
CLUSTER = {
    "nodes": "api/v1",
    "namespaces": "api/v1",
    "persistentvolumes": "api/v1",
    "customresourcedefinitions": "apis/apiextensions.k8s.io/v1",
}
NAMESPACED = {
    "pods": "api/v1",
    "services": "api/v1",
    "secrets": "api/v1",
    "configmaps": "api/v1",
    "serviceaccounts": "api/v1",
    "events": "api/v1",
    "persistentvolumeclaims": "api/v1",
    "deployments": "apis/apps/v1",
    "statefulsets": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "horizontalpodautoscalers": "apis/autoscaling/v2",
    "poddisruptionbudgets": "apis/policy/v1",
    "networkpolicies": "apis/networking.k8s.io/v1",
    "ingresses": "apis/networking.k8s.io/v1",
    "endpointslices": "apis/discovery.k8s.io/v1",
    "httproutes": "apis/gateway.networking.k8s.io/v1",
    "grpcroutes": "apis/gateway.networking.k8s.io/v1",
    "backendtlspolicies": "apis/gateway.networking.k8s.io/v1",
}


class Api:
    def __init__(self, server, certificate, token):
        self.server, self.certificate, self.token = server, certificate, token

    @functools.cached_property
    def trust(self):
        return ssl.create_default_context(cafile=self.certificate)

    def ready(self):
        """Whether the server says that it is; before it listens, or has made its certificate, it is not."""
        try:
            return self._ask("readyz") == b"ok"
        except OSError:
            return False

    def list(self, kind, namespace=None, **query):
        """All objects of a kind, in one namespace or in all."""
        group = CLUSTER.get(kind) or NAMESPACED[kind]
        path = f"{group}/namespaces/{namespace}/{kind}" if namespace else f"{group}/{kind}"
        # A kind that has just been defined is asked for too soon, and the server says so.
        answer = until(f"{kind} can be listed", lambda: self._unless_busy(f"{path}?{urllib.parse.urlencode(query)}"), 30)
        return json.loads(answer)["items"]

    def _unless_busy(self, path):
        try:
            return self._ask(path)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            return None

    def _ask(self, path):
        request = urllib.request.Request(f"{self.server}/{path}", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=10, context=self.trust) as answer:
            return answer.read()


def is_true(item, condition):
    """Whether a condition of an object is so."""
    found = item.get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == "True" for one in found)
