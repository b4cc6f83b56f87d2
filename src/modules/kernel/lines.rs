//! Lines of one file of kernel parameters: only those of the keys in question are touched.

use super::{boot, key};

/// A key to set, or with no value to take out. `name` is how it is written where it is new.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    /// The key as a new line has it.
    pub name: &'a str,
    /// Below /proc/sys: lines in another spelling are found by it.
    pub path: &'a str,
    /// `None`: its lines are taken out.
    pub value: Option<&'a str>,
}

/// The value that the last line for the key gives.
pub fn current(content: &str, path: &str) -> Option<String> {
    let mut lines = content.lines().filter_map(boot::line).filter(|l| l.path == path);
    lines.next_back().and_then(|l| l.value.map(str::to_string))
}

/// The content with all edits made; the same text where nothing is to do.
pub fn edit(content: &str, edits: &[Edit<'_>]) -> String {
    edits.iter().fold(content.to_string(), |content, edit| one(content, edit))
}

fn one(content: String, edit: &Edit<'_>) -> String {
    let own: Vec<(usize, boot::Line<'_>)> = content
        .lines()
        .enumerate()
        .filter_map(|(i, text)| Some((i, boot::line(text)?)))
        .filter(|(_, line)| line.path == edit.path)
        .collect();
    let done = match (own.as_slice(), edit.value) {
        ([], None) => true,
        ([(_, line)], Some(wanted)) => line.value.is_some_and(|v| key::same(edit.path, v, wanted)),
        _ => false,
    };
    if done {
        return content;
    }
    // The last line is the one that counted; the new one takes its place and keeps its dash.
    let last = own.last().map(|(i, line)| (*i, line.lenient && line.value.is_some()));
    let mut out = String::new();
    for (i, text) in content.lines().enumerate() {
        match (own.iter().any(|(at, _)| *at == i), edit.value, last) {
            (true, Some(wanted), Some((at, lenient))) if at == i => {
                out.push_str(&format!("{}{} = {wanted}\n", if lenient { "-" } else { "" }, edit.name));
            }
            (true, ..) => {}
            (false, ..) => {
                out.push_str(text);
                out.push('\n');
            }
        }
    }
    if let (None, Some(wanted)) = (last, edit.value) {
        out.push_str(&format!("{} = {wanted}\n", edit.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(content: &str, value: Option<&str>) -> String {
        edit(content, &[Edit { name: "vm.swappiness", path: "vm/swappiness", value }])
    }

    #[test]
    fn only_the_lines_of_the_key_change() {
        let cases = [
            (
                "# x\na.b=1\nvm/swappiness = 60\na.b=2\n",
                Some("10"),
                "# x\na.b=1\nvm.swappiness = 10\na.b=2\n",
            ),
            ("vm.swappiness=1\nvm.swappiness=10\n", Some("10"), "vm.swappiness = 10\n"),
            ("-vm.swappiness = 1\n", Some("10"), "-vm.swappiness = 10\n"),
            ("vm.swappiness = 10\n-vm.swappiness\n", Some("10"), "vm.swappiness = 10\n"),
            ("vm.swappiness\t=\t0xa", Some("10"), "vm.swappiness\t=\t0xa"),
            ("a.b = 1", Some("10"), "a.b = 1\nvm.swappiness = 10\n"),
            ("vm/swappiness=1\n-vm.swappiness=2\na.b=1\n", None, "a.b=1\n"),
            ("a.b=1\na.b=2", None, "a.b=1\na.b=2"),
        ];
        for (content, value, expected) in cases {
            assert_eq!(set(content, value), expected, "{content:?}");
        }
    }
}
