//! How a task's jobs are run whatever the module: with its `environment` and its `timeout`.

use super::scope::TaskScope;
use super::state::Run;
use super::unit::{Blocked, evaluated_text, unknown_inside};
use crate::base::Value;
use crate::graph::TaskKeywords;
use crate::remote::{Become, Job, JobFuture, Remote};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

struct Manner {
    inner: Arc<dyn Remote>,
    env: Vec<(Arc<str>, Vec<u8>)>,
    limit: Option<Duration>,
}

/// The connection as this task is to use it.
pub fn with(
    run: &Run,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
    inner: Arc<dyn Remote>,
) -> Result<Arc<dyn Remote>, Blocked> {
    let env = environment(run, keywords, scope, false)?;
    let limit = limit(run, keywords, scope)?;
    if env.is_empty() && limit.is_none() {
        return Ok(inner);
    }
    Ok(Arc::new(Manner { inner, env, limit }))
}

/// The connection as facts are gathered with it: what the environment takes from facts is not there yet, and left out.
pub fn for_gathering(
    run: &Run,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
    inner: Arc<dyn Remote>,
) -> Result<Arc<dyn Remote>, Blocked> {
    let env = environment(run, keywords, scope, true)?;
    Ok(if env.is_empty() { inner } else { Arc::new(Manner { inner, env, limit: None }) })
}

/// Seconds that `timeout` may be at most.
const LONGEST: f64 = 100_000_000.0;

/// The task's time limit, of `timeout` or of `async`.
pub fn limit(
    run: &Run,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
) -> Result<Option<Duration>, Blocked> {
    let seconds = match evaluated_text(run, &keywords.timeout, scope)? {
        None => 0.0,
        Some(text) => {
            let seconds =
                text.parse::<f64>().map_err(|_| format!("timeout: `{text}` is not a number of seconds"))?;
            if !(0.0..=LONGEST).contains(&seconds) {
                return Err(format!("Timeout {text} is invalid, it must be between 0 and {LONGEST}.").into());
            }
            seconds
        }
    };
    // `async` with polling is a time limit on work that is waited for.
    let background = match evaluated_text(run, &keywords.async_, scope)? {
        None => 0.0,
        Some(text) => {
            text.parse::<f64>().map_err(|_| format!("async: `{text}` is not a number of seconds"))?
        }
    };
    let least = [seconds, background].into_iter().filter(|s| *s > 0.0).reduce(f64::min);
    Ok(least.map(Duration::from_secs_f64))
}

/// The variables of all levels, inner ones over outer ones; `early`: without those that cannot be read yet.
fn environment(
    run: &Run,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
    early: bool,
) -> Result<Vec<(Arc<str>, Vec<u8>)>, Blocked> {
    let mut merged = indexmap::IndexMap::new();
    let read = |value: &Value| run.engine.evaluate(value, &**scope).map_err(|e| format!("environment: {e}"));
    for level in &keywords.environment {
        let level = match level.as_map().filter(|_| early) {
            Some(map) => map.iter().filter_map(|(k, v)| Some((k.clone(), read(v).ok()?))).collect(),
            None if early => read(level).unwrap_or_default(),
            None => read(level)?,
        };
        let levels = match level {
            Value::List(list) => Arc::unwrap_or_clone(list),
            one => vec![one],
        };
        for map in levels.iter().filter_map(Value::as_map) {
            for (name, value) in map {
                if let Some(why) = unknown_inside(value) {
                    if early {
                        continue;
                    }
                    return Err(Blocked::Unknown(why));
                }
                if !matches!(value, Value::Omit) {
                    run.redactor.learn_value(value);
                    let text = match value {
                        Value::Secret(secret) => secret.reveal().map_err(str::to_string)?.to_string(),
                        // As Python writes it.
                        Value::Null => "None".into(),
                        other => crate::spec::to_text(other),
                    };
                    merged.insert(Arc::from(name.to_string()), text.into_bytes());
                }
            }
        }
    }
    Ok(merged.into_iter().collect())
}

impl Remote for Manner {
    fn submit(&self, who: &Become, mut job: Job) -> JobFuture {
        job.env.extend(self.env.iter().cloned());
        job.timeout = job.timeout.or(self.limit);
        self.inner.submit(who, job)
    }

    fn round_trips(&self) -> u64 {
        self.inner.round_trips()
    }

    fn reset(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.reset()
    }

    fn leave(&self, user: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.inner.leave(user)
    }
}
