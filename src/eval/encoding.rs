//! The encodings that texts are kept in by what is older than UTF-8, by Python's names.

/// How a text becomes bytes.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Encoding {
    /// UTF-8, with a mark at its begin where it is `utf-8-sig`.
    Utf8 {
        /// Whether it begins with a mark.
        mark: bool,
    },
    /// UTF-16.
    Utf16 {
        /// The high byte first.
        big: bool,
        /// Whether it begins with a mark, which says that.
        mark: bool,
    },
    /// ISO 8859-1.
    Latin1,
    /// Seven bits.
    Ascii,
}

impl Encoding {
    /// The names that `named` knows, for messages.
    pub const KNOWN: &str = "utf-8, utf-8-sig, utf-16, utf-16-le, utf-16-be, latin-1 and ascii";

    /// By a name as Python takes it.
    pub fn named(name: &str) -> Option<Encoding> {
        Some(match name.to_lowercase().replace(['-', '_', ' '], "").as_str() {
            "utf8" | "u8" => Encoding::Utf8 { mark: false },
            "utf8sig" => Encoding::Utf8 { mark: true },
            "utf16" | "u16" => Encoding::Utf16 { big: false, mark: true },
            "utf16le" => Encoding::Utf16 { big: false, mark: false },
            "utf16be" => Encoding::Utf16 { big: true, mark: false },
            "latin1" | "latin" | "l1" | "iso88591" | "88591" => Encoding::Latin1,
            "ascii" | "usascii" => Encoding::Ascii,
            _ => return None,
        })
    }

    /// The bytes of a text; none where the encoding lacks one of its characters.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        let below = |limit: u32| {
            text.chars().map(|c| u8::try_from(u32::from(c)).ok().filter(|_| u32::from(c) < limit)).collect()
        };
        match self {
            Encoding::Utf8 { mark } => Some([if mark { "\u{feff}" } else { "" }, text].concat().into_bytes()),
            Encoding::Latin1 => below(256),
            Encoding::Ascii => below(128),
            Encoding::Utf16 { big, mark } => {
                let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
                Some(units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect())
            }
        }
    }

    /// The text of bytes; none where they are none of this encoding.
    pub(crate) fn decode(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Encoding::Utf8 { mark } => {
                let text = String::from_utf8(bytes).ok()?;
                Some(text.strip_prefix('\u{feff}').filter(|_| mark).map(str::to_owned).unwrap_or(text))
            }
            Encoding::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
            Encoding::Ascii => bytes.is_ascii().then(|| bytes.into_iter().map(char::from).collect()),
            Encoding::Utf16 { big, mark } => {
                let big = big || mark && bytes.starts_with(&[0xFE, 0xFF]);
                if bytes.len() % 2 == 1 {
                    return None;
                }
                let unit = |b: &[u8]| {
                    if big { u16::from_be_bytes([b[0], b[1]]) } else { u16::from_le_bytes([b[0], b[1]]) }
                };
                let units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
                let units = units.strip_prefix(&[0xFEFF]).filter(|_| mark).unwrap_or(&units);
                String::from_utf16(units).ok()
            }
        }
    }
}
