# Written by `cargo xtask clients` from openapi.json. Do not edit.
"""Hookswitch's REST interface, typed. Needs Python 3.11 and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Literal, Mapping, Required, TypedDict, Union, cast


class HookswitchError(Exception):
    """A refusal: the HTTP status, and the body that says why and what to do."""

    def __init__(self, status: int, body: ErrorBody) -> None:
        super().__init__(body.get("reason", ""))
        self.status = status
        self.body = body


AddressOrNetwork = str
"""An address or a network in CIDR notation, such as `192.0.2.0/28`."""


class AlarmBridge(TypedDict, total=False):
    """An alarm bridge."""

    alarmEventMapperId: Union[str, None]
    """The id of the mapper that sends the events on."""

    arcDisconnectClearsCall: Union[bool, None]
    """Whether a hang-up of the receiving centre clears the device; true when absent."""

    callbackBaseUrl: Union[str, None]
    """Where callbacks go; begins with `https://`."""

    callbackDescription: Union[str, None]
    """What the callback is for."""

    callbackId: Union[str, None]
    """Names the callback; made by the platform when absent."""

    callbackName: Union[str, None]
    """The user's label of the callback."""

    callbackTimeout: Union[int, None]
    """The whole budget of a callback with its tries, in milliseconds; 15000 when absent."""

    controlCommandsEnabled: Union[bool, None]
    """Whether the bridge stays in the media path of the voice call after an alarm; true when absent."""

    customEventMap: Union[dict[str, Any], None]
    """How events are transformed before they are told."""

    customerSiteId: Union[str, None]
    """Copied into callbacks, and put before `controllerId:deviceId` to find the device."""

    dataRequestInterval: Union[int, None]
    """`bs8521`, also as a candidate or fallback: milliseconds between data requests; 1600 when absent."""

    defaultEmergencyDestination: Union[str, None]
    """Whom new alarm events are to reach, where the device says nothing."""

    defaultHeartbeatInterval: Union[int, None]
    """The heartbeat interval of devices that set none, in milliseconds."""

    description: Union[str, None]
    """What it is for."""

    destinationMatch: Required[str]
    """The regular expression that selects inbound calls and messages by the called user: linear-time,
    unanchored; `/…/` and `/…/i` literals are understood.
    """

    fallbackAlarmProtocol: Union[CallProtocol, None]

    id: Union[str, None]
    """Names it in later requests; made by the platform when absent. Overwriting keeps it."""

    name: Required[str]
    """The user's label."""

    protocol: Required[Protocol]
    """How events reach it; says which other fields have an effect."""

    protocolCandidates: list[CallProtocol]
    """`multiprotocol`: what to try."""

    protocolMode: Union[ToneMode, None]

    protocolModes: list[ToneMode]
    """`multiprotocol`: the tone codings to try."""

    restAuthentication: list[RestAuthentication]
    """How callbacks are signed: the first entry, and the next one each time the application answers 401 or
    403. Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    """

    tonePowers: list[int]
    """`multiprotocol`: the powers of tones to try."""

    toneSettings: Union[ToneSettings, None]

    useVPNConnection: Union[bool, None]
    """Whether devices come over a VPN, so that no network address translation is undone."""


class AlarmEventMapper(TypedDict, total=False):
    """An alarm event mapper."""

    alarmHandling: Required[AlarmHandling]
    """What happens once an event has come; says which other fields have an effect."""

    callerId: Union[str, None]
    """`callerId` of events instead of the device's."""

    controllerIdPadLength: Union[int, None]
    """Zeros put before controllerId up to this length, where deviceId is joined to it."""

    description: Union[str, None]
    """What it is for."""

    deviceIdPadLength: Union[int, None]
    """Zeros put before deviceId up to this length, where it is joined to controllerId."""

    enableDestinationMonitoring: Union[bool, None]
    """Whether it is watched which of target and backup is active."""

    fromDomain: Union[str, None]
    """The domain of From instead of the tenant's."""

    id: Union[str, None]
    """Names it in later requests and in `alarmEventMapperId`; made by the platform when absent. Overwriting
    keeps it.
    """

    mapDeviceIdToControllerId: Union[bool, None]
    """Whether deviceId is joined to controllerId and left out; false when absent."""

    mappingRules: Union[dict[str, Any], None]
    """Rules of the protocols."""

    maxSessionDuration: Union[int, None]
    """The longest a session may exist, in seconds."""

    name: Required[str]
    """The user's label."""

    siaMapping: Union[dict[str, Any], None]
    """Target `sia`: how events become SIA codes."""

    targetEndpoint: Required[TargetEndpoint]
    """Where events go."""

    unknownAlarmEventVoiceDestination: Union[str, None]
    """Where a call goes whose event cannot be read."""

    useVoiceBridge: Union[bool, None]
    """Whether the voice bridge is used."""

    waitForCallback: Union[int, None]
    """`callEmergencyCenter` and `requestCallback`: seconds to wait for the centre's call."""


AlarmHandling = Literal["callEmergencyCenter", "usePredefinedDestination", "requestCallback", "drop"]
"""What happens once an event has come."""


AlarmKind = Literal["callbackDisabled", "callbackFailing"]
"""What is wrong; there may be more kinds one day."""


AlarmState = Literal["raised", "cleared"]
"""Whether it begins or is over."""


class AnswerInReply(TypedDict, total=False):
    """A command in a reply, without `replyId`."""

    codec: Required[str]
    """The codec asked of the far end: PCMA, PCMU or GSM."""

    crypto: list[Crypto]
    """SRTP keys; without them media is plain RTP."""

    receiveIp: Required[str]
    """Where the far end sends its media."""

    receivePort: Required[int]
    """The RTP port for the same."""

    sessionReferenceId: Union[str, None]
    """Copied into every later callback of the call."""

    telephoneEventPayloadType: Union[int, None]
    """The payload type for telephone events (RFC 4733), 96 to 127."""


class AnswerRemoteCall(TypedDict, total=False):
    """Body of `answerremotecall`; in a reply to `newRemoteCall` the same without `replyId`."""

    codec: Required[str]
    """The codec asked of the far end: PCMA, PCMU or GSM."""

    crypto: list[Crypto]
    """SRTP keys; without them media is plain RTP."""

    receiveIp: Required[str]
    """Where the far end sends its media."""

    receivePort: Required[int]
    """The RTP port for the same."""

    replyId: Required[str]
    """From the `newRemoteCall` callback."""

    sessionReferenceId: Union[str, None]
    """Copied into every later callback of the call."""

    telephoneEventPayloadType: Union[int, None]
    """The payload type for telephone events (RFC 4733), 96 to 127."""


class ApiKey(TypedDict, total=False):
    """A key as lists show it."""

    createdAt: Required[int]
    """When it was made, in milliseconds since 1970."""

    description: Union[str, None]
    """What it is for."""

    expiresAt: Union[int, None]
    """From when on it opens nothing, in milliseconds since 1970; never when absent."""

    key: Union[str, None]
    """The public key, when it is one."""

    lastUsedAt: Union[int, None]
    """When it was used last, in milliseconds since 1970; absent until it is."""

    scopes: Required[list[Scope]]
    """What it may do."""

    sk: Required[str]
    """Names the key."""

    type: Required[ApiKeyType]
    """How it is used."""


class ApiKeyCreated(TypedDict, total=False):
    """Reply to a key created; the only one that ever shows the token."""

    expiresAt: Union[int, None]
    """From when on it opens nothing, in milliseconds since 1970; never when absent."""

    scopes: Required[list[Scope]]
    """What the key may do."""

    sk: Required[str]
    """Names the key: for its deletion, as `kid` of JWTs, as access key id of Signature V4."""

    success: Required[bool]
    """Always true."""

    token: Union[Secret, None]

    warnings: list[FieldError]
    """Members of the request that were ignored."""


class ApiKeyList(TypedDict, total=False):
    """Reply to a list of keys."""

    apiKeys: Required[list[ApiKey]]
    """The keys of the page."""

    nextToken: Union[str, None]
    """Leads to the next page, when there is one."""

    success: Required[bool]
    """Always true."""


ApiKeyType = Literal["token", "publicKey"]
"""How a key is used."""


AuthType = Literal["credentials", "deviceid", "userid", "disabled"]
"""How a device proves who it is."""


class Authorize(TypedDict, total=False):
    """Who wants a token."""

    deviceId: Required[str]
    """A device of the domain with the authType `userid`."""

    domain: Required[str]
    """The tenant's SIP domain."""

    password: Required[str]
    """Its password."""


class AuthorizeReply(TypedDict, total=False):
    """Reply with the token."""

    expiresIn: Required[int]
    """Seconds until it expires."""

    success: Required[bool]
    """Always true."""

    token: Required[Secret]
    """A JWT for the header `X-JWTAuth` of REGISTER and INVITE; it does not open REST."""


class Authorized(TypedDict, total=False):
    """What a `userid` device may do."""

    domain: Union[str, None]
    """The SIP domain it may use."""

    invite: Union[str, None]
    """The regular expression of the destinations it may call."""

    register: Union[bool, None]
    """Whether it may register."""


class BackupEndpoint(TypedDict, total=False):
    """Where events go when the target does not take them."""

    backupDefaultVoiceDestination: Union[str, None]
    """Where voice calls go."""

    backupDestAddr: Union[str, None]
    """A SIP URI or an address."""

    backupOverrideSipFrom: Union[str, None]
    """What From says instead of the device."""

    backupSipAuthPassword: Union[str, None]
    """Its password."""

    backupSipAuthUser: Union[str, None]
    """The user name of SIP digest authentication."""


class BulkError(TypedDict, total=False):
    """What is wrong with one line of the file."""

    detail: Required[str]
    """What is wrong with it."""

    line: Required[int]
    """The line, counted from 1, which is the header."""

    pointer: Required[str]
    """The member of the device, as a JSON pointer; empty for the whole line."""


class BulkReply(TypedDict, total=False):
    """Reply with a bulk job."""

    status: Required[BulkStatus]
    """The job."""

    success: Required[bool]
    """Always true: the job is known. Whether it is well says its `status`."""


BulkState = Literal["STARTED", "COMPLETED", "FAILED"]
"""How far a bulk job is."""


class BulkStatus(TypedDict, total=False):
    """A bulk job."""

    bulkId: Required[str]
    """The id that the caller chose."""

    checked: Required[int]
    """Devices found good so far."""

    domain: Required[str]
    """The tenant."""

    errors: list[BulkError]
    """What is wrong, line by line: the first hundred."""

    lines: Required[int]
    """Lines of the file, the header included."""

    progress: Required[str]
    """What it is doing, for a person."""

    reason: Union[str, None]
    """Why it failed."""

    startedAt: Required[int]
    """When it was taken, in milliseconds since 1970."""

    status: Required[BulkState]
    """How far it is."""

    stoppedAt: Union[int, None]
    """When it ended, in milliseconds since 1970."""

    written: Required[int]
    """Devices written so far; calls see all of them at once, at the end."""


class Call(TypedDict, total=False):
    """A call as lists show it. Times are milliseconds since 1970."""

    answeredAt: Union[int, None]
    """When it was answered."""

    callId: Required[str]
    """The SIP Call-ID."""

    cloudSipUAId: Union[str, None]
    """The service that serves it."""

    confirmedAt: Union[int, None]
    """When both sides were connected."""

    destinationUri: Required[str]
    """The Request-URI."""

    destinationUser: Required[str]
    """The user part of the Request-URI."""

    direction: Required[CallDirection]
    """Who called whom."""

    domain: Required[str]
    """The tenant."""

    endedAt: Union[int, None]
    """When it ended."""

    id: Required[str]
    """Names the call below `/v1/{domain}/calls`."""

    outcome: Union[Outcome, None]

    ringingAt: Union[int, None]
    """When it first rang."""

    sessionId: Required[str]
    """Identifies the session in callbacks."""

    sessionReferenceId: Union[str, None]
    """The application's own name for it."""

    sourceUser: Required[str]
    """The user part of From."""

    startedAt: Required[int]
    """When the INVITE came in, or the command to call."""

    state: Required[CallState]
    """How far it is."""

    traceId: Required[str]
    """Identifies the call in callbacks."""


class CallDetail(Call, total=False):
    """Everything there is to know about a call."""

    events: Required[list[CallEvent]]
    """Its callbacks, in order."""

    local: Union[CallMedia, None]

    node: Union[str, None]
    """The node whose call it is, where commands for it go, while it lives."""

    remote: Union[CallMedia, None]

    replyId: Union[str, None]
    """Names the call in commands, while it lives."""

    trace: Required[list[TraceStep]]
    """How it was decided where the call goes."""


CallDirection = Literal["inbound", "outbound"]
"""Who called whom."""


class CallEvent(TypedDict, total=False):
    """One callback of a call and what became of it. Times are milliseconds since 1970."""

    attempts: Required[int]
    """How often it was tried."""

    deliveredAt: Union[int, None]
    """When it was delivered."""

    lastError: Union[str, None]
    """What was wrong with the last try."""

    lastStatus: Union[int, None]
    """The HTTP status of the last try."""

    name: Required[str]
    """The name of the callback."""

    sequence: Required[int]
    """Counts the callbacks of the call from 1."""

    state: Required[DeliveryState]
    """How far its delivery is."""

    timestamp: Required[int]
    """When it happened."""

    webhookId: Required[str]
    """The same in every attempt."""


class CallList(TypedDict, total=False):
    """Reply to a list of calls, the latest first."""

    calls: Required[list[Call]]
    """The calls of the page."""

    nextToken: Union[str, None]
    """Leads to the next page, when there is one."""

    success: Required[bool]
    """Always true."""


class CallMedia(TypedDict, total=False):
    """One side's media, without keys."""

    codec: Required[str]
    """Its codec."""

    direction: Union[str, None]
    """Its direction, where it said one."""

    ip: Required[str]
    """Where it receives RTP."""

    port: Required[int]
    """Its port."""

    suites: list[str]
    """The crypto-suites of its keys."""

    telephoneEventPayloadType: Union[int, None]
    """Its payload type for telephone events."""


CallProtocol = Literal["bs8521", "scaip", "tt92", "ttnew"]
"""An alarm protocol a device may speak in a call."""


class CallReply(TypedDict, total=False):
    """Reply with one call."""

    call: Required[CallDetail]
    """The call."""

    success: Required[bool]
    """Always true."""


CallState = Literal["offered", "ringing", "answered", "confirmed", "cancelling", "ended"]
"""How far a call is."""


class CloudSipUa(TypedDict, total=False):
    """A service."""

    callbackBaseUrl: Required[str]
    """Where callbacks go; begins with `https://`."""

    callbackDescription: Union[str, None]
    """What the callback is for."""

    callbackDisabled: Union[bool, None]
    """Present and true while the callback is switched off because the application answered 410; ignored
    in requests.
    """

    callbackId: Union[str, None]
    """Names the callback; made by the platform when absent."""

    callbackName: Union[str, None]
    """The user's label of the callback."""

    callbackTimeout: Union[int, None]
    """The whole budget of `newRemoteCall` with its tries, in milliseconds; 15000 when absent."""

    description: Union[str, None]
    """What the service is for."""

    destinationMatch: Required[str]
    """The regular expression that selects inbound calls by the called user: linear-time, unanchored;
    `/…/` and `/…/i` literals are understood.
    """

    id: Union[str, None]
    """Names it in later requests; made by the platform when absent. Overwriting keeps it."""

    name: Required[str]
    """The user's label."""

    restAuthentication: list[RestAuthentication]
    """How callbacks are signed: the first entry, and the next one each time the application answers 401 or 403.
    Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    """


class CommandReply(TypedDict, total=False):
    """Reply to a command that was carried out."""

    success: Required[bool]
    """Always true."""


class CreateApiKey(TypedDict, total=False):
    """Body of the request to create a key; an empty one makes a token with every scope."""

    description: Union[str, None]
    """What the key is for."""

    expiresAt: Union[int, None]
    """From when on the key opens nothing, in milliseconds since 1970; never when absent."""

    key: Union[str, None]
    """A public key in PEM (RSA, P-256 or Ed25519); without it a random token is made."""

    scopes: list[Scope]
    """What the key may do; everything when absent. A list has one scope at least."""


class Crypto(TypedDict, total=False):
    """One `a=crypto` attribute, taken apart."""

    config: Required[str]
    """Key parameters `inline:…` and, after a space, any session parameters; carried untouched."""

    id: Required[int]
    """The tag: unique within the list, 1 to 9 digits."""

    suite: Required[str]
    """The crypto-suite."""


class DeleteAllDevices(TypedDict, total=False):
    """Body of the request to delete every device of a domain."""

    confirmDeleteAll: Union[bool, None]
    """Without it nothing is deleted; the reply says what would be."""


class Delivery(TypedDict, total=False):
    """One callback and how its delivery goes. Times are milliseconds since 1970."""

    attempts: Required[int]
    """How often it was tried since it happened, or since it was last replayed."""

    call: Required[str]
    """The call it is about, by its `id`."""

    callbackId: Required[str]
    """The service's `callbackId`."""

    cloudSipUAId: Required[str]
    """The service that serves the call."""

    deliveredAt: Union[int, None]
    """When the application took it."""

    event: Required[str]
    """The name of the callback."""

    id: Required[str]
    """Names the delivery below `/v1/{domain}/deliveries`."""

    lastError: Union[str, None]
    """Why it was given up, or failed the last time."""

    nextAttemptAt: Union[int, None]
    """When the next try is due."""

    sequence: Required[int]
    """Counts the callbacks of the call from 1."""

    state: Required[DeliveryState]
    """How far it is."""

    timestamp: Required[int]
    """When it happened."""

    tries: Required[list[DeliveryTry]]
    """The newest hundred tries, the oldest first."""

    webhookId: Required[str]
    """`webhook-id`, the same in every attempt."""


class DeliveryList(TypedDict, total=False):
    """Reply to a list of deliveries, the oldest first."""

    deliveries: Required[list[Delivery]]
    """The deliveries of the page; there may be few of them even when there is a next page."""

    nextToken: Union[str, None]
    """Leads to the next page, when there is one."""

    success: Required[bool]
    """Always true."""


class DeliveryReply(TypedDict, total=False):
    """Reply with one delivery."""

    delivery: Required[Delivery]
    """The delivery."""

    success: Required[bool]
    """Always true."""


DeliveryState = Literal["pending", "delivered", "failed"]
"""How far a delivery is."""


class DeliveryTry(TypedDict, total=False):
    """One try to deliver a callback."""

    at: Required[int]
    """When it ended, in milliseconds since 1970."""

    error: Union[str, None]
    """Why it did not deliver."""

    status: Union[int, None]
    """The HTTP status, when there was an answer."""

    took: Required[int]
    """How long it took, in microseconds."""


class Device(TypedDict, total=False):
    """A device."""

    authType: Required[AuthType]
    """How it proves who it is; `disabled` for devices behind the Cloud SIP UA."""

    authorized: Union[Authorized, None]

    description: Union[str, None]
    """Notes."""

    deviceCLI: Union[str, None]
    """The phone number that finds the device for inbound alarm calls."""

    deviceId: Required[str]
    """Unique within the tenant; alarm devices are `customerSiteId:controllerId:deviceId`."""

    deviceType: Union[DeviceType, None]

    ha1: Union[str, None]
    """For `credentials`: a digest hash given instead of a password, `H(deviceId:domain:password)` in hexadecimal,
    by MD5 (32 digits) or SHA-256 (64 digits). Never read back.
    """

    macAddress: Union[str, None]
    """The MAC address of its gateway."""

    password: Union[str, None]
    """Required for `userid`. For `credentials` the platform makes one, which the reply of that write carries once.
    Never read back.
    """

    serviceData: Union[dict[str, Any], None]
    """Settings of services, such as `alarmBridge`."""


class DeviceList(TypedDict, total=False):
    """Reply to a list of devices."""

    devices: Required[list[Device]]
    """The devices of the page."""

    nextToken: Union[str, None]
    """Leads to the next page, when there is one."""

    success: Required[bool]
    """Always true."""


class DeviceReply(Device, total=False):
    """Reply with one device."""

    success: Required[bool]
    """Always true."""


DeviceType = Literal["sipDevice", "alarmbridgeConnect", "groupScheme", "alarmUnit", "alexa"]
"""What kind of device it is."""


class DeviceWritten(TypedDict, total=False):
    """Reply to a device added or modified."""

    password: Union[str, None]
    """The SIP password that was made for a `credentials` device: only this reply has it."""

    success: Required[bool]
    """Always true."""

    warnings: list[FieldError]
    """Members of the request that were ignored."""


class DevicesDeleted(TypedDict, total=False):
    """Reply to the same."""

    count: Required[int]
    """How many devices were, or would be, deleted."""

    message: Required[str]
    """How many devices were, or would be, deleted, in words."""

    success: Required[bool]
    """Always true."""


DialogDirection = Literal["initiator", "recipient"]
"""Whether the device called or was called, in the words of RFC 4235."""


DialogState = Literal["trying", "early", "confirmed", "terminated"]
"""How far a device's call is, in the words of RFC 4235."""


class Done(TypedDict, total=False):
    """The reply of every operation that has nothing else to say."""

    reason: Union[str, None]
    """What was done, where that is not plain."""

    success: Required[bool]
    """Always true."""

    warnings: list[FieldError]
    """Members of the request that were ignored."""


class DraftChanges(TypedDict, total=False):
    """Reply with what would change."""

    drafts: Required[list[DraftChange]]
    """Every draft that is meant, by kind and id."""

    success: Required[bool]
    """Always true."""


class DraftName(TypedDict, total=False):
    """Names one draft."""

    id: Required[str]
    """Its id."""

    kind: Required[str]
    """`cloudsipua`, `mediaservice`, `alarmbridge` or `alarmeventmapper`."""


class Drafts(TypedDict, total=False):
    """Which drafts are meant."""

    documents: list[DraftName]
    """These only; all of the domain when absent."""


class DraftsDone(TypedDict, total=False):
    """Reply to drafts promoted or discarded."""

    count: Required[int]
    """How many drafts there were."""

    drafts: Required[list[DraftName]]
    """Which."""

    success: Required[bool]
    """Always true."""


Effect = Literal["create", "replace", "nothing"]
"""What a draft would do."""


class Envelope(TypedDict, total=False):
    """The members that all callbacks share; those a call does not have are left out."""

    callId: Required[str]
    """The SIP Call-ID."""

    domain: Required[str]
    """The tenant."""

    httpTransactionId: Required[str]
    """Identifies this delivery."""

    replyId: Union[str, None]
    """Names the call in commands, while it lives."""

    sequence: Required[int]
    """Counts the callbacks of a call from 1."""

    sessionId: Required[str]
    """Identifies the session."""

    sessionReferenceId: Union[str, None]
    """What the application gave the call as its own name."""

    siteBaseUrl: Union[str, None]
    """Where commands for this call go, when the node says so."""

    siteId: Union[str, None]
    """The site the callback comes from, when the node has one."""

    timestamp: Required[int]
    """When it happened, in milliseconds since 1970."""

    traceId: Required[str]
    """Identifies the whole call."""

    webhookId: Required[str]
    """The same in every attempt to deliver this callback; the `webhook-id` header."""


class ErrorBody(TypedDict, total=False):
    """As the server sends it."""

    code: Required[str]
    """Stable, in snake case."""

    errors: list[FieldError]
    """The fields that are wrong."""

    reason: Required[str]
    """One sentence a person can act on."""

    success: Required[bool]
    """Always false."""

    traceId: Required[str]
    """Finds the request in the log."""


class EventList(TypedDict, total=False):
    """Reply with events in the order in which they were committed."""

    events: Required[list[PastEvent]]
    """The events of the page."""

    more: Required[bool]
    """Whether the next page has something already."""

    next: Required[str]
    """What to send as `after` for the next page, also when this one is empty."""

    success: Required[bool]
    """Always true."""


class ExplainRefusal(TypedDict, total=False):
    """Why a call would go nowhere."""

    code: Required[str]
    """In one word."""

    sipStatus: Union[int, None]
    """The SIP status an inbound call would get."""


class ExplainReply(TypedDict, total=False):
    """Where the call would go."""

    cloudSipUAId: Union[str, None]
    """The service that would take the call."""

    name: Union[str, None]
    """Its name."""

    refusal: Union[ExplainRefusal, None]

    success: Required[bool]
    """Always true: the question was answered."""

    trace: Required[list[TraceStep]]
    """Every step of the decision."""

    trunkId: Union[str, None]
    """Outbound: the trunk that would take the call."""

    trunkUser: Union[str, None]
    """Outbound: whom that trunk would be asked for."""


class ExplainRequest(TypedDict, total=False):
    """The facts of a call that might happen."""

    cloudSipUAId: Union[str, None]
    """Outbound: the service that is to serve the call."""

    destinationUri: Union[str, None]
    """Whom the peer or the application calls. Inbound a SIP URI or a user of the domain; outbound a SIP URI, as
    `placeremotecall` takes it, which decides which trunk takes the call.
    """

    direction: Union[CallDirection, None]

    sourceIp: Union[str, None]
    """Inbound: the address the request comes from."""

    sourceUser: Union[str, None]
    """Outbound: the user part of From."""


class FieldError(TypedDict, total=False):
    """One field that is wrong, or was ignored."""

    detail: Required[str]
    """What is wrong with it."""

    pointer: Required[str]
    """Where, as a JSON pointer (RFC 6901); empty means the whole body."""


class HangupCall(TypedDict, total=False):
    """Body of `hangupcall`: busy for a call that was not answered, else its end."""

    reason: Union[str, None]
    """The reason phrase beside it."""

    replyId: Required[str]
    """From any callback of the call, or from the reply to `placeremotecall`."""

    sipStatus: Union[int, None]
    """Another rejection than 486 for a call that was not answered: 400 to 699 without 401, 407, 420, 421, 422."""


class HangupInReply(TypedDict, total=False):
    """A command in a reply, without `replyId`."""

    reason: Union[str, None]
    """The reason phrase beside it."""

    sipStatus: Union[int, None]
    """Another rejection than 486 for a call that was not answered: 400 to 699 without 401, 407, 420, 421, 422."""


LadderDirection = Literal["in", "out"]
"""Whether it came to the node or left it."""


LadderEntry = TypedDict(
    "LadderEntry",
    {
        "at": Required["int"],
        "direction": Required["LadderDirection"],
        "error": Union["str", "None"],
        "from": Required["str"],
        "kind": Required["LadderKind"],
        "offset": Required["int"],
        "repeated": bool,
        "status": Union["int", "None"],
        "summary": Required["str"],
        "text": Union["str", "None"],
        "to": Required["str"],
        "took": Union["int", "None"],
    },
    total=False,
)
"""One message."""


LadderKind = Literal["rest", "sip", "callback"]
"""What kind of message it is."""


class LadderReply(TypedDict, total=False):
    """Reply with a ladder."""

    ladder: Required[list[LadderEntry]]
    """The messages, in order of time."""

    success: Required[bool]
    """Always true."""


class MediaService(TypedDict, total=False):
    """A media service."""

    callbackBaseUrl: Required[str]
    """Where callbacks go; begins with `https://`."""

    callbackDescription: Union[str, None]
    """What the callback is for."""

    callbackId: Union[str, None]
    """Names the callback; made by the platform when absent."""

    callbackName: Union[str, None]
    """The user's label of the callback."""

    callbackTimeout: Union[int, None]
    """The whole budget of a callback with its tries, in milliseconds."""

    description: Union[str, None]
    """What it is for."""

    destinationMatch: Required[str]
    """The regular expression that selects inbound calls by the called user: linear-time, unanchored;
    `/…/` and `/…/i` literals are understood.
    """

    disableLateOffer: Union[bool, None]
    """Whether calls the service places carry an offer; by default the offer comes in the ACK."""

    googleApikey: Union[str, None]
    """The key of Google's text-to-speech service."""

    googleServiceKey: Union[dict[str, Any], None]
    """The service account of Google's text-to-speech service, as Google hands it out."""

    id: Union[str, None]
    """Names it in later requests; made by the platform when absent. Overwriting keeps it."""

    ivrRefresherExpiration: Union[int, None]
    """Session-Expires where the service refreshes the session, in seconds."""

    name: Required[str]
    """The user's label."""

    networkId: Union[str, None]
    """The network the service is bound to."""

    offeredCodecs: list[OfferedCodec]
    """The codecs offered to an INVITE without SDP; all when absent."""

    replySessionExpiration: Union[int, None]
    """Session-Expires of calls the service places, in seconds; the peer refreshes."""

    restAuthentication: Required[list[RestAuthentication]]
    """How callbacks are signed: the first entry, and the next one each time the application answers 401 or
    403; an empty list signs none. Absent where they are overwritten, the stored ones stay.
    """

    rtpTimeout: Union[int, None]
    """Seconds of silence after which a participant is disconnected; 90 when absent."""


class NamedTrunk(TypedDict, total=False):
    """A trunk with its id, as lists show it and `PUT /provisioning/trunk/{domain}` takes it."""

    serviceDestination: Required[Trunk]
    """The trunk."""

    trunkId: Union[str, None]
    """The trunk's id; made by the platform when absent."""


Network = str
"""A network in CIDR notation, such as `192.0.2.0/24`."""


class NewRemoteCall(Envelope, total=False):
    """An inbound call waits for an answer."""

    cloudSipUAId: Union[str, None]
    """The service that serves the call."""

    codec: Union[str, None]
    """What the far end wants to receive; absent when its INVITE carried no offer."""

    codecs: list[str]
    """All its codecs that are known, in its order."""

    crypto: list[Crypto]
    """The far end's SRTP keys."""

    destinationUri: Required[str]
    """The Request-URI."""

    direction: Union[str, None]
    """The far end's direction, when it is not `sendrecv`."""

    ivrServer: Required[str]
    """The address of the node."""

    remoteRtpIp: Union[str, None]
    """Where the far end receives media."""

    remoteRtpPort: Union[int, None]
    """The port for the same."""

    sourceUser: Required[str]
    """The user part of From."""

    telephoneEventPayloadType: Union[int, None]
    """The far end's payload type for telephone events."""


class NewRemoteCallReply(TypedDict, total=False):
    """The body of a 2xx reply to `newRemoteCall`: nothing, a reference, and perhaps one command at once."""

    answer: Union[AnswerInReply, None]

    hangup: Union[HangupInReply, None]

    ringback: Union[RingbackInReply, None]

    sessionReferenceId: Union[str, None]
    """Copied into every later callback of the call."""


class NotificationSettings(TypedDict, total=False):
    """Where events and alarms go."""

    alarmEventsRestEndpoint: Union[str, None]
    """Where service alarms go over HTTPS."""

    alarmTopic: Union[str, None]
    """The Amazon SNS topic of service alarms."""

    alarmbridgeCallbackEndpoint: Union[str, None]
    """Where callbacks of the alarm bridge go."""

    httpTimeout: Union[int, None]
    """The whole budget of a request with its three tries again, in milliseconds."""

    restAuthentication: list[RestAuthentication]
    """How requests are signed: the first entry, and the next one each time the receiver answers 401 or 403.
    Absent where they are overwritten, the stored ones stay; an empty list takes all away.
    """

    sipEventsRestEndpoint: Union[str, None]
    """Where SIP events go over HTTPS."""

    sipEventsTopic: Union[str, None]
    """The Amazon SNS topic of SIP events."""

    useHttpEvents: Union[bool, None]
    """Whether HTTPS is used instead of Amazon SNS."""


NotifyEvent = Literal["ringing", "reInvite", "update"]
"""What a `callNotify` tells."""


OfferedCodec = Literal["opus", "PCMA", "PCMU"]
"""A codec a service may offer."""


Outbound = Literal["any", "trunks", "off"]
"""Where a tenant may call."""


Outcome = TypedDict(
    "Outcome",
    {
        "class": Required["str"],
        "duration": Required["int"],
        "endedBy": Required["str"],
        "q850Cause": Union["int", "None"],
        "q850Text": Union["str", "None"],
        "sipReason": Union["str", "None"],
        "sipStatus": Union["int", "None"],
    },
    total=False,
)
"""How a call ended; in both terminal callbacks."""


class PastEvent(TypedDict, total=False):
    """Something that happened to a call, as its callback tells it."""

    body: Required[dict[str, Any]]
    """The body of the callback, without SRTP keys."""

    call: Required[str]
    """The call, by its `id`."""

    cursor: Required[str]
    """Its place: greater, as text, than that of every event before it."""

    event: Required[str]
    """The name of its callback."""

    state: Required[DeliveryState]
    """How far its delivery is."""


PatchOp = Literal["add", "remove", "replace", "copy", "move", "test"]
"""The six operations."""


PatchOperation = TypedDict(
    "PatchOperation",
    {
        "from": Union["str", "None"],
        "op": Required["PatchOp"],
        "path": Required["str"],
        "value": Any,
    },
    total=False,
)
"""One operation (RFC 6902 section 4)."""


class PlaceRemoteCall(TypedDict, total=False):
    """Body of `placeremotecall`."""

    callbackBaseUrl: Union[str, None]
    """Where the callbacks of this call go, instead of the service's own URL."""

    cloudSipUAId: Union[str, None]
    """The service that serves the call; else the one that `sourceUser` matches, else the only one."""

    codec: Required[str]
    """The codec asked of the far end: PCMA, PCMU or GSM."""

    crypto: list[Crypto]
    """SRTP keys; without them media is plain RTP."""

    destinationUri: Required[str]
    """The SIP URI to call."""

    receiveIp: Required[str]
    """Where the far end sends its media."""

    receivePort: Required[int]
    """The RTP port for the same."""

    ringTimeout: Union[int, None]
    """How long the call may ring, in seconds."""

    sessionReferenceId: Union[str, None]
    """Copied into every callback of the call."""

    sourceUser: Required[str]
    """The user part of From: the calling number."""

    telephoneEventPayloadType: Union[int, None]
    """The payload type for telephone events (RFC 4733), 96 to 127."""


class PlaceRemoteCallReply(TypedDict, total=False):
    """Reply to `placeremotecall`; the result arrives as callbacks."""

    callId: Required[str]
    """The SIP Call-ID."""

    replyId: Required[str]
    """Names the call in later commands, also while it rings."""

    sessionId: Required[str]
    """Identifies the session."""

    success: Required[bool]
    """Always true."""

    traceId: Required[str]
    """The same in every callback of the call."""


class Problem(TypedDict, total=False):
    """The members of a problem document (RFC 9457 section 3.1)."""

    detail: Required[str]
    """The same sentence as `reason`."""

    status: Required[int]
    """The HTTP status."""

    title: Required[str]
    """The phrase of the HTTP status."""

    type: Required[str]
    """Always `about:blank`: the `code` beside it names the problem."""


class Profile(TypedDict, total=False):
    """A person."""

    authProvider: Union[str, None]
    """Who signs the person in."""

    company: Union[str, None]
    """Company."""

    deploymentSize: Union[str, None]
    """How large the deployment is to be."""

    email: Union[str, None]
    """Electronic mail."""

    emailConsent: Union[int, None]
    """When the person agreed to mail, as a Unix time."""

    firstName: Union[str, None]
    """First name."""

    lastName: Union[str, None]
    """Last name."""

    otherInfo: Union[str, None]
    """Anything else."""

    phone: Union[str, None]
    """Phone number."""

    profileReviewed: Union[bool, None]
    """Whether the person looked the profile through."""

    termsAgreed: Union[int, None]
    """When the terms were agreed to, as a Unix time."""

    useCase: Union[str, None]
    """What the service is used for."""


class ProfileReply(TypedDict, total=False):
    """Reply with the profile of the calling key."""

    profile: Required[Profile]
    """The profile."""

    success: Required[bool]
    """Always true."""


class Promotion(TypedDict, total=False):
    """Which drafts are put in force."""

    documents: list[DraftName]
    """These only; all of the domain when absent."""

    overwrite: Union[bool, None]
    """Whether a draft takes the place also of what was changed in force after the draft was written; false when
    absent.
    """


Protocol = Literal["api", "bs8521", "deviceProvisioned", "nowip", "scaip", "tt92", "ttnew", "multiprotocol", "voicecall", "nowipcontroller", "p100"]
"""How events reach the bridge."""


ReplayRange = TypedDict(
    "ReplayRange",
    {
        "call": Union["str", "None"],
        "callbackId": Union["str", "None"],
        "event": Union["str", "None"],
        "from": Union["int", "None"],
        "nextToken": Union["str", "None"],
        "service": Union["str", "None"],
        "state": Union["SettledState", "None"],
        "to": Union["int", "None"],
    },
    total=False,
)
"""Which deliveries are to be replayed; every member narrows them, and without `state` the failed ones are meant."""


class ReplayReply(TypedDict, total=False):
    """Reply to a replay of many."""

    nextToken: Union[str, None]
    """Where to go on, when not all of the range was looked at."""

    replayed: Required[int]
    """How many are on their way again."""

    success: Required[bool]
    """Always true."""


class RestAuthentication(TypedDict, total=False):
    """One way to sign a callback, with a JWT in `Authorization: Bearer`."""

    requestHeaders: Union[dict[str, str], None]
    """Extra headers of the callback; none that the platform sets or that frames the request."""

    scope: Union[str, None]
    """The `scope` claim."""

    secret: Union[str, None]
    """The signing key: a private key in PEM, for HS256 a shared secret of 32 bytes or more. Replies mask it; masked
    or absent where an entry is overwritten it stays as it is.
    """

    sub: Union[str, None]
    """The `sub` claim."""

    type: Required[SignatureType]
    """The signature algorithm."""


class Retention(TypedDict, total=False):
    """How long what has happened is kept, in days from 1 to 365."""

    calls: Union[int, None]
    """Calls, once they are over; 7 when absent."""

    events: Union[int, None]
    """Events with their deliveries, once nothing of them waits; 7 when absent."""

    ladder: Union[int, None]
    """The SIP log and ladders, which are made of the same rows; 14 when absent."""


class RingbackInReply(TypedDict, total=False):
    """A command in a reply, without `replyId`."""

    codec: Union[str, None]
    """The codec of early media: PCMA, PCMU or GSM."""

    crypto: list[Crypto]
    """SRTP keys of early media."""

    receiveIp: Union[str, None]
    """Where the far end sends its early media."""

    receivePort: Union[int, None]
    """The RTP port for the same."""

    telephoneEventPayloadType: Union[int, None]
    """The payload type for telephone events (RFC 4733), 96 to 127."""


Scope = Literal["calls", "provisioning", "read"]
"""What a key may do."""


Secret = str
"""A password, key or token: written where the wire documents it, never by `Debug`."""


class SendRemoteCallRingback(TypedDict, total=False):
    """Body of `sendremotecallringback`; with media the caller hears the device before the answer."""

    codec: Union[str, None]
    """The codec of early media: PCMA, PCMU or GSM."""

    crypto: list[Crypto]
    """SRTP keys of early media."""

    receiveIp: Union[str, None]
    """Where the far end sends its early media."""

    receivePort: Union[int, None]
    """The RTP port for the same."""

    replyId: Required[str]
    """From the `newRemoteCall` callback."""

    telephoneEventPayloadType: Union[int, None]
    """The payload type for telephone events (RFC 4733), 96 to 127."""


class ServiceAlarm(TypedDict, total=False):
    """One alarm."""

    alarm: Required[AlarmKind]
    """What is wrong."""

    callbackId: Required[str]
    """The service's `callbackId`."""

    cloudSipUAId: Required[str]
    """The service it is about."""

    reason: Required[str]
    """It in a sentence."""

    state: Required[AlarmState]
    """Whether it begins or is over."""

    timestamp: Required[int]
    """When it was noticed, in milliseconds since 1970."""


class ServiceAlarms(TypedDict, total=False):
    """Something a tenant has to look after."""

    body: Required[list[ServiceAlarm]]
    """The alarms."""

    domain: Required[str]
    """The tenant."""

    event: Required[str]
    """Always `SERVICEALARM`."""

    sequence: Required[int]
    """Its place among the tenant's notifications of this kind, from 1."""

    timestamp: Required[int]
    """When it was put together, in milliseconds since 1970."""

    webhookId: Required[str]
    """Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same."""


class Settings(TypedDict, total=False):
    """The settings of a tenant; what is absent is the node's default."""

    maxCallDuration: Union[int, None]
    """The longest a call may last once answered, in seconds."""

    maxCalls: Union[int, None]
    """The most calls at a time."""

    maxCallsPerSecond: Union[int, None]
    """The most new calls in a second."""

    open: list[Network]
    """Networks whose unauthenticated callers may reach the domain's services."""

    outbound: Outbound
    """Where the tenant may call."""

    retention: Retention
    """How long what has happened is kept."""

    ringTimeout: Union[int, None]
    """How long a call may ring, in seconds."""

    sessionExpires: Union[int, None]
    """The session interval (RFC 4028), in seconds."""


class SettingsReply(TypedDict, total=False):
    """Reply with the settings."""

    settings: Required[Settings]
    """The settings in force."""

    success: Required[bool]
    """Always true."""

    warnings: list[FieldError]
    """Members of the request that were ignored."""


SettledState = Literal["delivered", "failed"]
"""How a delivery stands that is over."""


SignatureType = Literal["RS256", "ES256", "EdDSA", "HS256"]
"""The algorithm of a signature (RFC 7518, RFC 8037)."""


SipEvent = TypedDict(
    "SipEvent",
    {
        "call": Required["str"],
        "callId": Required["str"],
        "class": Union["str", "None"],
        "device": Required["str"],
        "direction": Required["DialogDirection"],
        "duration": Union["int", "None"],
        "remote": Required["str"],
        "sessionId": Required["str"],
        "sipStatus": Union["int", "None"],
        "state": Required["DialogState"],
        "timestamp": Required["int"],
        "type": Required["SipEventType"],
    },
    total=False,
)
"""One event of a device."""


SipEventType = Literal["dialog"]
"""What kind of event it is; there may be more kinds one day."""


class SipEvents(TypedDict, total=False):
    """What the devices of a tenant do, several events at a time, in order of time."""

    body: Required[list[SipEvent]]
    """The events."""

    domain: Required[str]
    """The tenant."""

    event: Required[str]
    """Always `SIPDEVICEMONITORING`."""

    sequence: Required[int]
    """Its place among the tenant's notifications of this kind, from 1."""

    timestamp: Required[int]
    """When it was put together, in milliseconds since 1970."""

    webhookId: Required[str]
    """Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same."""


SipLogDirection = Literal["in", "out"]
"""Whether it came to the node or left it."""


class SipLogItem(TypedDict, total=False):
    """One message as it was sent or received, above TLS; credentials and media keys are `***`."""

    body: Required[str]
    """The body."""

    call: Union[str, None]
    """The call it belongs to, as `/v1/{domain}/calls/{id}/ladder` knows it."""

    direction: Required[SipLogDirection]
    """Whether it came in or went out."""

    dstIp: Required[str]
    """Who received it."""

    dstPort: Required[int]
    """The receiver's port."""

    method: Required[str]
    """The method; of a response, the one it answers. Empty when the message has none that can be read."""

    reason: Required[str]
    """The reason phrase; empty in a request."""

    repeated: bool
    """Whether it is the repetition of an earlier one."""

    requestUri: Required[str]
    """The Request-URI; empty in a response."""

    sipHeaders: Required[dict[str, str]]
    """Header fields by their full names; those that stand more than once are joined with commas."""

    srcIp: Required[str]
    """Who sent it."""

    srcPort: Required[int]
    """The sender's port."""

    statusCode: Required[str]
    """The status as text; empty in a request."""

    timeStamp: Required[int]
    """When, in milliseconds since 1970."""

    transport: Required[str]
    """`udp`, `tcp`, `tls`, `ws` or `wss`."""

    type: Required[SipLogType]
    """Request or response."""


class SipLogQuery(TypedDict, total=False):
    """Which messages are wanted. 0 and the empty text mean the same as absence."""

    endTime: Union[int, None]
    """None younger than this, in milliseconds (or seconds) since 1970."""

    filterPattern: Union[str, None]
    """Words that must all occur in the message, in any case, `"several words"` in quotation marks; or a regular
    expression as `/…/` or `/…/i`.
    """

    limit: Union[int, None]
    """How many messages at most, up to 1000; 100 when absent."""

    nextToken: Union[str, None]
    """The token of an earlier reply to the same question: goes on with older messages."""

    startTime: Union[int, None]
    """None older than this, in milliseconds (or seconds) since 1970."""


class SipLogReply(TypedDict, total=False):
    """Reply with messages."""

    complete: Required[bool]
    """Whether everything was looked at; otherwise the limit, or the time one search may take, was reached first."""

    logItems: Required[list[SipLogItem]]
    """The latest messages that fit, in order of time."""

    nextToken: Union[str, None]
    """The same question with this token goes on with older messages."""

    searchedFrom: Union[int, None]
    """From when on everything was looked at, in milliseconds since 1970, when not all was."""

    success: Required[bool]
    """Always true."""


SipLogType = Literal["request", "response"]
"""What kind of message it is."""


class Statistic(TypedDict, total=False):
    """One bucket. Durations are in seconds, of what was answered."""

    answered: Union[int, None]
    """Of the calls, those that were answered."""

    average_duration: Required[float]
    """The mean over those that were answered; 0 when none was."""

    classes: Union[dict[str, int], None]
    """How many calls ended in each class: `normal`, `busy`, `no_answer`, `rejected`, `unreachable`, `auth`, `policy`,
    `media`, `client_error`, `upstream_error`, `internal`.
    """

    max_duration: Required[int]
    """The longest; 0 when none was answered."""

    min_duration: Required[int]
    """The shortest; 0 when none was answered."""

    name: Required[str]
    """The bucket in UTC: `2026-11-21T14` for an hour, `2026-11-21` for a day, `2026-11` for a month."""

    num_calls: Required[int]
    """All calls, answered or not, by the time at which they began."""

    sum_duration: Required[int]
    """All durations together."""


class StatisticsReply(TypedDict, total=False):
    """Reply with statistics."""

    statistics: Required[list[Statistic]]
    """The buckets in which something was counted, in order of time."""

    success: Required[bool]
    """Always true."""


class TargetEndpoint(TypedDict, total=False):
    """Where events go."""

    backupEndpoint: Union[BackupEndpoint, None]

    defaultVoiceDestination: Union[str, None]
    """Where voice calls go."""

    destAddr: Union[str, None]
    """A SIP URI or an address."""

    overrideSipFrom: Union[str, None]
    """What From says instead of the device."""

    protocol: Required[TargetProtocol]
    """What the target speaks."""

    sipAuthPassword: Union[str, None]
    """Its password."""

    sipAuthUser: Union[str, None]
    """The user name of SIP digest authentication."""


TargetProtocol = Literal["scaip", "sia"]
"""What the target speaks."""


ToneMode = Literal["dtmf", "sdmf"]
"""How tones are coded."""


ToneSending = Literal["2833", "inaudio"]
"""How tones are sent."""


class ToneSettings(TypedDict, total=False):
    """How tones are sent to whom."""

    calleeDtmfSendType: Union[ToneSending, None]

    callerDtmfSendType: Union[ToneSending, None]

    dtmfSendType: Union[ToneSending, None]


class TraceStep(TypedDict, total=False):
    """One step of the decision where a call goes."""

    result: Required[str]
    """What it found."""

    rule: Required[str]
    """Which rule looked."""

    why: Required[str]
    """Why, in words."""


class Trunk(TypedDict, total=False):
    """A trunk."""

    addTerminatingUriParameters: Union[str, None]
    """Parameters added to the Request-URI of outbound calls."""

    blacklistPattern: Union[str, None]
    """The regular expression of users it does not take."""

    description: Union[str, None]
    """What it is for."""

    destinationMatch: Required[str]
    """The regular expression of the users it takes: linear-time, unanchored; `/…/` and `/…/i` literals are
    understood.
    """

    destinationRewrite: Union[str, None]
    """How the user is rewritten before it is called: `/expression/replacement/` or `s/expression/replacement/`,
    with `$1` or `\\1` for groups and the flags `i` and `g`; an expression alone keeps what its first group
    matches.
    """

    destinationTarget: Required[str]
    """Where outbound calls go: a name or an address, with a port if it is not the usual one."""

    destinationTransport: Required[str]
    """Over which transport: `udp`, `tcp` or `tls`."""

    diversionHeader: Union[str, None]
    """The number in Diversion of outbound calls."""

    forceNatRewrites: Union[bool, None]
    """Whether signalling is rewritten for a peer behind a NAT."""

    forceRtpRelay: Union[bool, None]
    """Whether media are relayed."""

    ha1: Union[str, None]
    """The hash of user name, realm and password in hexadecimal, MD5 or SHA-256; made from these three when
    they are given.
    """

    localCodec: Union[TrunkCodec, None]

    networkId: Union[str, None]
    """The network it ends in, for the way of media."""

    password: Union[str, None]
    """The password of the same. Only its hashes are stored; the reply to the request that sets it carries it."""

    realm: Union[str, None]
    """The realm of the same."""

    rewriteAnumber: Union[str, None]
    """The number that outbound calls come from instead of their own."""

    sourceNetworks: list[AddressOrNetwork]
    """The networks its inbound calls come from, as addresses or in CIDR notation. They count only where the
    operator granted them to the tenant.
    """

    transcode: Union[bool, None]
    """Whether media are transcoded."""

    trunkGroupId: Union[str, None]
    """Names it in `X-Terminating-Trunk-Group-Id`."""

    trunksideCodec: Union[TrunkCodec, None]

    type: Union[TrunkType, None]

    usePrivateIP: Union[bool, None]
    """Whether the private address is used."""

    userName: Union[str, None]
    """The user name of SIP digest authentication; changed together with `realm` and `password` only."""


TrunkCodec = Literal["GSM", "PCMU", "PCMA"]
"""A codec of one side of a trunk."""


TrunkType = Literal["trunk"]
"""What kind of service destination it is: always a trunk."""


class WebhookSecretReply(TypedDict, total=False):
    """Reply with the new secret; the only one that shows it."""

    previousValidUntil: Required[int]
    """Until when callbacks are also signed with the one before, in milliseconds since 1970."""

    success: Required[bool]
    """Always true."""

    webhookSecret: Required[Secret]
    """The new secret: `whsec_` and base64."""


class CallAnswered(Envelope, total=False):
    """Both sides are connected."""

    calledPartyExpires: Union[int, None]
    """The session interval of the called side's leg in seconds, if it has one."""

    calleeParticipantId: Required[str]
    """The participant that was called."""

    callerParticipantId: Required[str]
    """The participant that called."""

    callingPartyExpires: Union[int, None]
    """The session interval of the calling side's leg in seconds, if it has one."""

    callingPartyNumber: Required[str]
    """The SIP user of the calling side."""

    codec: Required[str]
    """The codec the device sends."""

    connectionId: Required[str]
    """The connection both belong to."""

    crypto: list[Crypto]
    """The far end's SRTP keys."""

    direction: Union[str, None]
    """The far end's direction, when it is not `sendrecv`."""

    monitoringParticipant: Required[bool]
    """Always false: nobody listens in."""

    remotePartyNumber: Required[str]
    """The SIP user of the called side."""

    remoteRtpIp: Required[str]
    """Where the device sends media."""

    remoteRtpPort: Required[str]
    """The port for the same, as text."""

    telephoneEventPayloadType: Union[int, None]
    """The far end's payload type for telephone events."""


class CallFailed(Envelope, Outcome, total=False):
    """An outbound call was never answered; the last callback of its call."""

    errorDescr: Required[str]
    """The same as `sipReason`."""

    ivrServer: Required[str]
    """The address of the node."""

    participantId: Required[str]
    """The participant that was called."""

    sipCallId: Required[str]
    """The SIP Call-ID."""


class CallHungup(Envelope, Outcome, total=False):
    """A call is over; the last callback of its call."""

    destinationUri: Required[str]
    """The Request-URI of the call."""

    sourceUser: Required[str]
    """The user part of From."""


class CallNotify(Envelope, total=False):
    """Progress of a call."""

    codec: Union[str, None]
    """The far end's codec, when the message brought SDP."""

    crypto: list[Crypto]
    """The far end's SRTP keys."""

    direction: Union[str, None]
    """The far end's direction: `sendrecv`, `sendonly` (hold), `recvonly` or `inactive`."""

    event: Required[NotifyEvent]
    """What happened."""

    ivrServer: Required[str]
    """The address of the node."""

    monitoringParticipant: Required[bool]
    """Always false: nobody listens in."""

    participantId: Required[str]
    """The participant it happened to."""

    remoteParticipantId: Required[str]
    """The participant of the other side."""

    remoteRtpIp: Union[str, None]
    """Where the far end receives media."""

    remoteRtpPort: Union[int, None]
    """The port for the same."""

    remoteUser: Required[str]
    """The SIP user of the other side."""

    sipCallId: Required[str]
    """The SIP Call-ID."""

    telephoneEventPayloadType: Union[int, None]
    """The far end's payload type for telephone events."""

    user: Required[str]
    """Its SIP user."""


class DraftChange(DraftName, total=False):
    """One draft beside what is in force."""

    changes: Required[list[PatchOperation]]
    """What would change, as RFC 6902 operations on what is in force; secrets are masked."""

    effect: Required[Effect]
    """What it would do."""


def _refusal(error: urllib.error.HTTPError) -> HookswitchError:
    text = error.read().decode("utf-8", "replace")
    try:
        body = cast("ErrorBody", json.loads(text))
    except ValueError:
        body = cast("ErrorBody", {"reason": text})
    return HookswitchError(error.code, body)


class Hookswitch:
    """The REST interface of one server, opened by one API key.

    `base_url` is where the server answers, such as `http://127.0.0.1:8080`; `token` an API token (`hs_…`) or a JWT
    signed with an uploaded key; `timeout` is in seconds.
    """

    def __init__(self, base_url: str, token: str, timeout: float = 30.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout = timeout

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: object = None,
        media_type: str = "application/json",
    ) -> str:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
        url = self._base_url + path + ("?" + urllib.parse.urlencode(text) if text else "")
        request = urllib.request.Request(url, method=method)
        request.add_header("Authorization", "Bearer " + self._token)
        for name, value in (headers or {}).items():
            if value is not None:
                request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", media_type)
            request.data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return cast(bytes, response.read()).decode()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None

    def healthz(
        self,
    ) -> Done:
        """Whether the program runs at all."""
        return cast("Done", json.loads(self._send("GET", "/healthz")))

    def answer_remote_call_plain(
        self,
        domain: str,
        body: AnswerRemoteCall,
    ) -> CommandReply:
        """Answers an inbound call (path without suffix)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/answerremotecall", body=body)))

    def answer_remote_call(
        self,
        domain: str,
        body: AnswerRemoteCall,
    ) -> CommandReply:
        """Answers an inbound call (path with the suffix jwt)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/answerremotecalljwt", body=body)))

    def hangup_call_plain(
        self,
        domain: str,
        body: HangupCall,
    ) -> CommandReply:
        """Ends a call (path without suffix)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/hangupcall", body=body)))

    def hangup_call(
        self,
        domain: str,
        body: HangupCall,
    ) -> CommandReply:
        """Ends a call (path with the suffix jwt)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/hangupcalljwt", body=body)))

    def place_remote_call_plain(
        self,
        domain: str,
        body: PlaceRemoteCall,
    ) -> PlaceRemoteCallReply:
        """Places an outbound call (path without suffix)"""
        return cast("PlaceRemoteCallReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/placeremotecall", body=body)))

    def place_remote_call(
        self,
        domain: str,
        body: PlaceRemoteCall,
    ) -> PlaceRemoteCallReply:
        """Places an outbound call (path with the suffix jwt)"""
        return cast("PlaceRemoteCallReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/placeremotecalljwt", body=body)))

    def send_remote_call_ringback_plain(
        self,
        domain: str,
        body: SendRemoteCallRingback,
    ) -> CommandReply:
        """Lets an inbound call ring (path without suffix)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/sendremotecallringback", body=body)))

    def send_remote_call_ringback(
        self,
        domain: str,
        body: SendRemoteCallRingback,
    ) -> CommandReply:
        """Lets an inbound call ring (path with the suffix jwt)"""
        return cast("CommandReply", json.loads(self._send("POST", f"/mediaservice/{urllib.parse.quote(domain, safe='')}/sendremotecallringbackjwt", body=body)))

    def metrics(
        self,
    ) -> str:
        """Counters and gauges in the text format of Prometheus."""
        return self._send("GET", "/metrics")

    def list_alarm_bridges(
        self,
        domain: str,
        *,
        provisory: bool | None = None,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> Any:
        """Lists the Alarmbridges"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "limit": limit, "nextToken": next_token, "filter": filter})))

    def create_alarm_bridge(
        self,
        domain: str,
        body: AlarmBridge,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
    ) -> Any:
        """Creates an Alarmbridge"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "strict": strict}, body=body)))

    def get_alarm_bridge(
        self,
        domain: str,
        alarm_bridge_id: str,
        *,
        provisory: bool | None = None,
    ) -> Any:
        """Shows an Alarmbridge"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_bridge_id, safe='')}", query={"provisory": provisory})))

    def put_alarm_bridge(
        self,
        domain: str,
        alarm_bridge_id: str,
        body: AlarmBridge,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Overwrites an Alarmbridge"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_bridge_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def delete_alarm_bridge(
        self,
        domain: str,
        alarm_bridge_id: str,
        *,
        provisory: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Deletes an Alarmbridge"""
        return cast("Any", json.loads(self._send("DELETE", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_bridge_id, safe='')}", query={"provisory": provisory}, headers={"If-Match": if_match})))

    def patch_alarm_bridge(
        self,
        domain: str,
        alarm_bridge_id: str,
        body: list[PatchOperation],
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Patches an Alarmbridge"""
        return cast("Any", json.loads(self._send("PATCH", f"/provisioning/alarmbridge/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_bridge_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def list_alarm_event_mappers(
        self,
        domain: str,
        *,
        provisory: bool | None = None,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> Any:
        """Lists the Alarm Event Mappers"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "limit": limit, "nextToken": next_token, "filter": filter})))

    def create_alarm_event_mapper(
        self,
        domain: str,
        body: AlarmEventMapper,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
    ) -> Any:
        """Creates an Alarm Event Mapper"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "strict": strict}, body=body)))

    def get_alarm_event_mapper(
        self,
        domain: str,
        alarm_event_mapper_id: str,
        *,
        provisory: bool | None = None,
    ) -> Any:
        """Shows an Alarm Event Mapper"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_event_mapper_id, safe='')}", query={"provisory": provisory})))

    def put_alarm_event_mapper(
        self,
        domain: str,
        alarm_event_mapper_id: str,
        body: AlarmEventMapper,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Overwrites an Alarm Event Mapper"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_event_mapper_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def delete_alarm_event_mapper(
        self,
        domain: str,
        alarm_event_mapper_id: str,
        *,
        provisory: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Deletes an Alarm Event Mapper"""
        return cast("Any", json.loads(self._send("DELETE", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_event_mapper_id, safe='')}", query={"provisory": provisory}, headers={"If-Match": if_match})))

    def patch_alarm_event_mapper(
        self,
        domain: str,
        alarm_event_mapper_id: str,
        body: list[PatchOperation],
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Patches an Alarm Event Mapper"""
        return cast("Any", json.loads(self._send("PATCH", f"/provisioning/alarmeventmapper/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(alarm_event_mapper_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def list_api_keys(
        self,
        domain: str,
        *,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> ApiKeyList:
        """Lists the keys"""
        return cast("ApiKeyList", json.loads(self._send("GET", f"/provisioning/apiKey/{urllib.parse.quote(domain, safe='')}", query={"limit": limit, "nextToken": next_token})))

    def put_api_key(
        self,
        domain: str,
        body: Union[CreateApiKey, None] | None = None,
    ) -> ApiKeyCreated:
        """Creates a key"""
        return cast("ApiKeyCreated", json.loads(self._send("PUT", f"/provisioning/apiKey/{urllib.parse.quote(domain, safe='')}", body=body)))

    def create_api_key(
        self,
        domain: str,
        body: Union[CreateApiKey, None] | None = None,
    ) -> ApiKeyCreated:
        """Creates a key"""
        return cast("ApiKeyCreated", json.loads(self._send("POST", f"/provisioning/apiKey/{urllib.parse.quote(domain, safe='')}", body=body)))

    def delete_api_key(
        self,
        domain: str,
        key_id: str,
    ) -> Done:
        """Deletes a key"""
        return cast("Done", json.loads(self._send("DELETE", f"/provisioning/apiKey/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(key_id, safe='')}")))

    def authorize(
        self,
        body: Authorize,
    ) -> AuthorizeReply:
        """Gives an end user a token for SIP"""
        return cast("AuthorizeReply", json.loads(self._send("POST", "/provisioning/authorize", body=body)))

    def list_cloud_sip_uas(
        self,
        domain: str,
        *,
        provisory: bool | None = None,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> Any:
        """Lists the Cloud SIP User Agents"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "limit": limit, "nextToken": next_token, "filter": filter})))

    def create_cloud_sip_ua(
        self,
        domain: str,
        body: CloudSipUa,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
    ) -> Any:
        """Creates a Cloud SIP User Agent"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "strict": strict}, body=body)))

    def get_cloud_sip_ua(
        self,
        domain: str,
        cloud_sip_ua_id: str,
        *,
        provisory: bool | None = None,
    ) -> Any:
        """Shows a Cloud SIP User Agent"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(cloud_sip_ua_id, safe='')}", query={"provisory": provisory})))

    def put_cloud_sip_ua(
        self,
        domain: str,
        cloud_sip_ua_id: str,
        body: CloudSipUa,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Overwrites a Cloud SIP User Agent"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(cloud_sip_ua_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def delete_cloud_sip_ua(
        self,
        domain: str,
        cloud_sip_ua_id: str,
        *,
        provisory: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Deletes a Cloud SIP User Agent"""
        return cast("Any", json.loads(self._send("DELETE", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(cloud_sip_ua_id, safe='')}", query={"provisory": provisory}, headers={"If-Match": if_match})))

    def patch_cloud_sip_ua(
        self,
        domain: str,
        cloud_sip_ua_id: str,
        body: list[PatchOperation],
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Patches a Cloud SIP User Agent"""
        return cast("Any", json.loads(self._send("PATCH", f"/provisioning/cloudsipua/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(cloud_sip_ua_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def get_profile(
        self,
    ) -> ProfileReply:
        """Shows the profile of the calling key"""
        return cast("ProfileReply", json.loads(self._send("GET", "/provisioning/currentuser/profile")))

    def put_profile(
        self,
        body: Profile,
        *,
        strict: bool | None = None,
    ) -> Done:
        """Updates the profile of the calling key"""
        return cast("Done", json.loads(self._send("PUT", "/provisioning/currentuser/profile", query={"strict": strict}, body=body)))

    def create_profile(
        self,
        body: Profile,
        *,
        strict: bool | None = None,
    ) -> Done:
        """Creates the profile of the calling key"""
        return cast("Done", json.loads(self._send("POST", "/provisioning/currentuser/profile", query={"strict": strict}, body=body)))

    def patch_profile(
        self,
        body: Profile,
        *,
        strict: bool | None = None,
    ) -> Done:
        """Patches the profile of the calling key"""
        return cast("Done", json.loads(self._send("PATCH", "/provisioning/currentuser/profile", query={"strict": strict}, body=body)))

    def list_devices(
        self,
        domain: str,
        *,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> DeviceList:
        """Lists the devices"""
        return cast("DeviceList", json.loads(self._send("GET", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}", query={"limit": limit, "nextToken": next_token, "filter": filter})))

    def put_device(
        self,
        domain: str,
        body: Device,
        *,
        strict: bool | None = None,
    ) -> DeviceWritten:
        """Adds or modifies a device"""
        return cast("DeviceWritten", json.loads(self._send("PUT", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, body=body)))

    def post_device(
        self,
        domain: str,
        body: Device,
        *,
        strict: bool | None = None,
    ) -> DeviceWritten:
        """Adds or modifies a device"""
        return cast("DeviceWritten", json.loads(self._send("POST", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, body=body)))

    def delete_all_devices(
        self,
        domain: str,
        body: Union[DeleteAllDevices, None] | None = None,
    ) -> DevicesDeleted:
        """Deletes all devices"""
        return cast("DevicesDeleted", json.loads(self._send("DELETE", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}", body=body)))

    def get_device_bulk(
        self,
        domain: str,
        bulk_id: str,
    ) -> BulkReply:
        """Shows how a bulk job goes"""
        return cast("BulkReply", json.loads(self._send("GET", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}/bulk/{urllib.parse.quote(bulk_id, safe='')}")))

    def put_device_bulk(
        self,
        domain: str,
        bulk_id: str,
        body: str,
    ) -> BulkReply:
        """Provisions many devices from a file"""
        return cast("BulkReply", json.loads(self._send("PUT", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}/bulk/{urllib.parse.quote(bulk_id, safe='')}", body=body, media_type="text/csv")))

    def get_device(
        self,
        domain: str,
        device_id: str,
    ) -> DeviceReply:
        """Shows one device"""
        return cast("DeviceReply", json.loads(self._send("GET", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(device_id, safe='')}")))

    def delete_device(
        self,
        domain: str,
        device_id: str,
    ) -> Done:
        """Deletes a device"""
        return cast("Done", json.loads(self._send("DELETE", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(device_id, safe='')}")))

    def patch_device(
        self,
        domain: str,
        device_id: str,
        body: list[PatchOperation],
        *,
        strict: bool | None = None,
    ) -> DeviceWritten:
        """Patches a device (RFC 6902)"""
        return cast("DeviceWritten", json.loads(self._send("PATCH", f"/provisioning/device/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(device_id, safe='')}", query={"strict": strict}, body=body)))

    def get_grandstream_configuration(
        self,
        domain: str,
        mac: str,
        *,
        k: str | None = None,
    ) -> str:
        """Shows a gateway its configuration"""
        return self._send("GET", f"/provisioning/grandstream/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(mac, safe='')}", query={"k": k})

    def search_sip_log(
        self,
        domain: str,
        body: SipLogQuery,
    ) -> SipLogReply:
        """Searches the SIP log"""
        return cast("SipLogReply", json.loads(self._send("POST", f"/provisioning/logs/{urllib.parse.quote(domain, safe='')}/sip", body=body)))

    def list_media_services(
        self,
        domain: str,
        *,
        provisory: bool | None = None,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> Any:
        """Lists the Media Services"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "limit": limit, "nextToken": next_token, "filter": filter})))

    def create_media_service(
        self,
        domain: str,
        body: MediaService,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
    ) -> Any:
        """Creates a Media Service"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}", query={"provisory": provisory, "strict": strict}, body=body)))

    def get_media_service(
        self,
        domain: str,
        media_service_id: str,
        *,
        provisory: bool | None = None,
    ) -> Any:
        """Shows a Media Service"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(media_service_id, safe='')}", query={"provisory": provisory})))

    def put_media_service(
        self,
        domain: str,
        media_service_id: str,
        body: MediaService,
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Overwrites a Media Service"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(media_service_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def delete_media_service(
        self,
        domain: str,
        media_service_id: str,
        *,
        provisory: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Deletes a Media Service"""
        return cast("Any", json.loads(self._send("DELETE", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(media_service_id, safe='')}", query={"provisory": provisory}, headers={"If-Match": if_match})))

    def patch_media_service(
        self,
        domain: str,
        media_service_id: str,
        body: list[PatchOperation],
        *,
        provisory: bool | None = None,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Patches a Media Service"""
        return cast("Any", json.loads(self._send("PATCH", f"/provisioning/mediaservice/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(media_service_id, safe='')}", query={"provisory": provisory, "strict": strict}, headers={"If-Match": if_match}, body=body)))

    def get_notification_settings(
        self,
        domain: str,
    ) -> NotificationSettings:
        """Shows the notification settings"""
        return cast("NotificationSettings", json.loads(self._send("GET", f"/provisioning/notificationsettings/{urllib.parse.quote(domain, safe='')}")))

    def put_notification_settings(
        self,
        domain: str,
        body: NotificationSettings,
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Sets the notification settings"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/notificationsettings/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def post_notification_settings(
        self,
        domain: str,
        body: NotificationSettings,
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Sets the notification settings (the same as PUT)"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/notificationsettings/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def get_siprec_service(
        self,
        domain: str,
    ) -> NotificationSettings:
        """Shows the SIPREC service"""
        return cast("NotificationSettings", json.loads(self._send("GET", f"/provisioning/siprecservice/{urllib.parse.quote(domain, safe='')}")))

    def put_siprec_service(
        self,
        domain: str,
        body: NotificationSettings,
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Sets the SIPREC service"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/siprecservice/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def post_siprec_service(
        self,
        domain: str,
        body: NotificationSettings,
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Sets the SIPREC service (the same as PUT)"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/siprecservice/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def get_statistics(
        self,
        domain: str,
        type: str,
        bucketsize: str,
        *,
        from_: int | None = None,
        to: int | None = None,
    ) -> StatisticsReply:
        """Shows figures by hour, day or month"""
        return cast("StatisticsReply", json.loads(self._send("GET", f"/provisioning/statistics/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(type, safe='')}/{urllib.parse.quote(bucketsize, safe='')}", query={"from": from_, "to": to})))

    def list_trunks(
        self,
        domain: str,
        *,
        limit: int | None = None,
        next_token: str | None = None,
        filter: str | None = None,
    ) -> Any:
        """Lists the trunks"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}", query={"limit": limit, "nextToken": next_token, "filter": filter})))

    def put_named_trunk(
        self,
        domain: str,
        body: NamedTrunk,
        *,
        strict: bool | None = None,
    ) -> Any:
        """Adds or modifies a trunk"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, body=body)))

    def create_trunk(
        self,
        domain: str,
        body: Trunk,
        *,
        strict: bool | None = None,
    ) -> Any:
        """Creates a trunk"""
        return cast("Any", json.loads(self._send("POST", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}", query={"strict": strict}, body=body)))

    def get_trunk(
        self,
        domain: str,
        trunk_id: str,
    ) -> Any:
        """Shows a trunk"""
        return cast("Any", json.loads(self._send("GET", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(trunk_id, safe='')}")))

    def put_trunk(
        self,
        domain: str,
        trunk_id: str,
        body: Trunk,
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Adds or overwrites a trunk"""
        return cast("Any", json.loads(self._send("PUT", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(trunk_id, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def delete_trunk(
        self,
        domain: str,
        trunk_id: str,
        *,
        if_match: str | None = None,
    ) -> Any:
        """Deletes a trunk"""
        return cast("Any", json.loads(self._send("DELETE", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(trunk_id, safe='')}", headers={"If-Match": if_match})))

    def patch_trunk(
        self,
        domain: str,
        trunk_id: str,
        body: list[PatchOperation],
        *,
        strict: bool | None = None,
        if_match: str | None = None,
    ) -> Any:
        """Patches a trunk"""
        return cast("Any", json.loads(self._send("PATCH", f"/provisioning/trunk/{urllib.parse.quote(domain, safe='')}/{urllib.parse.quote(trunk_id, safe='')}", query={"strict": strict}, headers={"If-Match": if_match}, body=body)))

    def readyz(
        self,
    ) -> Done:
        """Whether the node takes new calls: 503 while it starts, drains or has no database."""
        return cast("Done", json.loads(self._send("GET", "/readyz")))

    def enable_callback(
        self,
        domain: str,
        callback_id: str,
    ) -> Done:
        """Switches a service's callback on again"""
        return cast("Done", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/callbacks/{urllib.parse.quote(callback_id, safe='')}/enable")))

    def list_calls(
        self,
        domain: str,
        *,
        state: Literal["offered", "ringing", "answered", "confirmed", "cancelling", "ended"] | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        class_: Literal["normal", "busy", "no_answer", "rejected", "unreachable", "auth", "policy", "media", "client_error", "upstream_error", "internal"] | None = None,
        started_after: int | None = None,
        started_before: int | None = None,
        number: str | None = None,
        source_user: str | None = None,
        destination_user: str | None = None,
        call_id: str | None = None,
        session_reference_id: str | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> CallList:
        """Lists calls, the latest first"""
        return cast("CallList", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/calls", query={"state": state, "direction": direction, "class": class_, "startedAfter": started_after, "startedBefore": started_before, "number": number, "sourceUser": source_user, "destinationUser": destination_user, "callId": call_id, "sessionReferenceId": session_reference_id, "limit": limit, "nextToken": next_token})))

    def get_call(
        self,
        domain: str,
        id: str,
    ) -> CallReply:
        """Shows one call"""
        return cast("CallReply", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/calls/{urllib.parse.quote(id, safe='')}")))

    def get_ladder(
        self,
        domain: str,
        id: str,
        *,
        format: Literal["json", "text"] | None = None,
    ) -> LadderReply:
        """Shows everything that was sent for a call"""
        return cast("LadderReply", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/calls/{urllib.parse.quote(id, safe='')}/ladder", query={"format": format})))

    def list_deliveries(
        self,
        domain: str,
        *,
        state: Literal["pending", "delivered", "failed"] | None = None,
        call: str | None = None,
        event: str | None = None,
        callback_id: str | None = None,
        service: str | None = None,
        from_: int | None = None,
        to: int | None = None,
        limit: int | None = None,
        next_token: str | None = None,
    ) -> DeliveryList:
        """Lists deliveries, the oldest first"""
        return cast("DeliveryList", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/deliveries", query={"state": state, "call": call, "event": event, "callbackId": callback_id, "service": service, "from": from_, "to": to, "limit": limit, "nextToken": next_token})))

    def replay_deliveries(
        self,
        domain: str,
        body: Union[ReplayRange, None] | None = None,
    ) -> ReplayReply:
        """Tells an application many things again"""
        return cast("ReplayReply", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/deliveries/replay", body=body)))

    def get_delivery(
        self,
        domain: str,
        id: str,
    ) -> DeliveryReply:
        """Shows one delivery with every try"""
        return cast("DeliveryReply", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/deliveries/{urllib.parse.quote(id, safe='')}")))

    def replay_delivery(
        self,
        domain: str,
        id: str,
    ) -> Done:
        """Tells an application something again"""
        return cast("Done", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/deliveries/{urllib.parse.quote(id, safe='')}/replay")))

    def list_events(
        self,
        domain: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        last_event_id: str | None = None,
    ) -> EventList:
        """Reads or follows the events"""
        return cast("EventList", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/events", query={"after": after, "limit": limit}, headers={"Last-Event-ID": last_event_id})))

    def explain(
        self,
        domain: str,
        body: ExplainRequest,
    ) -> ExplainReply:
        """Explains where a call would go"""
        return cast("ExplainReply", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/explain", body=body)))

    def diff_drafts(
        self,
        domain: str,
        body: Union[Drafts, None] | None = None,
    ) -> DraftChanges:
        """Shows what promoting drafts would change"""
        return cast("DraftChanges", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/provisory/diff", body=body)))

    def discard_drafts(
        self,
        domain: str,
        body: Union[Drafts, None] | None = None,
    ) -> DraftsDone:
        """Throws drafts away"""
        return cast("DraftsDone", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/provisory/discard", body=body)))

    def promote_drafts(
        self,
        domain: str,
        body: Union[Promotion, None] | None = None,
    ) -> DraftsDone:
        """Puts drafts in force"""
        return cast("DraftsDone", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/provisory/promote", body=body)))

    def get_settings(
        self,
        domain: str,
    ) -> SettingsReply:
        """Shows the settings"""
        return cast("SettingsReply", json.loads(self._send("GET", f"/v1/{urllib.parse.quote(domain, safe='')}/settings")))

    def put_settings(
        self,
        domain: str,
        body: Settings,
        *,
        strict: bool | None = None,
    ) -> SettingsReply:
        """Overwrites the settings"""
        return cast("SettingsReply", json.loads(self._send("PUT", f"/v1/{urllib.parse.quote(domain, safe='')}/settings", query={"strict": strict}, body=body)))

    def rotate_webhook_secret(
        self,
        domain: str,
    ) -> WebhookSecretReply:
        """Replaces the webhook secret"""
        return cast("WebhookSecretReply", json.loads(self._send("POST", f"/v1/{urllib.parse.quote(domain, safe='')}/webhook-secret/rotate")))
