//! aws_caller_info: whose credentials are used.

use crate::base::Map;
use crate::cloud::sts::{Sts, StsClient, input::GetCallerIdentityInputBuilder};
use crate::modules::Behaviour;
use crate::modules::cloud::{self, CloudFuture, Cx, Query};
use crate::record;
use std::sync::Arc;

/// One GetCallerIdentity of STS, which needs no permission; an error means that the credentials are no good.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Caller))
}

struct Caller;

impl Query for Caller {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let client = aws_sdk_sts::Client::new(&cx.account.config);
            let sts = StsClient::new(client, Arc::clone(&cx.account.manner));
            let caller = sts.get_caller_identity(GetCallerIdentityInputBuilder::default()).await?;
            Ok(record! {
                "account" => caller.account(),
                "account_alias" => "",
                "arn" => caller.arn(),
                "user_id" => caller.user_id(),
            })
        })
    }
}
