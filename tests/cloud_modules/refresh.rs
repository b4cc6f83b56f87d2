//! An instance refresh: started once whatever becomes of the call, and followed step by step.

use super::*;
use serde_json::json;
use std::time::{Duration, Instant};

fn group(kind: &str) -> String {
    play(&format!(
        "\
- ec2_launch_template: {{name: nodes, image_id: {DEBIAN}, instance_type: {kind}}}
- name: Nodes
  autoscaling_group:
    name: nodes
    launch_template: {{launch_template_name: nodes, version: $Latest}}
    min_size: 0
    max_size: 3
    desired_capacity: 2
    vpc_zone_identifier: ['{{{{ subnet.subnet.id }}}}']
    replace_all_instances: true
"
    ))
}

/// Each batch may take what the task says, with the grace of a new instance.
#[test]
fn a_refresh_is_followed_as_long_as_the_task_says() {
    let world = World::default();
    world.playbook(&group("t3.micro"));
    good(&world.apply());
    let limit = "replace_all_instances: true\n        health_check_period: 1\n        wait_timeout: 1\n";
    world.playbook(&group("t3.small").replace("replace_all_instances: true\n", limit));
    world.settings(&json!({"delays": {"refresh.step": 600}}));
    let began = Instant::now();
    world.apply().is(
        1,
        &["the instance refresh of nodes has not ended after 4 s", "`wait_timeout` (seconds for each batch)"],
    );
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    world.settings(&json!({"delays": {"refresh.step": 0}}));
    // The next run follows it to its end.
    world.playbook(&group("t3.small"));
    good(&world.apply());
    assert_eq!(refreshes(&world), 1);
    good(&world.destroy());
}

/// How often the group was refreshed.
fn refreshes(world: &World) -> usize {
    let name = [("AutoScalingGroupName", "nodes")];
    let (status, text) = world.call("autoscaling", "DescribeInstanceRefreshes", &name);
    assert_eq!(status, 200, "{text}");
    text.matches("<InstanceRefreshId>").count()
}

#[test]
fn a_refresh_is_started_once_in_any_weather_and_its_progress_is_told() {
    let world = World::default();
    world.playbook(&group("t3.micro"));
    good(&world.apply());
    let weather = [
        (Fault::ReplyLost, 1, "t3.small"),
        (Fault::Reset, 1, "t3.micro"),
        (Fault::Throttled, 6, "t3.small"),
        (Fault::Broken, 1, "t3.micro"),
    ];
    for (round, (fault, times, kind)) in weather.into_iter().enumerate() {
        world.playbook(&group(kind));
        world.proxy.fault("StartInstanceRefresh", fault.clone(), times);
        let seen = world.run(&["apply", "--yes", "--json", "site.yml"]);
        assert_eq!(world.proxy.clear(), [""; 0], "{fault:?}");
        good(&seen);
        assert_eq!(refreshes(&world), round + 1, "{fault:?}: {}", seen.all());
        let events: Vec<serde_json::Value> =
            seen.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let told: Vec<_> = events.iter().filter(|e| e["event"] == "progress").collect();
        let percent: Vec<i64> = told.iter().map(|e| e["percent"].as_i64().unwrap()).collect();
        assert!(percent.is_sorted() && percent.len() > 1, "{fault:?}: {percent:?}");
        assert_eq!(percent.last(), Some(&100), "{fault:?}");
        assert!(told.iter().all(|e| e["task"] == "Nodes" && e["item"].is_null()), "{told:?}");
        assert!(told[0]["message"].as_str().unwrap().starts_with("instance refresh of nodes: "), "{told:?}");
    }
    world.playbook(&group("t3.small"));
    world.apply().is(0, &["Nodes: instance refresh of nodes: ", ", 100 %"]);
    good(&world.destroy());
}
