//! Names that are not UTF-8.
//!
//! A file name on Unix is any bytes, on Windows any UTF-16. The path of a query is text, so each
//! byte that is not UTF-8 becomes one private character: U+EF80 to U+EFFF for the bytes 0x80 to
//! 0xFF. The conversion back is exact: if a name really has these characters, each of their bytes
//! is escaped.

use std::borrow::Cow;

/// The escape of a byte is this plus the byte. The byte is 0x80 or more.
const BASE: u32 = 0xEF00;

/// Converts bytes to text, so that [`unescape`] can convert it back.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if escaped(letter).is_some() {
                let mut utf8 = [0; 4];
                text.extend(letter.encode_utf8(&mut utf8).bytes().filter_map(letter_of));
            } else {
                text.push(letter);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(letter_of));
    }
    text
}

/// Converts text from [`escape`] back to bytes.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match escaped(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The text as programs without escapes show it: bytes that are not UTF-8 are replaced.
pub(crate) fn lossy(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| escaped(letter).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&unescape(text)).into_owned())
}

fn letter_of(byte: u8) -> Option<char> {
    char::from_u32(BASE + u32::from(byte))
}

fn escaped(letter: char) -> Option<u8> {
    match letter {
        '\u{ef80}'..='\u{efff}' => u8::try_from(u32::from(letter) - BASE).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        for bytes in [
            &b"/mnt/Alien.mkv"[..],
            b"/mnt/caf\xe9.mkv",
            b"\xff\xfe\x80",
            "\u{ef80}\u{efff} caf\u{e9}".as_bytes(),
            b"\xed\xa0\x80",
        ] {
            let text = escape(bytes);
            assert_eq!(unescape(&text), bytes);
            assert_eq!(escape(&unescape(&text)), text);
        }
        assert_eq!(escape(b"caf\xe9"), "caf\u{efe9}");
        assert_eq!(lossy("caf\u{efe9}.mkv"), "caf\u{fffd}.mkv");
    }
}
