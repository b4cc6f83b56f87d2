//! Claims: which resources of a host a task reads and writes; disjoint claims need no order.

use std::borrow::Cow;

/// Resources read and written, as `kind:name` patterns: `file:/etc/fstab`, `file:/etc/*` (all below), `file:/etc/passwd/=ada`
/// (an entry of the file), `package:*`, `service:docker`, `lock:dpkg`. `*` alone is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Patterns; empty: nothing.
    pub reads: Vec<String>,
    /// Patterns; empty: nothing.
    pub writes: Vec<String>,
}

impl Claims {
    /// Touches everything: `command`, `shell`, values not yet known.
    pub fn everything() -> Claims {
        Claims { reads: vec!["*".into()], writes: vec!["*".into()] }
    }

    /// The same with paths of files as [`plain`] has them, so that two spellings of one path are one.
    pub fn plainly(mut self) -> Claims {
        for pattern in self.reads.iter_mut().chain(&mut self.writes) {
            if let Some((kind @ ("file" | "folder"), path)) = pattern.split_once(':') {
                *pattern = format!("{kind}:{}", plain(path));
            }
        }
        self
    }

    /// Whether an effect of `self` can touch what `other` reads or writes.
    pub fn disturbs(&self, other: &Claims) -> bool {
        self.conflict(other).is_some()
    }

    /// Whether an effect can change what is found at this very path, its text or attributes: by writing it, or a folder that
    /// it is in. What is put into a folder leaves the folder as it is; one that is missing may be made for it.
    pub fn touches(&self, path: &str) -> bool {
        let folder = plain(path);
        let makes = |write: &String| write.strip_prefix("folder:") == Some(folder.trim_end_matches('/'));
        self.rewrites(path) || self.writes.iter().any(makes)
    }

    /// As [`Claims::touches`], of a path where something is.
    pub fn rewrites(&self, path: &str) -> bool {
        let path = &*plain(path);
        self.writes.iter().any(|write| match write.split_once(':') {
            Some(("file", own)) if own.starts_with('~') || own.ends_with('*') => {
                overlap(write, &format!("file:{path}"))
            }
            Some(("file", own)) => below(own.split_once("/=").map_or(own, |(file, _)| file), path),
            // A package brings files that nobody names.
            Some((kind, _)) => kind == "package",
            None => write == "*",
        })
    }

    /// Whether the files that these name are below this folder, or have nothing to do with it: then all that they need of
    /// the folder is that it is there.
    pub fn rest_on(&self, folder: &str) -> bool {
        let folder = &*plain(folder);
        let whole = format!("file:{folder}");
        let exact = |pattern: &str| !pattern.starts_with('~') && !pattern.ends_with('*');
        let writes = exact(folder)
            && self.writes.iter().all(|write| match write.strip_prefix("file:") {
                Some(path) if exact(path) => !below(path, folder),
                _ => !overlap(write, &whole),
            });
        writes && !self.reads.iter().any(|read| read.starts_with("file:") && overlap(read, &whole))
    }

    /// The first pair that meets: (what `self` writes, what `other` reads or writes).
    pub fn conflict<'a>(&'a self, other: &'a Claims) -> Option<(&'a str, &'a str)> {
        let touched = || other.reads.iter().chain(&other.writes);
        self.writes.iter().find_map(|w| touched().find(|t| overlap(w, t)).map(|t| (w.as_str(), t.as_str())))
    }
}

/// Whether two patterns can name one resource. A path and a path below it overlap.
fn overlap(a: &str, b: &str) -> bool {
    if a == "*" || b == "*" {
        return true;
    }
    let (Some((kind_a, a)), Some((kind_b, b))) = (a.split_once(':'), b.split_once(':')) else {
        return a == b;
    };
    if kind_a != kind_b {
        return false;
    }
    if kind_a == "file" && a.starts_with('~') != b.starts_with('~') {
        return may_be_in_a_home(if a.starts_with('~') { b } else { a });
    }
    match (a.strip_suffix('*'), b.strip_suffix('*')) {
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
        (Some(prefix), None) => covers(prefix, b) || (kind_a == "file" && below(b, prefix)),
        (None, Some(prefix)) => covers(prefix, a) || (kind_a == "file" && below(a, prefix)),
        (None, None) if kind_a == "file" => below(a, b) || below(b, a),
        (None, None) => a == b,
    }
}

/// `~/x` is a path below a home, and where that is only the host knows; but no home is in these.
fn may_be_in_a_home(path: &str) -> bool {
    let path = path.strip_suffix('*').unwrap_or(path);
    !["/etc", "/proc", "/sys", "/dev", "/boot", "/usr", "/run"].iter().any(|folder| below(folder, path))
}

/// `/etc/*` covers `/etc` itself too: making it or its mode changes what is below.
fn covers(prefix: &str, name: &str) -> bool {
    name.starts_with(prefix) || prefix.strip_suffix('/') == Some(name)
}

fn below(parent: &str, path: &str) -> bool {
    path.strip_prefix(parent.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Folders that are links on today's hosts, and where they lead. Where they are none, two files count as one: that costs
/// a second look, no more.
const LINKS: &[(&str, &str)] = &[
    ("/bin", "/usr/bin"),
    ("/lib", "/usr/lib"),
    ("/lib32", "/usr/lib32"),
    ("/lib64", "/usr/lib64"),
    ("/sbin", "/usr/sbin"),
    ("/var/lock", "/run/lock"),
    ("/var/run", "/run"),
];

/// One spelling of a path: without `//`, `.` and `..`, behind the links that hosts have, and with what is enabled by a
/// link (`sites-enabled`) as that which is available. Other links only the host knows.
fn plain(path: &str) -> Cow<'_, str> {
    let odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.ends_with("-enabled");
    if !path.starts_with('/')
        || (!path[1..].split('/').any(odd) && LINKS.iter().all(|(l, _)| !below(l, path)))
    {
        return path.into();
    }
    let mut parts: Vec<Cow<'_, str>> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(match part.strip_suffix("-enabled") {
                Some(what) => format!("{what}-available").into(),
                None => part.into(),
            }),
        }
    }
    let end = if path.len() > 1 && path.ends_with('/') { "/" } else { "" };
    let path = format!("/{}{end}", parts.join("/"));
    match LINKS.iter().find(|(link, _)| below(link, &path)) {
        Some((link, target)) => format!("{target}{}", &path[link.len()..]).into(),
        None => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (written, path) in [
            ("/srv/a", "/srv/a"),
            ("/srv//a/./b/../c", "/srv/a/c"),
            ("/srv/a/", "/srv/a/"),
            ("/", "/"),
            ("/../etc", "/etc"),
            ("/lib/modules/*", "/usr/lib/modules/*"),
            ("/library/x", "/library/x"),
            ("/var/run/app.pid", "/run/app.pid"),
            ("/etc/nginx/sites-enabled/site", "/etc/nginx/sites-available/site"),
            ("~/x//y", "~/x//y"),
            ("/etc/passwd/=ada", "/etc/passwd/=ada"),
        ] {
            assert_eq!(plain(written), path, "{written}");
        }
        let claims = Claims { reads: vec!["file:/bin//sh".into(), "package:*".into()], writes: vec![] };
        assert_eq!(claims.plainly().reads, ["file:/usr/bin/sh", "package:*"]);
    }

    #[test]
    fn what_is_put_into_a_folder_rests_on_it() {
        let claims = |reads: &[&str], writes: &[&str]| {
            let list = |of: &[&str]| of.iter().map(|s| s.to_string()).collect();
            Claims { reads: list(reads), writes: list(writes) }
        };
        for (reads, writes, rests) in [
            (&["folder:/srv/a"][..], &["file:/srv/a/x"][..], true),
            (&["*"], &["file:/srv/a/b/x", "folder:/srv/a/b", "folder:/srv/a"], true),
            (&[], &["file:/srv/ab"], true),
            (&[], &["file:/srv/a"], false),
            (&[], &["file:/srv/a/"], false),
            (&[], &["file:/srv"], false),
            (&[], &["file:/srv/a/*"], false),
            (&[], &["file:~/x"], false),
            (&[], &["*"], false),
            (&["file:/srv/a/y"], &["file:/srv/a/x"], false),
            (&["file:/srv/b"], &["file:/srv/a/x"], true),
        ] {
            assert_eq!(claims(reads, writes).rest_on("/srv/a"), rests, "{reads:?} {writes:?}");
        }
        assert!(!claims(&[], &["file:/home/ada/x"]).rest_on("~/x"));
    }

    #[test]
    fn what_is_put_into_a_folder_leaves_the_folder_as_it_is() {
        for (write, touches) in [
            ("file:/srv/a", true),
            ("file:/srv/a/", true),
            ("file:/srv", true),
            ("file:/", true),
            ("file:/srv/a/x", false),
            ("file:/srv/ab", false),
            ("file:/srv/a/=an entry", true),
            ("file:/srv/*", true),
            ("file:/srv/a*", true),
            ("file:/srv/b*", false),
            ("file:~/a", true),
            ("folder:/srv/a", true),
            ("folder:/srv", false),
            ("user:a", false),
            ("service:a", false),
            ("package:a", true),
            ("*", true),
        ] {
            let claims = Claims { reads: Vec::new(), writes: vec![write.to_string()] };
            assert_eq!(claims.touches("/srv/a"), touches, "{write}");
            assert_eq!(claims.rewrites("/srv/a"), touches && !write.starts_with("folder"), "{write}");
        }
    }

    #[test]
    fn patterns_overlap_where_they_can_name_one_thing() {
        let cases = [
            ("file:/etc/fstab", "file:/etc/fstab", true),
            ("file:/etc", "file:/etc/fstab", true),
            ("file:/etc/fstab", "file:/etc", true),
            ("file:/etc/*", "file:/etc/a/b", true),
            ("file:/etc/*", "file:/etc", true),
            ("file:/etc/a", "file:/etc/ab", false),
            ("file:/etc/passwd/=ada", "file:/etc/passwd", true),
            ("file:/etc/passwd/=ada", "file:/etc/passwd/=bob", false),
            ("file:/", "file:/etc/ab", true),
            ("file:/etc", "file:/etc/apt/*", true),
            ("file:/et", "file:/etc/apt/*", false),
            ("file:~/x", "file:/root/x", true),
            ("file:~/x", "file:/home/u/*", true),
            ("file:~/x", "file:/", true),
            ("file:~/x", "file:/etc/x", false),
            ("file:~/x", "file:/etc/*", false),
            ("file:~/x", "file:~/x/y", true),
            ("file:~/x", "file:~/z", false),
            ("package:*", "package:vim", true),
            ("package:vi", "package:vim", false),
            ("package:*", "service:vim", false),
            ("sysctl:vm.*", "sysctl:vm.swappiness", true),
            ("*", "service:vim", true),
        ];
        for (a, b, expected) in cases {
            assert_eq!(overlap(a, b), expected, "{a} and {b}");
            assert_eq!(overlap(b, a), expected, "{b} and {a}");
        }
    }

    #[test]
    fn two_readers_do_not_disturb_each_other() {
        let reader = Claims { reads: vec!["file:/etc/passwd".into()], writes: vec![] };
        let writer = Claims { reads: vec![], writes: vec!["file:/etc/passwd".into()] };
        assert!(!reader.disturbs(&reader));
        assert!(writer.disturbs(&reader));
        assert!(
            !reader.disturbs(&writer),
            "a reader writes nothing; the writer's order is checked the other way"
        );
    }
}
