//! ec2_instance_info: tell what instances there are.

use crate::base::{List, Map, Value};
use crate::cloud::kinds::Instance;
use crate::modules::cloud::{self, CloudFuture, Cx, Info, Query, values};
use crate::modules::{ArgsExt, Behaviour};
use jiff::{SignedDuration, Timestamp};

/// The run's one listing of DescribeInstances, shared by all tasks; with ids or filters a call of its own.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Instances(Info::<Instance> {
        returns: "instances",
        ids: &[("instance_ids", "instance-id")],
        table: |account| &account.instances,
        value: values::instance,
    })))
}

struct Instances(Info<Instance>);

impl Query for Instances {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let mut told = self.0.run(cx).await?;
            if let Some(minutes) = cx.args.opt_int("minimum_uptime") {
                let latest = Timestamp::now() - SignedDuration::from_mins(minutes);
                let since = |i: &Value| i.get("launch_time")?.as_str()?.parse::<Timestamp>().ok();
                let old = |i: &&Value| since(i).is_some_and(|since| since <= latest);
                let found = told.get("instances").and_then(Value::as_list);
                let old: Option<List> = found.map(|all| all.iter().filter(old).cloned().collect());
                told.extend(old.map(|old| ("instances".into(), old.into())));
            }
            Ok(told)
        })
    }
}
