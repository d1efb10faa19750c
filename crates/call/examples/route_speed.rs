//! How long a domain with 100,000 devices and 1,000 services takes to route an inbound call, and to take up one write.
//!
//! `cargo run --release -p hookswitch-call --example route_speed`

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, Directory, Settings, Tenant,
};
use hookswitch_call::pattern::Pattern;
use hookswitch_call::route::{Destined, Shown, route};

const DOMAIN: &str = "acme.example";
const DEVICES: usize = 100_000;
const SERVICES: usize = 1_000;
const CALLS: usize = 20_000;

/// The pattern of the service with this number.
type Source = fn(usize) -> String;

fn main() {
    let devices: Devices = (0..DEVICES)
        .map(|number| format!("+4689{number:06}"))
        .map(|id| (id, Device::of(AuthType::Disabled)))
        .collect::<Vec<_>>()
        .iter()
        .map(|(id, device)| (id.as_str(), device.clone()))
        .collect();
    let patterns: [(&str, Source); 8] = [
        ("prefixes", |number| format!(r"^\+468{number:03}\d{{3,8}}$")),
        ("literals inside", |number| format!("{number:03}9(0|1)")),
        ("no literal at all", |number| {
            format!(r"^\d{{2}}{}.?\d+$", classes(number))
        }),
        ("in any case", |number| format!("/^alarm-{number:03}-/i")),
        ("a choice", |number| format!("^(46|468{number:03}|0046)9$")),
        ("one end of many", |number| {
            format!(r"\d{{2,9}}{}9\d{{4}}$", classes(number))
        }),
        ("anything between", |number| {
            format!(".*8.*{number:03}.*9.*[0-9]$")
        }),
        ("lengths", |number| {
            format!(r"^\D?\d{{2}}.{{{}}}$", number % 40)
        }),
    ];
    for (name, pattern) in patterns {
        let services = (0..SERVICES).map(|number| service(number, &pattern(number)));
        let settings = Settings {
            open: vec!["198.51.100.0/24".parse().expect("a network")],
            ..Settings::default()
        };
        let began = Instant::now();
        let services: Vec<_> = services.collect();
        let compiled = began.elapsed();
        let began = Instant::now();
        let tenant = Tenant::new(DOMAIN, settings, devices.clone(), services);
        let built = began.elapsed();
        let mut directory = Directory::new(["192.0.2.1"]);
        directory.put_tenant(Arc::new(tenant));
        let mut users: Vec<String> = (0..CALLS)
            .map(|call| match name {
                "in any case" => format!("ALARM-{:03}-7", call % SERVICES),
                "no literal at all" => format!("46{}123", call % SERVICES),
                _ => format!("+468{:03}9{:04}", call % SERVICES, call % 7_919),
            })
            .collect();
        // One of ten goes nowhere, which is when every service is asked.
        users
            .iter_mut()
            .step_by(10)
            .for_each(|user| *user = "nowhere".to_owned());
        for user in &users[..1_000] {
            black_box(routed(&directory, user));
        }
        let mut times: Vec<Duration> = users
            .iter()
            .map(|user| {
                let began = Instant::now();
                black_box(routed(&directory, user));
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(1);
        println!("routing, {name}: mean: {mean:?}");
        println!(
            "routing, {name}: 99 of 100 within: {:?}",
            times[times.len() / 100 * 99]
        );
        println!("compiling services, {name}: {compiled:?}");
        println!("indexing services, {name}: {built:?}");
        let began = Instant::now();
        for number in 0..1_000 {
            let mut tenant = Tenant::clone(directory.tenant(DOMAIN).expect("the tenant"));
            let id = format!("+4689{number:06}");
            tenant.devices = tenant.devices.with(&id, Device::of(AuthType::DeviceId));
            directory.put_tenant(Arc::new(tenant));
        }
        println!(
            "taking up one device, {name}: {:?}",
            began.elapsed() / 1_000
        );
    }
}

/// The digits of a number, each as one of two characters.
fn classes(number: usize) -> String {
    let digits = number.to_string();
    digits.chars().map(|digit| format!("[{digit}x]")).collect()
}

fn routed(directory: &Directory, user: &str) -> bool {
    let request = Destined {
        user,
        host: DOMAIN,
        source: "198.51.100.7".parse().expect("an address"),
        token: None,
        unix_seconds: 0,
        dev: false,
        signer: None,
        shown: Shown::default(),
    };
    route(directory, request).destination.is_ok()
}

fn service(number: usize, pattern: &str) -> Arc<CloudSipUa> {
    Arc::new(CloudSipUa {
        id: format!("service-{number}").into(),
        callback_id: "cb".into(),
        name: format!("service {number}").into(),
        destination_match: Pattern::compile(pattern).expect("a pattern"),
        callback_base_url: "https://app.example".into(),
        callback_timeout: Duration::from_secs(15),
        disabled: false,
    })
}
