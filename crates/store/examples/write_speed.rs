//! What one phone call costs the writer thread: `write_speed CALLS MICROS_BETWEEN_CALLS`, 0 for flat out.
use hookswitch_store::*;
use std::{env, error::Error, fs, thread::sleep, time::Duration, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = env::args().skip(1).map(|number| number.parse());
    let calls: u64 = numbers.next().unwrap_or(Ok(50_000))?;
    let pause = Duration::from_micros(numbers.next().unwrap_or(Ok(0))?);
    let (began, mut due) = (Instant::now(), Instant::now());
    let dir = tempfile::tempdir_in(".")?;
    let store = Store::open(dir.path(), Options::default())?;
    for number in 0..calls {
        sleep(due.saturating_duration_since(Instant::now()));
        due += pause;
        while store.writer().metrics().waiting > 10_000 {
            sleep(Duration::from_millis(1));
        }
        // Calls overlap: one is offered, older ones are answered, confirmed and ended.
        for (step, age) in [(0, 0), (1, 500), (2, 501), (3, 4_000)] {
            let batches = number.checked_sub(age).map(|older| batches(older, step));
            for batch in batches.into_iter().flatten() {
                store.writer().submit(batch, |done| done.expect("room"))?;
            }
        }
    }
    store.writer().flush()?;
    let (done, took) = (store.writer().metrics(), began.elapsed());
    let mut cpu = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let read = |name| fs::read_to_string(path.join(name));
        if read("comm")?.starts_with("store-") {
            let nanos = read("schedstat")?;
            cpu += nanos.split(' ').next().unwrap_or("").parse::<u64>()?;
        }
    }
    eprintln!("{took:?}, {} ns CPU per call, {done:?}", cpu / calls);
    Ok(())
}

fn batches(number: u64, step: u32) -> [Batch; 2] {
    let (id, at) = (CallKey(u128::from(number) << 80), UnixMicros(number));
    let (mut row, mut event) = (CallRow::default(), EventRow::default());
    (row.id, row.started_at, row.record) = (id, at, "r".repeat(900));
    (row.answered_at, row.ended_at) = ((step > 0).then_some(at), (step > 2).then_some(at));
    (event.call, event.sequence, event.body) = (id, step, "b".repeat(700));
    let (mut promised, mut lazy) = <(Batch, Batch)>::default();
    let body = (step < 3).then(|| vec![0; 1_500]);
    promised.snapshots.push((id, body));
    promised.calls.extend((step != 2).then_some(row));
    if step != 1 {
        promised.events.push(event);
        lazy.deliveries
            .push(DeliveryUpdate::delivered(id, step, at));
    }
    let (call, domain, rows) = (id, None, vec![1; 1_500]);
    lazy.ladder.push(LadderRow {
        call,
        domain,
        at,
        rows,
    });
    lazy.ladder.truncate(step as usize % 2);
    [promised, lazy]
}
