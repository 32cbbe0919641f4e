//! The frame format of server-sent events: bytes in, named frames out.

use crate::error::Error;
use crate::error::kind::ErrorKind;

/// The largest frame, in bytes. A server's frames have a few hundred.
const FRAME_LIMIT: usize = 1024 * 1024;

/// A frame: `event: name`, `data: text`, and an empty line at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
}

/// Cuts bytes into frames. The bytes may come in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
    /// The last byte was a carriage return. A line feed after it ends the same line.
    after_return: bool,
}

impl Frames {
    /// Takes the next bytes, and appends every frame that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], complete: &mut Vec<Frame>) -> Result<(), Error> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(complete),
                other => self.line.push(*other),
            }
            if self.line.len().saturating_add(self.frame.data.len()) > FRAME_LIMIT {
                let text = format!("a frame has more than {FRAME_LIMIT} bytes");
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
        }
        Ok(())
    }

    fn end_line(&mut self, complete: &mut Vec<Frame>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            if std::mem::take(&mut self.has_data) {
                complete.push(frame);
            }
            return;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => line.split_at(colon),
            None => (line.as_slice(), &b""[..]),
        };
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.frame.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push(b'\n');
                }
                self.frame.data.extend_from_slice(value);
            }
            // Comments (an empty field), `id` and `retry` are skipped: Plex servers send none.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Frames::default();
        let mut complete = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut complete).unwrap();
        }
        let text = |frame: Frame| (frame.name, String::from_utf8(frame.data).unwrap());
        complete.into_iter().map(text).collect()
    }

    #[test]
    fn frames_come_out_whatever_the_pieces() {
        let stream = b"event: ping\ndata: {}\n\n: comment\nevent:x\r\ndata:a\r\ndata: b\r\n\r\n\
            event: empty\n\ndata: unnamed\r\rdata: unfinished\n";
        let expected = [("ping", "{}"), ("x", "a\nb"), ("", "unnamed")]
            .map(|(name, data)| (name.to_owned(), data.to_owned()));
        assert_eq!(frames(&[stream]), expected);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(&single), expected);
        let threes: Vec<&[u8]> = stream.chunks(3).collect();
        assert_eq!(frames(&threes), expected);
    }

    #[test]
    fn a_frame_without_end_is_refused() {
        let mut parser = Frames::default();
        let endless = vec![b'x'; FRAME_LIMIT + 1];
        let refused = parser.push(&endless, &mut Vec::new()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
    }
}
