//! Fills the outbox of a stopped server, as an outage of the customer would: `fill_outbox FOLDER DOMAIN SERVICE EVENTS`.
//! Four events to a call, so that order within calls counts.
use hookswitch_store::*;
use std::{env, error::Error, path::Path, sync::Arc, thread::sleep, time::Duration};

const PER_CALL: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, domain, service, events] = &arguments[..] else {
        return Err("fill_outbox FOLDER DOMAIN SERVICE EVENTS".into());
    };
    let (domain, events): (Arc<str>, u64) = (domain.as_str().into(), events.parse()?);
    let store = Store::open(Path::new(folder), Options::default())?;
    let now = UnixMicros::now();
    for call in 0..events / PER_CALL {
        while store.writer().metrics().waiting > 5_000 {
            sleep(Duration::from_millis(1));
        }
        // Ids are led by milliseconds of the clock, as those of real calls are.
        let id = u128::from(now.0 / 1_000) << 80 | u128::from(call);
        let events = (1..=PER_CALL).map(|sequence| EventRow {
            webhook_id: format!("msg_{id:032x}_{sequence}"),
            call: CallKey(id),
            domain: domain.clone(),
            service: service.clone(),
            name: if sequence == PER_CALL { "callHungup" } else { "callNotify" }.into(),
            sequence: u32::try_from(sequence).expect("a small number"),
            terminal: sequence == PER_CALL,
            created_at: now,
            body: format!(
                "{{\"callId\":\"{id:032x}\",\"sequence\":{sequence},\"domain\":\"{domain}\",\"note\":\"{}\"}}",
                "x".repeat(600)
            ),
            ..EventRow::default()
        });
        let batch = Batch {
            events: events.collect(),
            ..Batch::default()
        };
        store.writer().submit(batch, |done| done.expect("room"))?;
    }
    store.writer().flush()?;
    Ok(())
}
