//! Inventories of the plugin `aws_ec2`: instances become hosts.
//!
//! A file names regions and filters, and how hosts are called and grouped. Instances are read with one Describe a region
//! (and one for each of `include_filters` and `exclude_filters`), page by page, all regions at once.

mod names;
mod options;

use super::reader::Reader;
use crate::base::{Diag, Diags, Map, Value};
use crate::cloud::ec2::{input::DescribeRegionsInputBuilder, types};
use crate::cloud::{Access, Account, CallError, Kind, Session, kinds, together};
use crate::eval::{Engine, MapScope};
use crate::modules::cloud::values;
use crate::syntax::inventory::{Inventory, UNGROUPED};
use crate::syntax::vault::Keyring;
use crate::syntax::yaml::Node;
use options::{Filters, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The names of the plugin.
pub const PLUGINS: [&str; 2] = ["aws_ec2", "amazon.aws.aws_ec2"];

/// The group of all hosts of the plugin.
const GROUP: &str = "aws_ec2";

/// Reads what the file at `root` asks for into the inventory; what cannot be is told in `diags`.
pub async fn fill(
    inventory: &mut Inventory,
    root: &Node,
    keyring: &Keyring,
    engine: &Engine,
    session: &Session,
    diags: &mut Diags,
) {
    let reader = Reader { root, keyring, engine, diags: &mut *diags };
    let Some(options) = Options::read(reader) else { return };
    let found = match instances(&options, session, diags).await {
        Ok(found) => found,
        Err(error) => {
            return diags.push(Diag::error("inventory-plugin", options.place, error.to_string()));
        }
    };
    let all = inventory.add_group(GROUP, Some(options.place));
    let mut nameless = Vec::new();
    for (region, instance) in found.into_values() {
        let scope = MapScope::new(vars_of(&instance, &region, &options));
        let names = names::of(&instance, &options, engine, &scope, diags);
        if names.is_empty() {
            nameless.push(instance.instance_id().unwrap_or_default().to_string());
        }
        for name in names {
            let host = inventory.add_host(&name, Some(options.place));
            inventory.add_member(all, host);
            let mut scope = scope.clone();
            options.composed.compose(engine, &mut scope, &name, diags);
            for (key, value) in scope.vars.iter() {
                inventory.set_host_var(host, key.clone(), value.clone());
            }
            options.composed.place(inventory, host, engine, &scope, &name, diags);
        }
    }
    if !nameless.is_empty() {
        let message = format!("no entry of `hostnames` gives a name to {}", nameless.join(", "));
        let diag = Diag::warning("inventory-plugin", options.place, message);
        diags.push(diag.hint("end `hostnames` with `instance-id`, which each has"));
    }
    debug_assert!(inventory.groups.get_index(UNGROUPED.0 as usize).is_some());
}

/// The instances of all regions by id, each once.
async fn instances(
    options: &Options,
    session: &Session,
    diags: &mut Diags,
) -> Result<BTreeMap<String, (String, types::Instance)>, CallError> {
    let accounts = accounts(options, session).await?;
    let looks = accounts.iter().map(|account| of_region(options, account)).collect();
    let mut all = BTreeMap::new();
    for (account, found) in accounts.iter().zip(together(looks).await) {
        match found {
            Ok(found) => {
                let with_id =
                    |i: types::Instance| (kinds::Instance::id(&i).to_string(), (account.region.clone(), i));
                all.extend(found.into_iter().map(with_id));
            }
            Err(error) if error.denied() && !options.strict_permissions => {
                let message = format!("{} is left out: {error}", account.region);
                diags.push(Diag::warning("inventory-plugin", options.place, message));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

async fn accounts(options: &Options, session: &Session) -> Result<Vec<Arc<Account>>, CallError> {
    let with = |region: &String| Access { region: Some(region.clone()), ..options.access.clone() };
    let regions = match options.regions.is_empty() {
        false => options.regions.clone(),
        true => {
            let first = session.account(&options.access).await?;
            let reply = first.ec2.describe_regions(DescribeRegionsInputBuilder::default()).await?;
            reply.regions.unwrap_or_default().into_iter().filter_map(|r| r.region_name).collect()
        }
    };
    let mut accounts = Vec::new();
    for region in &regions {
        accounts.push(session.account(&with(region)).await?);
    }
    Ok(accounts)
}

/// What passes any of the filters to include (the plain ones always hold), without what passes one to exclude.
async fn of_region(options: &Options, account: &Account) -> Result<Vec<types::Instance>, CallError> {
    let load = |more: &Filters| kinds::Instance::load(&*account.ec2, options::to_sdk(&options.filters, more));
    let none = Filters::new();
    let including = if options.include.is_empty() { vec![&none] } else { options.include.iter().collect() };
    let mut found: BTreeMap<String, types::Instance> = BTreeMap::new();
    for list in together(including.into_iter().map(load).collect()).await {
        found.extend(list?.into_iter().map(|i| (kinds::Instance::id(&i).to_string(), i)));
    }
    let mut excluded = BTreeSet::new();
    for list in together(options.exclude.iter().map(load).collect()).await {
        excluded.extend(list?.iter().map(|i| kinds::Instance::id(i).to_string()));
    }
    Ok(found.into_iter().filter(|(id, _)| !excluded.contains(id)).map(|(_, i)| i).collect())
}

/// The instance as variables of its host.
fn vars_of(instance: &types::Instance, region: &str, options: &Options) -> Map {
    let mut vars = values::instance(instance);
    vars.shift_remove("id");
    if let Some(Value::Map(placement)) = vars.get("placement") {
        let mut placement = Map::clone(placement);
        placement.insert("region".into(), region.into());
        vars.insert("placement".into(), placement.into());
    }
    let (prefix, suffix) = (&options.prefix, &options.suffix);
    if prefix.is_empty() && suffix.is_empty() {
        return vars;
    }
    vars.into_iter().map(|(key, value)| (format!("{prefix}{key}{suffix}").as_str().into(), value)).collect()
}
