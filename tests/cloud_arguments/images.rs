//! Images that are registered of snapshots, and who may use a snapshot.

use crate::support::cloud::World;
use crate::support::cloud_plays::{bare, sends};

/// A snapshot that somebody made.
fn snapshot(world: &World) -> String {
    let size = [("Size", "1"), ("AvailabilityZone", "us-east-1a")];
    let volume = world.make("ec2", "CreateVolume", &size, "volumeId");
    world.make("ec2", "CreateSnapshot", &[("VolumeId", &volume)], "snapshotId")
}

#[test]
fn an_image_is_registered_as_the_task_says() {
    let world = World::default();
    let snapshot = snapshot(&world);
    let disk = bare(&format!(
        "\
- ec2_ami:
    name: disk
    description: from a disk
    architecture: arm64
    virtualization_type: hvm
    root_device_name: /dev/xvda
    boot_mode: uefi
    tpm_support: v2.0
    uefi_data: AAAA
    enhanced_networking: true
    sriov_net_support: simple
    kernel_id: aki-1
    ramdisk_id: ari-1
    billing_products: [bp-1]
    device_mapping: [{{device_name: /dev/xvda, snapshot_id: {snapshot}, volume_type: gp3, size: 9}}]
    launch_permissions: {{user_ids: ['111122223333']}}
    tags: {{role: node}}
    wait: true
  register: image
- debug: {{msg: 'it is {{{{ image.state }}}}'}}
"
    ));
    let sent: &[&str] = &[
        "Name=disk",
        "Description=from a disk",
        "Architecture=arm64",
        "VirtualizationType=hvm",
        "RootDeviceName=/dev/xvda",
        "BootMode=uefi",
        "TpmSupport=v2.0",
        "UefiData=AAAA",
        "EnaSupport=true",
        "SriovNetSupport=simple",
        "KernelId=aki-1",
        "RamdiskId=ari-1",
        "BillingProduct.1=bp-1",
        &format!("Ebs.SnapshotId={snapshot}"),
        "TagSpecification.1.ResourceType=image",
    ];
    let shared: &[&str] = &["UserId=111122223333"];
    sends(&world, &disk, &[("RegisterImage", sent), ("ModifyImageAttribute", shared)])
        .is(0, &["it is available"]);
    let image = world.ours().into_iter().find(|t| t.kind == "image").unwrap();
    assert_eq!(image.tags["role"], "node");
    // The snapshot is somebody's: it stays.
    world.destroy().is(0, &["0 left"]);
    assert_eq!((world.ours().len(), world.inventory().iter().filter(|t| t.id == snapshot).count()), (0, 1));
    // One in an instance store, by its manifest.
    let stored = bare("- ec2_ami: {name: stored, image_location: bucket/image.manifest.xml}\n");
    sends(&world, &stored, &[("RegisterImage", &["ImageLocation=bucket/image.manifest.xml"])]);
    world.destroy().is(0, &["0 left"]);
    world.playbook(&bare("- ec2_ami: {name: other, device_mapping: [{device_name: /dev/xvda, size: 9}]}\n"));
    world.apply().is(1, &["without `instance_id`, or a `snapshot_id` in `device_mapping`"]);
}

#[test]
fn every_run_makes_a_snapshot_but_where_the_last_one_is_young_enough() {
    let world = World::default();
    let size = [("Size", "1"), ("AvailabilityZone", "us-east-1a")];
    let volume = world.make("ec2", "CreateVolume", &size, "volumeId");
    let snapshot = |more: &str| bare(&format!("- ec2_snapshot: {{volume_id: {volume}{more}}}\n"));
    world.playbook(&snapshot(""));
    for there in [1, 2] {
        world.apply().is(0, &["1 changed"]);
        assert_eq!(world.count("snapshot"), there);
    }
    world.plan().is(2, &["without `last_snapshot_min_age` every run makes another"]);
    // The last one of the task counts, whatever made it.
    world.playbook(&snapshot(", last_snapshot_min_age: 60"));
    world.apply().is(0, &["0 changed"]);
    assert_eq!(world.count("snapshot"), 2);
    // What is named is there already.
    let id = world.ours().into_iter().find(|t| t.kind == "snapshot").unwrap().id;
    world.playbook(&bare(&format!("- ec2_snapshot: {{snapshot_id: {id}, last_snapshot_min_age: 0}}\n")));
    world.apply().is(0, &["0 changed"]);
    world.destroy().is(0, &["0 left"]);
}

#[test]
fn who_may_use_a_snapshot_is_as_the_task_says() {
    let world = World::default();
    let size = [("Size", "1"), ("AvailabilityZone", "us-east-1a")];
    let volume = world.make("ec2", "CreateVolume", &size, "volumeId");
    let shared = |who: &str| {
        bare(&format!(
            "- ec2_snapshot: {{volume_id: {volume}, last_snapshot_min_age: 60, modify_create_vol_permission: true, {who}}}\n"
        ))
    };
    let call = "ModifySnapshotAttribute";
    let first: &[&str] = &["CreateVolumePermission.Add.1.UserId=111122223333"];
    sends(&world, &shared("user_ids: ['111122223333']"), &[(call, first)]);
    // Who is not named stays.
    let more: &[&str] = &["CreateVolumePermission.Add.1.UserId=444455556666"];
    let seen = sends(&world, &shared("user_ids: ['444455556666']"), &[(call, more)]);
    seen.is(0, &["create_volume_permissions 444455556666 is missing"]);
    assert!(!seen.all().contains("is not wanted"), "{}", seen.all());
    let all: &[&str] = &["Add.1.Group=all", "Remove.2.UserId=444455556666"];
    let purged = shared("group_names: [all], purge_create_vol_permission: true");
    sends(&world, &purged, &[(call, all)]).is(
        0,
        &["create_volume_permissions all is missing", "create_volume_permissions 111122223333 is not wanted"],
    );
    world.destroy().is(0, &["0 left"]);
}
