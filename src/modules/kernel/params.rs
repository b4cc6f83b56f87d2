//! Parameters of kernel modules: when two values are one; what waits for a reboot.

use crate::base::{Map, Value};

/// Whether two values are one to the kernel: truth values have several spellings.
pub fn same(a: &str, b: &str) -> bool {
    let truth = |value: &str| match value.to_ascii_lowercase().as_str() {
        "y" | "yes" | "1" | "on" | "true" => Some(true),
        "n" | "no" | "0" | "off" | "false" => Some(false),
        _ => None,
    };
    // Only what the kernel itself shows as a letter is a truth value; 1 is a number too.
    let letter = matches!(a, "Y" | "N") || matches!(b, "Y" | "N");
    a == b || (letter && truth(a).is_some() && truth(a) == truth(b)) || numbers(a, b)
}

fn numbers(a: &str, b: &str) -> bool {
    matches!((a.parse::<i128>(), b.parse::<i128>()), (Ok(a), Ok(b)) if a == b)
}

/// Says in a result whether something waits for a reboot: to the task, and as a fact where it does.
pub fn told(result: &mut Map, waits: bool) {
    result.insert("reboot_required".into(), waits.into());
    if waits {
        let fact: Map = [("reboot_required".into(), Value::from(true))].into_iter().collect();
        result.insert("ansible_facts".into(), fact.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_letters_only_where_the_kernel_shows_letters() {
        for (a, b, expected) in [
            ("Y", "1", true),
            ("N", "off", true),
            ("Y", "0", false),
            ("1", "yes", false),
            ("08", "8", true),
            ("a", "b", false),
        ] {
            assert_eq!(same(a, b), expected, "{a} and {b}");
        }
    }
}
