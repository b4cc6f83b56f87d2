//! Which tasks a run takes: `--tags`, `--skip-tags`, and the names `always` and `never`.

use super::scope::TaskScope;
use super::state::Run;
use crate::base::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whether a task with these tags (templates still) is part of the run. A tag that cannot be rendered counts
/// as it is written.
pub fn chosen(run: &Run, tags: &[Value], scope: &Arc<TaskScope>) -> bool {
    let options = &run.options;
    if options.tags.is_empty() && options.skip_tags.is_empty() && tags.is_empty() {
        return true;
    }
    let mut own = BTreeSet::new();
    for tag in tags {
        let tag = run.engine.evaluate(tag, &**scope).unwrap_or_else(|_| tag.clone());
        collect(&tag, &mut own);
    }
    allows(&own, &options.tags, &options.skip_tags)
}

/// The names in a tag: a list's, and those of a text with commas.
pub fn collect(tag: &Value, into: &mut BTreeSet<String>) {
    match tag {
        Value::List(list) => list.iter().for_each(|t| collect(t, into)),
        Value::Str(text) => {
            into.extend(text.split(',').map(|t| t.trim().to_string()).filter(|t| !t.is_empty()))
        }
        Value::Null => {}
        other => {
            into.insert(crate::spec::to_text(other));
        }
    }
}

/// Ansible's rules, `all`, `tagged` and `untagged` included.
pub fn allows(own: &BTreeSet<String>, only: &[String], skip: &[String]) -> bool {
    let wants = |list: &[String], word: &str| list.iter().any(|t| t == word);
    let meets = |list: &[String]| list.iter().any(|t| own.contains(t));
    let (always, never) = (own.contains("always"), own.contains("never"));
    let tagged = !own.is_empty();
    let all = only.is_empty() || wants(only, "all");
    let by_kind = if tagged { wants(only, "tagged") && !never } else { wants(only, "untagged") };
    let taken = always || (all && !never) || meets(only) || by_kind;
    // `--skip-tags all` leaves what always runs.
    let all_skipped = wants(skip, "all") && (!always || wants(skip, "always"));
    let skipped = meets(skip) || all_skipped || wants(skip, if tagged { "tagged" } else { "untagged" });
    taken && !skipped
}

/// Shell-like pattern with `*` and `?`, as `--start-at-task` takes it.
pub fn glob(pattern: &str, text: &str) -> bool {
    globset::Glob::new(pattern).is_ok_and(|g| g.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_choose_as_ansible_does() {
        let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        // own tags, --tags, --skip-tags, taken
        let cases = [
            ("", "", "", true),
            ("a", "", "", true),
            ("a", "a", "", true),
            ("a", "b", "", false),
            ("", "b", "", false),
            ("always", "b", "", true),
            ("always", "b", "always", false),
            ("never", "", "", false),
            ("never a", "a", "", true),
            ("never", "all", "", false),
            ("never", "never", "", true),
            ("a b", "a", "b", false),
            ("a", "tagged", "", true),
            ("", "tagged", "", false),
            ("", "untagged", "", true),
            ("a", "", "tagged", false),
            ("", "", "untagged", false),
            ("a", "", "all", false),
            ("always", "", "all", true),
            ("never x", "x", "", true),
            ("x", "all", "x", false),
        ];
        for (own, only, skip, expected) in cases {
            let set = words(own).into_iter().collect();
            assert_eq!(
                allows(&set, &words(only), &words(skip)),
                expected,
                "[{own}] --tags {only} --skip-tags {skip}"
            );
        }
    }
}
