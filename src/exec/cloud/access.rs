//! How a task reaches its cloud: its arguments, its `environment`, and the stack it belongs to.

use super::super::scope::TaskScope;
use super::super::state::Run;
use super::lock::LockPlace;
use crate::base::{Map, Value};
use crate::cloud::Access;
use crate::graph::TaskKeywords;
use crate::modules::{Args, ArgsExt, Failure};
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments first, then what `environment` sets; the rest is for the usual chain.
pub fn of_task(
    run: &Run,
    keywords: &TaskKeywords,
    args: &Args,
    scope: &Arc<TaskScope>,
) -> Result<Access, Failure> {
    let environment = environment(run, keywords, scope)?;
    let from = |arg: &str, names: &[&str]| -> Option<String> {
        let given = args.opt_str(arg).map(str::to_string);
        let set = || names.iter().find_map(|n| environment.opt_str(n)).map(str::to_string);
        given.or_else(set).filter(|t| !t.is_empty())
    };
    let access = Access {
        profile: from("profile", &["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]),
        region: from("region", &["AWS_REGION", "AWS_DEFAULT_REGION", "EC2_REGION"]),
        access_key: from("access_key", &["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "EC2_ACCESS_KEY"]),
        secret_key: from("secret_key", &["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "EC2_SECRET_KEY"]),
        session_token: from("session_token", &["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]),
        endpoint: from("endpoint_url", &["AWS_ENDPOINT_URL", "AWS_URL", "EC2_URL"]),
        ca_bundle: from("aws_ca_bundle", &["AWS_CA_BUNDLE"]).map(PathBuf::from),
        role: None,
    };
    let plain = access.endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
    if args.opt_bool("validate_certs") == Some(false) && !plain {
        return Err(Failure::new(
            "validate_certs: false is refused: credentials would go to whoever answers\nhint: name the certificate to \
             trust with `aws_ca_bundle`",
        ));
    }
    Ok(access)
}

fn environment(run: &Run, keywords: &TaskKeywords, scope: &Arc<TaskScope>) -> Result<Map, Failure> {
    let mut all = Map::new();
    for layer in &keywords.environment {
        let layer = run.engine.evaluate(layer, &**scope);
        let layer = layer.map_err(|e| Failure::new(format!("environment: {e}")))?;
        let maps = match &layer {
            Value::Map(map) => vec![Arc::clone(map)],
            Value::List(list) => list
                .iter()
                .filter_map(|v| match v {
                    Value::Map(map) => Some(Arc::clone(map)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        for map in maps {
            all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    Ok(all)
}

/// `fitout_stack` where the play sets it, else the name of the playbook.
pub fn stack(run: &Run, scope: &TaskScope) -> Result<String, Failure> {
    let set = super::unit::variable(run, scope, "fitout_stack")?;
    Ok(set.unwrap_or_else(|| run.options.stack.clone()))
}

/// When what the task makes may go: `fitout_expires`, a span (`8h`) or a moment.
pub fn expires(run: &Run, scope: &TaskScope) -> Result<Option<String>, Failure> {
    let set = super::unit::variable(run, scope, "fitout_expires")?;
    let moment = |text: String| crate::cloud::expiry::moment(&text, jiff::Timestamp::now());
    set.map(moment).transpose().map_err(|why| Failure::new(format!("fitout_expires: {why}")))
}

/// Where the task's stack is locked: `fitout_lock`, else what the command line and the environment say.
pub fn lock(run: &Run, scope: &TaskScope) -> Result<LockPlace, Failure> {
    match super::unit::variable(run, scope, "fitout_lock")? {
        Some(text) => text.parse().map_err(|why| Failure::new(format!("fitout_lock: {why}"))),
        None => Ok(run.options.lock.clone()),
    }
}
