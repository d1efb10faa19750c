//! Where a tenant's notifications go, as ways of the outbox beside its services.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_api::notification::NotificationSettings;
use serde_json::Value;

use super::{ServiceCallback, Way};
use crate::notify::{ALARMS, SIP_EVENTS, callback_id};

/// `httpTimeout` when nobody says, in milliseconds.
const USUAL_TIMEOUT: u32 = 15_000;

/// A way with the id it has beside those of services.
pub(super) type Named = (Arc<str>, Arc<ServiceCallback>);

/// The ways that the settings name.
pub(super) fn ways(opened: Value) -> Result<Vec<Named>, String> {
    let settings: NotificationSettings =
        serde_json::from_value(opened).map_err(|error| error.to_string())?;
    let is_http = settings.use_http_events == Some(true);
    let named = [
        (
            ALARMS,
            settings.alarm_events_rest_endpoint.as_deref(),
            settings.alarm_topic.as_deref(),
        ),
        (
            SIP_EVENTS,
            settings.sip_events_rest_endpoint.as_deref(),
            settings.sip_events_topic.as_deref(),
        ),
    ];
    let total = settings.http_timeout.unwrap_or(USUAL_TIMEOUT);
    // A try has a third of a callback's budget; this one is for a first try and three more.
    let timeout = Duration::from_millis(u64::from(total)) * 3 / 4;
    let ways = named.into_iter().filter_map(|(id, endpoint, topic)| {
        let (base_url, way) = match (is_http, endpoint, topic) {
            (true, Some(endpoint), _) => (endpoint, Way::Whole),
            (false, _, Some(topic)) => ("", Way::Topic(topic.into())),
            _ => return None,
        };
        let callback = ServiceCallback {
            callback_id: callback_id(id).into(),
            base_url: base_url.into(),
            timeout,
            authentication: settings.rest_authentication.clone().into(),
            disabled: false,
            way,
        };
        Some((id.into(), Arc::new(callback)))
    });
    Ok(ways.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(settings: Value) -> Vec<(String, String, Way)> {
        let ways = ways(settings).unwrap().into_iter();
        ways.map(|(id, way)| (id.to_string(), way.base_url.to_string(), way.way.clone()))
            .collect()
    }

    #[test]
    fn events_go_to_the_endpoints_or_to_the_topics_and_nowhere_when_neither_is_named() {
        let topic = "arn:aws:sns:eu-north-1:123456789012:alarms";
        let mut settings =
            json!({"alarmTopic": topic, "sipEventsRestEndpoint": "https://a.example/e"});
        let alarms = (ALARMS.to_owned(), String::new(), Way::Topic(topic.into()));
        assert_eq!(named(settings.clone()), [alarms]);
        settings["useHttpEvents"] = true.into();
        let events = (
            SIP_EVENTS.to_owned(),
            "https://a.example/e".to_owned(),
            Way::Whole,
        );
        assert_eq!(named(settings), [events]);
        assert_eq!(named(json!({})), []);
    }

    #[test]
    fn a_try_has_a_quarter_of_the_budget() {
        let settings = json!({"useHttpEvents": true, "httpTimeout": 8_000, "alarmEventsRestEndpoint": "https://a.example"});
        let ways = ways(settings).unwrap();
        assert_eq!(ways[0].1.timeout / 3, Duration::from_secs(2));
    }
}
