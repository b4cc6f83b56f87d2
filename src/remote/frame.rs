//! Finds the session's marks in a shell's output and gives each job the bytes before its mark.

use super::job::OUTPUT_LIMIT;

/// The longest text a mark may carry; what is longer after a nonce is a job's own output.
const MARK_LIMIT: usize = 4096;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Hello,
    End,
    Skipped,
    Group,
    Fifo,
}

/// A mark, and the bytes that came since the last [`Kind::End`], [`Kind::Skipped`] or [`Kind::Hello`].
#[derive(Debug, PartialEq, Eq)]
pub struct Mark {
    pub kind: Kind,
    pub seq: u64,
    pub rest: String,
    pub body: Vec<u8>,
    pub truncated: bool,
}

/// One output stream of a shell.
pub struct Stream {
    nonce: Vec<u8>,
    limit: usize,
    unread: Vec<u8>,
    body: Vec<u8>,
    truncated: bool,
}

impl Stream {
    pub fn new(nonce: &[u8]) -> Stream {
        Stream {
            nonce: nonce.to_vec(),
            limit: OUTPUT_LIMIT,
            unread: Vec::new(),
            body: Vec::new(),
            truncated: false,
        }
    }

    /// Takes what was read; returns the marks completed by it.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Mark> {
        self.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut self.unread);
        let mut marks = Vec::new();
        let mut at = 0;
        loop {
            let Some(found) = find(&unread[at..], &self.nonce) else {
                let keep = partial(&unread[at..], &self.nonce);
                self.keep(&unread[at..unread.len() - keep]);
                self.unread = unread[unread.len() - keep..].to_vec();
                return marks;
            };
            self.keep(&unread[at..at + found]);
            at += found;
            let after = &unread[at + self.nonce.len()..];
            let end = after.iter().take(MARK_LIMIT).position(|b| *b == 0);
            match end {
                None if after.len() < MARK_LIMIT => {
                    self.unread = unread[at..].to_vec();
                    return marks;
                }
                end => match end.and_then(|e| parse(&after[..e]).map(|m| (e, m))) {
                    Some((end, (kind, seq, rest))) => {
                        marks.push(self.mark(kind, seq, rest));
                        at += self.nonce.len() + end + 1;
                    }
                    // A job that prints all its variables prints the nonce too.
                    None => {
                        self.keep(&unread[at..at + 1]);
                        at += 1;
                    }
                },
            }
        }
    }

    /// What came after the last mark.
    pub fn leftover(&self) -> Vec<u8> {
        [self.body.as_slice(), self.unread.as_slice()].concat()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.body.len());
        self.body.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.truncated |= bytes.len() > room;
    }

    fn mark(&mut self, kind: Kind, seq: u64, rest: String) -> Mark {
        let inside = matches!(kind, Kind::Group | Kind::Fifo);
        let body = if inside { Vec::new() } else { std::mem::take(&mut self.body) };
        let truncated = !inside && std::mem::take(&mut self.truncated);
        Mark { kind, seq, rest, body, truncated }
    }
}

fn parse(text: &[u8]) -> Option<(Kind, u64, String)> {
    let text = std::str::from_utf8(text).ok()?;
    let kind = match text.as_bytes().first()? {
        b'H' => Kind::Hello,
        b'E' => Kind::End,
        b'S' => Kind::Skipped,
        b'P' => Kind::Group,
        b'F' => Kind::Fifo,
        _ => return None,
    };
    let (seq, rest) = text[1..].split_once(':')?;
    Some((kind, seq.parse().ok()?, rest.to_string()))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(step) = haystack[at..].iter().position(|b| *b == first) {
        at += step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// How many bytes at the end may be the beginning of the nonce.
fn partial(bytes: &[u8], nonce: &[u8]) -> usize {
    let longest = bytes.len().min(nonce.len() - 1);
    (1..=longest).rev().find(|n| nonce.starts_with(&bytes[bytes.len() - n..])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &[u8] = b"\x02nonce";

    #[test]
    fn marks_are_found_however_the_bytes_are_cut() {
        let wire = b"motd\x02nonceH0:77\0one\0two\x02nonceP1:5\0\x02nonce=x\n\x02nonceE1:0\0\x02nonceS2:0\0rest\x02n";
        for size in 1..wire.len() {
            let mut stream = Stream::new(NONCE);
            let marks: Vec<Mark> = wire.chunks(size).flat_map(|c| stream.feed(c)).collect();
            let seen: Vec<_> =
                marks.iter().map(|m| (m.kind, m.seq, m.rest.as_str(), m.body.as_slice())).collect();
            let body = b"one\0two\x02nonce=x\n".as_slice();
            let want = vec![
                (Kind::Hello, 0, "77", b"motd".as_slice()),
                (Kind::Group, 1, "5", b""),
                (Kind::End, 1, "0", body),
                (Kind::Skipped, 2, "0", b""),
            ];
            assert_eq!(seen, want, "cut every {size} bytes");
            assert_eq!(stream.leftover(), b"rest\x02n");
        }
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let mut stream = Stream::new(NONCE);
        stream.limit = 10;
        assert!(stream.feed(&[b'x'; 8]).is_empty());
        let marks = stream.feed(b"yyyy\x02nonceE1:0\0z\x02nonceE2:0\0");
        assert_eq!((marks[0].body.as_slice(), marks[0].truncated), (b"xxxxxxxxyy".as_slice(), true));
        assert_eq!((marks[1].body.as_slice(), marks[1].truncated), (b"z".as_slice(), false));
    }
}
