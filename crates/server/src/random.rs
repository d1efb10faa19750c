//! Random bytes and ids from the system.

use aws_lc_rs::rand;

/// Fills `bytes` with random ones.
pub(crate) fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the system always has randomness");
}

/// A random UUID (RFC 9562 version 4).
pub(crate) fn uuid() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// A secret of so many random bytes, in URL-safe base64.
pub(crate) fn secret(bytes: usize) -> String {
    use base64::Engine as _;
    let mut random = vec![0; bytes];
    fill(&mut random);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_differs_from_the_next() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&id[19..20]));
        assert_ne!(id, uuid());
        assert_eq!(secret(24).len(), 32);
    }
}
