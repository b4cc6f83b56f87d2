//! What the `_info` modules share: things of one kind, all or by filters, as return values.

use super::{CloudFuture, Cx, Query, filters};
use crate::base::{List, Map, Value};
use crate::cloud::ec2::types::Filter;
use crate::cloud::{Account, Kind, Table};
use crate::modules::ArgsExt;

/// One such module.
pub struct Info<K: Kind> {
    /// The name of the list that is returned.
    pub returns: &'static str,
    /// Arguments that hold lists of ids, and the filters they stand for.
    pub ids: &'static [(&'static str, &'static str)],
    /// The account's table of the kind.
    pub table: fn(&Account) -> &Table<K>,
    /// One of the things, as the module returns it.
    pub value: fn(&K::Item) -> Map,
}

impl<K: Kind> Query for Info<K> {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            let account = &cx.account;
            // What does not exist yet cannot be told, nor can what it would be among.
            let open = cx.is_unknown("filters") || self.ids.iter().any(|(arg, _)| cx.is_unknown(arg));
            if open {
                return Ok(Map::from_iter([(self.returns.into(), cx.unknown())]));
            }
            let mut wanted = filters(cx.args.map("filters"));
            for (arg, filter) in self.ids.iter().filter(|(arg, _)| cx.args.has(arg)) {
                let ids = cx.args.list(arg).into_iter().map(str::to_string).collect();
                wanted.push(Filter::builder().name(*filter).set_values(Some(ids)).build());
            }
            let found: List = if wanted.is_empty() {
                let all = (self.table)(account).all(&*account.ec2).await?;
                all.iter().map(|i| Value::from((self.value)(i))).collect()
            } else {
                let found = K::load(&*account.ec2, wanted).await?;
                found.iter().map(|i| Value::from((self.value)(i))).collect()
            };
            Ok(Map::from_iter([(self.returns.into(), found.into())]))
        })
    }
}
