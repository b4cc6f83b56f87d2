//! Bytes as text and back, without loss: a file in another encoding is edited like any other, and its bytes stay.

/// The first of 256 characters of private use, which stand for bytes that are no UTF-8.
const FIRST: u32 = 0x10_FE00;

/// A text, and whether some of its characters stand for bytes (see [`bytes`]). Most files are UTF-8 as they are.
pub fn text(bytes: Vec<u8>) -> (String, bool) {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, false),
        Err(other) => other.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len() * 2);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // One that would be taken for a byte goes as its own bytes.
            match byte(c) {
                None => text.push(c),
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().filter_map(stand_in)),
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(stand_in));
    }
    (text, true)
}

/// The bytes of a text that was made by [`text`], whatever was done to it since.
pub fn bytes(text: String, stands_for_bytes: bool) -> Vec<u8> {
    if !stands_for_bytes {
        return text.into_bytes();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

fn stand_in(byte: u8) -> Option<char> {
    char::from_u32(FIRST + u32::from(byte))
}

fn byte(c: char) -> Option<u8> {
    u32::from(c).checked_sub(FIRST).and_then(|b| u8::try_from(b).ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let twice = [all.as_slice(), "é\u{10fe85}\u{10ffff}".as_bytes(), &[0xc3], &all].concat();
        for given in [all, twice, b"plain".to_vec(), "\u{10fe85}".into(), vec![0xf4, 0x8f, 0xb8]] {
            let (text, odd) = super::text(given.clone());
            assert_eq!(odd, std::str::from_utf8(&given).is_err());
            assert_eq!(super::bytes(text, odd), given);
        }
    }
}
