//! ssm_parameter_info: tell what parameters there are, without their values.

use crate::base::{List, Map, Value};
use crate::cloud::CallError;
use crate::cloud::ssm::{Ssm, input::DescribeParametersInputBuilder, types};
use crate::modules::cloud::{self, CloudFuture, Cx, Query};
use crate::modules::{ArgsExt, Behaviour};
use crate::record;

/// Pages of DescribeParameters, which tells no values.
pub fn behaviour() -> Behaviour {
    Behaviour::Cloud(cloud::query(Parameters))
}

struct Parameters;

impl Query for Parameters {
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map> {
        Box::pin(async move {
            if cx.is_unknown("names") || cx.is_unknown("path") {
                return Ok(record! { "parameters" => cx.unknown() });
            }
            let mut filters = Vec::new();
            if cx.args.has("names") {
                let names = cx.args.list("names").into_iter().map(str::to_string).collect();
                filters.push(filter("Name", "Equals", names)?);
            }
            if let Some(path) = cx.text("path") {
                filters.push(filter("Path", "Recursive", vec![path.to_string()])?);
            }
            let mut input = DescribeParametersInputBuilder::default().max_results(50);
            input = input.set_parameter_filters((!filters.is_empty()).then_some(filters));
            let (ssm, mut all) = (cx.account.ssm(), Vec::new());
            loop {
                let page = ssm.describe_parameters(input.clone()).await?;
                all.extend(page.parameters.unwrap_or_default());
                match page.next_token.filter(|t| !t.is_empty()) {
                    Some(next) => input = input.next_token(next),
                    None => break,
                }
            }
            all.sort_by(|a, b| a.name().cmp(&b.name()));
            Ok(record! { "parameters" => all.iter().map(|p| Value::from(shown(p))).collect::<List>() })
        })
    }
}

fn filter(key: &str, option: &str, values: Vec<String>) -> Result<types::ParameterStringFilter, CallError> {
    let filter =
        types::ParameterStringFilter::builder().key(key).option(option).set_values(Some(values)).build();
    filter.map_err(|e| CallError::own("ssm:DescribeParameters", e.to_string()))
}

fn shown(parameter: &types::ParameterMetadata) -> Map {
    record! {
        "name" => parameter.name(),
        "type" => parameter.r#type().map(|t| t.as_str()),
        "version" => parameter.version(),
        "description" => parameter.description(),
        "last_modified_date" => parameter.last_modified_date().map(ToString::to_string),
        "tier" => parameter.tier().map(|t| t.as_str()),
        "data_type" => parameter.data_type(),
    }
}
