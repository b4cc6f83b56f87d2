//! The network that filters name, where it is not given by its id.

use super::super::steps::{Step, StepFuture};
use super::Build;
use super::options::NetworkFilter;
use crate::cloud::ec2::types::{Filter, Subnet};
use crate::cloud::{Kind, kinds};

pub struct Find;

impl Step<Build> for Find {
    fn name(&self) -> &str {
        "network"
    }

    fn perform<'a>(&'a self, build: &'a mut Build) -> StepFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if let Some(filter) = build.options.vpc_filter.clone() {
                let found = load::<kinds::Vpc>(build, &filter, &[]).await?;
                let one = only(found.iter().map(kinds::Vpc::id).collect(), "vpc_filter", &filter)?;
                build.options.vpc_id = Some(one);
            }
            if let Some(filter) = build.options.subnet_filter.clone() {
                let within = [
                    ("vpc-id", build.options.vpc_id.clone()),
                    ("availability-zone", build.options.availability_zone.clone()),
                ];
                let mut found = load::<kinds::Subnet>(build, &filter, &within).await?;
                found
                    .sort_by_key(|s: &Subnet| std::cmp::Reverse(s.available_ip_address_count().unwrap_or(0)));
                if filter.most_free {
                    found.truncate(1);
                }
                let ids = found.iter().map(kinds::Subnet::id).collect();
                build.options.subnet_id = Some(only(ids, "subnet_filter", &filter)?);
            }
            if let Some(filter) = build.options.group_filter.clone() {
                // Groups of another network than the subnet's cannot be used there.
                let within = [("vpc-id", super::access::vpc(build).await?)];
                let found = load::<kinds::SecurityGroup>(build, &filter, &within).await?;
                if found.is_empty() {
                    return Err("security_group_filter: no security group fits".into());
                }
                build.options.security_group_ids =
                    found.iter().map(|g| kinds::SecurityGroup::id(g).to_string()).collect();
            }
            Ok(())
        })
    }
}

async fn load<K: Kind>(
    build: &Build,
    filter: &NetworkFilter,
    within: &[(&str, Option<String>)],
) -> Result<Vec<K::Item>, String> {
    let one = |(name, values): (&String, &Vec<String>)| {
        Filter::builder().name(name).set_values(Some(values.clone())).build()
    };
    let mut filters: Vec<Filter> = filter.filters.iter().map(one).collect();
    let more = within.iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    filters.extend(more.map(|(name, value)| Filter::builder().name(*name).values(value).build()));
    K::load(&*build.account.ec2, filters).await.map_err(|e| e.to_string())
}

/// The only one, or any where the filter says so.
fn only(ids: Vec<&str>, name: &str, filter: &NetworkFilter) -> Result<String, String> {
    match ids.as_slice() {
        [] => Err(format!("{name}: nothing fits")),
        [one] => Ok(one.to_string()),
        many if filter.random => {
            Ok(many[usize::try_from(rand::random::<u32>()).unwrap_or(0) % many.len()].to_string())
        }
        many => {
            Err(format!("{name}: {} fit: {}\nhint: say more, or `random: true`", many.len(), many.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_taken_only_where_that_is_said() {
        let mut filter = NetworkFilter { filters: Default::default(), most_free: false, random: false };
        assert_eq!(only(vec!["a"], "vpc_filter", &filter), Ok("a".into()));
        assert!(only(vec![], "vpc_filter", &filter).unwrap_err().contains("nothing fits"));
        assert!(only(vec!["a", "b"], "vpc_filter", &filter).unwrap_err().contains("a, b"));
        filter.random = true;
        assert!(only(vec!["a", "b"], "vpc_filter", &filter).is_ok());
    }
}
