//! Tests of the YAML reader.

use super::*;
use crate::base::busy::busy;

fn read(text: &str) -> (Sources, Option<Node>, Diags) {
    let sources = Sources::default();
    let mut diags = Diags::default();
    let id = sources.add("x.yml", text);
    let node = parse(id, text, &mut diags);
    (sources, node, diags)
}

fn good(text: &str) -> Node {
    let (sources, node, diags) = read(text);
    let shown: Vec<_> = diags.iter().map(|d| d.render(&sources, false)).collect();
    node.unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

fn json(text: &str) -> String {
    good(text).to_value(&Keyring::default()).to_json().to_string()
}

/// The rendered findings.
fn bad(text: &str) -> String {
    let (sources, node, diags) = read(text);
    assert!(node.is_none(), "{text:?} was read as {node:?}");
    diags.iter().map(|d| d.render(&sources, false)).collect::<Vec<_>>().join("\n")
}

fn spans(text: &str) -> Vec<(&str, &str)> {
    fn walk<'a>(node: &Node, text: &'a str, out: &mut Vec<(&'a str, &'a str)>) {
        let cut = |s: Span| &text[s.start as usize..s.end as usize];
        match &node.kind {
            NodeKind::Scalar(s) => out.push((cut(node.span), cut(s.content))),
            NodeKind::Seq(items) => items.iter().for_each(|n| walk(n, text, out)),
            NodeKind::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                walk(k, text, out);
                walk(v, text, out);
            }),
        }
    }
    let mut out = Vec::new();
    walk(&good(text), text, &mut out);
    out
}

#[test]
fn values_are_read_as_ansible_reads_them() {
    let cases = [
        ("a: yes\nb: 0644\nc: \"0644\"\nd: ~\ne:\n", r#"{"a":true,"b":420,"c":"0644","d":null,"e":null}"#),
        ("- 1\n- [a, b]\n- {c: d}\n", r#"[1,["a","b"],{"c":"d"}]"#),
        ("a: |\n  x\n   y\nb: >-\n  x\n  y\n", r#"{"a":"x\n y\n","b":"x y"}"#),
        ("a: 1\r\nb: |\r\n  x\r\n  y\r\n", "{\"a\":1,\"b\":\"x\\ny\\n\"}"),
        ("---\na: b\n...\n", r#"{"a":"b"}"#),
        ("", "null"),
        ("# only words\n", "null"),
        ("a: !!str 12\nb: !!int \"12\"\nc: ! 5\n", r#"{"a":"12","b":12,"c":"5"}"#),
        ("a:\tb\nc:\t \td\n", r#"{"a":"b","c":"d"}"#),
        ("k:\n  a: 'b\n\tc\n \t d'\n  e: f\n", r#"{"k":{"a":"b c d","e":"f"}}"#),
        ("x: a:b\ny: http://z/\n", r#"{"x":"a:b","y":"http://z/"}"#),
        ("1: a\nyes: b\n", r#"{"1":"a","True":"b"}"#),
        ("a: [\n  b,\n  c\n]\nd: {\n  e: f\n}\n", r#"{"a":["b","c"],"d":{"e":"f"}}"#),
        ("k:\n  a: \"b\nc\n\n d\"\n  e: f\n", r#"{"k":{"a":"b c\nd","e":"f"}}"#),
        ("k:\n  a: [\nb,\n{c: d\n}]\n  e: f\n", r#"{"k":{"a":["b",{"c":"d"}],"e":"f"}}"#),
        ("k:\n  - {\n  c: d,\n  e: f\n  }\n", r#"{"k":[{"c":"d","e":"f"}]}"#),
        ("a: \"b\n  c\"\n", r#"{"a":"b c"}"#),
        ("a:\n- b\n- c\n", r#"{"a":["b","c"]}"#),
        ("a: 'it''s'\nb: \"\\x41\\t\"\n", r#"{"a":"it's","b":"A\t"}"#),
    ];
    for (text, want) in cases {
        assert_eq!(json(text), want, "{text:?}");
    }
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    assert_eq!(
        json("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n"),
        r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#
    );
    assert_eq!(
        json("- &x {a: 1}\n- &y {a: 2, b: 2}\n- {<<: [*x, *y], c: 3}\n"),
        r#"[{"a":1},{"a":2,"b":2},{"a":1,"b":2,"c":3}]"#
    );
    assert!(bad("a: &x [*x]\n").contains("an alias inside the value it stands for"));
    assert!(bad("a:\n  <<: 5\n").contains("`<<` needs a mapping"));
    assert!(bad("hosts: *\n").contains("quotes"));
    assert!(bad("hosts: *foo\n").contains("names no anchor"));
}

#[test]
fn a_bomb_is_refused_soon() {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for i in 1..30 {
        let alias = format!("*a{}", i - 1);
        text += &format!("a{i}: &a{i} [{}]\n", [alias.as_str(); 9].join(", "));
    }
    let (message, time) = busy(|| bad(&text));
    assert!(message.contains("error[yaml-bomb]") && message.contains("x.yml:6:"), "{message}");
    assert!(time.as_secs() < 2, "{time:?}");
    let merges: String = (1..40).fold("a0: &a0 {k: [1, 2, 3, 4]}\n".into(), |text, i| {
        text + &format!("a{i}: &a{i} {{<<: *a{0}, x: *a{0}, y: *a{0}}}\n", i - 1)
    });
    assert!(bad(&merges).contains("yaml-bomb"));
    let open: String = (0..100).map(|n| format!("&a{n} [")).collect();
    let nested = format!("{open}{}{}", "1, ".repeat(50_000), "]".repeat(100));
    assert!(bad(&nested).contains("yaml-bomb"));
    let deep = "[".repeat(100_000);
    assert!(bad(&deep).contains("yaml-too-deep"));
    let deep: String = (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(bad(&deep).contains("yaml-too-deep"));
}

#[test]
fn spans_are_exact() {
    assert_eq!(spans("é: ü # c\nb: \"x y\"  \n"), [("é", "é"), ("ü", "ü"), ("b", "b"), ("\"x y\"", "x y")]);
    assert_eq!(spans("- a b \n- 'c'\n"), [("a b", "a b"), ("'c'", "c")]);
    assert_eq!(spans("a: |\n\n   x\n   y\n\nb: c\n")[1].0, "|\n\n   x\n   y");
    assert_eq!(spans("a: >-\n   x\n   y\nb: c\n")[1], (">-\n   x\n   y", "x\n   y"));
    assert_eq!(spans("{a: b, c: [d , e]}\n").iter().map(|s| s.0).collect::<String>(), "abcde");
    assert_eq!(spans("a: !unsafe b\nc: &x d\n"), [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d")]);
    assert_eq!(spans("a: x\r\nb: y\r\n"), [("a", "a"), ("x", "x"), ("b", "b"), ("y", "y")]);
    assert_eq!(spans("a: > # x > y\n   x\nb: c\n")[1].0, "> # x > y\n   x");
    assert_eq!(spans("a: !unsafe |\n   x\n   y\n")[1], ("|\n   x\n   y", "x\n   y"));
    assert_eq!(spans("a: !unsafe\nb: &x\n").len(), 4);
    assert_eq!(spans("- |\n- a\n")[0].0, "|");
    assert_eq!(spans("k:\n  a: \"b\nc\"\n  e: f\n")[2..], [("\"b\nc\"", "b\nc"), ("e", "e"), ("f", "f")]);
    let text = "a:\n  b: c\n\n\nd: [e]\n";
    let node = good(text);
    let cut = |n: &Node| &text[n.span.start as usize..n.span.end as usize];
    assert_eq!(cut(&node.as_map().unwrap()[0].1), "b: c");
    assert_eq!(cut(&node.as_map().unwrap()[1].1), "[e]");
}

#[test]
fn templates_know_where_they_stand() {
    let text = "a: \"x {{ y }}\"\nb: !unsafe '{{ z }}'\nc: '{# n #}'\n";
    let value = good(text).to_value(&Keyring::default());
    let Some(Value::Template(t)) = value.get("a") else { panic!("{value:?}") };
    let span = t.span.unwrap();
    assert_eq!((&*t.text, &text[span.start as usize..span.end as usize]), ("x {{ y }}", "x {{ y }}"));
    assert_eq!(value.get("b"), Some(&"{{ z }}".into()));
    assert!(matches!(value.get("c"), Some(Value::Template(_))));
}

#[test]
fn the_last_of_double_keys_counts_and_is_warned_of() {
    let (sources, node, diags) = read("a: 1\nb: 2\na: 3\n");
    assert_eq!(node.unwrap().to_value(&Keyring::default()).to_json().to_string(), r#"{"a":3,"b":2}"#);
    let text = diags.iter().next().unwrap().render(&sources, false);
    assert!(text.contains("warning[duplicate-key]") && text.contains("x.yml:3:1"), "{text}");
}

#[test]
fn errors_say_what_to_do() {
    let cases = [
        ("a: {{ x }}\n", "x.yml:1:4", "write \"{{ x }}\""),
        ("a: {{ x }}/b\n", "x.yml:1:4", "write \"{{ x }}/b\""),
        ("- {{ x['a'] }}\n", "x.yml:1:3", "write \"{{ x['a'] }}\""),
        ("a:\n  b: c: d\n", "x.yml:2:7", "put the value into quotes: 'c: d'"),
        ("a:\n\tb: c\n", "x.yml:2:1", "replace the tab"),
        ("a:\n  b: c\n d: e\n", "x.yml:3:2", "indentation"),
        ("a: \"b\nc: d\n", "x.yml:1:4", "never closed"),
        ("a: 'b' c\n", "x.yml:1:7", "one pair of quotes"),
        ("a: \"\\d\"\n", "x.yml:1:", "single quotes"),
        ("a: @b\n", "x.yml:1:4", "begins with `@`"),
        ("a: %b\n", "x.yml:1:4", "begins with `%`"),
        ("a: 1\n---\nb: 2\n", "x.yml:2:1", "one document a file"),
        ("a: !foo b\n", "x.yml:1:4", "known tags"),
        ("? [a]\n: b\n", "x.yml:1:3", "a key must be text, not a list"),
        ("a: [b, c\n", "x.yml:1:4", "never closed"),
        ("a: b\n- c\n", "x.yml:2:3", "indentation"),
    ];
    for (text, place, hint) in cases {
        let message = bad(text);
        assert!(message.contains(place) && message.contains(hint), "{text:?}:\n{message}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let sources = Sources::default();
    let diag = add_bytes(Path::new("l.yml"), b"a: b\nc: caf\xe9\nd: e\n".to_vec(), &sources).unwrap_err();
    let text = diag.render(&sources, false);
    for part in ["error[not-utf8]", "byte 11 (0xe9)", "l.yml:2:7", "iconv"] {
        assert!(text.contains(part), "{text}");
    }
    let id = add_bytes(Path::new("b.yml"), b"\xef\xbb\xbfa: b\n".to_vec(), &sources).unwrap();
    assert_eq!(&*sources.get(id).text, "a: b\n");
    assert!(read_text(Path::new("/nowhere/x.yml"), &sources).unwrap_err().message.contains("no such file"));
}

#[test]
fn a_line_of_a_megabyte_makes_no_message_of_a_megabyte() {
    let word = "x".repeat(1 << 20);
    for text in [
        format!("a: b: {word}\n"),
        format!("a: {{{{ {word} }}}}\n"),
        format!("a: \"{word}\n"),
        format!("{word}: a\n"),
    ] {
        let (message, time) = busy(|| bad(&text));
        assert!(message.len() < 5000, "{} bytes: {:.300}", message.len(), message);
        assert!(time.as_secs() < 5, "{time:?}");
    }
    assert_eq!(json(&format!("a: {word}\n")).len(), word.len() + 8);
}
