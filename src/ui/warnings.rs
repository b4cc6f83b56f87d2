//! Which warnings were told: what a task finds on every host, or with every item, is one line and a list of hosts.

use super::log::some_names;
use super::style::printable;
use crate::exec::event::Name;
use std::sync::Mutex;

/// One warning, the place in the playbook that it is about, and whose it is.
struct Told {
    text: String,
    hosts: Vec<Name>,
}

/// The warnings of a run, in the order in which they were first told.
#[derive(Default)]
pub(super) struct Warnings(Mutex<Vec<Told>>);

impl Warnings {
    /// What to tell of a warning now: nothing where it was told already. `place` may be empty.
    pub(super) fn line(&self, message: &str, place: &str, host: Option<&Name>) -> Option<String> {
        let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
        let text = format!("{}{place}", printable(message));
        let mut told = self.0.lock().unwrap_or_else(|e| e.into_inner());
        match told.iter_mut().find(|t| t.text == text) {
            Some(same) => {
                same.hosts.extend(host.filter(|h| !same.hosts.contains(h)).cloned());
                None
            }
            None => {
                told.push(Told { text: text.clone(), hosts: host.cloned().into_iter().collect() });
                Some(match host {
                    Some(host) => format!("warning: {host}: {text}"),
                    None => format!("warning: {text}"),
                })
            }
        }
    }

    /// Where hosts share a warning, a line that names the further ones, and forgets all.
    pub(super) fn shared(&self) -> Vec<String> {
        let told = std::mem::take(&mut *self.0.lock().unwrap_or_else(|e| e.into_inner()));
        let further = told.into_iter().filter(|t| t.hosts.len() > 1);
        further.map(|t| format!("warning: also {}: {}", some_names(&t.hosts[1..]), t.text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_once_and_names_its_further_hosts_at_the_end() {
        let warnings = Warnings::default();
        let [a, b, c] = ["a", "b", "c"].map(Name::from);
        let told = |message, place, host| warnings.line(message, place, host);
        assert_eq!(told("old", "x.yml:1:1", Some(&a)).unwrap(), "warning: a: old (x.yml:1:1)");
        // Another item of that host, and other hosts.
        for host in [&a, &b, &b, &c] {
            assert_eq!(told("old", "x.yml:1:1", Some(host)), None);
        }
        // Elsewhere it is another one, and so is one of no host.
        assert_eq!(told("old", "x.yml:9:1", Some(&b)).unwrap(), "warning: b: old (x.yml:9:1)");
        assert_eq!(told("new", "", None).unwrap(), "warning: new");
        assert_eq!(told("new", "", None), None);
        assert_eq!(warnings.shared(), ["warning: also b, c: old (x.yml:1:1)"]);
        assert_eq!(told("new", "", None).unwrap(), "warning: new", "a run's end forgets");
    }
}
