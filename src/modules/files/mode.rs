//! File modes: what `u=rw,g-w,o=X` makes of the bits a file has.

/// The bits that `mode` (octal or symbolic) gives to a file with the bits `now`. `None`: not a mode.
/// A clause without `ugoa` spares the bits of the umask 022, as chmod does.
pub fn apply(mode: &str, now: u32, directory: bool) -> Option<u32> {
    let mode = mode.trim();
    if !mode.is_empty() && mode.bytes().all(|b| b.is_ascii_digit()) {
        return u32::from_str_radix(mode, 8).ok().filter(|m| *m <= 0o7777);
    }
    mode.split(',').try_fold(now, |bits, clause| apply_clause(clause.trim(), bits, now, directory))
}

fn apply_clause(clause: &str, mut bits: u32, original: u32, directory: bool) -> Option<u32> {
    let at = clause.find(['+', '-', '='])?;
    let (who, mut rest) = clause.split_at(at);
    let everyone = who.is_empty() || who.contains('a');
    let class = |c: char, mask: u32| if everyone || who.contains(c) { mask } else { 0 };
    let mut reach = class('u', 0o4700) | class('g', 0o2070) | class('o', 0o0007);
    if everyone || who.contains('o') || who.contains('u') {
        reach |= 0o1000;
    }
    if who.is_empty() {
        reach &= !0o022;
    }
    while let Some(operator) = rest.chars().next() {
        rest = &rest[1..];
        let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
        let (letters, tail) = rest.split_at(end);
        rest = tail;
        let mut what = 0;
        for letter in letters.chars() {
            what |= permission(letter, bits, original, directory)?;
        }
        bits = match operator {
            '+' => bits | (what & reach),
            '-' => bits & !(what & reach),
            // chmod keeps a directory's set-id bits unless they are named.
            _ => {
                let kept = if directory { 0o6000 & !what } else { 0 };
                (bits & !(reach & !kept)) | (what & reach)
            }
        };
    }
    Some(bits)
}

fn permission(letter: char, bits: u32, original: u32, directory: bool) -> Option<u32> {
    let copied = |shift: u32| {
        let three = (bits >> shift) & 7;
        three << 6 | three << 3 | three
    };
    Some(match letter {
        'r' => 0o444,
        'w' => 0o222,
        'x' => 0o111,
        'X' if directory || original & 0o111 != 0 => 0o111,
        'X' => 0,
        's' => 0o6000,
        't' => 0o1000,
        'u' => copied(6),
        'g' => copied(3),
        'o' => copied(0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_do_what_chmod_does() {
        let cases = [
            ("0644", 0o600, false, 0o644),
            ("u=rw,g=r,o=", 0o777, false, 0o640),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("+w", 0o444, false, 0o644),
            ("a+w", 0o444, false, 0o666),
            ("go-rwx", 0o755, false, 0o700),
            ("a=rX", 0o644, false, 0o444),
            ("a=rX", 0o700, false, 0o555),
            ("a+X", 0o644, true, 0o755),
            ("u=rwX,g=rX,o=rX", 0o600, true, 0o755),
            ("u+s", 0o755, false, 0o4755),
            ("g+s", 0o755, true, 0o2755),
            ("g=rx", 0o2755, true, 0o2755),
            ("g=u", 0o640, false, 0o660),
            ("+t", 0o777, true, 0o1777),
            ("u=rwx,g-w+x", 0o060, false, 0o750),
        ];
        for (mode, now, directory, expected) in cases {
            let got = apply(mode, now, directory).unwrap();
            assert_eq!(got, expected, "{mode} on {now:o}: {got:o}");
        }
        assert_eq!(apply("nonsense", 0, false), None);
        assert_eq!(apply("u=q", 0, false), None);
    }
}
