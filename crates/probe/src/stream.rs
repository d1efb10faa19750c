//! Any octets as a stream, in any pieces.

use hookswitch_sip::message::{Frame, MAX_MESSAGE, Message, StreamError, next_frame};

/// How many of the first octets say how the rest is cut.
const CUTS: usize = 4;

/// What was found in a stream, up to its end or to where it cannot be read any further.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    frames: Vec<Vec<u8>>,
    error: Option<StreamError>,
}

/// Whichever pieces a stream comes in, the same frames are found in it and it ends in the same way.
pub fn parse_stream(bytes: &[u8]) {
    let (cuts, stream) = bytes.split_at(bytes.len().min(CUTS));
    let whole = read(std::iter::once(stream));
    let mut rest = stream;
    let mut sizes = cuts
        .iter()
        .cycle()
        .map(|&cut| usize::from(cut).pow(2) / 16 + 1);
    let pieces = std::iter::from_fn(|| {
        let size = sizes.next().unwrap_or(usize::MAX).min(rest.len());
        let piece = rest.split_off(..size)?;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(read(pieces), whole);
}

fn read<'s>(pieces: impl Iterator<Item = &'s [u8]>) -> Found {
    let mut buffer = Vec::new();
    let mut found = Found {
        frames: Vec::new(),
        error: None,
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let len = match next_frame(&buffer) {
                Ok(Frame::Incomplete) => break,
                Ok(Frame::Message { len }) => {
                    look_at(&buffer[..len]);
                    found.frames.push(buffer[..len].to_vec());
                    len
                }
                // A ping in two pieces shows as two skips.
                Ok(Frame::Ping { len } | Frame::Skip { len }) => len,
                Err(error) => {
                    found.error = Some(error);
                    return found;
                }
            };
            assert!(len > 0 && len <= buffer.len(), "a frame of {len} octets");
            buffer.drain(..len);
        }
        assert!(buffer.len() <= MAX_MESSAGE, "more than a message is kept");
    }
    found
}

/// A message of a stream is wholly used: nothing is left over that another reader would take for a second one.
fn look_at(frame: &[u8]) {
    if let Ok(message) = Message::parse(frame) {
        assert_eq!(message.bytes().len(), frame.len());
    }
}
