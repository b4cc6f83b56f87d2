//! Tests of inventories: what is read, in which order, and which variables win.

use super::*;
use crate::base::busy::busy;
use crate::syntax::vault::Keyring;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

struct Lab {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Lab {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if text.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        Lab { folder, sources: Sources::default() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The inventory and what is said of it.
    fn load(&self, names: &[&str]) -> (Inventory, String) {
        let mut diags = Diags::default();
        let given: Vec<_> =
            names.iter().map(|n| if n.contains(',') { n.to_string() } else { self.path(n) }).collect();
        let inventory = load(&given, &self.sources, &Keyring::default(), &mut diags);
        (inventory, diags.iter().map(|d| d.render(&self.sources, false)).collect::<Vec<_>>().join("\n"))
    }
}

fn ini(text: &str) -> Inventory {
    let (inventory, said) = Lab::new(&[("hosts", text)]).load(&["hosts"]);
    assert_eq!(said, "");
    inventory
}

fn said(file: &str, text: &str) -> String {
    Lab::new(&[(file, text)]).load(&[file]).1
}

fn names(inventory: &Inventory, hosts: &[HostId]) -> String {
    hosts.iter().map(|h| inventory[*h].name.to_string()).collect::<Vec<_>>().join(" ")
}

fn group(inventory: &Inventory, name: &str) -> String {
    names(inventory, &inventory.hosts_in(inventory.group(name).unwrap()))
}

fn vars(inventory: &Inventory, host: &str) -> String {
    Value::Map(Arc::clone(&inventory[inventory.host(host).unwrap()].vars)).to_json().to_string()
}

#[test]
fn ini_hosts_groups_and_types() {
    let inventory = ini(
        "solo ansible_host=1.2.3.4 a=5 b=0644 c=yes d=True e=\"x y\" f='[1, \"a\"]' g={'k':1} k=foo#bar # c\n\
                         h2:2222 m=\"a=b\" n=a=b o= p='{{ x }}' x=\"\\\"q\\\"\" y=a\\ b\n\
                         ; comment\n[web]\nw[01:03].ex x=1\nh2\n[web:vars]\na=5\nb = FALSE\nc=foo # c\nd=5 # c\ne=\"x y\"\ni=\n\
                         [prod:children] # later declared\nweb\ndb\n[db]\nd1 # comment\n",
    );
    assert_eq!(
        vars(&inventory, "solo"),
        r#"{"ansible_host":"1.2.3.4","a":5,"b":"0644","c":"yes","d":true,"e":"x y","f":[1,"a"],"g":"{k:1}","k":"foo"}"#
    );
    assert_eq!(
        vars(&inventory, "h2"),
        r#"{"ansible_port":2222,"m":"a=b","n":"a=b","o":"","p":"{{ x }}","x":"q","y":"a b"}"#
    );
    assert!(matches!(inventory.hosts["h2"].vars["p"], Value::Template(_)));
    assert_eq!(vars(&inventory, "w02.ex"), r#"{"x":1}"#);
    let web = Value::Map(Arc::clone(&inventory.groups["web"].vars)).to_json().to_string();
    assert_eq!(web, r#"{"a":5,"b":"FALSE","c":"foo # c","d":5,"e":"x y","i":""}"#);
    assert_eq!(group(&inventory, "prod"), "w01.ex w02.ex w03.ex h2 d1");
    assert_eq!(group(&inventory, "ungrouped"), "solo");
    assert_eq!(group(&inventory, "all"), "solo w01.ex w02.ex w03.ex h2 d1");
    assert_eq!(inventory.group_names(inventory.host("h2").unwrap()).join(" "), "prod web");
    assert_eq!(inventory.groups["web"].depth, 2);
}

#[test]
fn ini_faults_are_all_told() {
    let text = "[a\nx\n[web]\nh1 x\nh2 y=\"z\nh[3:1]\n[web:var]\n[db:vars]\nx=1\n[web:vars]\nnoequals\n\
                [p:children]\nwbe\n[q:children]\np\n[p:children]\nq\n[web]\nh4 ; comment\n";
    let said = said("hosts", text);
    for part in [
        "hosts:1:1",
        "not closed",
        "`x` is no `name=value`",
        "never closed",
        "ends before it begins",
        "did you mean `vars`",
        "variables for the group `db`, which is not declared",
        "a variable is written",
        "the group `wbe` is not declared",
        "did you mean `web`",
        "error[inventory-cycle]",
        "begins with `#`",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn yaml_inventories_are_read() {
    let text = "all:\n  hosts:\n    h1:\n    h2: {a: yes}\n    x[1:2]: {z: '{{ a }}'}\n  vars: {g: 1}\n  children:\n    web:\n      \
                hosts: {h1: {p: 5}}\n      children: {sub: {hosts: {h3: }}}\n      vars: {v: 2, ansible_group_priority: 7}\n    \
                empty:\nother: {hosts: h9}\n";
    let (inventory, said) = Lab::new(&[("y.yml", text)]).load(&["y.yml"]);
    assert_eq!(said, "");
    assert_eq!(group(&inventory, "all"), "h1 h2 x1 x2 h9 h3");
    assert_eq!(group(&inventory, "ungrouped"), "h2 x1 x2");
    assert_eq!(
        (vars(&inventory, "h1"), vars(&inventory, "h2")),
        (r#"{"p":5}"#.into(), r#"{"a":true}"#.into())
    );
    assert_eq!((inventory.groups["web"].priority, inventory.groups["web"].vars.len()), (7, 1));
    let faults =
        super::tests::said("z.yml", "web:\n  hots: {}\n  hosts: [a]\n  vars: x\n  children: {web: }\n");
    for part in
        ["did you mean `hosts`", "wants a mapping, not a list", "variables are a mapping", "inventory-cycle"]
    {
        assert!(faults.contains(part), "{part} is missing in:\n{faults}");
    }
    assert!(
        super::tests::said("p.yml", "plugin: amazon.aws.aws_ec2\n")
            .contains("`amazon.aws.aws_ec2` cannot be run")
    );
}

#[test]
fn sources_are_merged_in_order() {
    let lab = Lab::new(&[
        ("inv/10-a.ini", "[web]\nh1 x=1 y=1\n"),
        ("inv/20-b.yml", "web: {hosts: {h1: {x: 2}, h2: }}\n"),
        ("inv/sub/c", "[db]\nh3\n"),
        ("inv/notes.md", "[broken\n"),
        ("inv/group_vars/web.yml", "v: 1\n"),
        ("x.ini", "[web:vars]\nz=1\n"),
    ]);
    let (inventory, said) = lab.load(&["inv", "x.ini", "h4:2200,w[1:2],"]);
    assert_eq!(said, "");
    assert_eq!(group(&inventory, "all"), "h4 w1 w2 h1 h2 h3");
    assert_eq!(vars(&inventory, "h1"), r#"{"x":2,"y":1}"#);
    assert_eq!(vars(&inventory, "h4"), r#"{"ansible_port":2200}"#);
    assert_eq!(inventory.folders.len(), 2);
    let (_, said) = lab.load(&["nowhere"]);
    assert!(said.contains("there is no inventory") && said.contains("comma"), "{said}");
    let (_, said) = Lab::new(&[("h", "[web]\nh1\n[h1]\nx\n")]).load(&["h"]);
    assert!(said.contains("warning[inventory-double-name]") && said.contains("the host"), "{said}");
}

#[test]
fn programs_print_inventories() {
    let meta = "#!/bin/sh\n[ \"$1\" = --list ] || exit 9\ncat <<E\n{\"web\": {\"hosts\": [\"a\"], \"vars\": {\"v\": 1}, \"children\": [\"db\"]},\n\
                \"db\": [\"b\"], \"_meta\": {\"hostvars\": {\"a\": {\"x\": \"{{ v }}\"}}}}\nE\n";
    let single =
        "#!/bin/sh\n[ \"$1\" = --list ] && echo '{\"g\": [\"c\"]}' || echo \"{\\\"name\\\": \\\"$2\\\"}\"\n";
    let lab = Lab::new(&[("meta", meta), ("single", single), ("bad", "#!/bin/sh\necho oh no >&2\nexit 3\n")]);
    let (inventory, said) = lab.load(&["meta", "single"]);
    assert_eq!(said, "");
    assert_eq!(group(&inventory, "web"), "a b");
    assert!(matches!(inventory.hosts["a"].vars["x"], Value::Template(_)));
    assert_eq!(vars(&inventory, "c"), r#"{"name":"c"}"#);
    let (_, said) = lab.load(&["bad"]);
    assert!(said.contains("--list` failed") && said.contains("oh no"), "{said}");
}

#[test]
fn a_host_knows_what_named_it_first() {
    let program = "#!/bin/sh\necho '{\"g\": {\"hosts\": [\"p\", \"f\"]}, \"_meta\": {}}'\n";
    let lab = Lab::new(&[("many/one.ini", "f\n"), ("many/two", program)]);
    let (mut inventory, said) = lab.load(&["many", "l,f,"]);
    assert_eq!(said, "");
    inventory.add_host("late", None);
    let origin = |name: &str| inventory.hosts[name].origin.as_deref().map(str::to_string);
    assert_eq!(origin("f"), Some(lab.path("many/one.ini")));
    assert_eq!(origin("p"), Some(lab.path("many/two")));
    assert_eq!(origin("l").as_deref(), Some("l,f,"));
    assert_eq!(origin("late"), None);
}

#[test]
fn patterns_select_as_ansible_does() {
    let inventory = ini("[web]\nw[0:5]\n[db]\nd1\nd2\n[both:children]\ndb\nweb\n");
    let cases = [
        ("all", "d1 d2 w0 w1 w2 w3 w4 w5"),
        ("*", "d1 d2 w0 w1 w2 w3 w4 w5"),
        ("web:!w1", "w0 w2 w3 w4 w5"),
        ("web:&db", ""),
        ("web[0:2]", "w0 w1 w2"),
        ("web[1:]", "w1 w2 w3 w4 w5"),
        ("web[-1]", "w5"),
        ("web[0]", "w0"),
        ("web[9]", ""),
        ("~w[0-2]", "w0 w1 w2"),
        ("~(w|d)1", "w1 d1"),
        ("w*", "w0 w1 w2 w3 w4 w5"),
        ("w[13]", ""),
        ("web,d1", "w0 w1 w2 w3 w4 w5 d1"),
        ("!w1", "d1 d2 w0 w2 w3 w4 w5"),
        ("&web", "w0 w1 w2 w3 w4 w5"),
        ("localhost", "localhost"),
        ("::1", "::1"),
        ("web[0:2]:d1", "w0 w1 w2 d1"),
        ("d1:web[0]", "d1 w0"),
        ("db:web:&w*:!w2", "w0 w1 w3 w4 w5"),
        ("w1:w0", "w1 w0"),
        ("ungrouped", ""),
        ("both", "d1 d2 w0 w1 w2 w3 w4 w5"),
    ];
    for (pattern, want) in cases {
        let found = inventory.select(pattern).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(names(&inventory, &found.hosts), want, "{pattern}");
    }
    let found = inventory.select("wbe:db").unwrap();
    assert_eq!(names(&inventory, &found.hosts), "d1 d2");
    assert_eq!((found.unknown[0].name.as_str(), found.unknown[0].nearest.as_deref()), ("wbe", Some("web")));
    assert!(inventory.select("~(").unwrap_err().to_string().contains("regular expression"));
    assert!(inventory.select("web[:2]").unwrap_err().to_string().contains("wants numbers"));
    assert!(inventory.select("web[0").unwrap_err().to_string().contains("not closed"));
    let lab = Lab::new(&[("retry", "w1\n# x\nd1\n")]);
    let limit = format!("@{}", lab.path("retry"));
    assert_eq!(names(&inventory, &inventory.select_limited("web", Some(&limit)).unwrap().hosts), "w1");
    assert!(inventory.limit("@/nowhere").unwrap_err().to_string().contains("no such file"));
}

#[test]
fn hosts_are_put_in_order() {
    let inventory = ini("[web]\nb\nc\na\n");
    for (order, want) in [
        (Order::Inventory, "b c a"),
        (Order::ReverseInventory, "a c b"),
        (Order::Sorted, "a b c"),
        (Order::ReverseSorted, "c b a"),
    ] {
        let mut hosts = inventory.hosts_in(ALL);
        order_hosts(&inventory, &mut hosts, order);
        assert_eq!(names(&inventory, &hosts), want);
    }
    let mut hosts = inventory.hosts_in(ALL);
    order_hosts(&inventory, &mut hosts, "shuffle".parse().unwrap());
    hosts.sort();
    assert_eq!(hosts.len(), 3);
}

#[test]
fn layers_come_in_ansibles_order() {
    let lab = Lab::new(&[
        (
            "inv/hosts",
            "[web]\nh1 v=host\n[prod:children]\nweb\n[all:vars]\nv=all\n[web:vars]\nv=web\n[prod:vars]\nv=prod\n",
        ),
        ("inv/group_vars/all/10.yml", "v: ga1\n"),
        ("inv/group_vars/all/20.yml", "v: ga2\n"),
        ("inv/group_vars/all/.hidden.yml", "[\n"),
        ("inv/group_vars/all.yml", "v: shadowed by the folder\n"),
        ("inv/group_vars/web.json", "{\"v\": \"gw\"}\n"),
        ("inv/host_vars/h1", "v: hv\n"),
        ("play/group_vars/all.yml", "v: pa\n"),
        ("play/group_vars/prod.yaml", "v: pp\n"),
        ("play/host_vars/h1.yml", "v: ph\n"),
    ]);
    let (inventory, _) = lab.load(&["inv"]);
    let folders = VarFolders::new(Some(Path::new(&lab.path("play"))), &lab.sources, &Keyring::default());
    let mut diags = Diags::default();
    let host = inventory.host("h1").unwrap();
    let layers = folders.layers(&inventory, host, &mut diags);
    let shown: Vec<_> = layers.iter().map(|l| l.vars["v"].as_str().unwrap()).collect();
    assert_eq!(shown.join(" "), "all prod web ga2 pa gw pp host hv ph");
    assert!(layers.is_sorted_by_key(|l| l.kind) && diags.is_empty());
    let all = folders.layers_of_all(&inventory, &mut diags);
    assert_eq!(all.iter().map(|l| l.vars["v"].as_str().unwrap()).collect::<Vec<_>>(), ["all", "ga2", "pa"]);
}

#[test]
fn errors_in_variable_files_are_told_once() {
    let lab = Lab::new(&[("hosts", "a\nb\n"), ("group_vars/all.yml", "a: b: c\n")]);
    let (inventory, _) = lab.load(&["hosts"]);
    let folders = VarFolders::new(None, &lab.sources, &Keyring::default());
    let mut diags = Diags::default();
    for host in inventory.host_ids() {
        folders.layers(&inventory, host, &mut diags);
    }
    assert_eq!(diags.iter().count(), 1);
}

#[test]
fn hosts_and_groups_may_be_added_later() {
    let mut inventory = ini("[web]\nh1\n");
    let new = inventory.add_host("h2", None);
    let group_id = inventory.add_group("made", None);
    inventory.add_member(group_id, new);
    let here = inventory.add_host("localhost", None);
    inventory.reconcile();
    assert_eq!(group(&inventory, "all"), "localhost h1 h2");
    assert!(!inventory[here].implicit && inventory[here].vars.is_empty());
    assert_eq!(inventory.groups["made"].depth, 1);
}

#[test]
fn ten_thousand_hosts_are_read_in_no_time() {
    let lab = Lab::new(&[(
        "hosts",
        "[web]\nw[0:4999].example.org a=1 b=two\n[db]\nd[0:4999].example.org\n[all:vars]\nx=1\n[prod:children]\nweb\ndb\n",
    )]);
    let ((), time) = busy(|| {
        let (inventory, said) = lab.load(&["hosts"]);
        assert_eq!((said.as_str(), inventory.host_ids().count()), ("", 10_000));
        let folders = VarFolders::new(Some(lab.folder.path()), &lab.sources, &Keyring::default());
        let selected = inventory.select("prod:!w1*").unwrap().hosts;
        let mut diags = Diags::default();
        let layers: usize = selected.iter().map(|h| folders.layers(&inventory, *h, &mut diags).len()).sum();
        assert!(layers >= selected.len());
    });
    // A debug build; a release build takes some 20 ms.
    assert!(time.as_secs() < 5, "{time:?}");
}

#[test]
fn huge_and_hostile_files_end_soon_with_a_message() {
    let ((), time) = busy(|| {
        let many: String = (0..100_000).map(|n| format!(" v{n}={n}")).collect();
        let inventory = ini(&format!("h1{many}\n"));
        assert_eq!(inventory.hosts["h1"].vars.len(), 100_000);
        let word = "x".repeat(1 << 20);
        assert_eq!(group(&ini(&format!("{word}\n")), "all").len(), 1 << 20);
        let open = said("hosts", &format!("h1 a=\"{word}\n"));
        assert!(open.contains("never closed") && open.contains("hosts:1:6"));
        assert!(open.len() < 5000, "a message is no megabyte: {}", open.len());
        let noise = said("hosts", &format!("h1 {word}\n"));
        assert!(noise.contains("is no `name=value`"));
        assert!(said("hosts", &format!("h1 a={}\n", "[".repeat(1 << 20))).is_empty(), "odd text is text");
        assert!(said("hosts", &format!("h{}\n", "[0:999]".repeat(1000))).contains("more than"));
        assert!(said("hosts", "h1\n[web]\n\u{0}\n").is_empty());
        let lab = Lab::new(&[]);
        fs::write(lab.path("bad"), b"h1\nh\xff2\n").unwrap();
        let (_, said) = lab.load(&["bad"]);
        assert!(said.contains("error[not-utf8]") && said.contains("bad:2:2"), "{said}");
    });
    assert!(time.as_secs() < 20, "{time:?}");
}
