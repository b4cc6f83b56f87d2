//! The tests' cloud itself: it is as strict as AWS where it matters, and its weather is what a test asks for.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::time::{Duration, Instant};
use support::cloud::{DEBIAN, World, within};
use support::cloud_proxy::Fault;

const TAGGED: [(&str, &str); 2] =
    [("TagSpecification.1.Tag.1.Key", "fitout:stack"), ("TagSpecification.1.Tag.1.Value", "mine")];

/// A cloud whose leftovers are the test's own affair.
fn world() -> World {
    let mut world = World::default();
    world.unchecked = true;
    world
}

/// What an instance needs: network, subnet and group.
struct Network {
    vpc: String,
    subnet: String,
    group: String,
}

fn network(world: &World) -> Network {
    let vpc = world.make("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
    let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
    let subnet = world.make("ec2", "CreateSubnet", &subnet, "subnetId");
    let group = [("VpcId", vpc.as_str()), ("GroupName", "g"), ("GroupDescription", "d")];
    let group = world.make("ec2", "CreateSecurityGroup", &group, "groupId");
    Network { vpc, subnet, group }
}

fn run_instance(world: &World, net: &Network, token: &str) -> (u16, String) {
    let params = [
        ("ImageId", DEBIAN),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", &net.subnet),
        ("SecurityGroupId.1", &net.group),
        ("ClientToken", token),
        ("TagSpecification.1.ResourceType", "network-interface"),
        TAGGED[0],
        TAGGED[1],
    ];
    world.call("ec2", "RunInstances", &params)
}

fn instance_state(world: &World, id: &str) -> String {
    let (_, text) = world.call("ec2", "DescribeInstances", &[("InstanceId.1", id)]);
    let state = within(&text, "instanceState").unwrap_or_default();
    within(state, "name").unwrap_or_default().to_owned()
}

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < limit, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn refused(reply: (u16, String), code: &str) {
    assert_eq!(within(&reply.1, "Code"), Some(code), "{} {}", reply.0, reply.1);
}

#[test]
fn a_token_stands_for_one_attempt() {
    let world = world();
    let net = network(&world);
    let first = run_instance(&world, &net, "t1");
    assert_eq!(first, run_instance(&world, &net, "t1"));
    assert_eq!(world.count("instance"), 1);
    let other = Network { group: net.group.clone(), vpc: net.vpc.clone(), subnet: "subnet-0".into() };
    refused(run_instance(&world, &other, "t1"), "IdempotentParameterMismatch");
    assert_ne!(first, run_instance(&world, &net, "t2"));
    assert_eq!(world.count("instance"), 2);
    let id = within(&first.1, "instanceId").unwrap();
    world.make("ec2", "TerminateInstances", &[("InstanceId.1", id)], "");
    refused(run_instance(&world, &net, "t1"), "IdempotentInstanceTerminated");
    // The same holds for every call that has a token.
    let table = [("VpcId", net.vpc.as_str()), ("ClientToken", "r")];
    let made: Vec<String> =
        (0..2).map(|_| world.make("ec2", "CreateRouteTable", &table, "routeTableId")).collect();
    assert_eq!(made[0], made[1]);
}

#[test]
fn what_is_in_use_cannot_be_deleted() {
    let world = world();
    let net = network(&world);
    let gateway = world.make("ec2", "CreateInternetGateway", &[], "internetGatewayId");
    world.make("ec2", "AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &net.vpc)], "");
    let reply = run_instance(&world, &net, "t").1;
    let id = within(&reply, "instanceId").unwrap();
    let deletions = [
        ("DeleteSubnet", vec![("SubnetId", net.subnet.as_str())]),
        ("DeleteSecurityGroup", vec![("GroupId", net.group.as_str())]),
        ("DeleteVpc", vec![("VpcId", net.vpc.as_str())]),
    ];
    let violated = || {
        for (action, params) in &deletions {
            refused(world.call("ec2", action, params), "DependencyViolation");
        }
    };
    violated();
    refused(
        world.call("ec2", "DeleteInternetGateway", &[("InternetGatewayId", &gateway)]),
        "DependencyViolation",
    );
    world.settings(&json!({"delays": {"instance.shutting-down": 600}}));
    world.make("ec2", "TerminateInstances", &[("InstanceId.1", id)], "");
    // It is on its way, and its network still in use.
    violated();
}

#[test]
fn states_take_their_time() {
    let world = world();
    world.settings(&json!({"delays": {"instance.pending": 3600, "image.pending": 3600}}));
    let net = network(&world);
    let reply = run_instance(&world, &net, "t").1;
    let id = within(&reply, "instanceId").unwrap();
    assert_eq!(instance_state(&world, id), "pending");
    refused(world.call("ec2", "StopInstances", &[("InstanceId.1", id)]), "IncorrectInstanceState");
    world.settings(&json!({"delays": {"instance.pending": 0.1}}));
    wait_until("running", || instance_state(&world, id) == "running");
    let image = world.make("ec2", "CreateImage", &[("InstanceId", id), ("Name", "baked")], "imageId");
    let state = || {
        let text = world.call("ec2", "DescribeImages", &[("ImageId.1", &image)]).1;
        (within(&text, "imageState").unwrap().to_owned(), within(&text, "rootDeviceName").unwrap().to_owned())
    };
    assert_eq!(state(), ("pending".into(), "/dev/xvda".into()));
    refused(
        world.call("ec2", "CreateImage", &[("InstanceId", id), ("Name", "baked")]),
        "InvalidAMIName.Duplicate",
    );
    let start = ("MaxCount", "1");
    let unready = [("ImageId", image.as_str()), ("InstanceType", "t3.micro"), ("MinCount", "1"), start];
    refused(world.call("ec2", "RunInstances", &unready), "InvalidAMIID.Unavailable");
    world.settings(&json!({"delays": {"image.pending": 0.1}}));
    wait_until("the image", || state().0 == "available");
    let typed = [("InstanceId", id), ("InstanceType.Value", "t3.small")];
    refused(world.call("ec2", "ModifyInstanceAttribute", &typed), "IncorrectInstanceState");
}

#[test]
fn tags_at_creation_are_kept_and_leftovers_found() {
    let world = world();
    let params =
        [("CidrBlock", "10.0.0.0/16"), ("TagSpecification.1.ResourceType", "vpc"), TAGGED[0], TAGGED[1]];
    let vpc = world.make("ec2", "CreateVpc", &params, "vpcId");
    assert_eq!(world.ours().into_iter().map(|thing| thing.id).collect::<Vec<_>>(), [vpc.as_str()]);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.assert_nothing_left()));
    assert!(found.is_err());
    world.make("ec2", "DeleteVpc", &[("VpcId", &vpc)], "");
    world.assert_nothing_left();
    let net = network(&world);
    run_instance(&world, &net, "t");
    let tagged: Vec<String> = world.ours().into_iter().map(|thing| thing.kind).collect();
    assert_eq!(tagged, ["network-interface"]);
}

#[test]
fn lists_come_in_small_pages() {
    let world = world();
    let whole = world.call("ec2", "DescribeImages", &[]).1.matches("<imageId>").count();
    world.settings(&json!({"page": 2}));
    let (mut seen, mut token) = (0, String::new());
    loop {
        let next = [("NextToken", token.as_str())];
        let text = world.call("ec2", "DescribeImages", if token.is_empty() { &[] } else { &next }).1;
        let here = text.matches("<imageId>").count();
        assert!(here <= 2, "{text}");
        seen += here;
        match within(&text, "nextToken") {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, whole);
    refused(world.call("ec2", "DescribeImages", &[("NextToken", "stale")]), "InvalidNextToken");
}

#[test]
fn what_is_new_is_not_found_yet() {
    let world = world();
    world.settings(&json!({"notfound": 3600}));
    let (_, text) = world.call("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]);
    let vpc = within(&text, "vpcId").unwrap();
    refused(world.call("ec2", "DescribeVpcs", &[("VpcId.1", vpc)]), "InvalidVpcID.NotFound");
    let subnet = [("VpcId", vpc), ("CidrBlock", "10.0.1.0/24")];
    refused(world.call("ec2", "CreateSubnet", &subnet), "InvalidVpcID.NotFound");
    assert!(!world.call("ec2", "DescribeVpcs", &[]).1.contains(vpc));
    world.settings(&json!({"notfound": 0}));
    assert!(world.call("ec2", "DescribeVpcs", &[]).1.contains(vpc));
    assert_eq!(world.call("ec2", "DescribeVpcs", &[("VpcId.1", vpc)]).0, 200);
}

#[test]
fn groups_refresh_wait_for_hooks_and_go_last() {
    let world = world();
    // Nothing goes on before it is looked at.
    world.settings(&json!({"delays": {"instance.pending": 3600, "refresh.step": 3600}}));
    let net = network(&world);
    let template = [
        ("LaunchTemplateName", "lt1"),
        ("LaunchTemplateData.ImageId", DEBIAN),
        ("LaunchTemplateData.InstanceType", "t3.micro"),
    ];
    world.make("ec2", "CreateLaunchTemplate", &template, "launchTemplateId");
    let named = ("AutoScalingGroupName", "a");
    let sizes = [
        named,
        ("MinSize", "0"),
        ("MaxSize", "3"),
        ("DesiredCapacity", "2"),
        ("VPCZoneIdentifier", &net.subnet),
    ];
    let lt = [("LaunchTemplate.LaunchTemplateName", "lt1"), ("LaunchTemplate.Version", "$Latest")];
    world.make("autoscaling", "CreateAutoScalingGroup", &[&sizes[..], &lt[..]].concat(), "");
    refused(
        world.call("autoscaling", "CreateAutoScalingGroup", &[&sizes[..], &lt[..]].concat()),
        "AlreadyExists",
    );
    let group = || {
        world.call("autoscaling", "DescribeAutoScalingGroups", &[("AutoScalingGroupNames.member.1", "a")]).1
    };
    let serving = || group().matches("<LifecycleState>InService").count();
    assert_eq!(serving(), 0);
    world.settings(&json!({"delays": {"instance.pending": 0.1}}));
    wait_until("service", || serving() == 2);
    let before = within(&group(), "InstanceId").unwrap().to_owned();
    let hook =
        [named, ("LifecycleHookName", "h"), ("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING")];
    world.make("autoscaling", "PutLifecycleHook", &hook, "");
    world.make("autoscaling", "StartInstanceRefresh", &[named], "InstanceRefreshId");
    refused(world.call("autoscaling", "StartInstanceRefresh", &[named]), "InstanceRefreshInProgress");
    world.settings(&json!({"delays": {"refresh.step": 0.1, "instance.shutting-down": 3600}}));
    let refreshed = || {
        let text = world.call("autoscaling", "DescribeInstanceRefreshes", &[named]).1;
        within(&text, "Status") == Some("Successful")
    };
    wait_until("the refresh", || {
        let text = group();
        for member in text.split("<member>").filter(|member| member.contains("Pending:Wait")) {
            let id = within(member, "InstanceId").unwrap();
            let action = [
                named,
                ("LifecycleHookName", "h"),
                ("LifecycleActionResult", "CONTINUE"),
                ("InstanceId", id),
            ];
            world.make("autoscaling", "CompleteLifecycleAction", &action, "");
        }
        refreshed()
    });
    assert!(!group().contains(&before) && serving() == 2);
    refused(world.call("autoscaling", "DeleteAutoScalingGroup", &[named]), "ResourceInUse");
    world.make("autoscaling", "DeleteAutoScalingGroup", &[named, ("ForceDelete", "true")], "");
    refused(world.call("ec2", "DeleteSubnet", &[("SubnetId", &net.subnet)]), "DependencyViolation");
    world.settings(&json!({"delays": {"instance.shutting-down": 0.1}}));
    wait_until("the end of the group", || !group().contains("AutoScalingGroupName"));
    assert_eq!(world.count("instance"), 0);
}

#[test]
fn weather_is_as_asked_and_every_call_is_counted() {
    let world = world();
    let describe = || world.call("ec2", "DescribeVpcs", &[]);
    let create = || world.call("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]);
    world.proxy.fault("DescribeVpcs", Fault::Throttled, 2);
    refused(describe(), "RequestLimitExceeded");
    refused(describe(), "RequestLimitExceeded");
    assert_eq!(describe().0, 200);
    world.proxy.fault("CreateVpc", Fault::ReplyLost, 1);
    assert_eq!(create().0, 0);
    assert_eq!(world.count("vpc"), 1);
    world.proxy.fault("CreateVpc", Fault::Reset, 1);
    assert_eq!(create().0, 0);
    assert_eq!(world.count("vpc"), 1);
    world.proxy.fault_after("CreateVpc", 1, Fault::Denied, 1);
    assert_eq!(create().0, 200);
    let (status, text) = create();
    assert!(status == 403 && text.contains("not authorized to perform: ec2:CreateVpc"), "{text}");
    let unsupported = world.call("ec2", "DescribeFastLaunchImages", &[]);
    assert_eq!((unsupported.0, within(&unsupported.1, "Code")), (501, Some("NotImplemented")));
    let calls = world.calls();
    let log: Vec<(&str, u16, bool)> =
        calls.iter().map(|c| (c.action.as_str(), c.status, c.writes())).collect();
    let expected = [
        ("DescribeVpcs", 503, false),
        ("DescribeVpcs", 503, false),
        ("DescribeVpcs", 200, false),
        ("CreateVpc", 0, true),
        ("CreateVpc", 0, true),
        ("CreateVpc", 200, true),
        ("CreateVpc", 403, true),
        ("DescribeFastLaunchImages", 501, false),
    ];
    assert_eq!(log, expected);
    assert_eq!(world.writes().len(), 4);
}

#[test]
fn a_held_reply_waits_for_the_test() {
    let world = world();
    world.proxy.fault("CreateVpc", Fault::Held, 1);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| world.call("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]));
        world.proxy.wait_held();
        assert_eq!(world.count("vpc"), 1);
        assert!(!call.is_finished());
        world.proxy.release();
        assert_eq!(call.join().unwrap().0, 200);
    });
}

#[test]
fn signatures_and_permissions_count_when_asked() {
    let mut world = world();
    world.protect(&["ec2:DescribeVpcs"]);
    // These calls are not signed with the key.
    refused(world.call("ec2", "DescribeVpcs", &[]), "AuthFailure");
}

#[test]
fn public_parameters_name_images() {
    let world = world();
    let body = json!({"Name": "/aws/service/debian/release/12/latest/amd64"});
    let text = world.call_json("ssm", "AmazonSSM.GetParameter", &body).1;
    assert!(text.contains(DEBIAN), "{text}");
}
