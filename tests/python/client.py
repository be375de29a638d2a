"""A client of Tollgate's gRPC door in another language: what it needs is proto/ and nothing else of this repository.

It generates its stubs from proto/ at run time, walks through the contract step by step, and prints one JSON object
per step: {"step": NAME, "ok": true, ...facts}. The last line is {"step": "done", "ok": ..., "failed": [...]}. It exits
0 when every step went as the contract says, 1 when one did not, 2 when it could not start. No line has the code or a
full number in it.

    python client.py --address 127.0.0.1:50051 --token TOKEN --tenant acme --phone +14155550123

Flags:
    --address HOST:PORT    where the gRPC door is (required)
    --token TOKEN          bearer token of a client that may call every method for the tenant (required)
    --tenant NAME          the tenant to send for (default: acme)
    --phone +E164          a number that takes messages; gets one code (default: +14155550123)
    --refused-phone +E164  a valid number that policy refuses, with PERMISSION_DENIED (default: +4740612345, Norway);
                           an empty value leaves the step out
    --limited-phone +E164  a number to send to until a rate limit refuses, with RESOURCE_EXHAUSTED; left out by default,
                           as it takes as many sends as the limit has room
    --most-sends N         how many sends the rate limit must need at most (default: 50)
    --ca FILE              PEM file of the authority that signed the server's certificate; plain text where left out
    --server-name NAME     the name on the certificate, where it differs from the address
    --proto FOLDER         where tollgate/v1/ is (default: proto/ of this repository)
    --timeout SECONDS      deadline of every single call (default: 10)
"""

import argparse
import importlib
import json
import pathlib
import re
import sys
import tempfile
import time
import uuid

import grpc
import grpc_tools
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

DOMAIN = "tollgate"
SERVICE = "tollgate.v1.OtpService"
METHODS = {"SendOtp", "GetDelivery", "ListDeliveries", "ReportOutcome", "ExplainRoute"}
# The messages of both versions of the reflection service are the same on the wire; servers may offer either.
REFLECTION_METHODS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)


class Surprise(Exception):
    """The server did something that the contract does not say."""


def expect(condition, text):
    """Raises a Surprise unless the condition holds."""
    if not condition:
        raise Surprise(text)


def arguments():
    """Reads the command line; the module's text is the help."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    repository = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--address", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--tenant", default="acme")
    parser.add_argument("--phone", default="+14155550123")
    parser.add_argument("--refused-phone", default="+4740612345")
    parser.add_argument("--limited-phone", default="")
    parser.add_argument("--most-sends", type=int, default=50)
    parser.add_argument("--ca", type=pathlib.Path)
    parser.add_argument("--server-name")
    parser.add_argument("--proto", type=pathlib.Path, default=repository / "proto")
    parser.add_argument("--timeout", type=float, default=10.0)
    return parser.parse_args()


def generate(proto, folder):
    """Compiles the contract into `folder` and imports it: the modules of messages and of stubs."""
    sources = sorted(str(path.relative_to(proto)) for path in proto.rglob("*.proto"))
    if not sources:
        raise SystemExit(f"there is no .proto file below {proto}")
    # The well-known types come with grpc_tools.
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    flags = ["protoc", f"-I{proto}", f"-I{well_known}"]
    flags += [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(flags + sources) != 0:
        raise SystemExit("the contract does not compile")
    sys.path.insert(0, folder)
    package = "tollgate.v1.otp_service_pb2"
    return importlib.import_module(package), importlib.import_module(package + "_grpc")


def connect(options):
    """A channel, with TLS where an authority is given."""
    if options.ca is None:
        return grpc.insecure_channel(options.address)
    settings = []
    if options.server_name:
        settings.append(("grpc.ssl_target_name_override", options.server_name))
    credentials = grpc.ssl_channel_credentials(options.ca.read_bytes())
    return grpc.secure_channel(options.address, credentials, settings)


class Client:
    """The steps. Each is a method that returns facts for its line, or raises."""

    def __init__(self, options, messages, stubs):
        self.options = options
        self.messages = messages
        self.channel = connect(options)
        self.otp = stubs.OtpServiceStub(self.channel)
        self.metadata = (("authorization", f"Bearer {options.token}"),)
        self.code = f"{uuid.uuid4().int % 1_000_000:06}"
        self.key = str(uuid.uuid4())
        self.delivery_id = None

    def call(self, method, request, metadata=None):
        """One call with the client's deadline, and its credential unless another is given."""
        metadata = self.metadata if metadata is None else metadata
        return method(request, timeout=self.options.timeout, metadata=metadata)

    def send(self, phone, key, code):
        """Sends a code to a number."""
        messages = self.messages
        request = messages.SendOtpRequest(
            tenant=self.options.tenant,
            idempotency_key=key,
            reference=f"python-{key}",
            recipient=messages.Recipient(phone_number=phone, user_id=f"python-{key}"),
            passcode=messages.Passcode(code=code, valid_for={"seconds": 300}),
            message=f"Your code is {code}",
            locale="en-US",
            purpose=messages.PURPOSE_SIGN_IN,
            requested_family=messages.FAMILY_MESSAGE,
        )
        return self.call(self.otp.SendOtp, request)

    def refusal(self, code, call):
        """Makes a call that must fail with this status; its Tollgate details."""
        try:
            call()
        except grpc.RpcError as error:
            expect(error.code() == code, f"{error.code().name} came, not {code.name}")
            return Details(error)
        raise Surprise(f"an answer came, not {code.name}")

    def step_health(self):
        """Anybody may ask whether the server serves."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        # The first call waits for the connection, so that a server that is just starting is no failure.
        answer = stub.Check(
            health_pb2.HealthCheckRequest(), timeout=self.options.timeout, wait_for_ready=True
        )
        word = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        expect(word == "SERVING", f"the server is {word}")
        return {"status": word}

    def reflect(self, request):
        """Asks the reflection service, in whichever version it is offered."""
        for method in REFLECTION_METHODS:
            ask = self.channel.stream_stream(
                method,
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            try:
                return next(self.call(ask, iter([request])))
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise
        raise Surprise("no version of reflection is offered")

    def step_reflection(self):
        """Reflection lists the service and describes every method."""
        listed = self.reflect(reflection_pb2.ServerReflectionRequest(list_services=""))
        services = sorted(one.name for one in listed.list_services_response.service)
        expect(SERVICE in services, f"{SERVICE} is not among {services}")
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
        described = self.reflect(asked).file_descriptor_response.file_descriptor_proto
        methods = set()
        for raw in described:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            found = (one for one in file.service if f"{file.package}.{one.name}" == SERVICE)
            methods.update(method.name for service in found for method in service.method)
        expect(METHODS <= methods, f"of the methods only {sorted(methods)} are described")
        return {"services": services, "methods": sorted(methods)}

    def step_send(self):
        """A code is sent."""
        answer = self.send(self.options.phone, self.key, self.code)
        self.delivery_id = answer.delivery_id
        state = self.messages.DeliveryState.Name(answer.state)
        expect(answer.delivery_id, "the delivery has no id")
        expect(state == "DELIVERY_STATE_ACCEPTED", f"the delivery is {state}")
        expect(answer.provider, "no provider is named")
        expect(answer.attempts, "no attempt is listed")
        return {"delivery_id": answer.delivery_id, "state": state, "provider": answer.provider}

    def step_repeat(self):
        """The same key with the same code gets the same delivery."""
        answer = self.send(self.options.phone, self.key, self.code)
        same = answer.delivery_id == self.delivery_id
        expect(same, "the repetition is another delivery")
        return {"delivery_id": answer.delivery_id}

    def step_mismatch(self):
        """The same key with another code is refused."""
        other = f"{(int(self.code) + 1) % 1_000_000:06}"
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        details = self.refusal(invalid, lambda: self.send(self.options.phone, self.key, other))
        details.expect_reason("idempotency_mismatch")
        return details.facts()

    def step_read(self):
        """The delivery is read back: accepted, masked, and without the code."""
        request = self.messages.GetDeliveryRequest(
            tenant=self.options.tenant, delivery_id=self.delivery_id
        )
        accepted = self.messages.DELIVERY_STATE_ACCEPTED
        # The result is written behind the answer, within moments.
        until = time.monotonic() + self.options.timeout
        delivery = self.call(self.otp.GetDelivery, request).delivery
        while delivery.state != accepted and time.monotonic() < until:
            time.sleep(0.01)
            delivery = self.call(self.otp.GetDelivery, request).delivery
        state = self.messages.DeliveryState.Name(delivery.state)
        expect(delivery.state == accepted, f"the delivery is {state}")
        expect(delivery.delivery_id == self.delivery_id, "another delivery came")
        expect(delivery.reference == f"python-{self.key}", "the reference is another one")
        masked = delivery.masked_phone_number
        expect("*" in masked, "the number is not masked")
        expect(masked[-2:] == self.options.phone[-2:], "the mask is of another number")
        shown = str(delivery)
        expect(self.options.phone.lstrip("+") not in shown, "the full number is readable")
        expect(not re.search(rf"\b{self.code}\b", shown), "the code is readable")
        return {"state": state, "country": delivery.country, "attempts": len(delivery.attempts)}

    def step_not_found(self):
        """A delivery that does not exist is not found."""
        request = self.messages.GetDeliveryRequest(
            tenant=self.options.tenant, delivery_id=f"dlv_{'f' * 32}"
        )
        missing = grpc.StatusCode.NOT_FOUND
        details = self.refusal(missing, lambda: self.call(self.otp.GetDelivery, request))
        details.expect_reason("not_found")
        return details.facts()

    def step_invalid(self):
        """A request with several mistakes is told all of them at once."""
        messages = self.messages
        request = messages.SendOtpRequest(
            tenant=self.options.tenant,
            idempotency_key="",
            recipient=messages.Recipient(phone_number=""),
            passcode=messages.Passcode(code=""),
            reference="r" * 257,
            message="m" * 1601,
        )
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        details = self.refusal(invalid, lambda: self.call(self.otp.SendOtp, request))
        details.expect_reason("invalid_request")
        named = {violation.field for violation in details.violations}
        wrong = {
            "idempotency_key",
            "recipient.phone_number",
            "passcode.code",
            "reference",
            "message",
        }
        expect(wrong <= named, f"not named: {sorted(wrong - named)}")
        expect(all(one.description for one in details.violations), "a violation says nothing")
        return details.facts() | {"fields": sorted(named)}

    def step_unauthenticated(self):
        """Neither no token nor a wrong one opens the door."""
        request = self.messages.GetDeliveryRequest(
            tenant=self.options.tenant, delivery_id=self.delivery_id or ""
        )
        for metadata in ((), (("authorization", "Bearer not-the-token-of-anybody"),)):
            details = self.refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                lambda metadata=metadata: self.call(self.otp.GetDelivery, request, metadata),
            )
            details.expect_reason("unauthenticated")
        return details.facts()

    def step_refused(self):
        """Policy refuses a number, and says by which reason."""
        if not self.options.refused_phone:
            return {"left_out": True}
        phone, key = self.options.refused_phone, str(uuid.uuid4())
        denied = grpc.StatusCode.PERMISSION_DENIED
        details = self.refusal(denied, lambda: self.send(phone, key, self.code))
        details.expect_reason("country_not_allowed", "number_type_not_allowed")
        expect(details.info.metadata, "the refusal has no metadata")
        return details.facts()

    def step_limited(self):
        """A rate limit refuses, and says when to try again."""
        if not self.options.limited_phone:
            return {"left_out": True}
        for sends in range(1, self.options.most_sends + 1):
            try:
                self.send(self.options.limited_phone, str(uuid.uuid4()), self.code)
            except grpc.RpcError as error:
                limited = grpc.StatusCode.RESOURCE_EXHAUSTED
                expect(error.code() == limited, f"{error.code().name} came")
                details = Details(error)
                details.expect_reason("rate_limited")
                wait = details.retry_after()
                expect(wait is not None and wait > 0, "the refusal has no time")
                return details.facts() | {"sends": sends, "retry_after": wait}
        raise Surprise(f"no limit came in {self.options.most_sends} sends")


class Details:
    """What a status of Tollgate carries."""

    def __init__(self, error):
        status = rpc_status.from_call(error)
        expect(status is not None, f"{error.code().name} has no details")
        self.code = error.code().name
        self.info = self.retry = None
        self.violations = []
        for detail in status.details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                self.info = unpacked(detail, error_details_pb2.ErrorInfo())
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                self.retry = unpacked(detail, error_details_pb2.RetryInfo())
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = unpacked(detail, error_details_pb2.BadRequest())
                self.violations = list(bad.field_violations)
        expect(self.info is not None, f"{self.code} has no ErrorInfo")
        expect(self.info.domain == DOMAIN, f"the domain is {self.info.domain!r}")

    def expect_reason(self, *reasons):
        """The reason must be one of these."""
        expect(self.info.reason in reasons, f"the reason is {self.info.reason!r}")

    def retry_after(self):
        """Seconds until a repetition makes sense, where the status says so."""
        if self.retry is None:
            return None
        delay = self.retry.retry_delay
        return delay.seconds + delay.nanos / 1e9

    def facts(self):
        """For the step's line."""
        return {
            "code": self.code,
            "reason": self.info.reason,
            "metadata": dict(self.info.metadata),
        }


def unpacked(detail, message):
    """A detail as the message it is."""
    detail.Unpack(message)
    return message


def run(client):
    """Takes every step, in order, whatever became of the ones before; the names of those that failed."""
    failed = []
    for name in (
        "health",
        "reflection",
        "send",
        "repeat",
        "mismatch",
        "read",
        "not_found",
        "invalid",
        "unauthenticated",
        "refused",
        "limited",
    ):
        line = {"step": name, "ok": True}
        try:
            line |= getattr(client, f"step_{name}")()
        except Surprise as surprise:
            line |= {"ok": False, "problem": str(surprise)}
        except grpc.RpcError as error:
            line |= {"ok": False, "problem": f"{error.code().name}: {error.details()}"}
        if not line["ok"]:
            failed.append(name)
        print(json.dumps(line), flush=True)
    return failed


def main():
    """Generates, connects, walks, and says how it went."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="tollgate-client-") as folder:
        messages, stubs = generate(options.proto.resolve(), folder)
        client = Client(options, messages, stubs)
        with client.channel:
            failed = run(client)
    print(json.dumps({"step": "done", "ok": not failed, "failed": failed}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SystemExit as end:
        # A text in place of a number says why nothing could be started.
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            sys.exit(2)
        raise
