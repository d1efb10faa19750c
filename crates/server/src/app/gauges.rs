//! What `/metrics` shows of the node: read when somebody asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookswitch_call::engine::{Counters, Full};
use hookswitch_call::outcome::Class;
use hookswitch_store::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::brake::Brakes;
use crate::net::{Egress, Inboxes};
use crate::outlet::Outlet;
use crate::shard::{Gauges, ShardHandle};

/// Everything that is counted outside HTTP.
pub(super) struct Node {
    shards: Vec<ShardHandle>,
    inboxes: Arc<Inboxes>,
    egress: Arc<Egress>,
    store: Store,
    outlet: Arc<Outlet>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

impl Node {
    pub(super) fn new(
        shards: Vec<ShardHandle>,
        inboxes: Arc<Inboxes>,
        egress: Arc<Egress>,
        store: Store,
        outlet: Arc<Outlet>,
    ) -> Self {
        Self {
            shards,
            inboxes,
            egress,
            store,
            outlet,
        }
    }
}

impl Collector for Node {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let shards: Vec<Gauges> = self.shards.iter().map(ShardHandle::gauges).collect();
        let count =
            |of: fn(&Counters) -> u64| shards.iter().map(|shard| of(&shard.counters)).sum::<u64>();
        let gauge = |of: fn(&Gauges) -> usize| {
            let sum: usize = shards.iter().map(of).sum();
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        let mut out = Out(&mut encoder);
        out.counter(
            "sip_messages_received",
            "SIP messages taken up",
            count(|c| c.received),
        )?;
        out.counter("sip_messages_sent", "SIP messages sent", count(|c| c.sent))?;
        out.counter(
            "sip_retransmissions",
            "SIP messages sent again",
            count(|c| c.retransmitted),
        )?;
        out.counter(
            "sip_unparseable",
            "Datagrams that are no SIP message",
            count(|c| c.unparseable),
        )?;
        let brakes = self.inboxes.brakes();
        out.counter(
            "sip_inbox_arrived",
            "SIP messages read from the network",
            self.inboxes.received(),
        )?;
        out.counter(
            "sip_inbox_dropped",
            "SIP messages dropped because a shard's inbox was full",
            brakes.inbox.hits(),
        )?;
        out.limits(brakes)?;
        out.counter(
            "sip_datagrams_lost",
            "Datagrams the kernel did not take",
            self.egress.lost(),
        )?;
        let connections = self.egress.connections().count();
        out.gauge(
            "sip_connections",
            "SIP connections",
            i64::try_from(connections).unwrap_or(i64::MAX),
        )?;
        out.counter(
            "sip_connections_refused",
            "SIP connections over the limits",
            brakes.connections.hits(),
        )?;
        out.counter(
            "calls_offered",
            "New INVITEs that passed the protocol checks",
            count(|c| c.offered),
        )?;
        out.counter(
            "calls_placed",
            "Calls placed by applications",
            count(|c| c.placed),
        )?;
        out.counter("calls_answered", "Calls answered", count(|c| c.answered))?;
        out.counter(
            "calls_drills",
            "INVITEs to drill destinations",
            count(|c| c.drills),
        )?;
        out.counter(
            "calls_refused_domain",
            "INVITEs refused for want of a tenant",
            count(|c| c.refused_domain),
        )?;
        out.counter(
            "calls_challenged",
            "INVITEs whose caller was asked to sign in",
            count(|c| c.challenged),
        )?;
        out.counter(
            "calls_refused_caller",
            "INVITEs of strangers refused",
            count(|c| c.refused_caller),
        )?;
        out.counter(
            "calls_refused_user",
            "INVITEs refused because nothing matches",
            count(|c| c.refused_user),
        )?;
        out.counter(
            "calls_refused_callback",
            "INVITEs refused with callbacks off",
            count(|c| c.refused_callback),
        )?;
        out.counter(
            "calls_refused_service",
            "INVITEs and MESSAGEs refused because what matches is not in service yet",
            count(|c| c.refused_service),
        )?;
        out.counter(
            "calls_refused_outbound",
            "Calls applications were not let place, by the setting outbound or by their trunks",
            count(|c| c.refused_outbound),
        )?;
        out.counter(
            "calls_refused_target",
            "Placed calls given up at once: where they go is unknown or not allowed",
            count(|c| c.refused_target),
        )?;
        out.counter(
            "calls_refused_media",
            "INVITEs refused because of their SDP",
            count(|c| c.refused_media),
        )?;
        out.counter(
            "calls_refused_capacity",
            "INVITEs refused at a limit or a drain",
            count(|c| c.refused_full.iter().sum()),
        )?;
        for full in Full::ALL {
            let refused = |shard: &Gauges| shard.counters.refused_full[full as usize];
            out.counter(
                &format!("calls_refused_{}", full.as_str()),
                "Of those at a limit or a drain, the ones for this reason",
                shards.iter().map(refused).sum(),
            )?;
        }
        out.ended(&shards)?;
        out.gauge(
            "calls",
            "Calls under way, drills included",
            gauge(|g| g.census.calls + g.census.drills),
        )?;
        out.gauge(
            "sip_transactions",
            "Live SIP transactions",
            gauge(|g| g.census.sip.transactions),
        )?;
        out.gauge(
            "sip_tombstones",
            "Finished SIP transactions that absorb copies",
            gauge(|g| g.census.sip.tombstones),
        )?;
        out.gauge(
            "outputs_held",
            "Outputs that wait for the database",
            gauge(|g| g.held),
        )?;
        out.counter(
            "sip_log_lines_dropped",
            "Lines of the SIP log and of ladders dropped for want of room",
            shards.iter().map(|shard| shard.lines_dropped).sum(),
        )?;
        out.counter(
            "sip_log_strays_unlogged",
            "SIP messages of no call left out of the log, for there were too many",
            count(|c| c.unlogged),
        )?;
        let (waiting, trying) = self.outlet.load();
        out.gauge(
            "callbacks_waiting",
            "Callbacks in memory",
            i64::try_from(waiting).unwrap_or(i64::MAX),
        )?;
        out.gauge(
            "callbacks_trying",
            "Callbacks being tried",
            i64::try_from(trying).unwrap_or(i64::MAX),
        )?;
        let counts = self.outlet.counts();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        out.counter(
            "callback_attempts",
            "HTTP exchanges with applications",
            read(&counts.attempts),
        )?;
        out.counter(
            "callback_attempts_failed",
            "HTTP exchanges without a 2xx",
            read(&counts.failed_attempts),
        )?;
        out.counter(
            "callback_asks_answered",
            "Asks an application answered",
            read(&counts.asks_answered),
        )?;
        out.counter(
            "callback_asks_failed",
            "Asks that brought no usable answer",
            read(&counts.asks_failed),
        )?;
        out.counter(
            "callback_tells_delivered",
            "Events delivered",
            read(&counts.tells_delivered),
        )?;
        out.counter(
            "callback_tells_failed",
            "Events given up",
            read(&counts.tells_failed),
        )?;
        let store = self.store.writer().metrics();
        out.gauge(
            "store_queue",
            "Jobs before the database writer",
            i64::try_from(store.waiting).unwrap_or(i64::MAX),
        )?;
        out.counter(
            "store_commits",
            "Database transactions committed",
            store.commits,
        )?;
        out.counter("store_rows", "Rows written on the call path", store.rows)?;
        out.counter("store_failures", "Writes that failed", store.failures)?;
        out.counter(
            "store_slow",
            "Groups of writes that somebody waited for 0.5 s or longer, though nothing failed",
            store.slow,
        )?;
        out.seconds(
            "store_oldest_waiting",
            "How long the oldest write that somebody waits for has been at work",
            store.oldest_waiting.as_secs_f64(),
        )?;
        out.gauge(
            "store_away",
            "1 while the database cannot be used, else 0",
            i64::from(store.away),
        )?;
        out.counter(
            "store_unanswered",
            "Questions to the database and tries to write that failed because it could not be used",
            store.unanswered,
        )?;
        out.seconds(
            "store_last_commit",
            "How long the last commit took",
            store.last_commit.as_secs_f64(),
        )?;
        out.seconds(
            "store_longest_commit",
            "How long the longest commit since the start took",
            store.longest_commit.as_secs_f64(),
        )
    }
}

struct Out<'o, 'e>(&'o mut DescriptorEncoder<'e>);

impl Out<'_, '_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        let encoder = self
            .0
            .encode_descriptor(name, help, None, counter.metric_type())?;
        counter.encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        let encoder = self
            .0
            .encode_descriptor(name, help, None, gauge.metric_type())?;
        gauge.encode(encoder)
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        let encoder =
            self.0
                .encode_descriptor(name, help, Some(&Unit::Seconds), gauge.metric_type())?;
        gauge.encode(encoder)
    }

    fn limits(&mut self, brakes: &Brakes) -> fmt::Result {
        let help = "What each limit held back; docs/operations.md tells them apart";
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = self.0.encode_descriptor("limit_hits", help, None, kind)?;
        for brake in brakes.all() {
            let counter = ConstCounter::new(brake.hits());
            counter.encode(family.encode_family(&[("limit", brake.name)])?)?;
        }
        Ok(())
    }

    fn ended(&mut self, shards: &[Gauges]) -> fmt::Result {
        for (place, class) in Class::ALL.iter().enumerate() {
            let sum = shards.iter().map(|shard| shard.counters.ended[place]).sum();
            let name = format!("calls_ended_{}", class.as_str());
            self.counter(&name, "Calls that ended in this class", sum)?;
        }
        Ok(())
    }
}
