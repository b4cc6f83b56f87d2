//! What a plain scalar means in YAML 1.1, by PyYAML's rules.

use crate::base::Value;

/// The value of plain text: null, boolean, number, or the text itself. Dates stay text.
pub fn resolve(text: &str) -> Value {
    let first = text.bytes().next();
    match first {
        None => Value::Null,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => {
            int(text).map(Value::Int).or_else(|| float(text).map(Value::Float)).unwrap_or_else(|| text.into())
        }
        _ => match text {
            "~" | "null" | "Null" | "NULL" => Value::Null,
            "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
            "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
            _ => text.into(),
        },
    }
}

/// `None` too for what does not fit 64 bits: it then stays text and loses no digit.
fn int(text: &str) -> Option<i64> {
    let (negative, body) = signed(text);
    let digits = |s: &str, radix: u32| {
        // With its sign, as the lowest number has no positive one.
        let sign = if negative { "-" } else { "" };
        let s: String = sign.chars().chain(s.chars().filter(|c| *c != '_')).collect();
        i64::from_str_radix(&s, radix).ok()
    };
    let all = |s: &str, ok: fn(&u8) -> bool| !s.is_empty() && s.bytes().all(|b| b == b'_' || ok(&b));
    let value = if body == "0" {
        0
    } else if let Some(rest) = body.strip_prefix("0b") {
        all(rest, |b| matches!(b, b'0' | b'1')).then(|| digits(rest, 2))??
    } else if let Some(rest) = body.strip_prefix("0x") {
        all(rest, u8::is_ascii_hexdigit).then(|| digits(rest, 16))??
    } else if let Some(rest) = body.strip_prefix('0') {
        all(rest, |b| matches!(b, b'0'..=b'7')).then(|| digits(rest, 8))??
    } else if body.contains(':') {
        sexagesimal(body, '1').map(|value| if negative { -value } else { value })?
    } else {
        (body.starts_with(|c: char| c.is_ascii_digit()) && all(body, u8::is_ascii_digit))
            .then(|| digits(body, 10))??
    };
    Some(value)
}

/// Whether Python would take plain text for a whole number, and it does not fit 64 bits here.
pub fn too_large(text: &str) -> bool {
    let (_, body) = signed(text);
    let body = body.strip_prefix("0x").unwrap_or(body);
    body.len() > 15
        && body.bytes().all(|b| b.is_ascii_hexdigit())
        && matches!(resolve(text), Value::Str(_))
        && {
            let decimal = body.bytes().all(|b| b.is_ascii_digit()) && !body.starts_with('0');
            decimal || text.contains("0x")
        }
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// `1:30` is 90. The parts after the first are 0..=59 and at most two digits; the first digit is at least `least`.
fn sexagesimal(body: &str, least: char) -> Option<i64> {
    let mut parts = body.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| (least..='9').contains(&c)) {
        return None;
    }
    let first: String = first.chars().filter(|c| *c != '_').collect();
    parts.try_fold(first.parse::<i64>().ok()?, |sum, part| {
        let fits = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        let part = part.parse::<i64>().ok().filter(|n| fits && *n < 60)?;
        sum.checked_mul(60)?.checked_add(part)
    })
}

fn float(text: &str) -> Option<f64> {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    let (negative, body) = signed(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let (whole, rest) = body.split_once('.')?;
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    // An exponent needs its sign, and a number without a whole part has none: so PyYAML has it.
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-'])?;
        if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    if whole.contains(':') {
        return (exponent.is_none() && digits(fraction))
            .then(|| sexagesimal_float(negative, whole, fraction))?;
    }
    let right = if whole.is_empty() {
        body.len() == text.len() && fraction.starts_with(|c: char| c.is_ascii_digit())
    } else {
        whole.starts_with(|c: char| c.is_ascii_digit())
    };
    if !right || !digits(whole) || !digits(fraction) {
        return None;
    }
    text.chars().filter(|c| *c != '_').collect::<String>().parse().ok()
}

fn sexagesimal_float(negative: bool, whole: &str, fraction: &str) -> Option<f64> {
    let base = sexagesimal(whole, '0')? as f64;
    let fraction: String = fraction.chars().filter(|c| *c != '_').collect();
    let fraction: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().ok()? };
    Some(if negative { -(base + fraction) } else { base + fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_pyyaml_says() {
        let ints = [
            ("0", 0),
            ("42", 42),
            ("-7", -7),
            ("+7", 7),
            ("0644", 420),
            ("-0644", -420),
            ("00", 0),
            ("0x1F", 31),
            ("0b101", 5),
            ("1_000", 1000),
            ("1:30", 90),
            ("1:02:03", 3723),
            ("-1:30", -90),
            ("-9223372036854775808", i64::MIN),
        ];
        for (text, want) in ints {
            assert_eq!(resolve(text), Value::Int(want), "{text}");
        }
        let floats = [
            ("1.5", 1.5),
            ("-1.", -1.0),
            (".5", 0.5),
            ("1.5e+3", 1500.0),
            ("6.8523015e-5", 6.8523015e-5),
            ("1_0.5", 10.5),
            ("1:30.5", 90.5),
            ("01:30.5", 90.5),
            ("-.inf", f64::NEG_INFINITY),
        ];
        for (text, want) in floats {
            assert_eq!(resolve(text), Value::Float(want), "{text}");
        }
        for text in ["yes", "On", "TRUE"] {
            assert_eq!(resolve(text), Value::Bool(true), "{text}");
        }
        for text in ["no", "Off", "false"] {
            assert_eq!(resolve(text), Value::Bool(false), "{text}");
        }
        for text in ["", "~", "null", "NULL"] {
            assert_eq!(resolve(text), Value::Null, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_stays_text() {
        let texts = [
            "0o644",
            "089",
            "1e3",
            "1.5e3",
            "-.5",
            "1.2.3",
            "0x",
            "0xg",
            "1:60",
            "01:30",
            "y",
            "n",
            "yEs",
            "nUll",
            "2024-01-02",
            "-",
            "+",
            ".",
            "--",
            "12a",
            "1:2:",
            "99999999999999999999",
            "10.0.0.1",
            "=",
            "1,000",
            "-x",
        ];
        for text in texts {
            assert_eq!(resolve(text), Value::from(text), "{text}");
        }
    }
}
