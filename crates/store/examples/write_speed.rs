//! What one phone call costs the writer thread: `write_speed CALLS [CALLS_PER_SECOND]`, flat out without a pace.

use std::time::{Duration, Instant};
use std::{env, error::Error, fs, sync::mpsc, thread};

use hookswitch_store::{
    Batch, CallKey, CallRow, DeliveryOutcome, DeliveryUpdate, EventRow, LadderRow, Options,
};
use hookswitch_store::{Store, UnixMicros};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = env::args().skip(1).map(|number| number.parse::<u64>());
    let (calls, pace) = (
        numbers.next().transpose()?.unwrap_or(50_000),
        numbers.next().transpose()?,
    );
    let dir = tempfile::tempdir_in(".")?;
    let store = Store::open(dir.path(), Options::default())?;
    let ((done, answers), began) = (mpsc::channel(), Instant::now());
    for call in 0..calls {
        let due = pace.map(|pace| began + Duration::from_micros(call * 1_000_000 / pace));
        thread::sleep(due.map_or(Duration::ZERO, |due| {
            due.saturating_duration_since(Instant::now())
        }));
        // Calls overlap: while this one is offered, an earlier one is answered, and a still earlier one ends.
        let steps = [
            (call, 0),
            (call.wrapping_sub(500), 1),
            (call.wrapping_sub(501), 2),
            (call.wrapping_sub(4_000), 3),
        ];
        for batch in steps
            .into_iter()
            .filter(|(number, _)| *number < calls)
            .flat_map(batches)
        {
            while store.writer().metrics().waiting > 10_000 {
                thread::sleep(Duration::from_millis(1));
            }
            let done = done.clone();
            store
                .writer()
                .submit(batch, move |outcome| done.send(outcome).unwrap_or_default())?;
        }
    }
    drop(done);
    let jobs = answers.iter().collect::<Result<Vec<()>, _>>()?.len();
    let (seconds, metrics) = (began.elapsed().as_secs_f64(), store.writer().metrics());
    let [per_second, rows_per_second] = [calls, metrics.rows].map(|count| count as f64 / seconds);
    let cpu = writer_cpu()?.as_secs_f64() * 1e6 / calls as f64;
    eprintln!(
        "{per_second:.0} calls/s, {rows_per_second:.0} rows/s, {jobs} jobs in {} commits, {cpu:.1} µs CPU per call",
        metrics.commits
    );
    Ok(())
}

fn batches((number, step): (u64, u32)) -> Vec<Batch> {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (call, at) = (
        CallKey(u128::from(number) << 80 | u128::from(scattered)),
        UnixMicros(number * 2_000),
    );
    let text = |length| "x".repeat(length);
    let row = CallRow {
        id: call,
        domain: "example.com".into(),
        direction: "inbound".into(),
        source_user: format!("+46{}", scattered >> 32),
        destination_user: "112".to_owned(),
        sip_call_id: format!("{scattered:032x}@198.51.100.7"),
        started_at: at,
        state: ["offered", "answered", "answered", "ended"][step as usize].into(),
        session_reference_id: (step > 0).then(|| format!("{scattered:x}")),
        answered_at: (step > 0).then_some(at),
        ended_at: (step == 3).then_some(at),
        class: (step == 3).then(|| "normal".into()),
        record: text(900),
    };
    let sequence = [1, 0, 2, 3][step as usize];
    let event = EventRow {
        webhook_id: format!("msg_{:032x}_{sequence}", call.0),
        call,
        domain: "example.com".into(),
        service: "main".to_owned(),
        callback_id: "cb-1".to_owned(),
        name: "callAnswered".into(),
        sequence,
        terminal: step == 3,
        target: None,
        created_at: at,
        body: text(700),
        sealed: None,
    };
    let delivery = DeliveryUpdate {
        call,
        sequence,
        outcome: DeliveryOutcome::Delivered(at),
        attempts: 1,
        last_status: Some(200),
        last_error: None,
    };
    let snapshot = (call, (step < 3).then(|| vec![0; 1_500]));
    let mut promised = Batch {
        snapshots: vec![snapshot],
        ..Batch::default()
    };
    promised.calls.extend((step != 2).then_some(row));
    promised.events.extend((step != 1).then_some(event));
    let told = Batch {
        deliveries: vec![delivery],
        ..Batch::default()
    };
    let logged = Batch {
        ladder: vec![LadderRow {
            call,
            at,
            rows: vec![1; 1_500],
        }],
        ..Batch::default()
    };
    [
        Some(promised),
        (step != 1).then_some(told),
        (step == 1 || step == 3).then_some(logged),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn writer_cpu() -> Result<Duration, Box<dyn Error>> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "store-writer" {
            let stat = fs::read_to_string(task.join("schedstat"))?;
            nanos += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}
