//! Modules that work by a program of their own: Apache's, git, make, setcap.

use super::Node;

pub async fn carried_out(node: &Node) {
    node.converges("apt", "{name: [apache2, libcap2-bin, make], install_recommends: false}").await;
    node.converges("apache2_module", "{name: rewrite}").await;
    assert_eq!(node.sh("ls /etc/apache2/mods-enabled/rewrite.load").await.lines().count(), 1);
    node.converges("apache2_module", "{name: rewrite, state: absent}").await;
    node.fails("apache2_module", "{name: autoindex, state: absent}", "essential").await;
    node.converges("apache2_module", "{name: autoindex, state: absent, force: true}").await;
    node.sh("cp /bin/true '/srv/an edge' && setcap cap_net_raw,cap_chown=ep '/srv/an edge'").await;
    let bind = "{path: /srv/an edge, capability: cap_net_bind_service+ep}";
    node.converges("capabilities", bind).await;
    node.converges("capabilities", "{path: /srv/an edge, capability: cap_chown, state: absent}").await;
    let left = node.sh("getcap '/srv/an edge'").await;
    assert!(left.contains("cap_net_bind_service") && left.contains("cap_net_raw") && !left.contains("chown"));
    node.converges("git_config", "{name: user.name, value: Jo O'Hara, scope: global}").await;
    node.converges("git_config", "{name: safe.directory, value: /srv/a, add_mode: add}").await;
    node.converges("git_config", "{name: safe.directory, value: /srv/b, add_mode: add}").await;
    assert_eq!(node.sh("git config --system --get-all safe.directory").await, "/srv/a\n/srv/b");
    node.converges("git_config", "{name: safe.directory, state: absent}").await;
    node.converges("git_config", "{name: core.editor, value: vi, scope: local, repo: /srv/origin}").await;
    node.sh("printf 'out: in\\n\\tcp in $@ && echo $(WORD) >>$@\\n' >/srv/Makefile; echo 1 >/srv/in").await;
    let make = "{chdir: /srv, target: out, params: {WORD: two words}}";
    node.converges("make", make).await;
    assert_eq!(node.sh("cat /srv/out").await, "1\ntwo words");
    node.sh("rm /srv/in").await;
    node.fails("make", "{chdir: /srv, target: nowhere}", "No rule to make target").await;
}
