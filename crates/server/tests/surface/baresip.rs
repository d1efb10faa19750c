//! baresip, a phone with media of its own: it calls, it is called, and its RTP goes past us.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hookswitch_rig::program::{LOOPBACK, Running, Socket, find, free_port, wait_for_port};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{DOMAIN, SOON, World, device_media};

over_udp_and_tcp!(baresip_calls_and_hangs_up, baresip_is_called_and_hung_up,);

/// A phone for one account, told what to do over its control socket.
struct Phone {
    address: SocketAddr,
    control: BufReader<TcpStream>,
    _running: Running,
    _folder: TempDir,
}

impl Phone {
    fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, control) = (free_port().unwrap(), free_port().unwrap());
        let address = SocketAddr::new(LOOPBACK, port);
        let tone = folder.path().join("tone.wav");
        std::fs::write(&tone, silence(Duration::from_secs(60))).unwrap();
        let config = format!(
            "sip_listen {address}\naudio_source aufile,{}\nnet_interface 127.0.0.1\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\n\
             module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control}\n",
            tone.display()
        );
        let account = format!(
            "<sip:alice@{DOMAIN};transport={transport}>;regint=0;answermode=auto;\
             audio_codecs=PCMU/8000/1;outbound=\"sip:{};transport={transport}\"\n",
            world.sip(),
            transport = world.transport,
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        std::fs::write(folder.path().join("accounts"), account).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let errors = log.try_clone().unwrap();
        let mut command = Command::new(find("baresip").expect("baresip is installed"));
        command
            .arg("-f")
            .arg(folder.path())
            .stdout(Stdio::from(log))
            .stderr(errors);
        let running = Running::start(&mut command).expect("baresip starts");
        if let Err(error) = wait_for_port(Socket::Tcp, control, SOON) {
            let log = std::fs::read_to_string(folder.path().join("log"));
            panic!("{error:#}\n{}", log.unwrap_or_default());
        }
        let stream = TcpStream::connect((LOOPBACK, control)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self {
            address,
            control: BufReader::new(stream),
            _running: running,
            _folder: folder,
        }
    }

    /// Sends a command as a netstring of JSON.
    fn told(&mut self, command: &str, parameter: &str) {
        let text = json!({"command": command, "params": parameter}).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control
            .get_mut()
            .write_all(netstring.as_bytes())
            .unwrap();
    }

    /// Waits for an event among replies and other events.
    fn reports(&mut self, kind: &str) {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let mut length = Vec::new();
            self.control.read_until(b':', &mut length).unwrap();
            let length = String::from_utf8_lossy(&length);
            let length: usize = length.trim_end_matches(':').parse().unwrap();
            let mut text = vec![0; length + 1];
            self.control.read_exact(&mut text).unwrap();
            let message: Value = serde_json::from_slice(&text[..length]).unwrap();
            if message["type"] == json!(kind) {
                return;
            }
        }
        panic!("baresip reports no {kind}");
    }
}

/// A WAV file of 8 kHz mono silence; baresip ends a call when its file ends.
fn silence(length: Duration) -> Vec<u8> {
    let bytes = u32::try_from(length.as_secs()).unwrap() * 8_000 * 2;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(bytes + 36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&8_000_u32.to_le_bytes());
    wav.extend_from_slice(&16_000_u32.to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    wav.resize(44 + usize::try_from(bytes).unwrap(), 0);
    wav
}

/// Where a device would receive its media.
fn device() -> (UdpSocket, Value) {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut media = device_media();
    media["receivePort"] = json!(socket.local_addr().unwrap().port());
    (socket, media)
}

/// RTP version 2 with PCMU arrives at the device itself.
fn hears_pcmu(device: &UdpSocket) {
    let mut packet = [0; 2_048];
    let length = device.recv(&mut packet).expect("RTP reaches the device");
    assert!(length > 12);
    assert_eq!((packet[0] >> 6, packet[1] & 0x7f), (2, 0));
}

fn baresip_calls_and_hangs_up(transport: Transport) {
    let world = World::new(transport);
    let (device, mut media) = device();
    let mut phone = Phone::start(&world);
    phone.told("dial", &format!("sip:1001@{DOMAIN}"));
    let announced = world.hears("newRemoteCall");
    assert_eq!(announced.text("sourceUser"), "alice");
    let reply_id = announced.text("replyId");
    world.commands("sendremotecallringbackjwt", &json!({"replyId": reply_id}));
    phone.reports("CALL_RINGING");
    media["replyId"] = json!(reply_id);
    world.commands("answerremotecalljwt", &media);
    phone.reports("CALL_ESTABLISHED");
    world.hears("callAnswered");
    hears_pcmu(&device);
    phone.told("hangup", "");
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn baresip_is_called_and_hung_up(transport: Transport) {
    let world = World::new(transport);
    let (device, mut media) = device();
    let mut phone = Phone::start(&world);
    let uri = format!("sip:alice@{};transport={transport}", phone.address);
    media["destinationUri"] = json!(uri);
    world.places_call(phone.address, &media);
    phone.reports("CALL_ESTABLISHED");
    let answered = world.hears("callAnswered");
    assert_eq!(answered.text("codec"), "PCMU");
    hears_pcmu(&device);
    world.hangs_up(&answered.text("replyId"));
    phone.reports("CALL_CLOSED");
    world.ends_with("callHungup", "normal", "local");
}
