//! `/provisioning/alarmeventmapper/{domain}`: where alarm events are sent on to.

use hookswitch_api::alarmeventmapper::AlarmEventMapper;
use hookswitch_api::error::FieldError;
use hookswitch_store::Error;

use super::Rest;
use super::destinations::{Destination, Words};
use super::documents::{Form, Provisioned, Target};
use crate::kind::{ALARM_EVENT_MAPPER, Kind};

impl Provisioned for AlarmEventMapper {
    const KIND: &'static Kind = &ALARM_EVENT_MAPPER;

    fn check(&self, _: &Rest) -> Vec<FieldError> {
        self.validate()
    }

    fn complete(
        &mut self,
        target: &Target,
        _: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.id = Some(target.id.clone());
        Ok(Vec::new())
    }

    /// Calls do not look at it.
    fn publish(_: &Rest, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn remarks(&self) -> Vec<FieldError> {
        self.remarks()
    }
}

impl Destination for AlarmEventMapper {
    const WORDS: Words = Words {
        list: "/provisioning/alarmeventmapper/{domain}",
        item: "/provisioning/alarmeventmapper/{domain}/{alarmEventMapperId}",
        parameter: "alarmEventMapperId",
        operation: "AlarmEventMapper",
        one: "an Alarm Event Mapper",
        many: "the Alarm Event Mappers",
        what: "An Alarmbridge names it in `alarmEventMapperId`; it says where events go and what follows. `alarmHandling` says which fields have an effect; a field of another one is stored and named in `warnings`.",
        example: include_str!("examples/alarmeventmapper.json"),
    };
}
