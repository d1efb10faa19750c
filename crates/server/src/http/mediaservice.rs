//! `/provisioning/mediaservice/{domain}`: services that play, ask and record.

use hookswitch_api::error::FieldError;
use hookswitch_api::mediaservice::MediaService;

use super::Rest;
use super::cloudsipua::{Service, complete_callback_id};
use super::destinations::{Destination, Words};
use super::documents::{Form, Provisioned, Target};
use crate::kind::{Kind, MEDIA_SERVICE};

impl Provisioned for MediaService {
    const KIND: &'static Kind = &MEDIA_SERVICE;

    fn check(&self, rest: &Rest) -> Vec<FieldError> {
        let service = Service {
            pattern: &self.destination_match,
            url: Some(&self.callback_base_url),
            signing: self.rest_authentication.as_deref().unwrap_or_default(),
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
}

impl Destination for MediaService {
    const WORDS: Words = Words {
        list: "/provisioning/mediaservice/{domain}",
        item: "/provisioning/mediaservice/{domain}/{mediaServiceId}",
        parameter: "mediaServiceId",
        operation: "MediaService",
        one: "a Media Service",
        many: "the Media Services",
        what: "Calls it matches are to be played to, asked and recorded. The service itself is not in this version: until then a call it matches is refused with 501, and the call's record says why.",
        example: include_str!("examples/mediaservice.json"),
    };
}
