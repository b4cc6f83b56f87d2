//! The system modules on a booted host: applied, then decided again, which must find nothing to do.

#![allow(clippy::unwrap_used)]

#[path = "system_modules/devices.rs"]
mod devices;
#[path = "system_modules/programs.rs"]
mod programs;

use fitout::base::{Map, Value};
use fitout::lab::{Guard, Lab, LabOptions};
use fitout::modules::facts::{FactNeeds, gather_job, parse};
use fitout::modules::{ArgsExt, Behaviour, Controller, Failure, coerce, registry};
use fitout::plan::Decision;
use fitout::remote::{Become, Connection, Output, Remote, SshOptions, Target, connect};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static CHAIN: AtomicU64 = AtomicU64::new(1);

struct Bare;

impl Controller for Bare {
    fn check_mode(&self) -> bool {
        false
    }
    fn diff_mode(&self) -> bool {
        true
    }
    fn find_file(&self, _: &str, name: &str) -> Result<PathBuf, Failure> {
        Ok(name.into())
    }
    fn read_file(&self, path: &Path, _: bool) -> Result<Arc<[u8]>, Failure> {
        std::fs::read(path).map(Into::into).map_err(|e| Failure::new(e.to_string()))
    }
    fn render(&self, _: &Path, _: &Map) -> Result<String, Failure> {
        Err(Failure::new("no templates here"))
    }
    fn fact(&self, name: &str) -> Option<Value> {
        (name == "pkg_mgr").then(|| "apt".into())
    }
    fn inventory_hostname(&self) -> &str {
        "node1"
    }
}

struct Node {
    remote: Arc<dyn Remote>,
}

impl Node {
    async fn run(&self, jobs: Vec<fitout::remote::Job>) -> Vec<Output> {
        let waiting: Vec<_> = jobs.into_iter().map(|j| self.remote.submit(&Become::No, j)).collect();
        let mut out = Vec::new();
        for one in waiting {
            out.push(one.await.expect("the host answers"));
        }
        out
    }

    async fn decide(&self, module: &str, yaml: &str) -> Result<(Map, Decision), Failure> {
        let module = registry().get(module).unwrap_or_else(|| panic!("no module {module}"));
        let given: serde_yaml::Value = serde_yaml::from_str(yaml).expect("YAML");
        let given = fitout::spec::from_yaml(&given).as_map().cloned().unwrap_or_default();
        let args = coerce(&module.spec, given)?;
        let Behaviour::Staged(staged) = &module.behaviour else {
            panic!("{} is not staged", module.spec.name)
        };
        let seen = self.run(staged.probe(&args, &Bare)?).await;
        let decision = staged.decide(&args, &seen, &Bare)?;
        Ok((args, decision))
    }

    /// Applies; whether something was changed, and the result.
    async fn try_apply(&self, module: &str, yaml: &str) -> Result<(bool, Map), Failure> {
        let (args, decision) = self.decide(module, yaml).await?;
        let changed = decision.change.is_some();
        // What fails ends its chain: each call has its own.
        let chain = CHAIN.fetch_add(1, Ordering::Relaxed);
        let effects = decision.effects.iter().cloned().map(|mut job| {
            job.chain = Some(chain);
            job
        });
        let done = self.run(effects.collect()).await;
        let module = registry().get(module).expect("known");
        let Behaviour::Staged(staged) = &module.behaviour else { panic!("staged") };
        Ok((changed, staged.finish(&args, decision, &done)?))
    }

    async fn apply(&self, module: &str, yaml: &str) -> (bool, Map) {
        self.try_apply(module, yaml).await.unwrap_or_else(|f| panic!("{module} {yaml}: {}", f.message))
    }

    async fn fails(&self, module: &str, yaml: &str, said: &str) {
        let failure = self.try_apply(module, yaml).await.expect_err(yaml);
        assert!(failure.message.contains(said), "{module} {yaml}: {}", failure.message);
    }

    /// The first time something is done, the second time nothing.
    async fn converges(&self, module: &str, yaml: &str) -> Map {
        let (changed, result) = self.apply(module, yaml).await;
        assert!(changed, "{module} {yaml}: nothing was done the first time");
        self.settled(module, yaml).await;
        result
    }

    async fn settled(&self, module: &str, yaml: &str) {
        let again = self
            .decide(module, yaml)
            .await
            .unwrap_or_else(|f| panic!("{module} {yaml} again: {}", f.message));
        assert_eq!(again.1.change.map(|c| c.reason), None, "{module} {yaml} again");
    }

    async fn sh(&self, text: &str) -> String {
        let script = fitout::remote::Script::new("test.sh", text);
        let out = self.run(vec![fitout::remote::Job::new(&script)]).await.remove(0);
        assert!(out.ok(), "{text}: {}", out.stderr_text());
        String::from_utf8_lossy(&out.stdout).trim().to_string()
    }
}

#[test]
fn modules_converge_on_a_booted_host() {
    let options = LabOptions {
        name: format!("sysmod-{}", std::process::id()),
        ephemeral: true,
        ..LabOptions::default()
    };
    let lab = Guard::new(Lab::up(&options).unwrap_or_else(|e| panic!("{e}")));
    let host = lab.hosts().remove(0);
    let mut ssh = SshOptions::new(&host.name);
    ssh.config_file = Some(host.ssh_config.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let node = Node { remote: connect(Target::new("node1", Connection::Ssh(ssh))) };
        facts(&node).await;
        people(&node).await;
        packages(&node).await;
        services(&node).await;
        files(&node).await;
        devices::carried_out(&node).await;
        programs::carried_out(&node).await;
    });
}

async fn facts(node: &Node) {
    let output = node.run(vec![gather_job(&FactNeeds::All, &[], None).unwrap()]).await.remove(0);
    let facts = parse(&output).unwrap_or_else(|f| panic!("{}", f.message));
    let get = |name: &str| facts.get(name).unwrap_or_else(|| panic!("no fact {name}")).to_json();
    assert_eq!(get("os_family"), "Debian");
    assert_eq!(get("distribution_release"), "bookworm");
    assert_eq!(get("distribution_major_version"), "12");
    assert_eq!(get("service_mgr"), "systemd");
    assert_eq!(get("pkg_mgr"), "apt");
    assert_eq!(get("hostname"), "node1");
    assert_eq!(get("virtualization_role"), "guest");
    assert_eq!(get("user_id"), "root");
    assert_eq!(get("user_dir"), "/root");
    assert!(get("memtotal_mb").as_i64().is_some_and(|m| m > 0));
    assert!(
        get("default_ipv4")["address"].as_str().is_some_and(|a| a.starts_with("10.")),
        "{}",
        get("default_ipv4")
    );
    assert!(get("ssh_host_key_ed25519_public").as_str().is_some_and(|k| k.starts_with("AAAA")));
}

async fn people(node: &Node) {
    let group = node.converges("group", "{name: deploy, gid: 1500}").await;
    assert_eq!(group.get("gid"), Some(&Value::Int(1500)));
    let user = node
        .converges("user", "{name: deploy, uid: 1501, group: deploy, groups: [adm], append: true, shell: /bin/bash, password: '$6$abc$def', comment: It's me}")
        .await;
    assert_eq!(user.get("uid"), Some(&Value::Int(1501)));
    assert_eq!(node.sh("getent shadow deploy | cut -d: -f2").await, "$6$abc$def");
    node.converges(
        "user",
        "{name: deploy, shell: /bin/sh, groups: [], password_lock: true, password_expire_max: 90}",
    )
    .await;
    assert_eq!(node.sh("id -nG deploy").await, "deploy");
    node.converges("user", "{name: svc, system: true, create_home: false, shell: /usr/sbin/nologin}").await;
    let told = node.converges("user", "{name: deploy, generate_ssh_key: true, ssh_key_type: ed25519}").await;
    let print = node.sh("ssh-keygen -l -f /home/deploy/.ssh/id_ed25519").await;
    assert_eq!(told.str("ssh_fingerprint"), print);
    node.converges(
        "authorized_key",
        "{user: deploy, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJlc3Q me@x', exclusive: true}",
    )
    .await;
    let modes = node.sh("stat -c '%a %U' /home/deploy/.ssh /home/deploy/.ssh/authorized_keys").await;
    assert_eq!(modes, "700 deploy\n600 deploy");
    node.converges(
        "authorized_key",
        "{user: deploy, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJlc3Q me@x', state: absent}",
    )
    .await;
    let entry = node.apply("getent", "{database: passwd, key: deploy}").await.1;
    let fields = entry
        .get("ansible_facts")
        .and_then(|f| f.get("getent_passwd"))
        .and_then(|f| f.get("deploy"))
        .cloned();
    assert_eq!(fields.and_then(|f| f.as_list().and_then(|l| l.get(1).cloned())), Some("1501".into()));
    node.converges("user", "{name: svc, state: absent}").await;
    let missing = node.decide("user", "{name: x, group: nobodys}").await;
    assert!(missing.is_err_and(|f| f.message.contains("nobodys")));
}

async fn packages(node: &Node) {
    let result = node
        .apply(
            "apt",
            "{name: [cron, tree], update_cache: true, cache_valid_time: 86400, install_recommends: false}",
        )
        .await;
    assert!(result.0);
    node.settled("apt", "{name: [cron, tree], update_cache: true, cache_valid_time: 86400}").await;
    // Lists that are what they were are no change.
    node.apply("apt", "{update_cache: true}").await;
    let (_, again) = node.apply("apt", "{update_cache: true}").await;
    assert_eq!(again.get("changed"), Some(&false.into()));
    node.settled("package", "{name: tree}").await;
    node.settled("apt", "{name: tree, state: latest}").await;
    node.converges("dpkg_selections", "{name: tree, selection: hold}").await;
    node.converges("dpkg_selections", "{name: tree, selection: install}").await;
    node.converges("apt", "{name: tree, state: absent, purge: true}").await;
    let unknown = node.decide("apt", "{name: no-such-package-at-all}").await.expect("decided").1;
    let module = registry().get("apt").expect("apt");
    let Behaviour::Staged(staged) = &module.behaviour else { panic!("staged") };
    let done = node.run(unknown.effects.clone()).await;
    let failure = staged.finish(&Map::new(), unknown, &done).expect_err("it cannot be installed");
    assert!(
        failure.message.contains("no-such-package-at-all") && failure.message.contains("hint:"),
        "{}",
        failure.message
    );
    let facts = node.apply("package_facts", "{}").await.1;
    let packages = facts.get("ansible_facts").and_then(|f| f.get("packages")).cloned().expect("packages");
    assert!(packages.get("cron").is_some() && packages.get("tree").is_none());
    node.converges(
        "apt_repository",
        "{repo: 'deb [trusted=yes] http://127.0.0.1:1/debian x main', filename: test, update_cache: false}",
    )
    .await;
    node.converges(
        "apt_repository",
        "{repo: 'deb [trusted=yes] http://127.0.0.1:1/debian x main', state: absent, update_cache: false}",
    )
    .await;
    node.converges(
        "deb822_repository",
        "{name: Test, uris: 'http://127.0.0.1:1/debian', suites: x, components: main, enabled: false}",
    )
    .await;
    node.converges("deb822_repository", "{name: Test, state: absent}").await;
}

async fn services(node: &Node) {
    node.sh("printf '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/app.service").await;
    node.converges("systemd", "{name: app, state: started, enabled: true, daemon_reload: true}").await;
    assert_eq!(node.sh("systemctl is-active app; systemctl is-enabled app").await, "active\nenabled");
    node.converges("service", "{name: app, state: stopped, enabled: false}").await;
    node.converges("systemd", "{name: tmp.mount, masked: true}").await;
    node.converges("systemd", "{name: tmp.mount, masked: false}").await;
    node.converges("systemd", "{name: later, masked: true}").await;
    assert_eq!(node.sh("readlink /etc/systemd/system/later.service").await, "/dev/null");
    node.converges("systemd", "{name: later, masked: false}").await;
    node.sh("echo '# changed' >>/etc/systemd/system/app.service; systemctl start app; touch -d '+1 min' /etc/systemd/system/app.service").await;
    let restarted = node.apply("service", "{name: app, state: restarted}").await;
    assert!(restarted.0);
    let facts = node.apply("service_facts", "{}").await.1;
    let services = facts.get("ansible_facts").and_then(|f| f.get("services")).cloned().expect("services");
    let state = services.get("app.service").and_then(|s| s.get("state")).cloned();
    assert_eq!(state, Some("running".into()));
    // One name of a unit that has another, and an init script.
    let own = |name: &str, key: &str| services.get(name).and_then(|s| s.get(key)).cloned();
    let status = node.sh("systemctl is-enabled dbus-org.freedesktop.hostname1.service || :").await;
    assert_eq!(own("dbus-org.freedesktop.hostname1.service", "status"), Some(status.as_str().into()));
    assert_eq!(own("dbus-org.freedesktop.hostname1.service", "state"), Some("inactive".into()));
    let scripts = node.sh("service --status-all 2>/dev/null | grep -c '\\[ [+-] \\]' || :").await;
    let sysv =
        services.as_map().expect("services").values().filter(|s| s.get("source") == Some(&"sysv".into()));
    assert_eq!(sysv.count().to_string(), scripts);
    let missing = node.decide("service", "{name: nothing-here, state: started}").await;
    assert!(missing.is_err_and(|f| f.message.contains("nothing-here")));
}

async fn files(node: &Node) {
    node.converges("cron", "{name: it's a job, minute: '*/5', job: 'echo \"$HOME\" >/dev/null'}").await;
    node.converges("cron", "{name: it's a job, state: absent}").await;
    node.converges("cron", "{name: x, cron_file: app, user: root, special_time: daily, job: /bin/true}")
        .await;
    node.converges("mount", "{path: /mnt/a b, src: tmpfs, fstype: tmpfs, opts: size=1m, state: mounted}")
        .await;
    assert!(node.sh("cat /proc/mounts").await.contains("/mnt/a\\040b tmpfs"));
    node.converges("mount", "{path: /mnt/a b, state: absent}").await;
    assert_eq!(node.sh("ls /mnt").await, "");
    let before = node.sh("cat /etc/fstab; ls -l /etc/fstab").await;
    let broken = "{path: /mnt/no/such, src: /dev/no-such, fstype: ext4, state: mounted}";
    node.fails("mount", broken, "no-such").await;
    assert_eq!(node.sh("cat /etc/fstab; ls -l /etc/fstab").await, before);
    assert_eq!(node.sh("ls /mnt").await, "");
    node.converges("hostname", "{name: renamed}").await;
    assert_eq!(node.sh("cat /etc/hostname; uname -n").await, "renamed\nrenamed");
    node.converges("hostname", "{name: node1}").await;
    node.sh("apt-get install -y -q git tzdata >/dev/null 2>&1").await;
    node.converges("timezone", "{name: Europe/Berlin}").await;
    let unknown = node.decide("timezone", "{name: No/Such}").await;
    assert!(unknown.is_err_and(|f| f.message.contains("is not available")));
    node.sh(
        "git init -q -b main /srv/origin && cd /srv/origin && git config user.email a@b && git config user.name a \
         && echo 1 >f && git add f && git commit -qm one && git tag v1 && echo 2 >f && git commit -qam two",
    )
    .await;
    node.converges("git", "{repo: /srv/origin, dest: /srv/checkout}").await;
    node.converges("git", "{repo: /srv/origin, dest: /srv/checkout, version: v1}").await;
    assert_eq!(node.sh("cat /srv/checkout/f").await, "1");
    node.converges("git", "{repo: /srv/origin, dest: /srv/checkout, version: main}").await;
    node.sh("echo 3 >/srv/checkout/f").await;
    let dirty = node.decide("git", "{repo: /srv/origin, dest: /srv/checkout, version: v1}").await;
    assert!(dirty.is_err_and(|f| f.message.contains("Local modifications")));
    node.converges("git", "{repo: /srv/origin, dest: /srv/checkout, version: v1, force: true}").await;
    let apart = "{repo: /srv/origin, dest: /srv/apart, separate_git_dir: /srv/apart.git}";
    node.converges("git", apart).await;
    assert_eq!(node.sh("cat /srv/apart/.git").await, "gitdir: /srv/apart.git");
    node.converges("git", &apart.replace("apart.git", "moved.git")).await;
    let archive =
        "{repo: /srv/origin, dest: /srv/checkout, version: v1, archive: /srv/v1.tar.gz, archive_prefix: v1/}";
    assert_eq!(node.converges("git", archive).await.str("archive"), "/srv/v1.tar.gz");
    assert_eq!(node.sh("tar -tzf /srv/v1.tar.gz").await, "v1/\nv1/f");
    flags(node).await;
    firewall(node).await;
}

/// The flags of chattr(1), and SELinux's arguments, which mean nothing here.
async fn flags(node: &Node) {
    node.sh("mkdir -p /srv/flags").await;
    let kept = "path: /srv/flags/f, owner: root, setype: etc_t, mode: '0640'";
    node.converges("copy", "{dest: /srv/flags/f, content: x, mode: '0640', attributes: +a, setype: etc_t}")
        .await;
    node.converges("file", &format!("{{{kept}, attributes: '=i'}}")).await;
    assert_eq!(node.sh("lsattr -d /srv/flags/f | cut -d' ' -f1 | tr -d e-").await, "i");
    node.converges("file", "{path: /srv/flags/f, attributes: '-i'}").await;
    node.converges("file", "{path: /srv/flags/d/e, state: directory, attributes: +A}").await;
    node.converges("lineinfile", "{path: /srv/flags/f, line: y, attr: +i}").await;
    node.converges("file", "{path: /srv/flags/f, attr: '='}").await;
}

async fn firewall(node: &Node) {
    node.converges("apt", "{name: [iptables, ufw], install_recommends: false}").await;
    let web = "{chain: INPUT, protocol: tcp, destination_ports: ['80', '443'], jump: ACCEPT, comment: it's the web}";
    node.converges("iptables", web).await;
    node.converges("iptables", "{chain: INPUT, source: '!10.0.0.0/8', jump: DROP, ip_version: ipv4}").await;
    node.converges("iptables", "{chain: OWN, chain_management: true, ip_version: both}").await;
    node.converges("iptables", "{chain: FORWARD, policy: DROP}").await;
    node.converges("iptables", &web.replace("chain:", "state: absent, chain:")).await;
    node.converges("iptables", "{flush: true, chain: INPUT}").await;
    node.converges("ufw", "{rule: allow, port: ssh, proto: tcp, comment: ssh for all}").await;
    node.converges("ufw", "{rule: deny, from_ip: 192.0.2.0/24, direction: in, interface: host0}").await;
    node.converges("ufw", "{default: reject, direction: incoming}").await;
    node.converges(
        "ufw",
        "{rule: deny, from_ip: 192.0.2.0/24, direction: in, interface: host0, delete: true}",
    )
    .await;
}
