//! Names and values of resource limits: as users write them, as systemd shows them, as /proc/PID/limits has them.

/// Short name, what /proc/PID/limits calls it.
const NAMES: [(&str, &str); 16] = [
    ("cpu", "Max cpu time"),
    ("fsize", "Max file size"),
    ("data", "Max data size"),
    ("stack", "Max stack size"),
    ("core", "Max core file size"),
    ("rss", "Max resident set"),
    ("nproc", "Max processes"),
    ("nofile", "Max open files"),
    ("memlock", "Max locked memory"),
    ("as", "Max address space"),
    ("locks", "Max file locks"),
    ("sigpending", "Max pending signals"),
    ("msgqueue", "Max msgqueue size"),
    ("nice", "Max nice priority"),
    ("rtprio", "Max realtime priority"),
    ("rttime", "Max realtime timeout"),
];

/// `None` stands for no limit.
pub type Bound = Option<u64>;

/// One limit wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Short name; `tasks` is TasksMax.
    pub name: String,
    pub soft: Bound,
    pub hard: Bound,
    /// As it is written in the drop-in.
    pub text: String,
}

impl Limit {
    /// `nofile`, `LimitNOFILE` or `TasksMax` with a value.
    pub fn new(name: &str, value: &str) -> Result<Limit, String> {
        let plain = name.to_ascii_lowercase();
        let plain = plain.strip_prefix("limit").unwrap_or(&plain);
        let plain = if plain == "tasksmax" { "tasks" } else { plain };
        if plain != "tasks" && !NAMES.iter().any(|(n, _)| *n == plain) {
            return Err(format!(
                "`{name}` is no limit: there are {}, tasks",
                NAMES.map(|(n, _)| n).join(", ")
            ));
        }
        let (soft, hard) = value.split_once(':').unwrap_or((value, value));
        let read = |text: &str| {
            bound(text)
                .ok_or_else(|| format!("{name}: `{value}` is no number, `soft:hard`, size or `infinity`"))
        };
        let (soft, hard) = (read(soft)?, read(hard)?);
        if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
            return Err(format!("{name}: the soft limit of `{value}` is above the hard one"));
        }
        Ok(Limit { name: plain.to_string(), soft, hard, text: value.to_string() })
    }

    /// systemd's name of it.
    pub fn property(&self) -> String {
        match self.name.as_str() {
            "tasks" => "TasksMax".into(),
            name => format!("Limit{}", name.to_ascii_uppercase()),
        }
    }

    pub fn holds(&self, is: (Bound, Bound)) -> bool {
        // Without a limit of files systemd gives what the kernel allows at most.
        let files = self.name == "nofile";
        let same = |wanted: Bound, is: Bound| wanted == is || (files && wanted.is_none());
        same(self.soft, is.0) && same(self.hard, is.1)
    }

    /// What /proc/PID/limits says of it; `None` for what is not in there.
    pub fn of_process(&self, table: &str) -> Option<(Bound, Bound)> {
        let title = NAMES.iter().find(|(n, _)| *n == self.name)?.1;
        let line = table.lines().find_map(|l| l.strip_prefix(title).filter(|r| r.starts_with(' ')))?;
        let mut words = line.split_whitespace().map(bound);
        Some((words.next()??, words.next()??))
    }
}

/// `soft:hard` for people, one number where both are the same.
pub fn show((soft, hard): (Bound, Bound)) -> String {
    let text = |b: Bound| b.map_or("infinity".to_string(), |n| n.to_string());
    if soft == hard { text(hard) } else { format!("{}:{}", text(soft), text(hard)) }
}

/// A number, a size or no limit; `None` where it is none of these.
pub fn bound(text: &str) -> Option<Bound> {
    let text = text.trim();
    if ["infinity", "unlimited", "18446744073709551615"].contains(&text) {
        return Some(None);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
        Max cpu time              unlimited            unlimited            seconds   \n\
        Max open files            1024                 524288               files     \n\
        Max locked memory         67108864             67108864             bytes     \n";

    #[test]
    fn what_is_asked_is_found_in_the_process() {
        let cases = [
            ("nofile", "1024:524288", true),
            ("LimitNOFILE", "1024", false),
            ("nofile", "infinity", true),
            ("memlock", "64M", true),
            ("cpu", "infinity", true),
            ("cpu", "1", false),
        ];
        for (name, value, expected) in cases {
            let limit = Limit::new(name, value).unwrap();
            assert_eq!(limit.holds(limit.of_process(TABLE).unwrap()), expected, "{name} {value}");
        }
        assert_eq!(Limit::new("tasks", "10").unwrap().of_process(TABLE), None);
        for (name, value) in
            [("files", "1"), ("nofile", "x"), ("nofile", "2:1"), ("nofile", "infinity:1"), ("nofile", "")]
        {
            assert!(Limit::new(name, value).is_err(), "{name} {value}");
        }
    }
}
