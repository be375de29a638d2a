"""A channel plugin for Tollgate: it takes codes over gRPC and prints them, where yours would send them.

    python plugin.py --listen 127.0.0.1:50061

It needs stubs of proto/tollgate/channel/v1/channel_plugin.proto beside it; README.md says how to make them.

Flags:
    --listen HOST:PORT   where to listen; port 0 picks a free one (default: 127.0.0.1:50061)
    --certificate FILE   certificate chain, PEM; with --key it speaks TLS, without both plain text
    --key FILE           its private key, PEM

If PLUGIN_TOKEN is set, callers must show it as their bearer token. The first line on standard output says where it
listens; after that there is one line of JSON per message.
"""

import argparse
import collections
import concurrent.futures
import hmac
import json
import os
import signal
import sys
import threading

import grpc

from tollgate.channel.v1 import channel_plugin_pb2 as pb
from tollgate.channel.v1 import channel_plugin_pb2_grpc as rpc

NAME = "print-plugin 1.0"
CHANNELS = [pb.CHANNEL_SMS, pb.CHANNEL_VOICE]

# How many answers are remembered, so that a repeated key gets the first one.
REMEMBERED = 10_000


class Refused(Exception):
    """Why a message was not taken, in the words of the contract."""

    def __init__(self, failure_class, code, scope=pb.FAILURE_SCOPE_PROVIDER):
        super().__init__(code)
        self.failed = pb.Failed(code=code, scope=scope, **{"class": failure_class})


def deliver(request):
    """Sends one message and returns its id, or raises Refused. This is the function to replace.

    Call your vendor here, with a timeout below the caller's deadline. What certainly was not sent is a Refused with the
    class that fits; a timeout or a broken connection after the vendor was asked is FAILURE_CLASS_AMBIGUOUS.
    """
    if request.channel not in CHANNELS:
        raise Refused(pb.FAILURE_CLASS_REQUEST, "channel")
    if request.recipient.phone_number.endswith("0404"):
        raise Refused(pb.FAILURE_CLASS_RECIPIENT, "unknown_number", pb.FAILURE_SCOPE_RECIPIENT)
    message = {
        "channel": pb.Channel.Name(request.channel).removeprefix("CHANNEL_").lower(),
        "to": request.recipient.phone_number,
        "text": request.text,
        "language": request.language,
    }
    # Your plugin keeps codes, numbers and texts out of its output. Printing them is all that this one does.
    print(json.dumps(message, ensure_ascii=False), flush=True)
    return f"printed-{request.attempt_id}"


def was_certainly_not_sent(response):
    doubt = pb.FAILURE_CLASS_AMBIGUOUS
    return response.HasField("failed") and getattr(response.failed, "class") != doubt


class Plugin(rpc.ChannelServiceServicer):
    """The service: who may call, what was answered before, and what a mistake in `deliver` means."""

    def __init__(self, token):
        self.token = token
        self.lock = threading.Lock()
        self.answers = collections.OrderedDict()

    def Send(self, request, context):
        self.check_token(context)
        answered, is_first = self.claim(request.idempotency_key)
        if is_first:
            answered.set_result(self.answer(request))
        # A copy that comes while the first one is under way waits for its answer.
        try:
            response = answered.result(timeout=context.time_remaining())
        except concurrent.futures.TimeoutError:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the first copy is still under way")
        if is_first and was_certainly_not_sent(response):
            self.release(request.idempotency_key)
        return response

    def claim(self, key):
        """The answer to this key, perhaps of a copy that came before, and whether it is ours to give."""
        with self.lock:
            if key in self.answers:
                return self.answers[key], False
            self.answers[key] = answered = concurrent.futures.Future()
            if len(self.answers) > REMEMBERED:
                self.answers.popitem(last=False)
            return answered, True

    def release(self, key):
        """What was not sent may be sent by the next attempt."""
        with self.lock:
            self.answers.pop(key, None)

    def answer(self, request):
        try:
            return pb.SendResponse(accepted=pb.Accepted(message_id=deliver(request)))
        except Refused as refused:
            return pb.SendResponse(failed=refused.failed)
        except Exception as problem:  # pylint: disable=broad-except
            # Nobody knows how far it came. The text of an exception may have a number in it, its type has not.
            name = type(problem).__name__
            print(f"deliver failed: {name}", file=sys.stderr, flush=True)
            return pb.SendResponse(failed=Refused(pb.FAILURE_CLASS_AMBIGUOUS, name).failed)

    def Describe(self, request, context):
        self.check_token(context)
        return pb.DescribeResponse(name=NAME, channels=CHANNELS, idempotent=True)

    def check_token(self, context):
        shown = dict(context.invocation_metadata()).get("authorization", "")
        wanted = f"Bearer {self.token}"
        if self.token and not hmac.compare_digest(shown.encode(), wanted.encode()):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "show the token of PLUGIN_TOKEN")


def read(file):
    with open(file, "rb") as content:
        return content.read()


def main():
    flags = argparse.ArgumentParser(description="A channel plugin for Tollgate that prints codes.")
    flags.add_argument("--listen", default="127.0.0.1:50061", metavar="HOST:PORT")
    flags.add_argument("--certificate", metavar="FILE")
    flags.add_argument("--key", metavar="FILE")
    told = flags.parse_args()
    if bool(told.certificate) != bool(told.key):
        flags.error("--certificate and --key belong together")

    # More calls than threads wait; Tollgate's `concurrency` for this provider should be no larger.
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=64))
    rpc.add_ChannelServiceServicer_to_server(Plugin(os.environ.get("PLUGIN_TOKEN", "")), server)
    if told.certificate:
        credentials = grpc.ssl_server_credentials([(read(told.key), read(told.certificate))])
        port = server.add_secure_port(told.listen, credentials)
    else:
        port = server.add_insecure_port(told.listen)
    server.start()
    print(f"listening on {told.listen.rsplit(':', 1)[0]}:{port}", flush=True)

    # What is under way may finish; new calls are turned away unread, so Tollgate goes elsewhere with them.
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    ended.wait()
    server.stop(grace=10).wait()


if __name__ == "__main__":
    main()
