//! Several things of one name: which task means which, and that no machine ends for a mistake about it.

#![allow(clippy::unwrap_used)]

mod support;

use support::cloud::{DEBIAN, World};
use support::cloud_plays::{bare, good};

/// A network with subnets of these numbers, registered as `s`.
fn subnets(numbers: &str, tasks: &str) -> String {
    bare(&format!(
        "\
- ec2_vpc_net: {{name: t, cidr_block: 10.20.0.0/16}}
  register: net
- ec2_vpc_igw: {{vpc_id: '{{{{ net.vpc.id }}}}'}}
- ec2_vpc_subnet: {{vpc_id: '{{{{ net.vpc.id }}}}', cidr: '10.20.{{{{ item }}}}.0/24', az: us-east-1a}}
  loop: {numbers}
  register: s
{tasks}"
    ))
}

fn ids(world: &World, kind: &str) -> Vec<String> {
    let things = world.inventory().into_iter().filter(|t| t.kind == kind);
    let mut ids: Vec<String> = things
        .filter(|t| !t.tags.is_empty() && t.state.as_deref() != Some("terminated"))
        .map(|t| t.id)
        .collect();
    ids.sort();
    ids
}

/// How many lines of a plan begin with each of these signs.
#[track_caller]
fn plans(world: &World, expected: [(char, usize); 2]) {
    let seen = world.plan();
    for (sign, count) in expected {
        let found = seen.out.lines().filter(|line| line.trim_start().starts_with(sign)).count();
        assert_eq!(found, count, "{sign}: {}", seen.all());
    }
}

/// Nothing is to be done, as the plan and the run say.
#[track_caller]
fn settled(world: &World) {
    world.plan().is(0, &["no changes"]);
    world.proxy.forget();
    good(&world.apply());
    assert_eq!(world.writes(), [""; 0]);
}

/// Instances in each of the subnets.
fn looped(more: &str) -> String {
    format!(
        "\
- ec2_instance: {{image_id: {DEBIAN}, vpc_subnet_id: '{{{{ item.subnet.id }}}}'{more}}}
  loop: '{{{{ s.results }}}}'
  loop_control: {{label: '{{{{ item.subnet.cidr_block }}}}'}}
"
    )
}

#[test]
fn each_subnet_has_its_own() {
    for more in [
        ", name: web",
        "",
        ", name: web, exact_count: 1",
        ", exact_count: 1, count_tag: {role: x}, tags: {role: x}",
    ] {
        let world = World::new(&subnets("[1, 2]", &looped(more)));
        good(&world.apply());
        let made = ids(&world, "instance");
        assert_eq!(made.len(), 2, "{more}");
        settled(&world);
        // In another order, and with one that is new before them.
        world.playbook(&subnets("[3, 2, 1]", &looped(more)));
        plans(&world, [('+', 2), ('±', 0)]);
        good(&world.apply());
        let now = ids(&world, "instance");
        assert!(now.len() == 3 && made.iter().all(|id| now.contains(id)), "{more}: {made:?} {now:?}");
        settled(&world);
        good(&world.destroy());
    }
}

#[test]
fn one_that_moves_is_replaced_and_no_other() {
    let world = World::new(&subnets("[1, 2]", &looped(", name: web")));
    good(&world.apply());
    let made = ids(&world, "instance");
    world.playbook(&subnets("[1, 2, 3]", &looped(", name: web").replace("s.results }}", "s.results[1:] }}")));
    world.plan().is(2, &["vpc_subnet_id is subnet-"]);
    plans(&world, [('+', 1), ('±', 1)]);
    good(&world.apply());
    let now = ids(&world, "instance");
    assert_eq!(now.iter().filter(|id| made.contains(id)).count(), 1, "{made:?} {now:?}");
    assert_eq!(now.len(), 2);
    settled(&world);
    // What no item means any more is left, and `gc` tells it.
    world.playbook(&subnets("[1, 2, 3]", &looped(", name: web").replace("s.results }}", "s.results[2:] }}")));
    settled(&world);
    world.run(&["gc", "--plan", "site.yml"]).is(2, &["another is ec2_instance/web"]);
    good(&world.run(&["gc", "--yes", "site.yml"]));
    assert_eq!(ids(&world, "instance").len(), 1);
    settled(&world);
    good(&world.destroy());
}

#[test]
fn what_cannot_be_told_is_an_error_before_anything_ends() {
    let world = World::new(&subnets("[1, 2, 3]", &looped(", name: web")));
    good(&world.apply());
    let made = ids(&world, "instance");
    world.playbook(&subnets("[3, 4]", &looped(", name: web")));
    let found = world.plan();
    found.is(1, &["more instances are tagged `ec2_instance/web` than tasks mean", "would be replaced"]);
    world.apply().is(1, &["more instances are tagged"]);
    assert_eq!(ids(&world, "instance"), made);
    world.playbook(&subnets("[1, 2, 3]", &looped(", name: web")));
    settled(&world);
    good(&world.destroy());
}

#[test]
fn tasks_of_one_name_do_not_take_each_others_things() {
    let one = |at: usize| {
        format!(
            "- ec2_instance: {{name: web, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ s.results[{at}].subnet.id }}}}'}}\n"
        )
    };
    let world = World::new(&subnets("[1, 2]", &one(0)));
    good(&world.apply());
    let first = ids(&world, "instance");
    // The new one stands before the one that is there, beside it or behind tasks of hosts.
    for between in ["", "- command: 'true'\n  changed_when: false\n"] {
        world.playbook(&subnets("[1, 2]", &[one(1), between.to_string(), one(0)].concat()));
        plans(&world, [('+', 1), ('±', 0)]);
        good(&world.apply());
        let now = ids(&world, "instance");
        assert!(now.len() == 2 && now.contains(&first[0]), "{first:?} {now:?}");
        settled(&world);
        world.playbook(&subnets(
            "[1, 2]",
            "- ec2_instance: {name: web, vpc_subnet_id: '{{ s.results[1].subnet.id }}', state: absent}\n",
        ));
        good(&world.apply());
        assert_eq!(ids(&world, "instance"), first);
    }
    good(&world.destroy());
}

/// Those that are not chosen this time have their things all the same, before and behind the one that is.
#[test]
fn tasks_that_are_not_chosen_keep_their_things() {
    let world = World::new(&subnets("[1, 2, 3]", ""));
    good(&world.apply());
    let made = ids(&world, "subnet");
    let web = |at: usize| {
        let instance = format!("{{name: web, image_id: {DEBIAN}, vpc_subnet_id: {}}}", made[at]);
        format!("- ec2_instance: {instance}\n  tags: [t{at}]\n")
    };
    let all: String = (0..3).map(web).collect();
    world.playbook(&subnets("[1, 2, 3]", &all));
    for chosen in ["t1", "t0", "t2"] {
        let before = ids(&world, "instance");
        good(&world.run(&["apply", "--yes", "-t", chosen, "site.yml"]));
        let now = ids(&world, "instance");
        assert!(
            now.len() == before.len() + 1 && before.iter().all(|id| now.contains(id)),
            "{chosen}: {now:?}"
        );
    }
    settled(&world);
    good(&world.destroy());
}

#[test]
fn passes_of_an_include_do_not_take_each_others_things() {
    let task = format!(
        "- ec2_instance: {{name: web, image_id: {DEBIAN}, vpc_subnet_id: '{{{{ subnet.subnet.id }}}}'}}\n"
    );
    let site = |which: &str| {
        subnets(
            "[1, 2]",
            &format!(
                "- include_tasks: one.yml\n  loop: '{{{{ {which} }}}}'\n  loop_control: {{loop_var: subnet}}\n"
            ),
        )
    };
    let world = World::new(&site("s.results"));
    world.place.write("one.yml", &task);
    good(&world.apply());
    let made = ids(&world, "instance");
    assert_eq!(made.len(), 2);
    settled(&world);
    good(&world.destroy());
    world.playbook(&site("s.results[:1]"));
    good(&world.apply());
    let made = ids(&world, "instance");
    world.playbook(&site("[s.results[1], s.results[0]]"));
    world
        .apply()
        .is(1, &[&made[0], "would be replaced, and a later task that is `ec2_instance/web` too may mean it"]);
    assert_eq!(ids(&world, "instance"), made);
    good(&world.destroy());
}

#[test]
fn networks_of_one_name_are_told_by_their_ranges() {
    let nets = |ranges: &str| {
        bare(&format!("- ec2_vpc_net: {{name: same, cidr_block: '{{{{ item }}}}'}}\n  loop: {ranges}\n"))
    };
    let world = World::new(&nets("[10.41.0.0/16, 10.42.0.0/16]"));
    good(&world.apply());
    let made = ids(&world, "vpc");
    assert_eq!(made.len(), 2);
    settled(&world);
    world.playbook(&nets("[10.43.0.0/16, 10.41.0.0/16]"));
    world.plan().is(2, &["cidr_block is 10.42.0.0/16, not 10.43.0.0/16"]);
    good(&world.apply());
    let now = ids(&world, "vpc");
    assert!(now.len() == 2 && now.iter().filter(|id| made.contains(id)).count() == 1, "{made:?} {now:?}");
    settled(&world);
    good(&world.destroy());
}

#[test]
fn gateways_of_one_name_have_a_subnet_and_an_address_each() {
    let gateways = "\
- ec2_vpc_nat_gateway: {subnet_id: '{{ item.subnet.id }}', wait: true, tags: {Name: nat}}
  loop: '{{ s.results }}'
  loop_control: {label: '{{ item.subnet.cidr_block }}'}
";
    let world = World::new(&subnets("[1, 2]", gateways));
    good(&world.apply());
    assert_eq!((ids(&world, "natgateway").len(), ids(&world, "elastic-ip").len()), (2, 2));
    settled(&world);
    let (made, network) = (ids(&world, "natgateway"), subnets("[1, 2]", gateways));
    world.playbook(&network.replace("10.20.", "10.30."));
    world.plan().is(2, &["subnet_id is subnet-"]);
    good(&world.apply());
    let now = ids(&world, "natgateway");
    assert!(now.len() == 2 && !now.iter().any(|id| made.contains(id)), "{made:?} {now:?}");
    assert_eq!(ids(&world, "elastic-ip").len(), 2);
    settled(&world);
    good(&world.destroy());
}

#[test]
fn items_without_a_name_are_things_of_their_own() {
    let looped = |items: &str| bare(&format!("- ec2_eip: {{in_vpc: true}}\n  loop: {items}\n"));
    let world = World::new(&bare("- ec2_eip: {in_vpc: true}\n"));
    good(&world.apply());
    let single = ids(&world, "elastic-ip");
    assert_eq!(single.len(), 1);
    settled(&world);
    world.playbook(&looped("[1, 2, 3]"));
    plans(&world, [('+', 2), ('±', 0)]);
    good(&world.apply());
    let three = ids(&world, "elastic-ip");
    assert!(three.len() == 3 && three.contains(&single[0]), "{single:?} {three:?}");
    settled(&world);
    // One fewer, or none but the last: those that stay are the same.
    for items in ["[1, 3]", "[3]"] {
        world.playbook(&looped(items));
        settled(&world);
        world.run(&["gc", "--plan", "site.yml"]).is(2, &["no task of the playbook is"]);
    }
    assert_eq!(ids(&world, "elastic-ip"), three);
    good(&world.destroy());
    assert_eq!(ids(&world, "elastic-ip"), [""; 0]);
}

#[test]
fn an_address_goes_with_the_instance_that_is_replaced() {
    let site = |data: &str, tags: &str| {
        subnets(
            "[1]",
            &format!(
                "\
- ec2_instance: {{name: 'gate-{{{{ item }}}}', image_id: {DEBIAN}, vpc_subnet_id: '{{{{ s.results[0].subnet.id }}}}', user_data: {data}}}
  loop: [a, b]
  register: gates
- ec2_eip: {{device_id: '{{{{ item.instance_ids[0] }}}}'{tags}}}
  loop: '{{{{ gates.results }}}}'
  loop_control: {{label: '{{{{ item.item }}}}'}}
"
            ),
        )
    };
    for tags in ["", ", tags: {Name: 'gate-{{ item.item }}'}", ", tags: {Name: gate}"] {
        let world = World::new(&site("one", tags));
        good(&world.apply());
        let (made, addresses) = (ids(&world, "instance"), ids(&world, "elastic-ip"));
        assert_eq!(addresses.len(), 2, "{tags}");
        settled(&world);
        world.playbook(&site("two", tags));
        world.plan().is(2, &["device_id is i-"]);
        plans(&world, [('+', 0), ('±', 2)]);
        good(&world.apply());
        let now = ids(&world, "instance");
        assert!(now.len() == 2 && !now.iter().any(|id| made.contains(id)), "{made:?} {now:?}");
        assert_eq!(ids(&world, "elastic-ip"), addresses, "{tags}");
        settled(&world);
        world.run(&["gc", "--plan", "site.yml"]).is(0, &[]);
        good(&world.destroy());
    }
}
