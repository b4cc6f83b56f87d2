//! Parameters of kernel modules, and the files that load modules; what waits for a reboot.

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

/// Whether a file of modules-load.d or modprobe.d says this one line, and nothing else that counts.
pub fn says(content: &str, line: &str) -> bool {
    let words = |text: &str| {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_string).collect();
        // In names of modules a dash is an underscore.
        let name = usize::from(words.first().is_some_and(|w| w == "options"));
        if let Some(name) = words.get_mut(name) {
            *name = name.replace('-', "_");
        }
        words
    };
    let mut lines = content.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';']));
    lines.next().is_some_and(|l| words(l) == words(line)) && lines.next().is_none()
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

    #[test]
    fn one_line_however_it_is_spelt() {
        assert!(says("# why\n\noptions  nf-conntrack  hashsize=1\n", "options nf_conntrack hashsize=1"));
        assert!(says("br-netfilter", "br_netfilter"));
        assert!(!says("br_netfilter\nloop\n", "br_netfilter"));
        assert!(!says("", "br_netfilter"));
    }
}
