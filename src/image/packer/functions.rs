//! What templates of both forms can ask: names and the time.

use super::gotime;
use jiff::Timestamp;
use std::cell::Cell;
use std::sync::LazyLock;

/// The moment a build began: the same in all names of one run.
pub static BEGAN: LazyLock<Timestamp> = LazyLock::new(Timestamp::now);

thread_local! {
    static TIMELESS: Cell<bool> = const { Cell::new(false) };
}

/// What is read within has one moment and one UUID, whenever that is: for comparing templates of two runs.
pub fn timeless<T>(read: impl FnOnce() -> T) -> T {
    TIMELESS.set(true);
    let done = read();
    TIMELESS.set(false);
    done
}

fn moment() -> Timestamp {
    if TIMELESS.get() { Timestamp::UNIX_EPOCH } else { *BEGAN }
}

/// Seconds since 1970, as `{{timestamp}}`.
pub fn timestamp() -> String {
    moment().as_second().to_string()
}

/// `{{isotime}}`, with a layout of Go's or without.
pub fn isotime(layout: Option<&str>) -> String {
    layout.map_or_else(|| gotime::rfc3339(moment()), |layout| gotime::format(moment(), layout))
}

/// A name that EC2 takes for an image: what it does not allow becomes `-`.
pub fn clean_resource_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    name.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
}

/// A random UUID, version 4.
pub fn uuid() -> String {
    let bytes: [u8; 16] = if TIMELESS.get() { [0; 16] } else { rand::random() };
    let mut hex: Vec<char> =
        bytes.iter().flat_map(|b| format!("{b:02x}").chars().collect::<Vec<_>>()).collect();
    hex[12] = '4';
    hex[16] = ['8', '9', 'a', 'b'][usize::from(bytes[8] & 3)];
    let part = |from: usize, to: usize| hex[from..to].iter().collect::<String>();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit() {
        assert_eq!(clean_resource_name("node 2017-01-02T03:04:05Z*"), "node 2017-01-02T03-04-05Z-");
        let id = uuid();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
        assert_ne!(id, uuid());
    }
}
