//! Differences attribute by attribute, and the change they make.

use crate::base::Value;
use crate::plan::{Action, Change, Diff};
use crate::spec::to_text;

/// The attributes of a thing that differ from what is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    is: String,
    wanted: String,
    forces: bool,
}

impl Attributes {
    /// Notes the attribute where it differs; says whether it does. What is not known yet differs.
    pub fn compare(&mut self, name: &str, is: impl Into<Value>, wanted: impl Into<Value>) -> bool {
        self.row(name, is.into(), wanted.into(), false)
    }

    /// As `compare`, for an attribute that cannot be changed in place.
    pub fn fixed(&mut self, name: &str, is: impl Into<Value>, wanted: impl Into<Value>) -> bool {
        self.row(name, is.into(), wanted.into(), true)
    }

    /// An attribute of a thing to be made.
    pub fn wanted(&mut self, name: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        if !wanted.is_null() {
            self.rows.push(Row {
                name: name.into(),
                is: String::new(),
                wanted: text(&wanted),
                forces: false,
            });
        }
    }

    /// An element that is added to, or removed from, a list.
    pub fn element(&mut self, name: &str, is: Option<&str>, wanted: Option<&str>) {
        let text = |t: Option<&str>| t.unwrap_or_default().to_string();
        self.rows.push(Row { name: name.into(), is: text(is), wanted: text(wanted), forces: false });
    }

    fn row(&mut self, name: &str, is: Value, wanted: Value, forces: bool) -> bool {
        if is == wanted && !crate::modules::has_unknown(&wanted) {
            return false;
        }
        self.rows.push(Row { name: name.into(), is: text(&is), wanted: text(&wanted), forces });
        true
    }

    /// Whether nothing differs, so that there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The attributes that cannot be changed in place.
    pub fn forces(&self) -> Vec<&str> {
        self.rows.iter().filter(|r| r.forces).map(|r| r.name.as_str()).collect()
    }

    fn diff(&self, header: &str) -> Diff {
        let side = |of: fn(&Row) -> &str| -> String {
            let rows = self.rows.iter().filter(|r| !of(r).is_empty());
            rows.map(|r| format!("{}: {}\n", r.name, of(r))).collect()
        };
        Diff {
            before_header: header.into(),
            after_header: header.into(),
            before: side(|r| &r.is),
            after: side(|r| &r.wanted),
        }
    }

    fn reasons(&self, rows: impl Fn(&Row) -> bool) -> String {
        let one = |r: &Row| match (r.is.is_empty(), r.wanted.is_empty()) {
            (true, _) => format!("{} {} is missing", r.name, r.wanted),
            (_, true) => format!("{} {} is not wanted", r.name, r.is),
            _ => format!("{} is {}, not {}", r.name, r.is, r.wanted),
        };
        self.rows.iter().filter(|r| rows(r)).map(one).collect::<Vec<_>>().join("; ")
    }

    /// The thing is not there: `what` is its kind and name.
    pub fn create(&self, what: &str) -> Change {
        let reason = format!("there is no {what}");
        let diff = Diff { before: String::new(), ..self.diff(what) };
        Change { action: Action::Create, reason, diffs: vec![diff] }
    }

    /// The thing changes in place, or, where an attribute forces it, is made anew. `None`: nothing differs.
    pub fn change(&self, what: &str) -> Option<Change> {
        if self.is_empty() {
            return None;
        }
        let forced = self.forces();
        let (action, reason) = match forced.is_empty() {
            true => (Action::Update, self.reasons(|_| true)),
            false => {
                let forced = self.reasons(|r| r.forces);
                (Action::Replace, format!("{forced}, which cannot be changed in place"))
            }
        };
        Some(Change { action, reason, diffs: vec![self.diff(what)] })
    }

    /// The thing is to go.
    pub fn delete(what: &str) -> Change {
        Change { action: Action::Delete, reason: format!("{what} is there"), diffs: Vec::new() }
    }
}

/// As it stands in a plan.
fn text(value: &Value) -> String {
    match value {
        Value::Unknown(_) => "(known after apply)".into(),
        Value::List(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Map(map) => map.iter().map(|(k, v)| format!("{k}={}", text(v))).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        Value::Secret(_) => crate::base::value::HIDDEN.into(),
        Value::Bool(b) => b.to_string(),
        other => to_text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_each_attribute_and_the_one_that_forces() {
        let mut attributes = Attributes::default();
        assert!(!attributes.compare("a", "x", "x"));
        assert!(attributes.change("VPC v").is_none());
        assert!(attributes.compare("dns", false, true));
        attributes.element("route", None, Some("0.0.0.0/0"));
        let change = attributes.change("VPC v").unwrap();
        assert_eq!(change.reason, "dns is false, not true; route 0.0.0.0/0 is missing");
        assert!(attributes.fixed("cidr", "10.0.0.0/16", "10.1.0.0/16"));
        let change = attributes.change("VPC v").unwrap();
        assert_eq!(change.action, Action::Replace);
        assert_eq!(change.reason, "cidr is 10.0.0.0/16, not 10.1.0.0/16, which cannot be changed in place");
        assert_eq!(change.diffs[0].after, "dns: true\nroute: 0.0.0.0/0\ncidr: 10.1.0.0/16\n");
    }

    #[test]
    fn what_is_not_known_differs() {
        let mut attributes = Attributes::default();
        assert!(attributes.compare("vpc_id", "vpc-1", Value::Unknown("x".into())));
        assert_eq!(attributes.change("s").unwrap().reason, "vpc_id is vpc-1, not (known after apply)");
    }
}
