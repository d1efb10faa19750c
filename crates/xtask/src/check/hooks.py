"""What Schemathesis has to know beside openapi.json and schemathesis.toml: where requests come from, what texts of our
own formats look like, what is taken beside the letter of a schema, and which rules no schema can say."""

import ipaddress
import itertools
import json
import re
import urllib.parse
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st

ADDRESSES = (f"198.18.{n // 250 % 250}.{n % 250 + 1}" for n in itertools.count())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Each request has a source of its own, as a trusted proxy would name it: bad credentials are part of what is tried,
    and one source with many of them is told to wait (429)."""
    case.headers["X-Forwarded-For"] = next(ADDRESSES)


# -- Texts of our formats. A pattern alone would draw mostly texts that say nothing, such as `sip:!` or `[::::]`.

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
HOST = st.builds("{}.{}".format, WORD, st.sampled_from(("example", "test", "example.com"))) | st.just("[2001:db8::1]")
PORT = st.just("") | st.integers(1, 65535).map(":{}".format)
USER = st.integers(0, 10**12).map("+{}".format) | WORD
V4 = st.integers(0x0B000000, 0x7EFFFFFF).map(ipaddress.IPv4Address).map(str)
V6 = st.integers(0, 2**64 - 1).map(lambda low: str(ipaddress.IPv6Address(0x20010DB8 << 96 | low)))
EXPRESSION = st.sampled_from((".*", "^\\+46", "[0-9]{3}", "(a|b)c?", "/^alarm$/", "/^SOS/i")) | USER.map(re.escape)

FORMATS = {
    "uri": st.builds("https://{}{}{}".format, HOST, PORT, st.just("") | WORD.map("/{}".format)),
    "host-port": st.builds("{}{}".format, HOST, PORT),
    "sip-uri": st.builds("{}:{}@{}{}".format, st.sampled_from(("sip", "SIP")), USER, HOST, PORT),
    "ip-address": V4 | V6,
    "ip-network": st.builds("{}/{}".format, V4, st.integers(0, 32)) | st.builds("{}/{}".format, V6, st.integers(0, 128)),
    "linear-regex": EXPRESSION,
    "rewrite": st.sampled_from(("/^00/+/", "s/^0/+46/", "/a/b/gi", "/(.*)/$1/")),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


# -- Rules that depend on what is stored, on the operator's options, or on more than a schema can look at. A refusal of
# -- what a schema allows is right only when each fault it names is one of these.

ADDRESS = r"must be (a unicast IPv4 or IPv6 address|a network, .*|an IP address or a network .*|the address .*)"
RULES = [
    # Only the operator's --callback-allow opens http://, and SNS wants the operator's credentials.
    (r".*", r"/(callbackBaseUrl|\w+Endpoint)", r"must begin with https://.*"),
    (r".*", r"/(alarm|sipEvents)Topic", r"needs Amazon SNS, .*"),
    # Whether letters and colons are an address, and one that a device may have.
    (r".*", r"/(receiveIp|sourceIp|open/\d+|(serviceDestination/)?sourceNetworks/\d+)", ADDRESS),
    (r".*", r"/(callbackBaseUrl|\w+Endpoint|(serviceDestination/)?destinationTarget)", r"must have an IPv6 address .*"),
    (r".*", r"/(callbackBaseUrl|\w+Endpoint|(serviceDestination/)?destinationTarget)", r"must have a port from 1 .*"),
    # A new entry needs a key, one that is overwritten keeps its own; and keys are read.
    (r".*", r"/restAuthentication/\d+/secret", r".*"),
    (r"(create|put)ApiKey", r"/key", r".*"),
    (r".*", r"/.*", r"is masked, and no secret is stored there: .*"),
    # A secret that is stored for one address does not follow to another.
    (r".*", r"/.*", r"is kept, and was not given for .*"),
    # Whether an expression compiles, within the bounds of size.
    (r".*", r"/(.*/)?(destinationMatch|blacklistPattern|destinationRewrite|filterPattern|invite)", r"(?!is req|must have).*"),
    # Members that count from each other.
    (r".*", r"/(from|startTime)", r"must (not be after|be at most \d+ days before) .*"),
    (r".*", r"/(\w+/)?crypto/\d+/id", r"must be unique within the list"),
    # What is stored decides: a new device or trunk needs what one that is overwritten keeps.
    (r"(put|post)Device", r"/password", r"is required for authType userid"),
    (r"(put|create)\w*Trunk", r"/(serviceDestination/)?password", r"is required: the stored hash .*"),
    # A patch meets what is stored, and its result is validated as a whole.
    (r"patch\w+", r"/\d+", r"operation \d+, .*"),
    (r"patch\w+", r"(?!/\d+(/|$))/.*", r".*"),
    # What the tenant has.
    (r"(placeRemoteCall(Plain)?|explain)", r"/cloudSipUAId", r"cloudSipUAId names none of the domain's services"),
    (r"placeRemoteCall(Plain)?", r"/sourceUser", r"no service's destinationMatch matches sourceUser: .*"),
    (r"(listDeliveries|replayDeliveries)", r"/service", r"must be the cloudSipUAId of a service"),
    # A user or a whole URI, of the caller's domain.
    (r"explain", r"/destinationUri", r".*"),
    # When it is now.
    (r"(create|put)ApiKey", r"/expiresAt", r"must be (in the future|within a hundred years), .*"),
    # What is inside a file.
    (r"putDeviceBulk", r".*", r".*"),
    # Any number in any member, known or not.
    (r".*", r".*", r"is too large a number"),
    # Tokens of earlier replies.
    (r".*", r"/nextToken", r".*"),
    (r"listEvents", r"cursor_(unknown|too_old)", r".*"),
]


def is_ruled(case: Any, fault: dict[str, str]) -> bool:
    is_ignored = re.fullmatch("is not (known|.* as in the request)", fault["detail"])
    if is_ignored and (case.query or {}).get("strict"):
        return True
    operation = case.operation.definition.raw.get("operationId", "")
    found = (operation, fault["pointer"], fault["detail"])
    return any(all(re.fullmatch(*pair, re.DOTALL) for pair in zip(rule, found)) for rule in RULES)


# -- What is taken beside the letter of a schema, as the document's description promises: numbers as texts and texts as
# -- numbers, null for absence.


def as_meant(value: Any, schema: Any, root: Any) -> Any:
    """The value as the program reads it; `None` is absence."""
    while "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for choice in schema.get("oneOf", schema.get("anyOf", ())):
        if choice.get("type") != "null":
            return None if value is None else as_meant(value, choice, root)
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if "string" in kinds and is_number:
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, str):
        if "integer" in kinds:
            digits = value.strip()
            return None if not value else int(digits) if digits.isascii() and digits.isdigit() else value
        if "boolean" in kinds:
            return {"true": True, "1": True, "false": False, "0": False}.get(value, value)
    if isinstance(value, dict) and "object" in kinds:
        members = schema.get("properties", {})
        read = {name: as_meant(member, members[name], root) if name in members else member for name, member in value.items()}
        return {name: member for name, member in read.items() if member is not None or name not in members}
    if isinstance(value, list) and "array" in kinds and isinstance(schema.get("items"), dict):
        return [as_meant(item, schema["items"], root) for item in value]
    return value


def is_meant(value: Any, schema: Any, root: Any) -> bool:
    read = as_meant(value, schema, root)
    whole = {**schema, "components": root["components"]}
    return jsonschema_rs.Draft202012Validator(whole).is_valid(read)


def is_promised(case: Any, response: Any) -> bool:
    """Whether a request that breaks the letter of the schemas is one that is taken all the same."""
    root = case.operation.schema.raw_schema
    operation = case.operation.definition.raw
    body = operation.get("requestBody", {}).get("content", {}).get(case.media_type)
    if body is not None and not isinstance(case.body, (dict, list, str, int, float, bool, type(None))):
        return False
    # As they were sent: there an object without members is an empty text.
    sent = {
        "query": urllib.parse.parse_qsl(urllib.parse.urlsplit(response.request.url).query),
        "header": (case.headers or {}).items(),
    }
    for parameter in operation.get("parameters", ()):
        for name, value in sent.get(parameter["in"], ()):
            if name == parameter["name"] and value and not is_meant(value, parameter["schema"], root):
                return False
    return body is None or is_meant(case.body, body["schema"], root)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    if failure.code == "ST202":
        try:
            refusal = response.json()
        except json.JSONDecodeError:
            return True
        faults = refusal["errors"] or [{"pointer": refusal["code"], "detail": refusal["reason"]}]
        return not all(is_ruled(case, fault) for fault in faults)
    if failure.code == "ST201":
        return not is_promised(case, response)
    return True
