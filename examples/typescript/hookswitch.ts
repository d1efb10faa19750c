// Written by `cargo xtask clients` from openapi.json. Do not edit.

/** A refusal: the HTTP status, and the body that says why and what to do. */
export class HookswitchError extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
  ) {
    super(body.reason);
    this.name = "HookswitchError";
  }
}

type Query = Record<string, string | number | boolean | undefined>;

interface Request {
  query?: object;
  headers?: Record<string, string | undefined>;
  body?: unknown;
  mediaType?: string;
}

async function refusal(response: Response): Promise<HookswitchError> {
  const text = await response.text();
  try {
    return new HookswitchError(response.status, JSON.parse(text) as ErrorBody);
  } catch {
    return new HookswitchError(response.status, { reason: text } as ErrorBody);
  }
}

/** An address or a network in CIDR notation, such as `192.0.2.0/28`. */
export type AddressOrNetwork = string;

/** An alarm bridge. */
export interface AlarmBridge {
  /** The id of the mapper that sends the events on. */
  alarmEventMapperId?: string | null;
  /** Whether a hang-up of the receiving centre clears the device; true when absent. */
  arcDisconnectClearsCall?: boolean | null;
  /** Where callbacks go; begins with `https://`. */
  callbackBaseUrl?: string | null;
  /** What the callback is for. */
  callbackDescription?: string | null;
  /** Names the callback; made by the platform when absent. */
  callbackId?: string | null;
  /** The user's label of the callback. */
  callbackName?: string | null;
  /** The whole budget of a callback with its tries, in milliseconds; 15000 when absent. */
  callbackTimeout?: number | null;
  /** Whether the bridge stays in the media path of the voice call after an alarm; true when absent. */
  controlCommandsEnabled?: boolean | null;
  /** How events are transformed before they are told. */
  customEventMap?: Record<string, unknown> | null;
  /** Copied into callbacks, and put before `controllerId:deviceId` to find the device. */
  customerSiteId?: string | null;
  /** `bs8521`, also as a candidate or fallback: milliseconds between data requests; 1600 when absent. */
  dataRequestInterval?: number | null;
  /** Whom new alarm events are to reach, where the device says nothing. */
  defaultEmergencyDestination?: string | null;
  /** The heartbeat interval of devices that set none, in milliseconds. */
  defaultHeartbeatInterval?: number | null;
  /** What it is for. */
  description?: string | null;
  /**
   * The regular expression that selects inbound calls and messages by the called user: linear-time,
   * unanchored; `/…/` and `/…/i` literals are understood.
   */
  destinationMatch: string;
  fallbackAlarmProtocol?: CallProtocol | null;
  /** Names it in later requests; made by the platform when absent. Overwriting keeps it. */
  id?: string | null;
  /** The user's label. */
  name: string;
  /** How events reach it; says which other fields have an effect. */
  protocol: Protocol;
  /** `multiprotocol`: what to try. */
  protocolCandidates?: CallProtocol[];
  protocolMode?: ToneMode | null;
  /** `multiprotocol`: the tone codings to try. */
  protocolModes?: ToneMode[];
  /**
   * How callbacks are signed: the first entry, and the next one each time the application answers 401 or
   * 403. Absent where they are overwritten, the stored ones stay; an empty list takes all away.
   */
  restAuthentication?: RestAuthentication[];
  /** `multiprotocol`: the powers of tones to try. */
  tonePowers?: number[];
  toneSettings?: ToneSettings | null;
  /** Whether devices come over a VPN, so that no network address translation is undone. */
  useVPNConnection?: boolean | null;
}

/** An alarm event mapper. */
export interface AlarmEventMapper {
  /** What happens once an event has come; says which other fields have an effect. */
  alarmHandling: AlarmHandling;
  /** `callerId` of events instead of the device's. */
  callerId?: string | null;
  /** Zeros put before controllerId up to this length, where deviceId is joined to it. */
  controllerIdPadLength?: number | null;
  /** What it is for. */
  description?: string | null;
  /** Zeros put before deviceId up to this length, where it is joined to controllerId. */
  deviceIdPadLength?: number | null;
  /** Whether it is watched which of target and backup is active. */
  enableDestinationMonitoring?: boolean | null;
  /** The domain of From instead of the tenant's. */
  fromDomain?: string | null;
  /**
   * Names it in later requests and in `alarmEventMapperId`; made by the platform when absent. Overwriting
   * keeps it.
   */
  id?: string | null;
  /** Whether deviceId is joined to controllerId and left out; false when absent. */
  mapDeviceIdToControllerId?: boolean | null;
  /** Rules of the protocols. */
  mappingRules?: Record<string, unknown> | null;
  /** The longest a session may exist, in seconds. */
  maxSessionDuration?: number | null;
  /** The user's label. */
  name: string;
  /** Target `sia`: how events become SIA codes. */
  siaMapping?: Record<string, unknown> | null;
  /** Where events go. */
  targetEndpoint: TargetEndpoint;
  /** Where a call goes whose event cannot be read. */
  unknownAlarmEventVoiceDestination?: string | null;
  /** Whether the voice bridge is used. */
  useVoiceBridge?: boolean | null;
  /** `callEmergencyCenter` and `requestCallback`: seconds to wait for the centre's call. */
  waitForCallback?: number | null;
}

/** What happens once an event has come. */
export type AlarmHandling = "callEmergencyCenter" | "usePredefinedDestination" | "requestCallback" | "drop";

/** What is wrong; there may be more kinds one day. */
export type AlarmKind = "callbackDisabled" | "callbackFailing";

/** Whether it begins or is over. */
export type AlarmState = "raised" | "cleared";

/** A command in a reply, without `replyId`. */
export interface AnswerInReply {
  /** The codec asked of the far end: PCMA, PCMU or GSM. */
  codec: string;
  /** SRTP keys; without them media is plain RTP. */
  crypto?: Crypto[];
  /** Where the far end sends its media. */
  receiveIp: string;
  /** The RTP port for the same. */
  receivePort: number;
  /** Copied into every later callback of the call. */
  sessionReferenceId?: string | null;
  /** The payload type for telephone events (RFC 4733), 96 to 127. */
  telephoneEventPayloadType?: number | null;
}

/** Body of `answerremotecall`; in a reply to `newRemoteCall` the same without `replyId`. */
export interface AnswerRemoteCall {
  /** The codec asked of the far end: PCMA, PCMU or GSM. */
  codec: string;
  /** SRTP keys; without them media is plain RTP. */
  crypto?: Crypto[];
  /** Where the far end sends its media. */
  receiveIp: string;
  /** The RTP port for the same. */
  receivePort: number;
  /** From the `newRemoteCall` callback. */
  replyId: string;
  /** Copied into every later callback of the call. */
  sessionReferenceId?: string | null;
  /** The payload type for telephone events (RFC 4733), 96 to 127. */
  telephoneEventPayloadType?: number | null;
}

/** A key as lists show it. */
export interface ApiKey {
  /** When it was made, in milliseconds since 1970. */
  createdAt: number;
  /** What it is for. */
  description?: string | null;
  /** From when on it opens nothing, in milliseconds since 1970; never when absent. */
  expiresAt?: number | null;
  /** The public key, when it is one. */
  key?: string | null;
  /** When it was used last, in milliseconds since 1970; absent until it is. */
  lastUsedAt?: number | null;
  /** What it may do. */
  scopes: Scope[];
  /** Names the key. */
  sk: string;
  /** How it is used. */
  type: ApiKeyType;
}

/** Reply to a key created; the only one that ever shows the token. */
export interface ApiKeyCreated {
  /** From when on it opens nothing, in milliseconds since 1970; never when absent. */
  expiresAt?: number | null;
  /** What the key may do. */
  scopes: Scope[];
  /** Names the key: for its deletion, as `kid` of JWTs, as access key id of Signature V4. */
  sk: string;
  /** Always true. */
  success: boolean;
  token?: Secret | null;
  /** Members of the request that were ignored. */
  warnings?: FieldError[];
}

/** Reply to a list of keys. */
export interface ApiKeyList {
  /** The keys of the page. */
  apiKeys: ApiKey[];
  /** Leads to the next page, when there is one. */
  nextToken?: string | null;
  /** Always true. */
  success: boolean;
}

/** How a key is used. */
export type ApiKeyType = "token" | "publicKey";

/** How a device proves who it is. */
export type AuthType = "credentials" | "deviceid" | "userid" | "disabled";

/** Who wants a token. */
export interface Authorize {
  /** A device of the domain with the authType `userid`. */
  deviceId: string;
  /** The tenant's SIP domain. */
  domain: string;
  /** Its password. */
  password: string;
}

/** Reply with the token. */
export interface AuthorizeReply {
  /** Seconds until it expires. */
  expiresIn: number;
  /** Always true. */
  success: boolean;
  /** A JWT for the header `X-JWTAuth` of REGISTER and INVITE; it does not open REST. */
  token: Secret;
}

/** What a `userid` device may do. */
export interface Authorized {
  /** The SIP domain it may use. */
  domain?: string | null;
  /** The regular expression of the destinations it may call. */
  invite?: string | null;
  /** Whether it may register. */
  register?: boolean | null;
}

/** Where events go when the target does not take them. */
export interface BackupEndpoint {
  /** Where voice calls go. */
  backupDefaultVoiceDestination?: string | null;
  /** A SIP URI or an address. */
  backupDestAddr?: string | null;
  /** What From says instead of the device. */
  backupOverrideSipFrom?: string | null;
  /** Its password. */
  backupSipAuthPassword?: string | null;
  /** The user name of SIP digest authentication. */
  backupSipAuthUser?: string | null;
}

/** What is wrong with one line of the file. */
export interface BulkError {
  /** What is wrong with it. */
  detail: string;
  /** The line, counted from 1, which is the header. */
  line: number;
  /** The member of the device, as a JSON pointer; empty for the whole line. */
  pointer: string;
}

/** Reply with a bulk job. */
export interface BulkReply {
  /** The job. */
  status: BulkStatus;
  /** Always true: the job is known. Whether it is well says its `status`. */
  success: boolean;
}

/** How far a bulk job is. */
export type BulkState = "STARTED" | "COMPLETED" | "FAILED";

/** A bulk job. */
export interface BulkStatus {
  /** The id that the caller chose. */
  bulkId: string;
  /** Devices found good so far. */
  checked: number;
  /** The tenant. */
  domain: string;
  /** What is wrong, line by line: the first hundred. */
  errors?: BulkError[];
  /** Lines of the file, the header included. */
  lines: number;
  /** What it is doing, for a person. */
  progress: string;
  /** Why it failed. */
  reason?: string | null;
  /** When it was taken, in milliseconds since 1970. */
  startedAt: number;
  /** How far it is. */
  status: BulkState;
  /** When it ended, in milliseconds since 1970. */
  stoppedAt?: number | null;
  /** Devices written so far; calls see all of them at once, at the end. */
  written: number;
}

/** A call as lists show it. Times are milliseconds since 1970. */
export interface Call {
  /** When it was answered. */
  answeredAt?: number | null;
  /** The SIP Call-ID. */
  callId: string;
  /** The service that serves it. */
  cloudSipUAId?: string | null;
  /** When both sides were connected. */
  confirmedAt?: number | null;
  /** The Request-URI. */
  destinationUri: string;
  /** The user part of the Request-URI. */
  destinationUser: string;
  /** Who called whom. */
  direction: CallDirection;
  /** The tenant. */
  domain: string;
  /** When it ended. */
  endedAt?: number | null;
  /** Names the call below `/v1/{domain}/calls`. */
  id: string;
  outcome?: Outcome | null;
  /** When it first rang. */
  ringingAt?: number | null;
  /** Identifies the session in callbacks. */
  sessionId: string;
  /** The application's own name for it. */
  sessionReferenceId?: string | null;
  /** The user part of From. */
  sourceUser: string;
  /** When the INVITE came in, or the command to call. */
  startedAt: number;
  /** How far it is. */
  state: CallState;
  /** Identifies the call in callbacks. */
  traceId: string;
}

/** Both sides are connected. */
export type CallAnswered = Envelope & { calledPartyExpires?: number | null; calleeParticipantId: string; callerParticipantId: string; callingPartyExpires?: number | null; callingPartyNumber: string; codec: string; connectionId: string; crypto?: Crypto[]; direction?: string | null; monitoringParticipant: boolean; remotePartyNumber: string; remoteRtpIp: string; remoteRtpPort: string; telephoneEventPayloadType?: number | null };

/** Everything there is to know about a call. */
export type CallDetail = Call & { events: CallEvent[]; local?: CallMedia | null; node?: string | null; remote?: CallMedia | null; replyId?: string | null; trace: TraceStep[] };

/** Who called whom. */
export type CallDirection = "inbound" | "outbound";

/** One callback of a call and what became of it. Times are milliseconds since 1970. */
export interface CallEvent {
  /** How often it was tried. */
  attempts: number;
  /** When it was delivered. */
  deliveredAt?: number | null;
  /** What was wrong with the last try. */
  lastError?: string | null;
  /** The HTTP status of the last try. */
  lastStatus?: number | null;
  /** The name of the callback. */
  name: string;
  /** Counts the callbacks of the call from 1. */
  sequence: number;
  /** How far its delivery is. */
  state: DeliveryState;
  /** When it happened. */
  timestamp: number;
  /** The same in every attempt. */
  webhookId: string;
}

/** An outbound call was never answered; the last callback of its call. */
export type CallFailed = Envelope & Outcome & { errorDescr: string; ivrServer: string; participantId: string; sipCallId: string };

/** A call is over; the last callback of its call. */
export type CallHungup = Envelope & Outcome & { destinationUri: string; sourceUser: string };

/** Reply to a list of calls, the latest first. */
export interface CallList {
  /** The calls of the page. */
  calls: Call[];
  /** Leads to the next page, when there is one. */
  nextToken?: string | null;
  /** Always true. */
  success: boolean;
}

/** One side's media, without keys. */
export interface CallMedia {
  /** Its codec. */
  codec: string;
  /** Its direction, where it said one. */
  direction?: string | null;
  /** Where it receives RTP. */
  ip: string;
  /** Its port. */
  port: number;
  /** The crypto-suites of its keys. */
  suites?: string[];
  /** Its payload type for telephone events. */
  telephoneEventPayloadType?: number | null;
}

/** Progress of a call. */
export type CallNotify = Envelope & { codec?: string | null; crypto?: Crypto[]; direction?: string | null; event: NotifyEvent; ivrServer: string; monitoringParticipant: boolean; participantId: string; remoteParticipantId: string; remoteRtpIp?: string | null; remoteRtpPort?: number | null; remoteUser: string; sipCallId: string; telephoneEventPayloadType?: number | null; user: string };

/** An alarm protocol a device may speak in a call. */
export type CallProtocol = "bs8521" | "scaip" | "tt92" | "ttnew";

/** Reply with one call. */
export interface CallReply {
  /** The call. */
  call: CallDetail;
  /** Always true. */
  success: boolean;
}

/** How far a call is. */
export type CallState = "offered" | "ringing" | "answered" | "confirmed" | "cancelling" | "ended";

/** A service. */
export interface CloudSipUa {
  /** Where callbacks go; begins with `https://`. */
  callbackBaseUrl: string;
  /** What the callback is for. */
  callbackDescription?: string | null;
  /**
   * Present and true while the callback is switched off because the application answered 410; ignored
   * in requests.
   */
  callbackDisabled?: boolean | null;
  /** Names the callback; made by the platform when absent. */
  callbackId?: string | null;
  /** The user's label of the callback. */
  callbackName?: string | null;
  /** The whole budget of `newRemoteCall` with its tries, in milliseconds; 15000 when absent. */
  callbackTimeout?: number | null;
  /** What the service is for. */
  description?: string | null;
  /**
   * The regular expression that selects inbound calls by the called user: linear-time, unanchored;
   * `/…/` and `/…/i` literals are understood.
   */
  destinationMatch: string;
  /** Names it in later requests; made by the platform when absent. Overwriting keeps it. */
  id?: string | null;
  /** The user's label. */
  name: string;
  /**
   * How callbacks are signed: the first entry, and the next one each time the application answers 401 or 403.
   * Absent where they are overwritten, the stored ones stay; an empty list takes all away.
   */
  restAuthentication?: RestAuthentication[];
}

/** Reply to a command that was carried out. */
export interface CommandReply {
  /** Always true. */
  success: boolean;
}

/** Body of the request to create a key; an empty one makes a token with every scope. */
export interface CreateApiKey {
  /** What the key is for. */
  description?: string | null;
  /** From when on the key opens nothing, in milliseconds since 1970; never when absent. */
  expiresAt?: number | null;
  /** A public key in PEM (RSA, P-256 or Ed25519); without it a random token is made. */
  key?: string | null;
  /** What the key may do; everything when absent. A list has one scope at least. */
  scopes?: Scope[];
}

/** One `a=crypto` attribute, taken apart. */
export interface Crypto {
  /** Key parameters `inline:…` and, after a space, any session parameters; carried untouched. */
  config: string;
  /** The tag: unique within the list, 1 to 9 digits. */
  id: number;
  /** The crypto-suite. */
  suite: string;
}

/** Body of the request to delete every device of a domain. */
export interface DeleteAllDevices {
  /** Without it nothing is deleted; the reply says what would be. */
  confirmDeleteAll?: boolean | null;
}

/** One callback and how its delivery goes. Times are milliseconds since 1970. */
export interface Delivery {
  /** How often it was tried since it happened, or since it was last replayed. */
  attempts: number;
  /** The call it is about, by its `id`. */
  call: string;
  /** The service's `callbackId`. */
  callbackId: string;
  /** The service that serves the call. */
  cloudSipUAId: string;
  /** When the application took it. */
  deliveredAt?: number | null;
  /** The name of the callback. */
  event: string;
  /** Names the delivery below `/v1/{domain}/deliveries`. */
  id: string;
  /** Why it was given up, or failed the last time. */
  lastError?: string | null;
  /** When the next try is due. */
  nextAttemptAt?: number | null;
  /** Counts the callbacks of the call from 1. */
  sequence: number;
  /** How far it is. */
  state: DeliveryState;
  /** When it happened. */
  timestamp: number;
  /** The newest hundred tries, the oldest first. */
  tries: DeliveryTry[];
  /** `webhook-id`, the same in every attempt. */
  webhookId: string;
}

/** Reply to a list of deliveries, the oldest first. */
export interface DeliveryList {
  /** The deliveries of the page; there may be few of them even when there is a next page. */
  deliveries: Delivery[];
  /** Leads to the next page, when there is one. */
  nextToken?: string | null;
  /** Always true. */
  success: boolean;
}

/** Reply with one delivery. */
export interface DeliveryReply {
  /** The delivery. */
  delivery: Delivery;
  /** Always true. */
  success: boolean;
}

/** How far a delivery is. */
export type DeliveryState = "pending" | "delivered" | "failed";

/** One try to deliver a callback. */
export interface DeliveryTry {
  /** When it ended, in milliseconds since 1970. */
  at: number;
  /** Why it did not deliver. */
  error?: string | null;
  /** The HTTP status, when there was an answer. */
  status?: number | null;
  /** How long it took, in microseconds. */
  took: number;
}

/** A device. */
export interface Device {
  /** How it proves who it is; `disabled` for devices behind the Cloud SIP UA. */
  authType: AuthType;
  authorized?: Authorized | null;
  /** Notes. */
  description?: string | null;
  /** The phone number that finds the device for inbound alarm calls. */
  deviceCLI?: string | null;
  /** Unique within the tenant; alarm devices are `customerSiteId:controllerId:deviceId`. */
  deviceId: string;
  deviceType?: DeviceType | null;
  /**
   * For `credentials`: a digest hash given instead of a password, `H(deviceId:domain:password)` in hexadecimal,
   * by MD5 (32 digits) or SHA-256 (64 digits). Never read back.
   */
  ha1?: string | null;
  /** The MAC address of its gateway. */
  macAddress?: string | null;
  /**
   * Required for `userid`. For `credentials` the platform makes one, which the reply of that write carries once.
   * Never read back.
   */
  password?: string | null;
  /** Settings of services, such as `alarmBridge`. */
  serviceData?: Record<string, unknown> | null;
}

/** Reply to a list of devices. */
export interface DeviceList {
  /** The devices of the page. */
  devices: Device[];
  /** Leads to the next page, when there is one. */
  nextToken?: string | null;
  /** Always true. */
  success: boolean;
}

/** Reply with one device. */
export type DeviceReply = Device & { success: boolean };

/** What kind of device it is. */
export type DeviceType = "sipDevice" | "alarmbridgeConnect" | "groupScheme" | "alarmUnit" | "alexa";

/** Reply to a device added or modified. */
export interface DeviceWritten {
  /** The SIP password that was made for a `credentials` device: only this reply has it. */
  password?: string | null;
  /** Always true. */
  success: boolean;
  /** Members of the request that were ignored. */
  warnings?: FieldError[];
}

/** Reply to the same. */
export interface DevicesDeleted {
  /** How many devices were, or would be, deleted. */
  count: number;
  /** How many devices were, or would be, deleted, in words. */
  message: string;
  /** Always true. */
  success: boolean;
}

/** Whether the device called or was called, in the words of RFC 4235. */
export type DialogDirection = "initiator" | "recipient";

/** How far a device's call is, in the words of RFC 4235. */
export type DialogState = "trying" | "early" | "confirmed" | "terminated";

/** The reply of every operation that has nothing else to say. */
export interface Done {
  /** What was done, where that is not plain. */
  reason?: string | null;
  /** Always true. */
  success: boolean;
  /** Members of the request that were ignored. */
  warnings?: FieldError[];
}

/** One draft beside what is in force. */
export type DraftChange = DraftName & { changes: PatchOperation[]; effect: Effect };

/** Reply with what would change. */
export interface DraftChanges {
  /** Every draft that is meant, by kind and id. */
  drafts: DraftChange[];
  /** Always true. */
  success: boolean;
}

/** Names one draft. */
export interface DraftName {
  /** Its id. */
  id: string;
  /** `cloudsipua`, `mediaservice`, `alarmbridge` or `alarmeventmapper`. */
  kind: string;
}

/** Which drafts are meant. */
export interface Drafts {
  /** These only; all of the domain when absent. */
  documents?: DraftName[];
}

/** Reply to drafts promoted or discarded. */
export interface DraftsDone {
  /** How many drafts there were. */
  count: number;
  /** Which. */
  drafts: DraftName[];
  /** Always true. */
  success: boolean;
}

/** What a draft would do. */
export type Effect = "create" | "replace" | "nothing";

/** The members that all callbacks share; those a call does not have are left out. */
export interface Envelope {
  /** The SIP Call-ID. */
  callId: string;
  /** The tenant. */
  domain: string;
  /** Identifies this delivery. */
  httpTransactionId: string;
  /** Names the call in commands, while it lives. */
  replyId?: string | null;
  /** Counts the callbacks of a call from 1. */
  sequence: number;
  /** Identifies the session. */
  sessionId: string;
  /** What the application gave the call as its own name. */
  sessionReferenceId?: string | null;
  /** Where commands for this call go, when the node says so. */
  siteBaseUrl?: string | null;
  /** The site the callback comes from, when the node has one. */
  siteId?: string | null;
  /** When it happened, in milliseconds since 1970. */
  timestamp: number;
  /** Identifies the whole call. */
  traceId: string;
  /** The same in every attempt to deliver this callback; the `webhook-id` header. */
  webhookId: string;
}

export interface ErrorBody {
  /** Stable, in snake case. */
  code: string;
  /** The fields that are wrong. */
  errors?: FieldError[];
  /** One sentence a person can act on. */
  reason: string;
  /** Always false. */
  success: boolean;
  /** Finds the request in the log. */
  traceId: string;
}

/** Reply with events in the order in which they were committed. */
export interface EventList {
  /** The events of the page. */
  events: PastEvent[];
  /** Whether the next page has something already. */
  more: boolean;
  /** What to send as `after` for the next page, also when this one is empty. */
  next: string;
  /** Always true. */
  success: boolean;
}

/** Why a call would go nowhere. */
export interface ExplainRefusal {
  /** In one word. */
  code: string;
  /** The SIP status an inbound call would get. */
  sipStatus?: number | null;
}

/** Where the call would go. */
export interface ExplainReply {
  /** The service that would take the call. */
  cloudSipUAId?: string | null;
  /** Its name. */
  name?: string | null;
  refusal?: ExplainRefusal | null;
  /** Always true: the question was answered. */
  success: boolean;
  /** Every step of the decision. */
  trace: TraceStep[];
  /** Outbound: the trunk that would take the call. */
  trunkId?: string | null;
  /** Outbound: whom that trunk would be asked for. */
  trunkUser?: string | null;
}

/** The facts of a call that might happen. */
export interface ExplainRequest {
  /** Outbound: the service that is to serve the call. */
  cloudSipUAId?: string | null;
  /**
   * Whom the peer or the application calls. Inbound a SIP URI or a user of the domain; outbound a SIP URI, as
   * `placeremotecall` takes it, which decides which trunk takes the call.
   */
  destinationUri?: string | null;
  direction?: CallDirection | null;
  /** Inbound: the address the request comes from. */
  sourceIp?: string | null;
  /** Outbound: the user part of From. */
  sourceUser?: string | null;
}

/** One field that is wrong, or was ignored. */
export interface FieldError {
  /** What is wrong with it. */
  detail: string;
  /** Where, as a JSON pointer (RFC 6901); empty means the whole body. */
  pointer: string;
}

/** Body of `hangupcall`: busy for a call that was not answered, else its end. */
export interface HangupCall {
  /** The reason phrase beside it. */
  reason?: string | null;
  /** From any callback of the call, or from the reply to `placeremotecall`. */
  replyId: string;
  /** Another rejection than 486 for a call that was not answered: 400 to 699 without 401, 407, 420, 421, 422. */
  sipStatus?: number | null;
}

/** A command in a reply, without `replyId`. */
export interface HangupInReply {
  /** The reason phrase beside it. */
  reason?: string | null;
  /** Another rejection than 486 for a call that was not answered: 400 to 699 without 401, 407, 420, 421, 422. */
  sipStatus?: number | null;
}

/** Whether it came to the node or left it. */
export type LadderDirection = "in" | "out";

/** One message. */
export interface LadderEntry {
  /** When, in microseconds since 1970. */
  at: number;
  /** Whether it came in or went out. */
  direction: LadderDirection;
  /** What went wrong with it. */
  error?: string | null;
  /** Who sent it: `application`, `node`, or an address such as `udp:192.0.2.1:5060`. */
  from: string;
  /** What kind of message it is. */
  kind: LadderKind;
  /** When, in microseconds since the first message of the call. */
  offset: number;
  /** Whether it is the repetition of an earlier one. */
  repeated?: boolean;
  /** The SIP or HTTP status, when it is a reply or has one. */
  status?: number | null;
  /** It in a few words, such as `INVITE sip:…`, `180 Ringing` or `POST /newRemoteCall`. */
  summary: string;
  /** The whole message, keys and credentials blanked. */
  text?: string | null;
  /** Who received it. */
  to: string;
  /** How long its reply took, in microseconds. */
  took?: number | null;
}

/** What kind of message it is. */
export type LadderKind = "rest" | "sip" | "callback";

/** Reply with a ladder. */
export interface LadderReply {
  /** The messages, in order of time. */
  ladder: LadderEntry[];
  /** Always true. */
  success: boolean;
}

/** A media service. */
export interface MediaService {
  /** Where callbacks go; begins with `https://`. */
  callbackBaseUrl: string;
  /** What the callback is for. */
  callbackDescription?: string | null;
  /** Names the callback; made by the platform when absent. */
  callbackId?: string | null;
  /** The user's label of the callback. */
  callbackName?: string | null;
  /** The whole budget of a callback with its tries, in milliseconds. */
  callbackTimeout?: number | null;
  /** What it is for. */
  description?: string | null;
  /**
   * The regular expression that selects inbound calls by the called user: linear-time, unanchored;
   * `/…/` and `/…/i` literals are understood.
   */
  destinationMatch: string;
  /** Whether calls the service places carry an offer; by default the offer comes in the ACK. */
  disableLateOffer?: boolean | null;
  /** The key of Google's text-to-speech service. */
  googleApikey?: string | null;
  /** The service account of Google's text-to-speech service, as Google hands it out. */
  googleServiceKey?: Record<string, unknown> | null;
  /** Names it in later requests; made by the platform when absent. Overwriting keeps it. */
  id?: string | null;
  /** Session-Expires where the service refreshes the session, in seconds. */
  ivrRefresherExpiration?: number | null;
  /** The user's label. */
  name: string;
  /** The network the service is bound to. */
  networkId?: string | null;
  /** The codecs offered to an INVITE without SDP; all when absent. */
  offeredCodecs?: OfferedCodec[];
  /** Session-Expires of calls the service places, in seconds; the peer refreshes. */
  replySessionExpiration?: number | null;
  /**
   * How callbacks are signed: the first entry, and the next one each time the application answers 401 or
   * 403; an empty list signs none. Absent where they are overwritten, the stored ones stay.
   */
  restAuthentication: RestAuthentication[];
  /** Seconds of silence after which a participant is disconnected; 90 when absent. */
  rtpTimeout?: number | null;
}

/** A trunk with its id, as lists show it and `PUT /provisioning/trunk/{domain}` takes it. */
export interface NamedTrunk {
  /** The trunk. */
  serviceDestination: Trunk;
  /** The trunk's id; made by the platform when absent. */
  trunkId?: string | null;
}

/** A network in CIDR notation, such as `192.0.2.0/24`. */
export type Network = string;

/** An inbound call waits for an answer. */
export type NewRemoteCall = Envelope & { cloudSipUAId?: string | null; codec?: string | null; codecs?: string[]; crypto?: Crypto[]; destinationUri: string; direction?: string | null; ivrServer: string; remoteRtpIp?: string | null; remoteRtpPort?: number | null; sourceUser: string; telephoneEventPayloadType?: number | null };

/** The body of a 2xx reply to `newRemoteCall`: nothing, a reference, and perhaps one command at once. */
export interface NewRemoteCallReply {
  answer?: AnswerInReply | null;
  hangup?: HangupInReply | null;
  ringback?: RingbackInReply | null;
  /** Copied into every later callback of the call. */
  sessionReferenceId?: string | null;
}

/** Where events and alarms go. */
export interface NotificationSettings {
  /** Where service alarms go over HTTPS. */
  alarmEventsRestEndpoint?: string | null;
  /** The Amazon SNS topic of service alarms. */
  alarmTopic?: string | null;
  /** Where callbacks of the alarm bridge go. */
  alarmbridgeCallbackEndpoint?: string | null;
  /** The whole budget of a request with its three tries again, in milliseconds. */
  httpTimeout?: number | null;
  /**
   * How requests are signed: the first entry, and the next one each time the receiver answers 401 or 403.
   * Absent where they are overwritten, the stored ones stay; an empty list takes all away.
   */
  restAuthentication?: RestAuthentication[];
  /** Where SIP events go over HTTPS. */
  sipEventsRestEndpoint?: string | null;
  /** The Amazon SNS topic of SIP events. */
  sipEventsTopic?: string | null;
  /** Whether HTTPS is used instead of Amazon SNS. */
  useHttpEvents?: boolean | null;
}

/** What a `callNotify` tells. */
export type NotifyEvent = "ringing" | "reInvite" | "update";

/** A codec a service may offer. */
export type OfferedCodec = "opus" | "PCMA" | "PCMU";

/** Where a tenant may call. */
export type Outbound = "any" | "trunks" | "off";

/** How a call ended; in both terminal callbacks. */
export interface Outcome {
  /**
   * `normal`, `busy`, `no_answer`, `rejected`, `unreachable`, `auth`, `policy`, `media`,
   * `client_error`, `upstream_error` or `internal`.
   */
  class: string;
  /** Seconds between answer and end; 0 when never answered. */
  duration: number;
  /** `local` (the application), `remote` (the SIP peer) or `system`. */
  endedBy: string;
  /** The Q.850 cause. */
  q850Cause?: number | null;
  /** The cause in words. */
  q850Text?: string | null;
  /** The reason phrase beside it. */
  sipReason?: string | null;
  /** The SIP status that ended the call. */
  sipStatus?: number | null;
}

/** Something that happened to a call, as its callback tells it. */
export interface PastEvent {
  /** The body of the callback, without SRTP keys. */
  body: Record<string, unknown>;
  /** The call, by its `id`. */
  call: string;
  /** Its place: greater, as text, than that of every event before it. */
  cursor: string;
  /** The name of its callback. */
  event: string;
  /** How far its delivery is. */
  state: DeliveryState;
}

/** The six operations. */
export type PatchOp = "add" | "remove" | "replace" | "copy" | "move" | "test";

/** One operation (RFC 6902 section 4). */
export interface PatchOperation {
  /** Where from, for `copy` and `move`. */
  from?: string | null;
  /** What is done. */
  op: PatchOp;
  /** Where, as a JSON pointer. */
  path: string;
  /** The value, for `add`, `replace` and `test`; null is a value. */
  value?: unknown;
}

/** Body of `placeremotecall`. */
export interface PlaceRemoteCall {
  /** Where the callbacks of this call go, instead of the service's own URL. */
  callbackBaseUrl?: string | null;
  /** The service that serves the call; else the one that `sourceUser` matches, else the only one. */
  cloudSipUAId?: string | null;
  /** The codec asked of the far end: PCMA, PCMU or GSM. */
  codec: string;
  /** SRTP keys; without them media is plain RTP. */
  crypto?: Crypto[];
  /** The SIP URI to call. */
  destinationUri: string;
  /** Where the far end sends its media. */
  receiveIp: string;
  /** The RTP port for the same. */
  receivePort: number;
  /** How long the call may ring, in seconds. */
  ringTimeout?: number | null;
  /** Copied into every callback of the call. */
  sessionReferenceId?: string | null;
  /** The user part of From: the calling number. */
  sourceUser: string;
  /** The payload type for telephone events (RFC 4733), 96 to 127. */
  telephoneEventPayloadType?: number | null;
}

/** Reply to `placeremotecall`; the result arrives as callbacks. */
export interface PlaceRemoteCallReply {
  /** The SIP Call-ID. */
  callId: string;
  /** Names the call in later commands, also while it rings. */
  replyId: string;
  /** Identifies the session. */
  sessionId: string;
  /** Always true. */
  success: boolean;
  /** The same in every callback of the call. */
  traceId: string;
}

/** The members of a problem document (RFC 9457 section 3.1). */
export interface Problem {
  /** The same sentence as `reason`. */
  detail: string;
  /** The HTTP status. */
  status: number;
  /** The phrase of the HTTP status. */
  title: string;
  /** Always `about:blank`: the `code` beside it names the problem. */
  type: string;
}

/** A person. */
export interface Profile {
  /** Who signs the person in. */
  authProvider?: string | null;
  /** Company. */
  company?: string | null;
  /** How large the deployment is to be. */
  deploymentSize?: string | null;
  /** Electronic mail. */
  email?: string | null;
  /** When the person agreed to mail, as a Unix time. */
  emailConsent?: number | null;
  /** First name. */
  firstName?: string | null;
  /** Last name. */
  lastName?: string | null;
  /** Anything else. */
  otherInfo?: string | null;
  /** Phone number. */
  phone?: string | null;
  /** Whether the person looked the profile through. */
  profileReviewed?: boolean | null;
  /** When the terms were agreed to, as a Unix time. */
  termsAgreed?: number | null;
  /** What the service is used for. */
  useCase?: string | null;
}

/** Reply with the profile of the calling key. */
export interface ProfileReply {
  /** The profile. */
  profile: Profile;
  /** Always true. */
  success: boolean;
}

/** Which drafts are put in force. */
export interface Promotion {
  /** These only; all of the domain when absent. */
  documents?: DraftName[];
  /**
   * Whether a draft takes the place also of what was changed in force after the draft was written; false when
   * absent.
   */
  overwrite?: boolean | null;
}

/** How events reach the bridge. */
export type Protocol = "api" | "bs8521" | "deviceProvisioned" | "nowip" | "scaip" | "tt92" | "ttnew" | "multiprotocol" | "voicecall" | "nowipcontroller" | "p100";

/** Which deliveries are to be replayed; every member narrows them, and without `state` the failed ones are meant. */
export interface ReplayRange {
  /** Only those of this call, by its `id`. */
  call?: string | null;
  /** Only those of the service with this `callbackId`. */
  callbackId?: string | null;
  /** Only callbacks of this name. */
  event?: string | null;
  /** Only events from this time on, in milliseconds since 1970. */
  from?: number | null;
  /** Where an earlier reply said to go on. */
  nextToken?: string | null;
  /** Only those of the service with this `cloudSipUAId`. */
  service?: string | null;
  state?: SettledState | null;
  /** Only events before this time, in milliseconds since 1970. */
  to?: number | null;
}

/** Reply to a replay of many. */
export interface ReplayReply {
  /** Where to go on, when not all of the range was looked at. */
  nextToken?: string | null;
  /** How many are on their way again. */
  replayed: number;
  /** Always true. */
  success: boolean;
}

/** One way to sign a callback, with a JWT in `Authorization: Bearer`. */
export interface RestAuthentication {
  /** Extra headers of the callback; none that the platform sets or that frames the request. */
  requestHeaders?: Record<string, string> | null;
  /** The `scope` claim. */
  scope?: string | null;
  /**
   * The signing key: a private key in PEM, for HS256 a shared secret of 32 bytes or more. Replies mask it; masked
   * or absent where an entry is overwritten it stays as it is.
   */
  secret?: string | null;
  /** The `sub` claim. */
  sub?: string | null;
  /** The signature algorithm. */
  type: SignatureType;
}

/** How long what has happened is kept, in days from 1 to 365. */
export interface Retention {
  /** Calls, once they are over; 7 when absent. */
  calls?: number | null;
  /** Events with their deliveries, once nothing of them waits; 7 when absent. */
  events?: number | null;
  /** The SIP log and ladders, which are made of the same rows; 14 when absent. */
  ladder?: number | null;
}

/** A command in a reply, without `replyId`. */
export interface RingbackInReply {
  /** The codec of early media: PCMA, PCMU or GSM. */
  codec?: string | null;
  /** SRTP keys of early media. */
  crypto?: Crypto[];
  /** Where the far end sends its early media. */
  receiveIp?: string | null;
  /** The RTP port for the same. */
  receivePort?: number | null;
  /** The payload type for telephone events (RFC 4733), 96 to 127. */
  telephoneEventPayloadType?: number | null;
}

/** What a key may do. */
export type Scope = "calls" | "provisioning" | "read";

/** A password, key or token: written where the wire documents it, never by `Debug`. */
export type Secret = string;

/** Body of `sendremotecallringback`; with media the caller hears the device before the answer. */
export interface SendRemoteCallRingback {
  /** The codec of early media: PCMA, PCMU or GSM. */
  codec?: string | null;
  /** SRTP keys of early media. */
  crypto?: Crypto[];
  /** Where the far end sends its early media. */
  receiveIp?: string | null;
  /** The RTP port for the same. */
  receivePort?: number | null;
  /** From the `newRemoteCall` callback. */
  replyId: string;
  /** The payload type for telephone events (RFC 4733), 96 to 127. */
  telephoneEventPayloadType?: number | null;
}

/** One alarm. */
export interface ServiceAlarm {
  /** What is wrong. */
  alarm: AlarmKind;
  /** The service's `callbackId`. */
  callbackId: string;
  /** The service it is about. */
  cloudSipUAId: string;
  /** It in a sentence. */
  reason: string;
  /** Whether it begins or is over. */
  state: AlarmState;
  /** When it was noticed, in milliseconds since 1970. */
  timestamp: number;
}

/** Something a tenant has to look after. */
export interface ServiceAlarms {
  /** The alarms. */
  body: ServiceAlarm[];
  /** The tenant. */
  domain: string;
  /** Always `SERVICEALARM`. */
  event: string;
  /** Its place among the tenant's notifications of this kind, from 1. */
  sequence: number;
  /** When it was put together, in milliseconds since 1970. */
  timestamp: number;
  /** Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same. */
  webhookId: string;
}

/** The settings of a tenant; what is absent is the node's default. */
export interface Settings {
  /** The longest a call may last once answered, in seconds. */
  maxCallDuration?: number | null;
  /** The most calls at a time. */
  maxCalls?: number | null;
  /** The most new calls in a second. */
  maxCallsPerSecond?: number | null;
  /** Networks whose unauthenticated callers may reach the domain's services. */
  open?: Network[];
  /** Where the tenant may call. */
  outbound?: Outbound;
  /** How long what has happened is kept. */
  retention?: Retention;
  /** How long a call may ring, in seconds. */
  ringTimeout?: number | null;
  /** The session interval (RFC 4028), in seconds. */
  sessionExpires?: number | null;
}

/** Reply with the settings. */
export interface SettingsReply {
  /** The settings in force. */
  settings: Settings;
  /** Always true. */
  success: boolean;
  /** Members of the request that were ignored. */
  warnings?: FieldError[];
}

/** How a delivery stands that is over. */
export type SettledState = "delivered" | "failed";

/** The algorithm of a signature (RFC 7518, RFC 8037). */
export type SignatureType = "RS256" | "ES256" | "EdDSA" | "HS256";

/** One event of a device. */
export interface SipEvent {
  /** The call, as `/v1/{domain}/calls/{id}` knows it. */
  call: string;
  /** The SIP Call-ID. */
  callId: string;
  /** Of a call that is over: how it ended, in one word. */
  class?: string | null;
  /** The device: the user it calls as, or is called by. */
  device: string;
  /** Whether it called or was called. */
  direction: DialogDirection;
  /** Of a call that is over: seconds from answer to end. */
  duration?: number | null;
  /** The other side's user. */
  remote: string;
  /** Identifies the session, as callbacks do. */
  sessionId: string;
  /** Of a call that is over: the SIP status that ended it. */
  sipStatus?: number | null;
  /** How far its call is. */
  state: DialogState;
  /** When it happened, in milliseconds since 1970. */
  timestamp: number;
  /** What kind of event it is. */
  type: SipEventType;
}

/** What kind of event it is; there may be more kinds one day. */
export type SipEventType = "dialog";

/** What the devices of a tenant do, several events at a time, in order of time. */
export interface SipEvents {
  /** The events. */
  body: SipEvent[];
  /** The tenant. */
  domain: string;
  /** Always `SIPDEVICEMONITORING`. */
  event: string;
  /** Its place among the tenant's notifications of this kind, from 1. */
  sequence: number;
  /** When it was put together, in milliseconds since 1970. */
  timestamp: number;
  /** Names this delivery for good, as the header `webhook-id` does over HTTPS: a copy has the same. */
  webhookId: string;
}

/** Whether it came to the node or left it. */
export type SipLogDirection = "in" | "out";

/** One message as it was sent or received, above TLS; credentials and media keys are `***`. */
export interface SipLogItem {
  /** The body. */
  body: string;
  /** The call it belongs to, as `/v1/{domain}/calls/{id}/ladder` knows it. */
  call?: string | null;
  /** Whether it came in or went out. */
  direction: SipLogDirection;
  /** Who received it. */
  dstIp: string;
  /** The receiver's port. */
  dstPort: number;
  /** The method; of a response, the one it answers. Empty when the message has none that can be read. */
  method: string;
  /** The reason phrase; empty in a request. */
  reason: string;
  /** Whether it is the repetition of an earlier one. */
  repeated?: boolean;
  /** The Request-URI; empty in a response. */
  requestUri: string;
  /** Header fields by their full names; those that stand more than once are joined with commas. */
  sipHeaders: Record<string, string>;
  /** Who sent it. */
  srcIp: string;
  /** The sender's port. */
  srcPort: number;
  /** The status as text; empty in a request. */
  statusCode: string;
  /** When, in milliseconds since 1970. */
  timeStamp: number;
  /** `udp`, `tcp`, `tls`, `ws` or `wss`. */
  transport: string;
  /** Request or response. */
  type: SipLogType;
}

/** Which messages are wanted. 0 and the empty text mean the same as absence. */
export interface SipLogQuery {
  /** None younger than this, in milliseconds (or seconds) since 1970. */
  endTime?: number | null;
  /**
   * Words that must all occur in the message, in any case, `"several words"` in quotation marks; or a regular
   * expression as `/…/` or `/…/i`.
   */
  filterPattern?: string | null;
  /** How many messages at most, up to 1000; 100 when absent. */
  limit?: number | null;
  /** The token of an earlier reply to the same question: goes on with older messages. */
  nextToken?: string | null;
  /** None older than this, in milliseconds (or seconds) since 1970. */
  startTime?: number | null;
}

/** Reply with messages. */
export interface SipLogReply {
  /** Whether everything was looked at; otherwise the limit, or the time one search may take, was reached first. */
  complete: boolean;
  /** The latest messages that fit, in order of time. */
  logItems: SipLogItem[];
  /** The same question with this token goes on with older messages. */
  nextToken?: string | null;
  /** From when on everything was looked at, in milliseconds since 1970, when not all was. */
  searchedFrom?: number | null;
  /** Always true. */
  success: boolean;
}

/** What kind of message it is. */
export type SipLogType = "request" | "response";

/** One bucket. Durations are in seconds, of what was answered. */
export interface Statistic {
  /** Of the calls, those that were answered. */
  answered?: number | null;
  /** The mean over those that were answered; 0 when none was. */
  average_duration: number;
  /**
   * How many calls ended in each class: `normal`, `busy`, `no_answer`, `rejected`, `unreachable`, `auth`, `policy`,
   * `media`, `client_error`, `upstream_error`, `internal`.
   */
  classes?: Record<string, number> | null;
  /** The longest; 0 when none was answered. */
  max_duration: number;
  /** The shortest; 0 when none was answered. */
  min_duration: number;
  /** The bucket in UTC: `2026-11-21T14` for an hour, `2026-11-21` for a day, `2026-11` for a month. */
  name: string;
  /** All calls, answered or not, by the time at which they began. */
  num_calls: number;
  /** All durations together. */
  sum_duration: number;
}

/** Reply with statistics. */
export interface StatisticsReply {
  /** The buckets in which something was counted, in order of time. */
  statistics: Statistic[];
  /** Always true. */
  success: boolean;
}

/** Where events go. */
export interface TargetEndpoint {
  backupEndpoint?: BackupEndpoint | null;
  /** Where voice calls go. */
  defaultVoiceDestination?: string | null;
  /** A SIP URI or an address. */
  destAddr?: string | null;
  /** What From says instead of the device. */
  overrideSipFrom?: string | null;
  /** What the target speaks. */
  protocol: TargetProtocol;
  /** Its password. */
  sipAuthPassword?: string | null;
  /** The user name of SIP digest authentication. */
  sipAuthUser?: string | null;
}

/** What the target speaks. */
export type TargetProtocol = "scaip" | "sia";

/** How tones are coded. */
export type ToneMode = "dtmf" | "sdmf";

/** How tones are sent. */
export type ToneSending = "2833" | "inaudio";

/** How tones are sent to whom. */
export interface ToneSettings {
  calleeDtmfSendType?: ToneSending | null;
  callerDtmfSendType?: ToneSending | null;
  dtmfSendType?: ToneSending | null;
}

/** One step of the decision where a call goes. */
export interface TraceStep {
  /** What it found. */
  result: string;
  /** Which rule looked. */
  rule: string;
  /** Why, in words. */
  why: string;
}

/** A trunk. */
export interface Trunk {
  /** Parameters added to the Request-URI of outbound calls. */
  addTerminatingUriParameters?: string | null;
  /** The regular expression of users it does not take. */
  blacklistPattern?: string | null;
  /** What it is for. */
  description?: string | null;
  /**
   * The regular expression of the users it takes: linear-time, unanchored; `/…/` and `/…/i` literals are
   * understood.
   */
  destinationMatch: string;
  /**
   * How the user is rewritten before it is called: `/expression/replacement/` or `s/expression/replacement/`,
   * with `$1` or `\1` for groups and the flags `i` and `g`; an expression alone keeps what its first group
   * matches.
   */
  destinationRewrite?: string | null;
  /** Where outbound calls go: a name or an address, with a port if it is not the usual one. */
  destinationTarget: string;
  /** Over which transport: `udp`, `tcp` or `tls`. */
  destinationTransport: string;
  /** The number in Diversion of outbound calls. */
  diversionHeader?: string | null;
  /** Whether signalling is rewritten for a peer behind a NAT. */
  forceNatRewrites?: boolean | null;
  /** Whether media are relayed. */
  forceRtpRelay?: boolean | null;
  /**
   * The hash of user name, realm and password in hexadecimal, MD5 or SHA-256; made from these three when
   * they are given.
   */
  ha1?: string | null;
  localCodec?: TrunkCodec | null;
  /** The network it ends in, for the way of media. */
  networkId?: string | null;
  /** The password of the same. Only its hashes are stored; the reply to the request that sets it carries it. */
  password?: string | null;
  /** The realm of the same. */
  realm?: string | null;
  /** The number that outbound calls come from instead of their own. */
  rewriteAnumber?: string | null;
  /**
   * The networks its inbound calls come from, as addresses or in CIDR notation. They count only where the
   * operator granted them to the tenant.
   */
  sourceNetworks?: AddressOrNetwork[];
  /** Whether media are transcoded. */
  transcode?: boolean | null;
  /** Names it in `X-Terminating-Trunk-Group-Id`. */
  trunkGroupId?: string | null;
  trunksideCodec?: TrunkCodec | null;
  type?: TrunkType | null;
  /** Whether the private address is used. */
  usePrivateIP?: boolean | null;
  /** The user name of SIP digest authentication; changed together with `realm` and `password` only. */
  userName?: string | null;
}

/** A codec of one side of a trunk. */
export type TrunkCodec = "GSM" | "PCMU" | "PCMA";

/** What kind of service destination it is: always a trunk. */
export type TrunkType = "trunk";

/** Reply with the new secret; the only one that shows it. */
export interface WebhookSecretReply {
  /** Until when callbacks are also signed with the one before, in milliseconds since 1970. */
  previousValidUntil: number;
  /** Always true. */
  success: boolean;
  /** The new secret: `whsec_` and base64. */
  webhookSecret: Secret;
}

/** The REST interface of one server, opened by one API key. */
export class Hookswitch {
  /**
   * @param baseUrl where the server answers, such as `http://127.0.0.1:8080`
   * @param token an API token (`hs_…`) or a JWT signed with an uploaded key
   */
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
  ) {}

  private async send(method: string, path: string, request: Request): Promise<Response> {
    const url = new URL(this.baseUrl.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries((request.query ?? {}) as Query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` };
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      if (value !== undefined) headers[name] = value;
    }
    let body: string | undefined;
    if (request.body !== undefined) {
      headers["content-type"] = request.mediaType ?? "application/json";
      body = typeof request.body === "string" ? request.body : JSON.stringify(request.body);
    }
    const response = await fetch(url, body === undefined ? { method, headers } : { method, headers, body });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** Whether the program runs at all. */
  async healthz(): Promise<Done> {
    const response = await this.send("GET", `/healthz`, {});
    return (await response.json()) as Done;
  }

  /** Answers an inbound call (path without suffix) */
  async answerRemoteCallPlain(domain: string, body: AnswerRemoteCall): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/answerremotecall`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Answers an inbound call (path with the suffix jwt) */
  async answerRemoteCall(domain: string, body: AnswerRemoteCall): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/answerremotecalljwt`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Ends a call (path without suffix) */
  async hangupCallPlain(domain: string, body: HangupCall): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/hangupcall`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Ends a call (path with the suffix jwt) */
  async hangupCall(domain: string, body: HangupCall): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/hangupcalljwt`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Places an outbound call (path without suffix) */
  async placeRemoteCallPlain(domain: string, body: PlaceRemoteCall): Promise<PlaceRemoteCallReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/placeremotecall`, { body });
    return (await response.json()) as PlaceRemoteCallReply;
  }

  /** Places an outbound call (path with the suffix jwt) */
  async placeRemoteCall(domain: string, body: PlaceRemoteCall): Promise<PlaceRemoteCallReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/placeremotecalljwt`, { body });
    return (await response.json()) as PlaceRemoteCallReply;
  }

  /** Lets an inbound call ring (path without suffix) */
  async sendRemoteCallRingbackPlain(domain: string, body: SendRemoteCallRingback): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/sendremotecallringback`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Lets an inbound call ring (path with the suffix jwt) */
  async sendRemoteCallRingback(domain: string, body: SendRemoteCallRingback): Promise<CommandReply> {
    const response = await this.send("POST", `/mediaservice/${encodeURIComponent(domain)}/sendremotecallringbackjwt`, { body });
    return (await response.json()) as CommandReply;
  }

  /** Counters and gauges in the text format of Prometheus. */
  async metrics(): Promise<string> {
    const response = await this.send("GET", `/metrics`, {});
    return response.text();
  }

  /** Lists the Alarmbridges */
  async listAlarmBridges(domain: string, query: { provisory?: boolean; limit?: number; nextToken?: string; filter?: string } = {}): Promise<{ alarmbridges: AlarmBridge[]; nextToken?: string; success: boolean }> {
    const response = await this.send("GET", `/provisioning/alarmbridge/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as { alarmbridges: AlarmBridge[]; nextToken?: string; success: boolean };
  }

  /** Creates an Alarmbridge */
  async createAlarmBridge(domain: string, body: AlarmBridge, query: { provisory?: boolean; strict?: boolean } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/alarmbridge/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows an Alarmbridge */
  async getAlarmBridge(domain: string, alarmBridgeId: string, query: { provisory?: boolean } = {}): Promise<{ alarmbridge: AlarmBridge; success: boolean }> {
    const response = await this.send("GET", `/provisioning/alarmbridge/${encodeURIComponent(domain)}/${encodeURIComponent(alarmBridgeId)}`, { query });
    return (await response.json()) as { alarmbridge: AlarmBridge; success: boolean };
  }

  /** Overwrites an Alarmbridge */
  async putAlarmBridge(domain: string, alarmBridgeId: string, body: AlarmBridge, query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/alarmbridge/${encodeURIComponent(domain)}/${encodeURIComponent(alarmBridgeId)}`, { body, query, headers });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Deletes an Alarmbridge */
  async deleteAlarmBridge(domain: string, alarmBridgeId: string, query: { provisory?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("DELETE", `/provisioning/alarmbridge/${encodeURIComponent(domain)}/${encodeURIComponent(alarmBridgeId)}`, { query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Patches an Alarmbridge */
  async patchAlarmBridge(domain: string, alarmBridgeId: string, body: PatchOperation[], query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PATCH", `/provisioning/alarmbridge/${encodeURIComponent(domain)}/${encodeURIComponent(alarmBridgeId)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Lists the Alarm Event Mappers */
  async listAlarmEventMappers(domain: string, query: { provisory?: boolean; limit?: number; nextToken?: string; filter?: string } = {}): Promise<{ alarmeventmappers: AlarmEventMapper[]; nextToken?: string; success: boolean }> {
    const response = await this.send("GET", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as { alarmeventmappers: AlarmEventMapper[]; nextToken?: string; success: boolean };
  }

  /** Creates an Alarm Event Mapper */
  async createAlarmEventMapper(domain: string, body: AlarmEventMapper, query: { provisory?: boolean; strict?: boolean } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows an Alarm Event Mapper */
  async getAlarmEventMapper(domain: string, alarmEventMapperId: string, query: { provisory?: boolean } = {}): Promise<{ alarmeventmapper: AlarmEventMapper; success: boolean }> {
    const response = await this.send("GET", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}/${encodeURIComponent(alarmEventMapperId)}`, { query });
    return (await response.json()) as { alarmeventmapper: AlarmEventMapper; success: boolean };
  }

  /** Overwrites an Alarm Event Mapper */
  async putAlarmEventMapper(domain: string, alarmEventMapperId: string, body: AlarmEventMapper, query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}/${encodeURIComponent(alarmEventMapperId)}`, { body, query, headers });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Deletes an Alarm Event Mapper */
  async deleteAlarmEventMapper(domain: string, alarmEventMapperId: string, query: { provisory?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("DELETE", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}/${encodeURIComponent(alarmEventMapperId)}`, { query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Patches an Alarm Event Mapper */
  async patchAlarmEventMapper(domain: string, alarmEventMapperId: string, body: PatchOperation[], query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PATCH", `/provisioning/alarmeventmapper/${encodeURIComponent(domain)}/${encodeURIComponent(alarmEventMapperId)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Lists the keys */
  async listApiKeys(domain: string, query: { limit?: number; nextToken?: string } = {}): Promise<ApiKeyList> {
    const response = await this.send("GET", `/provisioning/apiKey/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as ApiKeyList;
  }

  /** Creates a key */
  async putApiKey(domain: string, body?: CreateApiKey | null): Promise<ApiKeyCreated> {
    const response = await this.send("PUT", `/provisioning/apiKey/${encodeURIComponent(domain)}`, { body });
    return (await response.json()) as ApiKeyCreated;
  }

  /** Creates a key */
  async createApiKey(domain: string, body?: CreateApiKey | null): Promise<ApiKeyCreated> {
    const response = await this.send("POST", `/provisioning/apiKey/${encodeURIComponent(domain)}`, { body });
    return (await response.json()) as ApiKeyCreated;
  }

  /** Deletes a key */
  async deleteApiKey(domain: string, keyId: string): Promise<Done> {
    const response = await this.send("DELETE", `/provisioning/apiKey/${encodeURIComponent(domain)}/${encodeURIComponent(keyId)}`, {});
    return (await response.json()) as Done;
  }

  /** Gives an end user a token for SIP */
  async authorize(body: Authorize): Promise<AuthorizeReply> {
    const response = await this.send("POST", `/provisioning/authorize`, { body });
    return (await response.json()) as AuthorizeReply;
  }

  /** Lists the Cloud SIP User Agents */
  async listCloudSipUas(domain: string, query: { provisory?: boolean; limit?: number; nextToken?: string; filter?: string } = {}): Promise<{ cloudsipuas: CloudSipUa[]; nextToken?: string; success: boolean }> {
    const response = await this.send("GET", `/provisioning/cloudsipua/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as { cloudsipuas: CloudSipUa[]; nextToken?: string; success: boolean };
  }

  /** Creates a Cloud SIP User Agent */
  async createCloudSipUa(domain: string, body: CloudSipUa, query: { provisory?: boolean; strict?: boolean } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/cloudsipua/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows a Cloud SIP User Agent */
  async getCloudSipUa(domain: string, cloudSipUAId: string, query: { provisory?: boolean } = {}): Promise<{ cloudsipua: CloudSipUa; success: boolean }> {
    const response = await this.send("GET", `/provisioning/cloudsipua/${encodeURIComponent(domain)}/${encodeURIComponent(cloudSipUAId)}`, { query });
    return (await response.json()) as { cloudsipua: CloudSipUa; success: boolean };
  }

  /** Overwrites a Cloud SIP User Agent */
  async putCloudSipUa(domain: string, cloudSipUAId: string, body: CloudSipUa, query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/cloudsipua/${encodeURIComponent(domain)}/${encodeURIComponent(cloudSipUAId)}`, { body, query, headers });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Deletes a Cloud SIP User Agent */
  async deleteCloudSipUa(domain: string, cloudSipUAId: string, query: { provisory?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("DELETE", `/provisioning/cloudsipua/${encodeURIComponent(domain)}/${encodeURIComponent(cloudSipUAId)}`, { query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Patches a Cloud SIP User Agent */
  async patchCloudSipUa(domain: string, cloudSipUAId: string, body: PatchOperation[], query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PATCH", `/provisioning/cloudsipua/${encodeURIComponent(domain)}/${encodeURIComponent(cloudSipUAId)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows the profile of the calling key */
  async getProfile(): Promise<ProfileReply> {
    const response = await this.send("GET", `/provisioning/currentuser/profile`, {});
    return (await response.json()) as ProfileReply;
  }

  /** Updates the profile of the calling key */
  async putProfile(body: Profile, query: { strict?: boolean } = {}): Promise<Done> {
    const response = await this.send("PUT", `/provisioning/currentuser/profile`, { body, query });
    return (await response.json()) as Done;
  }

  /** Creates the profile of the calling key */
  async createProfile(body: Profile, query: { strict?: boolean } = {}): Promise<Done> {
    const response = await this.send("POST", `/provisioning/currentuser/profile`, { body, query });
    return (await response.json()) as Done;
  }

  /** Patches the profile of the calling key */
  async patchProfile(body: Profile, query: { strict?: boolean } = {}): Promise<Done> {
    const response = await this.send("PATCH", `/provisioning/currentuser/profile`, { body, query });
    return (await response.json()) as Done;
  }

  /** Lists the devices */
  async listDevices(domain: string, query: { limit?: number; nextToken?: string; filter?: string } = {}): Promise<DeviceList> {
    const response = await this.send("GET", `/provisioning/device/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as DeviceList;
  }

  /** Adds or modifies a device */
  async putDevice(domain: string, body: Device, query: { strict?: boolean } = {}): Promise<DeviceWritten> {
    const response = await this.send("PUT", `/provisioning/device/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as DeviceWritten;
  }

  /** Adds or modifies a device */
  async postDevice(domain: string, body: Device, query: { strict?: boolean } = {}): Promise<DeviceWritten> {
    const response = await this.send("POST", `/provisioning/device/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as DeviceWritten;
  }

  /** Deletes all devices */
  async deleteAllDevices(domain: string, body?: DeleteAllDevices | null): Promise<DevicesDeleted> {
    const response = await this.send("DELETE", `/provisioning/device/${encodeURIComponent(domain)}`, { body });
    return (await response.json()) as DevicesDeleted;
  }

  /** Shows how a bulk job goes */
  async getDeviceBulk(domain: string, bulkId: string): Promise<BulkReply> {
    const response = await this.send("GET", `/provisioning/device/${encodeURIComponent(domain)}/bulk/${encodeURIComponent(bulkId)}`, {});
    return (await response.json()) as BulkReply;
  }

  /** Provisions many devices from a file */
  async putDeviceBulk(domain: string, bulkId: string, body: string): Promise<BulkReply> {
    const response = await this.send("PUT", `/provisioning/device/${encodeURIComponent(domain)}/bulk/${encodeURIComponent(bulkId)}`, { body, mediaType: "text/csv" });
    return (await response.json()) as BulkReply;
  }

  /** Shows one device */
  async getDevice(domain: string, deviceId: string): Promise<DeviceReply> {
    const response = await this.send("GET", `/provisioning/device/${encodeURIComponent(domain)}/${encodeURIComponent(deviceId)}`, {});
    return (await response.json()) as DeviceReply;
  }

  /** Deletes a device */
  async deleteDevice(domain: string, deviceId: string): Promise<Done> {
    const response = await this.send("DELETE", `/provisioning/device/${encodeURIComponent(domain)}/${encodeURIComponent(deviceId)}`, {});
    return (await response.json()) as Done;
  }

  /** Patches a device (RFC 6902) */
  async patchDevice(domain: string, deviceId: string, body: PatchOperation[], query: { strict?: boolean } = {}): Promise<DeviceWritten> {
    const response = await this.send("PATCH", `/provisioning/device/${encodeURIComponent(domain)}/${encodeURIComponent(deviceId)}`, { body, query });
    return (await response.json()) as DeviceWritten;
  }

  /** Shows a gateway its configuration */
  async getGrandstreamConfiguration(domain: string, mac: string, query: { k?: string } = {}): Promise<string> {
    const response = await this.send("GET", `/provisioning/grandstream/${encodeURIComponent(domain)}/${encodeURIComponent(mac)}`, { query });
    return response.text();
  }

  /** Searches the SIP log */
  async searchSipLog(domain: string, body: SipLogQuery): Promise<SipLogReply> {
    const response = await this.send("POST", `/provisioning/logs/${encodeURIComponent(domain)}/sip`, { body });
    return (await response.json()) as SipLogReply;
  }

  /** Lists the Media Services */
  async listMediaServices(domain: string, query: { provisory?: boolean; limit?: number; nextToken?: string; filter?: string } = {}): Promise<{ mediaservices: MediaService[]; nextToken?: string; success: boolean }> {
    const response = await this.send("GET", `/provisioning/mediaservice/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as { mediaservices: MediaService[]; nextToken?: string; success: boolean };
  }

  /** Creates a Media Service */
  async createMediaService(domain: string, body: MediaService, query: { provisory?: boolean; strict?: boolean } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/mediaservice/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows a Media Service */
  async getMediaService(domain: string, mediaServiceId: string, query: { provisory?: boolean } = {}): Promise<{ mediaservice: MediaService; success: boolean }> {
    const response = await this.send("GET", `/provisioning/mediaservice/${encodeURIComponent(domain)}/${encodeURIComponent(mediaServiceId)}`, { query });
    return (await response.json()) as { mediaservice: MediaService; success: boolean };
  }

  /** Overwrites a Media Service */
  async putMediaService(domain: string, mediaServiceId: string, body: MediaService, query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/mediaservice/${encodeURIComponent(domain)}/${encodeURIComponent(mediaServiceId)}`, { body, query, headers });
    return (await response.json()) as { id: string; success: boolean; warnings?: FieldError[] };
  }

  /** Deletes a Media Service */
  async deleteMediaService(domain: string, mediaServiceId: string, query: { provisory?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("DELETE", `/provisioning/mediaservice/${encodeURIComponent(domain)}/${encodeURIComponent(mediaServiceId)}`, { query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Patches a Media Service */
  async patchMediaService(domain: string, mediaServiceId: string, body: PatchOperation[], query: { provisory?: boolean; strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PATCH", `/provisioning/mediaservice/${encodeURIComponent(domain)}/${encodeURIComponent(mediaServiceId)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows the notification settings */
  async getNotificationSettings(domain: string): Promise<NotificationSettings> {
    const response = await this.send("GET", `/provisioning/notificationsettings/${encodeURIComponent(domain)}`, {});
    return (await response.json()) as NotificationSettings;
  }

  /** Sets the notification settings */
  async putNotificationSettings(domain: string, body: NotificationSettings, query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/notificationsettings/${encodeURIComponent(domain)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Sets the notification settings (the same as PUT) */
  async postNotificationSettings(domain: string, body: NotificationSettings, query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/notificationsettings/${encodeURIComponent(domain)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows the SIPREC service */
  async getSiprecService(domain: string): Promise<NotificationSettings> {
    const response = await this.send("GET", `/provisioning/siprecservice/${encodeURIComponent(domain)}`, {});
    return (await response.json()) as NotificationSettings;
  }

  /** Sets the SIPREC service */
  async putSiprecService(domain: string, body: NotificationSettings, query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/siprecservice/${encodeURIComponent(domain)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Sets the SIPREC service (the same as PUT) */
  async postSiprecService(domain: string, body: NotificationSettings, query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ reason?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/siprecservice/${encodeURIComponent(domain)}`, { body, query, headers });
    return (await response.json()) as { reason?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows figures by hour, day or month */
  async getStatistics(domain: string, type: string, bucketsize: string, query: { from?: number; to?: number } = {}): Promise<StatisticsReply> {
    const response = await this.send("GET", `/provisioning/statistics/${encodeURIComponent(domain)}/${encodeURIComponent(type)}/${encodeURIComponent(bucketsize)}`, { query });
    return (await response.json()) as StatisticsReply;
  }

  /** Lists the trunks */
  async listTrunks(domain: string, query: { limit?: number; nextToken?: string; filter?: string } = {}): Promise<{ nextToken?: string; success: boolean; trunks: NamedTrunk[] }> {
    const response = await this.send("GET", `/provisioning/trunk/${encodeURIComponent(domain)}`, { query });
    return (await response.json()) as { nextToken?: string; success: boolean; trunks: NamedTrunk[] };
  }

  /** Adds or modifies a trunk */
  async putNamedTrunk(domain: string, body: NamedTrunk, query: { strict?: boolean } = {}): Promise<{ id?: string; password?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/trunk/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id?: string; password?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Creates a trunk */
  async createTrunk(domain: string, body: Trunk, query: { strict?: boolean } = {}): Promise<{ id?: string; password?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("POST", `/provisioning/trunk/${encodeURIComponent(domain)}`, { body, query });
    return (await response.json()) as { id?: string; password?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Shows a trunk */
  async getTrunk(domain: string, trunkId: string): Promise<{ success: boolean; trunk: Trunk }> {
    const response = await this.send("GET", `/provisioning/trunk/${encodeURIComponent(domain)}/${encodeURIComponent(trunkId)}`, {});
    return (await response.json()) as { success: boolean; trunk: Trunk };
  }

  /** Adds or overwrites a trunk */
  async putTrunk(domain: string, trunkId: string, body: Trunk, query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id?: string; password?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PUT", `/provisioning/trunk/${encodeURIComponent(domain)}/${encodeURIComponent(trunkId)}`, { body, query, headers });
    return (await response.json()) as { id?: string; password?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Deletes a trunk */
  async deleteTrunk(domain: string, trunkId: string, headers: { "If-Match"?: string } = {}): Promise<{ success: boolean }> {
    const response = await this.send("DELETE", `/provisioning/trunk/${encodeURIComponent(domain)}/${encodeURIComponent(trunkId)}`, { headers });
    return (await response.json()) as { success: boolean };
  }

  /** Patches a trunk */
  async patchTrunk(domain: string, trunkId: string, body: PatchOperation[], query: { strict?: boolean } = {}, headers: { "If-Match"?: string } = {}): Promise<{ id?: string; password?: string; success: boolean; warnings?: FieldError[] }> {
    const response = await this.send("PATCH", `/provisioning/trunk/${encodeURIComponent(domain)}/${encodeURIComponent(trunkId)}`, { body, query, headers });
    return (await response.json()) as { id?: string; password?: string; success: boolean; warnings?: FieldError[] };
  }

  /** Whether the node takes new calls: 503 while it starts, drains or has no database. */
  async readyz(): Promise<Done> {
    const response = await this.send("GET", `/readyz`, {});
    return (await response.json()) as Done;
  }

  /** Switches a service's callback on again */
  async enableCallback(domain: string, callbackId: string): Promise<Done> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/callbacks/${encodeURIComponent(callbackId)}/enable`, {});
    return (await response.json()) as Done;
  }

  /** Lists calls, the latest first */
  async listCalls(domain: string, query: { state?: "offered" | "ringing" | "answered" | "confirmed" | "cancelling" | "ended"; direction?: "inbound" | "outbound"; class?: "normal" | "busy" | "no_answer" | "rejected" | "unreachable" | "auth" | "policy" | "media" | "client_error" | "upstream_error" | "internal"; startedAfter?: number; startedBefore?: number; number?: string; sourceUser?: string; destinationUser?: string; callId?: string; sessionReferenceId?: string; limit?: number; nextToken?: string } = {}): Promise<CallList> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/calls`, { query });
    return (await response.json()) as CallList;
  }

  /** Shows one call */
  async getCall(domain: string, id: string): Promise<CallReply> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/calls/${encodeURIComponent(id)}`, {});
    return (await response.json()) as CallReply;
  }

  /** Shows everything that was sent for a call */
  async getLadder(domain: string, id: string, query: { format?: "json" | "text" } = {}): Promise<LadderReply> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/calls/${encodeURIComponent(id)}/ladder`, { query });
    return (await response.json()) as LadderReply;
  }

  /** Lists deliveries, the oldest first */
  async listDeliveries(domain: string, query: { state?: "pending" | "delivered" | "failed"; call?: string; event?: string; callbackId?: string; service?: string; from?: number; to?: number; limit?: number; nextToken?: string } = {}): Promise<DeliveryList> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/deliveries`, { query });
    return (await response.json()) as DeliveryList;
  }

  /** Tells an application many things again */
  async replayDeliveries(domain: string, body?: ReplayRange | null): Promise<ReplayReply> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/deliveries/replay`, { body });
    return (await response.json()) as ReplayReply;
  }

  /** Shows one delivery with every try */
  async getDelivery(domain: string, id: string): Promise<DeliveryReply> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/deliveries/${encodeURIComponent(id)}`, {});
    return (await response.json()) as DeliveryReply;
  }

  /** Tells an application something again */
  async replayDelivery(domain: string, id: string): Promise<Done> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/deliveries/${encodeURIComponent(id)}/replay`, {});
    return (await response.json()) as Done;
  }

  /** Reads or follows the events */
  async listEvents(domain: string, query: { after?: string; limit?: number } = {}, headers: { "Last-Event-ID"?: string } = {}): Promise<EventList> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/events`, { query, headers });
    return (await response.json()) as EventList;
  }

  /** Explains where a call would go */
  async explain(domain: string, body: ExplainRequest): Promise<ExplainReply> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/explain`, { body });
    return (await response.json()) as ExplainReply;
  }

  /** Shows what promoting drafts would change */
  async diffDrafts(domain: string, body?: Drafts | null): Promise<DraftChanges> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/provisory/diff`, { body });
    return (await response.json()) as DraftChanges;
  }

  /** Throws drafts away */
  async discardDrafts(domain: string, body?: Drafts | null): Promise<DraftsDone> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/provisory/discard`, { body });
    return (await response.json()) as DraftsDone;
  }

  /** Puts drafts in force */
  async promoteDrafts(domain: string, body?: Promotion | null): Promise<DraftsDone> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/provisory/promote`, { body });
    return (await response.json()) as DraftsDone;
  }

  /** Shows the settings */
  async getSettings(domain: string): Promise<SettingsReply> {
    const response = await this.send("GET", `/v1/${encodeURIComponent(domain)}/settings`, {});
    return (await response.json()) as SettingsReply;
  }

  /** Overwrites the settings */
  async putSettings(domain: string, body: Settings, query: { strict?: boolean } = {}): Promise<SettingsReply> {
    const response = await this.send("PUT", `/v1/${encodeURIComponent(domain)}/settings`, { body, query });
    return (await response.json()) as SettingsReply;
  }

  /** Replaces the webhook secret */
  async rotateWebhookSecret(domain: string): Promise<WebhookSecretReply> {
    const response = await this.send("POST", `/v1/${encodeURIComponent(domain)}/webhook-secret/rotate`, {});
    return (await response.json()) as WebhookSecretReply;
  }
}
