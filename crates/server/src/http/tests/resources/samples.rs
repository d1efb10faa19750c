//! The documented bodies as they stand in the provisioning API, and what each needs to be valid.

/// A resource with its documented body.
pub(super) struct Resource {
    /// Where it is created.
    pub(super) list: &'static str,
    /// The member of a list.
    pub(super) many: &'static str,
    /// The member of a single one, empty where it stands alone.
    pub(super) single: &'static str,
    /// One for each tenant.
    pub(super) singleton: bool,
    /// The documented body.
    pub(super) sample: &'static str,
    /// What replaces a placeholder, or is put back; empty takes an artefact out.
    pub(super) repairs: &'static [(&'static str, &'static str)],
    /// Members that replies mask.
    pub(super) secrets: &'static [&'static str],
}

const KEY: &str = "\"a-shared-key-of-at-least-32-bytes\"";

/// All of them.
pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        list: "/provisioning/cloudsipua/acme.example.com",
        many: "cloudsipuas",
        single: "cloudsipua",
        singleton: false,
        sample: r#"{
            "restAuthentication": [{"sub": "string", "requestHeaders": {"x-functions-key": "string"}, "scope": "string",
                                    "secret": "string", "type": "RS256"}],
            "callbackTimeout": 0, "callbackId": "string", "destinationMatch": "/regex/",
            "callbackDescription": "string", "name": "string", "description": "string", "id": "string",
            "callbackName": "string"
        }"#,
        repairs: &[
            ("/callbackBaseUrl", r#""https://app.example.com/hooks""#),
            ("/callbackTimeout", "5000"),
            ("/restAuthentication/0/type", r#""HS256""#),
            ("/restAuthentication/0/secret", KEY),
        ],
        secrets: &[
            "/restAuthentication/0/secret",
            "/restAuthentication/0/requestHeaders/x-functions-key",
        ],
    },
    Resource {
        list: "/provisioning/mediaservice/acme.example.com",
        many: "mediaservices",
        single: "mediaservice",
        singleton: false,
        sample: r#"{
            "googleApikey": "string", "disableLateOffer": true, "ivrRefresherExpiration": 0, "callbackTimeout": 0,
            "destinationMatch": "/regex/", "googleServiceKey": {}, "callbackDescription": "string",
            "description": "string", "callbackName": "string", "replySessionExpiration": 0,
            "restAuthentication": [{"sub": "string", "requestHeaders": {"x-functions-key": "string"}, "scope": "string",
                                    "secret": "string", "type": "RS256"}],
            "rtpTimeout": 0, "callbackId": "string", "offeredCodecs": ["opus"], "name": "string",
            "networkId": "string", "id": "string"
        }"#,
        repairs: &[
            ("/callbackBaseUrl", r#""https://app.example.com/media""#),
            ("/callbackTimeout", "5000"),
            ("/restAuthentication/0/type", r#""HS256""#),
            ("/restAuthentication/0/secret", KEY),
        ],
        secrets: &[
            "/googleApikey",
            "/restAuthentication/0/secret",
            "/restAuthentication/0/requestHeaders/x-functions-key",
        ],
    },
    Resource {
        list: "/provisioning/alarmbridge/acme.example.com",
        many: "alarmbridges",
        single: "alarmbridge",
        singleton: false,
        sample: r#"{
            "tonePowers": [0], "protocol": "api", "protocolCandidates": ["bs8521"],
            "toneSettings": {"0": "inaudio", "calleeDtmfSendType": "2833", "callerDtmfSendType": "2833",
                             "dtmfSendType": "2833"},
            "protocolModes": ["dtmf"], "alarmEventMapperId": "string", "defaultHeartbeatInterval": 300000,
            "useVPNConnection": false, "fallbackAlarmProtocol": "bs8521", "callbackTimeout": 15000,
            "destinationMatch": "/regex/", "callbackDescription": "string", "controlCommandsEnabled": true,
            "description": "string", "arcDisconnectClearsCall": true, "customEventMap": {},
            "customerSiteId": "/regex/", "callbackName": "string",
            "restAuthentication": [{"sub": "string", "requestHeaders": {}, "scope": "string", "secret": "string",
                                    "type": "RS256"}],
            "callbackId": "string", "name": "string", "id": "string", "dataRequestInterval": 0,
            "defaultEmergencyDestination": "string"
        }"#,
        repairs: &[
            ("/callbackBaseUrl", r#""https://app.example.com/alarms""#),
            ("/customerSiteId", r#""site-1""#),
            ("/protocolMode", r#""dtmf""#),
            ("/toneSettings/0", ""),
            ("/restAuthentication/0/type", r#""HS256""#),
            ("/restAuthentication/0/secret", KEY),
        ],
        secrets: &["/restAuthentication/0/secret"],
    },
    Resource {
        list: "/provisioning/alarmeventmapper/acme.example.com",
        many: "alarmeventmappers",
        single: "alarmeventmapper",
        singleton: false,
        sample: r#"{
            "alarmHandling": "callEmergencyCenter", "waitForCallback": 5,
            "targetEndpoint": {
                "protocol": "scaip", "sipAuthUser": "string", "sipAuthPassword": "string", "destAddr": "string",
                "overrideSipFrom": "string", "defaultVoiceDestination": "string",
                "backupEndpoint": {
                    "backupOverrideSipFrom": "string", "backupSipAuthPassword": "string",
                    "backupDefaultVoiceDestination": "string", "backupSipAuthUser": "string",
                    "backupDestAddr": "string"
                }
            },
            "deviceIdPadLength": 0, "description": "string", "mappingRules": {},
            "unknownAlarmEventVoiceDestination": "string", "fromDomain": "string", "maxSessionDuration": 0,
            "controllerIdPadLength": 0, "name": "string", "mapDeviceIdToControllerId": false,
            "useVoiceBridge": true, "callerId": "string", "id": "string", "enableDestinationMonitoring": true
        }"#,
        repairs: &[],
        secrets: &[
            "/targetEndpoint/sipAuthPassword",
            "/targetEndpoint/backupEndpoint/backupSipAuthPassword",
        ],
    },
    Resource {
        list: "/provisioning/trunk/acme.example.com",
        many: "trunks",
        single: "trunk",
        singleton: false,
        sample: r#"{
            "destinationTarget": "string", "localCodec": "GSM", "destinationTransport": "string",
            "sourceNetworks": [{}], "addTerminatingUriParameters": "string", "trunkGroupId": "string",
            "usePrivateIP": true, "destinationMatch": "/regex/", "transcode": true, "description": "string",
            "type": "trunk", "userName": "string", "destinationRewrite": "string", "trunksideCodec": "GSM",
            "forceRtpRelay": true, "password": "string", "forceNatRewrites": true, "diversionHeader": "string",
            "rewriteAnumber": "string", "ha1": "string", "networkId": "string", "realm": "string",
            "blacklistPattern": "string"
        }"#,
        repairs: &[
            ("/destinationTransport", r#""udp""#),
            ("/sourceNetworks", r#"["192.0.2.1", "198.51.100.0/24"]"#),
        ],
        secrets: &["/password", "/ha1"],
    },
    Resource {
        list: "/provisioning/notificationsettings/acme.example.com",
        many: "",
        single: "",
        singleton: true,
        sample: SETTINGS,
        repairs: REPAIRED_SETTINGS,
        secrets: &["/restAuthentication/0/secret"],
    },
    Resource {
        list: "/provisioning/siprecservice/acme.example.com",
        many: "",
        single: "",
        singleton: true,
        sample: SETTINGS,
        repairs: REPAIRED_SETTINGS,
        secrets: &["/restAuthentication/0/secret"],
    },
];

const SETTINGS: &str = r#"{
    "restAuthentication": [{"sub": "string", "requestHeaders": {}, "scope": "string", "secret": "string",
                            "type": "RS256"}],
    "alarmTopic": "string", "httpTimeout": 0, "sipEventsTopic": "string", "useHttpEvents": true,
    "alarmEventsRestEndpoint": "string", "sipEventsRestEndpoint": "string", "alarmbridgeCallbackEndpoint": "string"
}"#;

const REPAIRED_SETTINGS: &[(&str, &str)] = &[
    (
        "/alarmTopic",
        r#""arn:aws:sns:eu-north-1:123456789012:alarms""#,
    ),
    (
        "/sipEventsTopic",
        r#""arn:aws:sns:eu-north-1:123456789012:events""#,
    ),
    ("/httpTimeout", "15000"),
    (
        "/alarmEventsRestEndpoint",
        r#""https://app.example.com/alarms""#,
    ),
    (
        "/sipEventsRestEndpoint",
        r#""https://app.example.com/events""#,
    ),
    (
        "/alarmbridgeCallbackEndpoint",
        r#""https://app.example.com/bridge""#,
    ),
    ("/restAuthentication/0/type", r#""HS256""#),
    ("/restAuthentication/0/secret", KEY),
];
