"""A Kubernetes control plane on loopback, for as long as a `with` block lasts: etcd, API server, controllers, scheduler, and kwok.

Everything but the machines is real. kwok plays the nodes: it calls each pod ready without running it, and makes a volume for each
claim. What a pod does when it is run is shown elsewhere; here it is shown what Kubernetes and Helm make of the chart.
"""

import contextlib
import ctypes
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import tempfile
import urllib.request

from api import Api, is_true
from wait import STOP, Gone, until

SETUP = pathlib.Path(__file__).parent / "setup"
# How long a process may take to be ready, and to end. Both are of a slow machine; they are not waited for.
READY, END = 90, 20
# How long a command may take that somebody waits for.
COMMAND = 150


class ControlPlane(contextlib.AbstractContextManager):
    """Starts on entry, and ends all that it started on exit, whatever happened between."""

    def __init__(self, programs, helm):
        self.programs, self.helm = programs, helm
        self.ports, self.running, self.commands = [], [], set()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tollgate-cluster-")
        self.home = pathlib.Path(self.folder.name)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.interrupt()
        # The last to start is the first to go, so that none complains of another one's end.
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END if process is self.running[0] else 2)
            if process.poll() is None:
                process.kill()
                process.wait()
        for port in self.ports:
            port.close()
        self.folder.cleanup()

    def _start(self):
        etcd, peers, server = (self._port() for _ in range(3))
        self._run(
            "etcd",
            f"--data-dir={self.home}/etcd",
            "--unsafe-no-fsync",
            "--socket-reuse-port",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-cluster=default=http://127.0.0.1:{peers}",
        )
        self._until("etcd is healthy", lambda: fetch(f"http://127.0.0.1:{etcd}/health"))
        token, certificates = secrets.token_hex(16), self.home / "certificates"
        tokens = self.home / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f"{token},tester,tester,system:masters\n")
        # The server makes its own certificate, and the key of that signs the tokens of service accounts as well.
        key = certificates / "apiserver.key"
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={server}",
            "--permit-port-sharing",
            f"--cert-dir={certificates}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            f"--admission-control-config-file={SETUP / 'admission.yaml'}",
            "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/108",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        )
        self.api = Api(f"https://127.0.0.1:{server}", certificates / "apiserver.crt", token)
        self._until("the API server is ready", lambda: self.api.ready())
        self.kubeconfig = self.home / "kubeconfig"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(KUBECONFIG.format(server=server, ca=certificates / "apiserver.crt", token=token))
        connected = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0"]
        # Controllers that are not throttled, and look at autoscalers often: a test has no time to waste.
        brisk = ["--kube-api-qps=500", "--kube-api-burst=1000"]
        self._run(
            "kube-controller-manager",
            *connected,
            *brisk,
            f"--service-account-private-key-file={key}",
            f"--root-ca-file={certificates / 'apiserver.crt'}",
            "--horizontal-pod-autoscaler-sync-period=1s",
        )
        self._run("kube-scheduler", *connected, *brisk)
        stages = sorted((self.programs / "stages").glob("*.yaml")) + sorted((SETUP / "stages").glob("*.yaml"))
        self._run(
            "kwok",
            f"--kubeconfig={self.kubeconfig}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            *(f"--config={stage}" for stage in stages),
        )
        self.kubectl("apply", "--server-side", "-f", str(self.programs / "crds"), "-f", str(SETUP / "objects.yaml"))
        self._until("the nodes are ready", lambda: all(is_true(node, "Ready") for node in self.api.list("nodes")))
        crds = "customresourcedefinitions"
        self._until("the routes are known", lambda: all(is_true(crd, "Established") for crd in self.api.list(crds)))

    def environment(self):
        """What a command needs to find this control plane, its programs, and nothing of the user's own."""
        return {
            "PATH": f"{self.programs / 'bin'}:{self.helm.parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "KUBECONFIG": str(self.kubeconfig),
        }

    def kubectl(self, *arguments, **options):
        """Runs kubectl, and returns what it printed."""
        return self.run(["kubectl", *arguments], **options)

    def run(self, command, **options):
        """Runs a command to its end, which must be a good one, and returns what it printed."""
        status, printed, complaint = self.attempt(command, **options)
        if status:
            raise Failed(f"`{shown(command)}` ended with {status}:\n{complaint or printed}")
        return printed

    def attempt(self, command, input=None, cwd=None):
        """Runs a command to its end, and returns its status and what it printed as result and as complaint."""
        if STOP.is_set():
            raise Gone("it was interrupted")
        pipes = {stream: subprocess.PIPE for stream in ("stdin", "stdout", "stderr")}
        with subprocess.Popen(command, **pipes, text=True, cwd=cwd, env=self.environment()) as process:
            self.commands.add(process)
            try:
                printed, complaint = process.communicate(input, COMMAND)
            except subprocess.TimeoutExpired as late:
                process.kill()
                raise Failed(f"`{shown(command)}` did not end within {COMMAND} s") from late
            finally:
                self.commands.discard(process)
            return process.returncode, printed, complaint

    def interrupt(self):
        """Ends what anybody is waiting for, and lets nothing more begin."""
        STOP.set()
        for command in list(self.commands):
            command.terminate()

    def alive(self):
        """Fails with the last lines of its log if a process has ended."""
        for process in self.running:
            if process.poll() is not None:
                log = (self.home / f"{process.name}.log").read_text(errors="replace").splitlines()
                raise Gone(f"{process.name} has ended with {process.returncode}:\n" + "\n".join(log[-15:]))

    def _until(self, what, probe):
        until(what, probe, READY, self.alive)

    def _port(self):
        """A free port that stays ours: bound here, never listened on, and shared with the process that is told of it."""
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        self.ports.append(held)
        return held.getsockname()[1]

    def _run(self, name, *flags):
        with open(self.home / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [self.programs / "bin" / name, *flags],
                cwd=self.home,
                env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Of a Ctrl-C only we hear, and they end with us even if we are killed.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        process.name = name
        self.running.append(process)


KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: test
contexts: [{{ name: test, context: {{ cluster: test, user: tester }} }}]
clusters: [{{ name: test, cluster: {{ server: "https://127.0.0.1:{server}", certificate-authority: "{ca}" }} }}]
users: [{{ name: tester, user: {{ token: {token} }} }}]
"""

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def fetch(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status == 200
    return False


class Failed(AssertionError):
    """A command has failed that should not have."""


def shown(command):
    return " ".join(str(word) for word in command)
