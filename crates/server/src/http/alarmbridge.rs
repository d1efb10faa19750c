//! `/provisioning/alarmbridge/{domain}`: services that receive alarm events.

use hookswitch_api::alarmbridge::AlarmBridge;
use hookswitch_api::error::FieldError;

use super::Rest;
use super::cloudsipua::{Service, complete_callback_id};
use super::destinations::{Destination, Words};
use super::documents::{Form, Provisioned, Target};
use crate::kind::{ALARM_BRIDGE, Kind};

impl Provisioned for AlarmBridge {
    const KIND: &'static Kind = &ALARM_BRIDGE;

    fn check(&self, rest: &Rest) -> Vec<FieldError> {
        let service = Service {
            pattern: &self.destination_match,
            url: self.callback_base_url.as_deref(),
            signing: &self.rest_authentication,
        };
        service.check(rest, self.validate(rest.plain_http()))
    }

    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.id = Some(target.id.clone());
        let kept = previous.and_then(|previous| previous.callback_id.as_ref());
        complete_callback_id(&mut self.callback_id, kept);
        Ok(Vec::new())
    }

    fn remarks(&self) -> Vec<FieldError> {
        self.remarks()
    }
}

impl Destination for AlarmBridge {
    const WORDS: Words = Words {
        list: "/provisioning/alarmbridge/{domain}",
        item: "/provisioning/alarmbridge/{domain}/{alarmBridgeId}",
        parameter: "alarmBridgeId",
        operation: "AlarmBridge",
        one: "an Alarmbridge",
        many: "the Alarmbridges",
        what: "Alarm calls and messages it matches become events. `protocol` says which fields have an effect; a field of another protocol is stored and named in `warnings`. The service itself is not in this version: until then a call or a MESSAGE it matches is refused with 501, and the record says why.",
        example: include_str!("examples/alarmbridge.json"),
    };
}
