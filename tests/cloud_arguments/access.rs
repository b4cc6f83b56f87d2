//! Whose credentials a task uses, in which region, and what is said where there are none.

use crate::support::cloud::World;
use crate::support::cloud_plays::{bare, good};
use crate::support::metadata::{Metadata, SESSION};
use crate::support::place::Seen;
use crate::support::terminal::at_terminal;
use serde_json::json;
use std::process::Command;

/// A profile of IAM Identity Center.
const LOGIN: &str = "\
[profile dev]
region = us-east-1
sso_session = ours
sso_account_id = 1
sso_role_name = admin
[sso-session ours]
sso_region = us-east-1
sso_start_url = https://ours
";

fn vpc(more: &str) -> String {
    bare(&format!("- ec2_vpc_net: {{name: t, cidr_block: 10.20.0.0/16, {more}}}\n"))
}

/// The files of profiles.
fn home(world: &World, config: &str, credentials: &str) {
    let home = world.place.path().join("home/.aws");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config"), config).unwrap();
    std::fs::write(home.join("credentials"), credentials).unwrap();
}

fn plan(world: &World, env: &[(&str, &str)]) -> Seen {
    run(world, &["plan"], env)
}

/// Runs with these variables, and neither keys nor a region beside them.
fn run(world: &World, command: &[&str], env: &[(&str, &str)]) -> Seen {
    Seen::of(&crate::support::output(&mut program(world, command, env)))
}

fn program(world: &World, command: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = world.command(&[command, &["site.yml"]].concat());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    command.envs(env.iter().copied());
    command
}

/// Each task may name its own region, keys, profile and address; what it does not name is of the environment.
#[test]
fn a_task_may_have_its_own_region_keys_and_profile() {
    let world = World::default();
    let there = world.beside("eu-west-1");
    let endpoint = there.endpoint();
    let config = format!("[profile far]\nregion = eu-west-1\nendpoint_url = {endpoint}\n");
    home(&world, &config, "[far]\naws_access_key_id = AKIAFAR\naws_secret_access_key = x\n");
    let run = |more: &str, command: &str| {
        world.playbook(&vpc(more));
        let mut command = world.command(&[command, "--yes", "site.yml"]);
        command
            .env_remove("AWS_ENDPOINT_URL")
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        let seen = Seen::of(&crate::support::output(&mut command));
        good(&seen);
    };
    for more in [
        "profile: far, region: eu-west-1".to_string(),
        format!("region: eu-west-1, aws_access_key: AKIAFAR, aws_secret_key: x, endpoint_url: '{endpoint}'"),
        format!("ec2_region: eu-west-1, ec2_access_key: AKIAFAR, ec2_secret_key: x, ec2_url: '{endpoint}'"),
    ] {
        run(&more, "apply");
        assert_eq!((there.count("vpc"), world.count("vpc")), (1, 0), "{more}");
        run(&more, "destroy");
        assert_eq!(there.count("vpc"), 0, "{more}");
    }
    // A key without its secret is a mistake.
    world.playbook(&vpc("aws_access_key: AKIAFAR"));
    world.plan().is(1, &["`access_key` and `secret_key` need each other"]);
}

#[test]
fn missing_credentials_and_regions_say_what_was_looked_for() {
    let world = World::new(&vpc(""));
    let orphan =
        "[profile orphan]\nregion = us-east-1\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nobody\n";
    home(&world, &[LOGIN, orphan].concat(), "");
    let region = ("AWS_REGION", "us-east-1");
    let cases: &[(&[(&str, &str)], &[&str])] = &[
        (&[], &["no region is known; looked for the argument `region`, AWS_REGION and AWS_DEFAULT_REGION"]),
        (
            &[region],
            &[
                "no credentials; looked for",
                "AWS_SECRET_ACCESS_KEY",
                "the profile `default` in ~/.aws/config and ~/.aws/credentials",
                "WebIdentityToken: $AWS_WEB_IDENTITY_TOKEN_FILE was not set",
                "IMDS disabled by AWS_EC2_METADATA_DISABLED",
                "hint: set AWS_PROFILE",
            ],
        ),
        (
            &[region, ("AWS_ACCESS_KEY_ID", "A")],
            &["hint: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"],
        ),
        (
            &[("AWS_PROFILE", "nobody")],
            &["there is no profile `nobody` in ~/.aws/config", "there: dev, orphan"],
        ),
        (&[("AWS_PROFILE", "orphan")], &["profile `nobody` was not defined"]),
        (&[("AWS_PROFILE", "dev")], &["SSO token", "hint: log in: `aws sso login --profile dev`"]),
        (&[region, ("AWS_CONFIG_FILE", "/none")], &["the profile `default` in /none and"]),
    ];
    for (env, said) in cases {
        plan(&world, env).is(1, said);
    }
    assert_eq!(world.calls().len(), 0);
}

/// A role by another profile's keys; a login by IAM Identity Center; an instance's role, which knows its region, too.
#[test]
fn roles_logins_and_instances_give_their_credentials() {
    let world =
        World::new(&bare("- aws_caller_info: {}\n  register: me\n- debug: {msg: 'I am {{ me.arn }}'}\n"));
    let config = "[profile ops]\nregion = us-east-1\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n\
                  external_id = ours-1\nrole_session_name = me\n";
    home(&world, config, "[base]\naws_access_key_id = AKIATESTING\naws_secret_access_key = testing\n");
    run(&world, &["apply", "--yes"], &[("AWS_PROFILE", "ops")]).is(0, &["assumed-role/ops/me"]);
    let asked = world.calls().into_iter().find(|call| call.action == "AssumeRole").unwrap();
    assert!(asked.body.contains("ExternalId=ours-1"), "{}", asked.body);

    world.playbook(&vpc(""));
    let service = Metadata::start(None);
    let address = service.url();
    home(&world, LOGIN, "");
    // The cache's file is named by the SHA-1 of the session's name.
    let cache = world.place.path().join("home/.aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let login = json!({"accessToken": SESSION, "expiresAt": "2099-01-01T00:00:00Z"});
    std::fs::write(cache.join("48537f613ab85111413f2369616ae97481429bd1.json"), login.to_string()).unwrap();
    let given = json!({"roleCredentials": {
        "accessKeyId": "AKIAOURS", "secretAccessKey": "x", "sessionToken": "y", "expiration": 4_000_000_000_000_u64,
    }});
    let path = "/federation/credentials?role_name=admin&account_id=1";
    service.state().kept.insert(path.into(), given.to_string());
    plan(&world, &[("AWS_PROFILE", "dev"), ("AWS_ENDPOINT_URL_SSO", &address)]).is(2, &["there is no VPC t"]);

    let asked = |path: &str| service.state().seen.iter().any(|seen| *seen == format!("GET {path}"));
    assert!(asked(path));

    // It says the region, too.
    service.state().credentials = ["AKIAOURS", "x", "y"].map(String::from);
    let instance = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &address)];
    plan(&world, &instance).is(2, &["there is no VPC t"]);
    assert!(asked("/latest/meta-data/placement/region"));
    assert!(asked("/latest/meta-data/iam/security-credentials/node-role"));
}

/// A token that a cluster or a CI service gives, exchanged for a role; a container's endpoint; a program of the user's.
#[test]
fn tokens_containers_and_programs_give_their_credentials() {
    let world =
        World::new(&bare("- aws_caller_info: {}\n  register: me\n- debug: {msg: 'I am {{ me.arn }}'}\n"));
    let token = world.place.path().join("token");
    std::fs::write(&token, "eyJh.e30.c2ln").unwrap();
    let web = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
        ("AWS_ROLE_SESSION_NAME", "job-7"),
    ];
    run(&world, &["apply", "--yes"], &web).is(0, &["assumed-role/ci/job-7"]);
    let asked = world.calls().into_iter().find(|call| call.action == "AssumeRoleWithWebIdentity").unwrap();
    assert!(asked.body.contains("WebIdentityToken=eyJh.e30.c2ln"), "{}", asked.body);
    std::fs::remove_file(&token).unwrap();
    run(&world, &["plan"], &web).is(1, &["no credentials; looked for", "AWS_WEB_IDENTITY_TOKEN_FILE"]);

    world.playbook(&vpc(""));
    let service = Metadata::start(None);
    let given = json!({
        "AccessKeyId": "AKIAOURS", "SecretAccessKey": "x", "Token": "y", "Expiration": "2099-01-01T00:00:00Z",
    });
    service.state().kept.insert("/container/credentials".into(), given.to_string());
    let address = format!("{}/container/credentials", service.url());
    let container = |token| {
        [
            ("AWS_REGION", "us-east-1"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token),
        ]
    };
    world.proxy.forget();
    plan(&world, &container(SESSION)).is(2, &["there is no VPC t"]);
    assert!(service.state().seen.iter().any(|seen| seen == "GET /container/credentials"));
    assert!(world.calls().iter().all(|call| call.access_key.as_deref() == Some("AKIAOURS")));
    plan(&world, &container("wrong")).is(1, &["no credentials; looked for"]);

    let program = json!({"Version": 1, "AccessKeyId": "AKIAPROGRAM", "SecretAccessKey": "x"});
    let file = world.place.path().join("given");
    std::fs::write(&file, program.to_string()).unwrap();
    home(
        &world,
        &format!("[profile own]\nregion = us-east-1\ncredential_process = cat {}\n", file.display()),
        "",
    );
    world.proxy.forget();
    plan(&world, &[("AWS_PROFILE", "own")]).is(2, &["there is no VPC t"]);
    assert!(world.calls().iter().all(|call| call.access_key.as_deref() == Some("AKIAPROGRAM")));
}

#[test]
fn a_role_behind_a_second_factor_is_assumed_with_the_code() {
    let world = World::new(&vpc(""));
    home(
        &world,
        "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\nexternal_id = ours-1\n\
         mfa_serial = arn:aws:iam::123456789012:mfa/me\nregion = us-east-1\n",
        "[base]\naws_access_key_id = AKIATESTING\naws_secret_access_key = testing\n",
    );
    plan(&world, &[("AWS_PROFILE", "ops")]).is(
        1,
        &["the profile `ops` needs a code of arn:aws:iam::123456789012:mfa/me", "set FITOUT_MFA_CODE"],
    );
    plan(&world, &[("AWS_PROFILE", "ops"), ("FITOUT_MFA_CODE", "123456")]).is(2, &["there is no VPC t"]);
    let asked: Vec<_> = world.calls().into_iter().filter(|call| call.action == "AssumeRole").collect();
    assert_eq!(asked.len(), 1);
    for part in
        ["TokenCode=123456", "ExternalId=ours-1", "SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3Amfa%2Fme"]
    {
        assert!(asked[0].body.contains(part), "{part} is not in {}", asked[0].body);
    }
    // At a terminal it is asked for, once, and not shown.
    world.proxy.forget();
    let question = "code of arn:aws:iam::123456789012:mfa/me for the profile ops: ";
    let steps = [(question, "654321", true)];
    let seen = at_terminal(&program(&world, &["plan"], &[("AWS_PROFILE", "ops")]), &steps);
    seen.is(2, &[question, "there is no VPC t"]);
    assert_eq!(
        (seen.out.matches("code of").count(), seen.out.matches("654321").count()),
        (1, 0),
        "{}",
        seen.out
    );
    let calls = world.calls();
    let asked: Vec<_> = calls.iter().filter(|call| call.action == "AssumeRole").collect();
    assert!(asked.len() == 1 && asked[0].body.contains("TokenCode=654321"), "{asked:?}");
}
