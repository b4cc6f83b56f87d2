//! ec2_vpc_net_info: tell what VPCs there are.

use crate::base::{List, Map, Value};
use crate::cloud::kinds::Vpc;
use crate::cloud::together;
use crate::modules::cloud::{self, CloudFuture, Cx, Info, Query, values};
use crate::modules::{ArgsExt, Behaviour};

/// The run's one listing of DescribeVpcs, shared by all tasks; with ids or filters a call of its own. Two calls of
/// DescribeVpcAttribute for each VPC that is told.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Networks(Info::<Vpc> {
        returns: "vpcs",
        ids: &[("vpc_ids", "vpc-id")],
        table: |account| &account.vpcs,
        value: values::vpc,
    })))
}

struct Networks(Info<Vpc>);

impl Query for Networks {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let mut told = self.0.run(cx).await?;
            let Some(found) = told.get("vpcs").and_then(Value::as_list).cloned() else { return Ok(told) };
            let maps: Vec<Map> = found.iter().filter_map(Value::as_map).cloned().collect();
            let asked = maps.iter().map(|vpc| super::m_ec2_vpc_net::dns(cx, vpc.str("vpc_id"))).collect();
            let mut all = List::new();
            for (mut vpc, dns) in maps.iter().cloned().zip(together(asked).await) {
                let (support, hostnames) = dns?;
                vpc.insert("enable_dns_support".into(), support.into());
                vpc.insert("enable_dns_hostnames".into(), hostnames.into());
                all.push(vpc.into());
            }
            told.insert("vpcs".into(), all.into());
            Ok(told)
        })
    }
}
