//! Go's layouts of time (`2006-01-02`), as `isotime` takes them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Go's reference words and strftime's; where one begins another, the longer stands first.
const WORDS: [(&str, &str); 25] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("_2", "%e"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

/// A moment in UTC in Go's layout.
pub fn format(at: Timestamp, layout: &str) -> String {
    let at: Zoned = at.to_zoned(TimeZone::UTC);
    let mut out = String::new();
    let mut rest = layout;
    'next: while let Some(first) = rest.chars().next() {
        for (word, directive) in WORDS {
            if let Some(after) = rest.strip_prefix(word) {
                out.push_str(&at.strftime(directive).to_string());
                rest = after;
                continue 'next;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// What `isotime` gives without a layout.
pub fn rfc3339(at: Timestamp) -> String {
    format(at, "2006-01-02T15:04:05Z07:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_of_go_are_read() {
        let at: Timestamp = "2017-03-09T05:07:08Z".parse().unwrap();
        for (layout, expected) in [
            ("2006-01-02", "2017-03-09"),
            ("20060102150405", "20170309050708"),
            ("Mon Jan _2 15:04:05 2006", "Thu Mar  9 05:07:08 2017"),
            ("Monday, 2 January 06", "Thursday, 9 March 17"),
            ("2006-01-02T15:04:05Z07:00", "2017-03-09T05:07:08Z"),
            ("03:04 PM", "05:07 AM"),
        ] {
            assert_eq!(format(at, layout), expected, "{layout}");
        }
    }
}
