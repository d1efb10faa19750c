//! A CSV file on its way in: bounded, and refused by its beginning where that says enough.

use std::io::{self, Read};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;

use super::super::body::check_encoding;
use super::super::error::ApiError;
use super::sheet;

/// A file is smaller than this, in bytes: 10 MB.
pub(super) const MAX_FILE: usize = 10_000_000;
/// The header line is shorter than this, in bytes.
const MAX_HEADER: usize = 65_536;
/// A file comes within this time, however slowly.
const PATIENCE: Duration = Duration::from_secs(120);
/// The mark of UTF-8 that some programs begin a file with.
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file in the pieces it came in.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pieces: Vec<Bytes>,
    length: usize,
}

impl File {
    /// How many lines it has, the last one counted whether or not it is ended.
    pub(super) fn lines(&self) -> u64 {
        let count = |piece: &Bytes| piece.iter().filter(|byte| **byte == b'\n').count();
        let ends: usize = self.pieces.iter().map(count).sum();
        let last = self.pieces.last().and_then(|piece| piece.last());
        let open = usize::from(last.is_some_and(|byte| *byte != b'\n'));
        (ends + open) as u64
    }

    /// What it is made of, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &**piece)
    }

    /// Reads it from the start, each piece given up once it is read.
    pub(super) fn into_reader(self) -> impl Read {
        Pieces {
            pieces: self.pieces.into_iter(),
            now: Bytes::new(),
        }
    }

    /// As many of its first bytes, in one piece.
    fn beginning(&self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(most.min(self.length));
        for piece in &self.pieces {
            let room = most - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        bytes
    }
}

struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    now: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.pieces.next() {
                Some(next) => self.now = next,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.now.len());
        self.now.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}

/// The whole file, once its beginning was found good.
pub(super) async fn receive(request: Request) -> Result<File, ApiError> {
    check_headers(request.headers())?;
    let coming = tokio::time::timeout(PATIENCE, collect(request));
    coming.await.unwrap_or_else(|_| {
        let why = "the file did not come within 120 s";
        Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", why))
    })
}

async fn collect(request: Request) -> Result<File, ApiError> {
    let mut body = request.into_body();
    let mut file = File::default();
    let mut checked = false;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            let why = "the file broke off before its end";
            ApiError::new(StatusCode::BAD_REQUEST, "incomplete_body", why)
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        file.length += piece.len();
        if file.length >= MAX_FILE {
            return Err(too_large());
        }
        file.pieces.push(piece);
        if !checked && file.length >= MAX_HEADER {
            checked = true;
            check_beginning(&file)?;
        }
    }
    if !checked {
        check_beginning(&file)?;
    }
    strip_mark(&mut file);
    Ok(file)
}

fn check_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    check_encoding(headers)?;
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length >= MAX_FILE as u64) {
        return Err(too_large());
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let unsupported = |why| {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            why,
        )
    };
    if media != "text/csv" {
        return Err(unsupported(format!(
            "the body must be text/csv, not {media}"
        )));
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    match charset.map(|charset| charset.trim_matches('"')) {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(()),
        Some(other) => Err(unsupported(format!(
            "the file must be in UTF-8, not {other}"
        ))),
    }
}

fn too_large() -> ApiError {
    let why = "a CSV file must be smaller than 10 MB; send the devices in several files";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", why)
}

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_csv", why)
}

/// Encoding and header.
fn check_beginning(file: &File) -> Result<(), ApiError> {
    let bytes = file.beginning(MAX_HEADER);
    if let Some(encoding) = foreign_encoding(&bytes) {
        let why = format!("the file is in {encoding}; save it as CSV in UTF-8");
        return Err(invalid(why));
    }
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(&bytes);
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let Some(start) = bytes.iter().position(|byte| !is_break(byte)) else {
        return Err(invalid(
            "the file has no header line, which names the columns",
        ));
    };
    let length = bytes[start..].iter().position(is_break);
    let header = match length {
        Some(length) => &bytes[start..start + length],
        None if file.length >= MAX_HEADER => {
            let why = format!("the header line must be shorter than {MAX_HEADER} bytes");
            return Err(invalid(why));
        }
        None => &bytes[start..],
    };
    sheet::Columns::of_line(header).map_err(ApiError::fields)?;
    Ok(())
}

/// The name of the encoding, when the file begins as no UTF-8 does.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [0x1F, 0x8B, ..] => Some("the gzip format"),
        [b'P', b'K', 3, 4, ..] => Some("the format of a spreadsheet program (a zip file)"),
        [0, _, ..] | [_, 0, ..] => Some("UTF-16"),
        _ if bytes.contains(&0) => Some("an encoding with NUL octets"),
        _ => None,
    }
}

fn strip_mark(file: &mut File) {
    if !file.beginning(UTF8_MARK.len()).starts_with(UTF8_MARK) {
        return;
    }
    let mut left = UTF8_MARK.len();
    for piece in &mut file.pieces {
        let count = left.min(piece.len());
        piece.advance(count);
        left -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pieces: &[&'static [u8]]) -> File {
        File {
            pieces: pieces.iter().copied().map(Bytes::from_static).collect(),
            length: pieces.iter().map(|piece| piece.len()).sum(),
        }
    }

    /// All that a refusal says.
    fn refusal(text: &'static [u8]) -> String {
        let error = check_beginning(&file(&[text])).unwrap_err();
        let details = error.errors.iter().map(|error| error.detail.as_str());
        details.fold(error.reason.clone(), |all, detail| all + "; " + detail)
    }

    #[test]
    fn a_file_is_read_over_the_seams_of_its_pieces_without_its_mark() {
        let mut file = file(&[b"\xEF\xBB", b"\xBFdevi", b"", b"ceId,authType\n1,disabled"]);
        assert!(check_beginning(&file).is_ok());
        assert_eq!(file.lines(), 2);
        strip_mark(&mut file);
        let mut text = String::new();
        file.into_reader().read_to_string(&mut text).unwrap();
        assert_eq!(text, "deviceId,authType\n1,disabled");
    }

    #[test]
    fn an_encoding_that_is_not_utf_8_is_named() {
        for (bytes, name) in [
            (b"\xFF\xFEd\0e\0".as_slice(), "UTF-16"),
            (b"\xFE\xFF\0d\0e", "UTF-16"),
            (b"d\0e\0v\0", "UTF-16"),
            (b"\xFF\xFE\0\0d\0\0\0", "UTF-32"),
            (b"PK\x03\x04....", "spreadsheet"),
            (b"\x1F\x8B\x08", "gzip"),
            (b"device\0Id", "NUL"),
        ] {
            let why = refusal(bytes);
            assert!(why.contains(name) && why.contains("UTF-8"), "{why}");
        }
    }

    #[test]
    fn a_file_without_a_usable_header_is_refused_at_once() {
        assert!(refusal(b"").contains("no header"));
        assert!(refusal(b"\n\r\n\n").contains("no header"));
        assert!(refusal(b",,,\n1,2,3,4").contains("no name"));
        let endless: &'static [u8] = vec![b'x'; MAX_HEADER].leak();
        assert!(refusal(endless).contains("shorter than"));
    }
}
