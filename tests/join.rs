//! The scripts of role join_on_boot, under dash and busybox: where the token is read, what is done with it, and that it is
//! in nothing that anyone could read. The engine and the clusters' own programs are stubs; tests/hosts_join.rs has the
//! real ones.

#![allow(clippy::unwrap_used)]

#[path = "join/node.rs"]
mod node;
mod support;

use node::Node;
use std::os::unix::fs::PermissionsExt;
use support::cloud::{World, within};
use support::metadata::{Metadata, VAULT_TOKEN};

const SHELLS: [&[&str]; 2] = [&["dash"], &["busybox", "sh"]];

const WORKER: &str = "SWMTKN-1-worker-0a1b";
const MANAGER: &str = "SWMTKN-1-manager-2c3d";

fn line(role: &str) -> String {
    format!("{} 10.0.0.1:2377,10.0.0.2:2377\n", if role == "manager" { MANAGER } else { WORKER })
}

/// Everything that a provider needs, with the tokens of both roles where it reads them.
fn providers(cloud: &Metadata, world: &World) -> Vec<(&'static str, Vec<String>)> {
    let url = cloud.url();
    for role in ["worker", "manager"] {
        let line = line(role);
        cloud.state().kept.insert(format!("/files/{role}"), line.clone());
        cloud.state().kept.insert(format!("/v1/secret/data/fitout/{role}"), line.trim().into());
        let parameter = serde_json::json!({"Name": format!("/fitout/{role}"), "Value": line.trim(),
            "Type": "SecureString", "Overwrite": true});
        let (status, text) = world.call_json("ssm", "AmazonSSM.PutParameter", &parameter);
        assert_eq!(status, 200, "{text}");
    }
    vec![
        ("file", vec![]),
        ("url", vec![format!("JOIN_URL={url}/files/{{role}}")]),
        (
            "ssm",
            vec![
                "JOIN_SSM_NAME=/fitout/{role}".into(),
                format!("JOIN_SSM_ENDPOINT={url}"),
                format!("JOIN_IMDS={url}"),
            ],
        ),
        ("vault", vec![format!("JOIN_VAULT_ADDR={url}"), "JOIN_VAULT_PATH=secret/data/fitout/{role}".into()]),
        ("user_data", vec![format!("JOIN_IMDS={url}")]),
    ]
}

/// What the metadata hands out for a role that may read parameters: access key, secret key, session token.
fn role(world: &World) -> [String; 3] {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"*"}]}"#;
    let arn =
        world.make("iam", "CreateRole", &[("RoleName", "node"), ("AssumeRolePolicyDocument", trust)], "Arn");
    let policy = [("RoleName", "node"), ("PolicyName", "read"), ("PolicyDocument", may)];
    world.make("iam", "PutRolePolicy", &policy, "RequestId");
    let (status, text) = world.call("sts", "AssumeRole", &[("RoleArn", &arn), ("RoleSessionName", "i-1")]);
    assert_eq!(status, 200, "{text}");
    ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| within(&text, name).unwrap().to_string())
}

#[test]
fn every_provider_serves_both_roles_under_both_shells() {
    let mut world = World::default();
    let cloud = Metadata::start(Some(world.proxy.address()));
    let settings = providers(&cloud, &world);
    // From here on signatures count, and the instance's role may read parameters and nothing else.
    cloud.state().credentials = role(&world);
    world.protect(&["ssm:GetParameter"]);
    for shell in SHELLS {
        for (provider, own) in &settings {
            for role in ["worker", "manager"] {
                let node = Node::new(shell);
                // The token's file and Vault's are given by whoever makes the machine; they are not the script's.
                let given = tempfile::tempdir().unwrap();
                let (file, vault) = (given.path().join(format!("token-{role}")), given.path().join("vault"));
                std::fs::write(&file, line(role)).unwrap();
                std::fs::write(&vault, VAULT_TOKEN).unwrap();
                let mut lines = own.clone();
                lines.push(match *provider {
                    "file" => format!("JOIN_FILE={}/token-{{role}}", given.path().display()),
                    _ => format!("JOIN_VAULT_TOKEN_FILE={}", vault.display()),
                });
                let data = format!("#cloud-config\n# JOIN_TOKEN={}", line(role));
                cloud.state().user_data.insert([127, 0, 0, 1].into(), data);
                lines.extend([format!("JOIN_PROVIDER={provider}"), format!("JOIN_ROLE={role}")]);
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                let seen = node.join(&lines);
                seen.is(0, &[&format!("joined as {role} of swarm")]);
                let token = if role == "manager" { MANAGER } else { WORKER };
                node.asked_for(token, &["10.0.0.1:2377"]);
                let [_, secret, session] = cloud.state().credentials.clone();
                node.keeps_secret(&seen, &["SWMTKN", VAULT_TOKEN, &secret, &session]);
                assert!(node.joined());
            }
        }
    }
    assert!(world.calls().iter().any(|call| call.action.contains("GetParameter") && call.status == 200));
}

#[test]
fn what_fails_is_tried_again_with_growing_random_pauses() {
    for shell in SHELLS {
        let cloud = Metadata::start(None);
        cloud.state().kept.insert("/files/worker".into(), line("worker"));
        cloud.state().failing = 8;
        let node = Node::new(shell);
        let seen = node.join(&["JOIN_PROVIDER=url", &format!("JOIN_URL={}/files/{{role}}", cloud.url())]);
        seen.is(
            0,
            &["the token's place answers 503", "the token cannot be read yet (url)", "joined as worker"],
        );
        let log = node.log();
        let pauses: Vec<u32> =
            log.lines().filter_map(|l| l.strip_prefix("sleep ")).map(|n| n.parse().unwrap()).collect();
        assert_eq!(pauses.len(), 8, "{log}");
        for (pause, least) in pauses.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
            assert!((least..=2 * least).contains(pause), "{pauses:?}");
        }
        // The chance that all of them are the least is one in ten million.
        assert_ne!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);

        // Of several managers each is asked; an attempt that hangs is given up first.
        let node = Node::new(shell);
        node.write("token", &format!("{WORKER} 10.0.0.66:2377,10.0.0.1:2377\n"));
        let token = format!("JOIN_FILE={}", node.path("token").display());
        node.join(&[&token, "JOIN_TIMEOUT=0"])
            .is(0, &["the engine refused 10.0.0.66:2377: Timeout", "7946/udp and 4789/udp: are these open?"]);
        assert_eq!(node.times("docker swarm leave --force"), 1);
        assert_eq!(node.asked.lock().unwrap()[1]["RemoteAddrs"], serde_json::json!(["10.0.0.1:2377"]));
        // A member that is on its way back is left alone.
        node.write("swarm", "pending\n");
        node.join(&[&token, "JOIN_TIMEOUT=0"]).is(1, &["not joined"]);
        assert_eq!(node.times("docker swarm leave --force"), 1);

        // A refusal is tried again too, and the time it may take is a limit.
        let node = Node::new(shell);
        let token = node.path("token");
        std::fs::write(&token, "SWMTKN-1-refused 10.0.0.1:2377").unwrap();
        let seen = node.join(&[&format!("JOIN_FILE={}", token.display()), "JOIN_TIMEOUT=0"]);
        seen.is(1, &["the engine refused 10.0.0.1:2377: no leader", "not joined after 0 s: giving up"]);
        assert!(!seen.all().contains("4789/udp"), "who answers can be reached: {}", seen.all());
        assert!(!node.joined());
    }
}

#[test]
fn a_member_stays_one_and_only_the_chosen_manager_begins() {
    for shell in SHELLS {
        let node = Node::new(shell);
        let none = format!("JOIN_FILE={}", node.path("nothing").display());
        node.join(&[&none, "JOIN_TIMEOUT=0", "JOIN_INIT=yes"]).is(1, &["there is no token yet (file)"]);
        assert_eq!(node.times("docker swarm init"), 0);
        let manager = [&none, "JOIN_ROLE=manager", "JOIN_INIT=yes", "JOIN_ADVERTISE=10.0.0.7"];
        node.join(&manager).is(0, &["beginning one", "joined as manager"]);
        assert_eq!(node.times("docker swarm init --advertise-addr 10.0.0.7"), 1);
        // After a reboot, should it run at all.
        node.join(&manager).is(0, &["joined as manager"]);
        assert_eq!(node.times("docker swarm init"), 1);
        assert!(node.asked.lock().unwrap().is_empty());

        // Where nobody can say whether there is a swarm, none is begun.
        let cloud = Metadata::start(None);
        let url = format!("JOIN_URL={}/files/manager", cloud.url());
        let manager = ["JOIN_PROVIDER=url", &url, "JOIN_ROLE=manager", "JOIN_INIT=yes", "JOIN_TIMEOUT=0"];
        let node = Node::new(shell);
        cloud.state().failing = 1;
        node.join(&manager).is(1, &["the token cannot be read yet (url)"]);
        for (provider, setting) in [
            ("ssm", "JOIN_IMDS=http://127.0.0.1:1"),
            ("vault", "JOIN_VAULT_ADDR=http://127.0.0.1:1"),
            ("user_data", "JOIN_IMDS=http://127.0.0.1:1"),
        ] {
            let provider = format!("JOIN_PROVIDER={provider}");
            let settings = [&provider, setting, "JOIN_ROLE=manager", "JOIN_INIT=yes", "JOIN_TIMEOUT=0"];
            node.join(&settings).is(1, &["the token cannot be read yet"]);
        }
        assert_eq!(node.times("docker swarm init"), 0);
        node.join(&manager).is(0, &["there is no token yet (url)", "beginning one"]);

        // Where there is a swarm, it joins that.
        let node = Node::new(shell);
        node.write("token", &line("manager"));
        let token = format!("JOIN_FILE={}", node.path("token").display());
        node.join(&[&token, "JOIN_ROLE=manager", "JOIN_INIT=yes"]).is(0, &[]);
        node.asked_for(MANAGER, &["10.0.0.1:2377"]);
    }
}

#[test]
fn settings_are_data() {
    for shell in SHELLS {
        let cloud = Metadata::start(None);
        let node = Node::new(shell);
        node.write("token-manager", &line("manager"));
        // The metadata answers late; no setting is used before it has.
        cloud.state().failing = 2;
        let data = format!(
            "#!/bin/sh\n#JOIN_ROLE=manager\nJOIN_ADVERTISE=$(touch {0})\nJOIN_FILE={0}/token-{{role}}\nJOIN_PATH=/tmp\n",
            node.dir.path().display()
        );
        cloud.state().user_data.insert([127, 0, 0, 1].into(), data);
        let seen =
            node.join(&["JOIN_USER_DATA=yes", &format!("JOIN_IMDS={}", cloud.url()), "JOIN_FILE=/none"]);
        let said = [
            "the user-data cannot be read yet",
            "value of JOIN_ADVERTISE has characters that are not allowed",
            "JOIN_PATH is no setting",
            "joined as manager",
        ];
        seen.is(0, &said);
        node.asked_for(MANAGER, &["10.0.0.1:2377"]);
        assert!(node.asked.lock().unwrap()[0].get("AdvertiseAddr").is_none());

        for (text, said) in [
            ("worker 10.0.0.1", "no token of a swarm"),
            ("SWMTKN-1-\"x 10.0.0.1", "characters that no token has"),
            ("SWMTKN-1-x", "no addresses of managers"),
            ("SWMTKN-1-x 10.0.0.1\";", "no addresses of managers"),
        ] {
            let node = Node::new(shell);
            node.write("token", text);
            let file = format!("JOIN_FILE={}", node.path("token").display());
            node.join(&[&file, "JOIN_TIMEOUT=0"]).is(1, &[said]);
            assert!(node.asked.lock().unwrap().is_empty(), "{text}");
        }
        Node::new(shell).join(&["JOIN_ROLE=leader"]).is(2, &["JOIN_ROLE leader is not known"]);
        Node::new(shell).join(&["JOIN_TARGET=nomad"]).is(2, &["JOIN_TARGET nomad is not known"]);
        Node::new(shell)
            .join(&["JOIN_PROVIDER=fax", "JOIN_TIMEOUT=0"])
            .is(1, &["the token cannot be read yet (fax)"]);
    }
}

#[test]
fn an_ecs_instance_has_its_cluster_and_the_way_to_its_agent() {
    for shell in SHELLS {
        let node = Node::new(shell);
        let config = node.path("ecs/ecs.config");
        let settings =
            ["JOIN_TARGET=ecs", "JOIN_CLUSTER=prod", &format!("JOIN_ECS_CONFIG={}", config.display())];
        node.join(&settings).is(0, &["joined as worker of ecs"]);
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(
            text.contains("ECS_CLUSTER=prod\n") && text.contains("SPOT_INSTANCE_DRAINING=true"),
            "{text}"
        );
        let parameter = node.path("net/ipv4/conf/all/route_localnet");
        assert_eq!(std::fs::read_to_string(parameter).unwrap(), "1\n");
        let to = "-d 169.254.170.2 -p tcp --dport 80 -j";
        let rules = [
            format!("iptables -t nat -A PREROUTING {to} DNAT --to-destination 127.0.0.1:51679"),
            format!("iptables -t nat -A OUTPUT {to} REDIRECT --to-ports 51679"),
        ];
        rules.iter().for_each(|rule| assert_eq!(node.times(rule), 1, "{}", node.log()));
        assert_eq!(node.times("systemctl start --no-block ecs"), 1);
        // Rules and parameter go with a reboot: the unit runs again then, and adds nothing twice.
        assert!(!node.joined());
        node.join(&settings).is(0, &[]);
        rules.iter().for_each(|rule| assert_eq!(node.times(rule), 1, "{}", node.log()));
        Node::new(shell).join(&["JOIN_TARGET=ecs", "JOIN_TIMEOUT=0"]).is(1, &["JOIN_CLUSTER is not set"]);
    }
}

#[test]
fn k3s_and_kubeadm_get_what_they_read() {
    for shell in SHELLS {
        for (role, unit) in [("worker", "k3s-agent"), ("manager", "k3s")] {
            let node = Node::new(shell);
            node.write("token", "K10abc::server:def https://10.0.0.1:6443");
            let (config, role) = (node.path("k3s/config.yaml"), format!("JOIN_ROLE={role}"));
            let settings = [
                "JOIN_TARGET=k3s",
                &role,
                &format!("JOIN_FILE={}", node.path("token").display()),
                &format!("JOIN_K3S_CONFIG={}", config.display()),
            ];
            node.join(&settings).is(0, &["of k3s"]);
            let text = std::fs::read_to_string(&config).unwrap();
            assert_eq!(text, "server: \"https://10.0.0.1:6443\"\ntoken: \"K10abc::server:def\"\n");
            assert_eq!(std::fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(node.times(&format!("systemctl start {unit}")), 1);
        }
        let node = Node::new(shell);
        let config = node.path("k3s/config.yaml");
        let first = [
            "JOIN_TARGET=k3s",
            "JOIN_ROLE=manager",
            "JOIN_INIT=yes",
            "JOIN_FILE=/none",
            &format!("JOIN_K3S_CONFIG={}", config.display()),
        ];
        node.join(&first).is(0, &["beginning one"]);
        assert_eq!(std::fs::read_to_string(&config).unwrap(), "cluster-init: true\n");

        for role in ["worker", "manager"] {
            let node = Node::new(shell);
            node.write("token", "abcdef.0123456789abcdef 10.0.0.1:6443 sha256:00ff certkey");
            let kubelet = format!("JOIN_KUBELET_CONFIG={}", node.path("kubelet.conf").display());
            let file = format!("JOIN_FILE={}", node.path("token").display());
            let settings = ["JOIN_TARGET=kubeadm", &format!("JOIN_ROLE={role}"), &file, &kubelet];
            node.join(&settings).is(0, &["of kubeadm"]);
            let seen = std::fs::read_to_string(node.path("kubeadm.seen")).unwrap();
            let seen: serde_yaml::Value = serde_yaml::from_str(&seen).unwrap();
            let found = &seen["discovery"]["bootstrapToken"];
            assert_eq!(found["token"], "abcdef.0123456789abcdef");
            assert_eq!(found["apiServerEndpoint"], "10.0.0.1:6443");
            assert_eq!(found["caCertHashes"][0], "sha256:00ff");
            assert_eq!(
                seen["controlPlane"]["certificateKey"].as_str(),
                (role == "manager").then_some("certkey")
            );
            assert!(!node.path("run/kubeadm.yaml").exists());
            // A node that has joined is left alone.
            node.write("kubelet.conf", "");
            node.join(&settings).is(0, &[]);
            assert_eq!(node.times("kubeadm join"), 1);
        }
    }
}

#[test]
fn who_is_switched_off_leaves_only_where_a_majority_stays() {
    const OFF: &str = "1 poweroff.target start waiting\n";
    const REBOOT: &str = "1 reboot.target start waiting\n";
    // Jobs of systemd, whether it is a manager, the managers there are; drained and demoted; left.
    let cases = [
        (OFF, "false", "", false, true),
        (REBOOT, "false", "", false, false),
        ("", "false", "", false, false),
        (OFF, "true", "self Leader\na Reachable\nb Reachable\n", true, true),
        (OFF, "true", "self Reachable\na Leader\nb Unreachable\n", false, false),
        (OFF, "true", "self Leader\na Unreachable\nb Unreachable\n", false, false),
        (OFF, "true", "self Leader\n", false, false),
        (OFF, "true", "self Leader\na Reachable\n", true, true),
        (REBOOT, "true", "self Leader\na Reachable\nb Reachable\n", false, false),
    ];
    for shell in SHELLS {
        for (jobs, manager, managers, demoted, left) in cases {
            let node = Node::new(shell);
            for (name, text) in
                [("jobs", jobs), ("swarm", "active\n"), ("control", manager), ("managers", managers)]
            {
                node.write(name, text);
            }
            node.write("state/joined", "");
            node.run("fitout-leave", &[]).is(0, &[]);
            let case = format!("{jobs}{manager} {managers}{}", node.log());
            assert_eq!(
                node.times("docker node update --availability drain self"),
                usize::from(demoted),
                "{case}"
            );
            assert_eq!(node.times("docker node demote self"), usize::from(demoted), "{case}");
            assert_eq!(node.times("docker swarm leave"), usize::from(left), "{case}");
            assert_eq!(node.joined(), !left, "{case}");
        }
    }
}
