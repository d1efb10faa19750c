//! Kamailio between SIPp and us, staying in the path of every request (Record-Route).

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use hookswitch_rig::program::{Running, Socket, find, free_port, wait_for_port};
use hookswitch_rig::sipp::Transport;
use tempfile::TempDir;

use crate::world::World;

over_udp_and_tcp!(
    a_call_through_a_record_routing_proxy_reaches_us_and_ends,
    we_call_through_a_record_routing_proxy_and_hang_up,
    a_cancel_through_a_proxy_reaches_us,
    changes_of_a_call_follow_the_route_set,
);

/// A proxy that sends `bob` to the phone and everybody else to the server.
struct Proxy {
    running: Running,
    _folder: TempDir,
    address: SocketAddr,
}

impl Proxy {
    fn between(world: &World, phone: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let phone = phone.unwrap_or(address);
        let (server, transport) = (world.sip(), world.transport);
        let configuration = format!(
            r#"#!KAMAILIO
listen={transport}:{address}
children=1
tcp_children=1
log_stderror=yes
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
request_route {{
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK") && t_check_trans()) t_relay();
        exit;
    }}
    t_check_trans();
    record_route();
    if ($rU == "bob") $du = "sip:{phone};transport={transport}";
    else $du = "sip:{server};transport={transport}";
    t_relay();
}}
"#
        );
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, configuration).unwrap();
        let program = find("kamailio").expect("Kamailio is installed");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command
            .arg("-f")
            .arg(&file)
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-P"])
            .arg(folder.path().join("pid"))
            .arg("-Y")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(log);
        let running = Running::start(&mut command).expect("Kamailio starts");
        let socket = match transport {
            Transport::Udp => Socket::Udp,
            Transport::Tcp => Socket::Tcp,
        };
        if let Err(error) = wait_for_port(socket, port, Duration::from_secs(15)) {
            let log = std::fs::read_to_string(folder.path().join("log"));
            panic!("{error:#}\n{}", log.unwrap_or_default());
        }
        Self {
            running,
            _folder: folder,
            address,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Only the main process can end its children; a kill would orphan them.
        if self.running.signal("TERM").is_ok() {
            let _ = self.running.wait();
        }
    }
}

fn a_call_through_a_record_routing_proxy_reaches_us_and_ends(transport: Transport) {
    let world = World::new(transport);
    let proxy = Proxy::between(&world, None);
    let caller = world.sipp("uac_call_and_bye").call("1001", proxy.address);
    let caller = caller.expect("SIPp starts");
    let announced = world.hears("newRemoteCall");
    world.rings_and_answers(&announced);
    let messages = world.holds(caller);
    let answered = messages
        .received()
        .iter()
        .any(|message| message.starts_with("SIP/2.0 200") && message.contains("Record-Route:"));
    assert!(answered, "the 200 names the proxy");
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn we_call_through_a_record_routing_proxy_and_hang_up(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_hung_up");
    let proxy = Proxy::between(&world, Some(phone.address));
    world.places_call_to(proxy.address);
    let answered = world.hears("callAnswered");
    world.hangs_up(&answered.text("replyId"));
    let messages = world.holds(phone);
    let proxied = messages
        .received()
        .iter()
        .all(|message| message.matches("\nVia:").count() == 2);
    assert!(proxied, "ACK and BYE took the proxy too");
    world.ends_with("callHungup", "normal", "local");
}

fn a_cancel_through_a_proxy_reaches_us(transport: Transport) {
    let world = World::new(transport);
    let proxy = Proxy::between(&world, None);
    let caller = world
        .sipp("uac_cancel")
        .call("drill-noanswer", proxy.address);
    world.holds(caller.expect("SIPp starts"));
}

fn changes_of_a_call_follow_the_route_set(transport: Transport) {
    let world = World::answering(transport);
    let proxy = Proxy::between(&world, None);
    let caller = world
        .sipp("uac_reinvite_update_info")
        .call("1001", proxy.address);
    world.holds(caller.expect("SIPp starts"));
    world.ends_with("callHungup", "normal", "remote");
}
