//! Modules carried out on the controller: debug, set_fact, assert, fail, include_vars, add_host, group_by, pause …

use super::host::{Host, TaskContext};
use super::outcome::{TaskOutcome, UnitOutcome};
use super::scope::TaskScope;
use super::unit::{Blocked, Stage, arguments, conditions, false_condition};
use crate::base::{Map, Value};
use crate::eval::Truth;
use crate::modules::{Args, ArgsExt, Failure, Module};
use crate::spec::{ArgType, convert};
use crate::syntax::ast::VARIABLE_ARGS;
use std::sync::Arc;

pub(super) type Done = Result<UnitOutcome, Failure>;

impl Host {
    /// One control task with all its items.
    pub async fn control(&mut self, cx: &Arc<TaskContext>, module: &Arc<Module>, raw: &Map) -> TaskOutcome {
        self.tell_started(cx);
        let no_log = super::unit::hidden(&self.run, &cx.keywords, &cx.scope);
        let loop_var = super::loops::variable(&self.run, cx);
        let items = match super::loops::items(&self.run, cx) {
            Ok(None) => {
                let unit = self.control_repeated(cx, module, raw, &cx.scope).await;
                return TaskOutcome { units: vec![unit], looped: false, loop_var, no_log };
            }
            Ok(Some(items)) => items,
            Err(stage) => {
                let unit = match stage {
                    Stage::Skip(condition) => UnitOutcome::unmet(condition),
                    Stage::Unknown(why) => {
                        if module.spec.name == "add_host" {
                            self.run.cloud.hosts_to_come(self.group_names(raw, &cx.scope), &why);
                        }
                        self.leave_names_open(cx, module, raw, &cx.scope, &why);
                        UnitOutcome::unknown(&*why)
                    }
                    Stage::Fail(failure) => UnitOutcome::failed(failure),
                    Stage::Ready(_) => UnitOutcome::done(None, Map::new()),
                };
                return TaskOutcome { units: vec![unit], looped: false, loop_var, no_log };
            }
        };
        let mut units = Vec::new();
        // Whether the loop has ended before is not known.
        let mut open: Option<Arc<str>> = None;
        let pause = super::patience::Patience::new(&self.run, cx, &cx.scope).pause;
        for (index, item) in items.iter().enumerate() {
            if index > 0 && !pause.is_zero() {
                self.interrupted_while(pause).await;
            }
            // Made anew for each item: `set_fact` in a loop reads what the item before it set.
            let Some((now, scope)) = self.for_item(cx, &items, index, &loop_var) else { continue };
            let label = super::loops::label(&self.run, &now, &scope, item, no_log);
            let mut unit = match &open {
                Some(why) => {
                    self.leave_names_open(cx, module, raw, &scope, why);
                    UnitOutcome::unknown(&**why)
                }
                None => self.control_repeated(cx, module, raw, &scope).await,
            };
            let end = match cx.keywords.loop_control.break_when.is_empty() {
                true => None,
                false => self.for_item(cx, &items, index, &loop_var),
            };
            let end = end
                .map_or(Truth::False, |(now, scope)| super::loops::ends(&self.run, &now, &scope, &mut unit));
            let looped = super::loops::told(&self.run, &now, &scope);
            units.push(UnitOutcome { label: Some(label), item: Some(item.clone()), looped, ..unit });
            match end {
                Truth::False => {}
                Truth::True => break,
                Truth::Unknown(why) => open = Some(why),
            }
        }
        TaskOutcome { units, looped: true, loop_var, no_log }
    }

    /// The task as things are now, and the scope of one of its items.
    fn for_item(
        &self,
        cx: &TaskContext,
        items: &[Value],
        index: usize,
        loop_var: &Arc<str>,
    ) -> Option<(TaskContext, Arc<TaskScope>)> {
        let now = TaskContext {
            node: Arc::clone(&cx.node),
            keywords: Arc::clone(&cx.keywords),
            frame: Arc::clone(&cx.frame),
            scope: self.scope(&cx.keywords, &cx.frame, cx.node.role.as_ref()),
            title: cx.title.clone(),
            step: cx.step.clone(),
        };
        let scope = super::loops::scopes(&self.run, &now, items, loop_var).into_iter().nth(index)?;
        Some((now, scope))
    }

    /// One item, again and again until its `until` holds (`async_status`).
    async fn control_repeated(
        &mut self,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        raw: &Map,
        scope: &Arc<TaskScope>,
    ) -> UnitOutcome {
        let mut patience = super::patience::Patience::new(&self.run, cx, scope);
        loop {
            let outcome = self.control_unit(cx, module, raw, scope).await;
            match patience.judge(&self.run, cx, scope, outcome) {
                Ok(outcome) => {
                    self.attempt = 1;
                    return outcome;
                }
                Err(outcome) => {
                    self.tell_retry(cx, patience.attempt, patience.retries, &outcome);
                    if self.interrupted_while(patience.delay).await {
                        self.attempt = 1;
                        return UnitOutcome::failed(Failure::new("interrupted"));
                    }
                    patience.attempt += 1;
                    self.attempt = patience.attempt;
                }
            }
        }
    }

    async fn control_unit(
        &mut self,
        cx: &Arc<TaskContext>,
        module: &Arc<Module>,
        raw: &Map,
        scope: &Arc<TaskScope>,
    ) -> UnitOutcome {
        match conditions(&self.run, &cx.keywords.when, scope) {
            Ok(Truth::True) => {}
            Ok(Truth::False) => {
                return UnitOutcome::unmet(false_condition(&self.run, &cx.keywords.when, scope));
            }
            Ok(Truth::Unknown(why)) => {
                self.leave_names_open(cx, module, raw, scope, &why);
                return UnitOutcome::unknown(&*why);
            }
            Err(message) => {
                return UnitOutcome::failed(Failure::new(format!("The conditional check failed: {message}")));
            }
        }
        let spread = match self.spread(raw, scope) {
            Ok(spread) => spread,
            Err(failure) => return UnitOutcome::failed(failure),
        };
        let raw = spread.as_ref().unwrap_or(raw);
        let name = module.spec.name.as_str();
        let with_defaults = || {
            let mut all =
                super::defaults::for_module(&self.run, &cx.keywords, module, scope).map_err(Failure::new)?;
            all.extend(raw.iter().map(|(key, value)| (key.clone(), value.clone())));
            Ok(all)
        };
        let done = match name {
            "assert" => with_defaults().and_then(|raw| self.assert(&raw, scope)),
            "debug" => with_defaults().and_then(|raw| self.debug(&raw, scope)),
            "set_fact" => self.set_fact(cx, module, raw, scope),
            _ => match arguments(&self.run, &cx.keywords, module, raw, scope) {
                Ok(args) => self.plain_control(cx, name, &args, scope).await,
                Err(Blocked::Unknown(why)) => {
                    if name == "add_host" {
                        self.run.cloud.hosts_to_come(self.group_names(raw, scope), &why);
                    }
                    Ok(UnitOutcome::unknown(&*why))
                }
                Err(Blocked::Failure(failure)) => Err(failure),
            },
        };
        let done = UnitOutcome { attempts: self.attempt, ..done.unwrap_or_else(UnitOutcome::failed) };
        done.judge(&self.run, &cx.keywords, scope)
    }

    /// The arguments with those of a template that stands for a whole list of them, if there is one.
    fn spread(&self, raw: &Map, scope: &Arc<TaskScope>) -> Result<Option<Map>, Failure> {
        let Some(all) = raw.get(VARIABLE_ARGS) else { return Ok(None) };
        let mut merged = match self.evaluated(all, scope)? {
            Value::Map(members) => Arc::unwrap_or_clone(members),
            Value::Omit | Value::Null => Map::new(),
            other => {
                let message = format!("the arguments must be a mapping, not `{}`", other.to_json());
                return Err(Failure::new(message));
            }
        };
        merged.retain(|_, value| *value != Value::Omit);
        merged.extend(raw.iter().map(|(k, v)| (k.clone(), v.clone())));
        merged.shift_remove(VARIABLE_ARGS);
        Ok(Some(merged))
    }

    /// Variables of the groups that the host has come into.
    pub(super) fn follow_groups(&mut self) {
        let fresh = super::world::inventory_layers(&self.run, &self.play, &self.name);
        self.base.replace_inventory(&fresh);
    }

    async fn plain_control(
        &mut self,
        cx: &TaskContext,
        name: &str,
        args: &Args,
        scope: &Arc<TaskScope>,
    ) -> Done {
        match name {
            "fail" => Err(Failure::new(args.str("msg"))),
            "include_vars" => self.include_vars(cx, args, scope),
            "add_host" => {
                // Ansible calls it a change; for a plan it is none, since nothing outside the run changes.
                let tells = self.run.options.mode == super::options::Mode::Playbook;
                let done = super::world::add_host(&self.run, args);
                self.follow_groups();
                done.map(|(changed, result)| changed_if((changed && tells, result)))
            }
            "group_by" => {
                let done = super::world::group_by(&self.run, &self.name, args);
                self.follow_groups();
                done.map(changed_if)
            }
            "pause" => self.pause(args).await,
            "async_status" => super::background::status(&self.run, args),
            "set_stats" => {
                let told = [("ansible_stats".into(), Value::from(args.clone()))].into_iter().collect();
                Ok(UnitOutcome::done(None, told))
            }
            "validate_argument_spec" => super::argspec::validate(&self.run, args, scope),
            other => Err(Failure::new(format!("{other} cannot run here"))),
        }
    }

    pub(super) fn evaluated(&self, value: &Value, scope: &Arc<TaskScope>) -> Result<Value, Failure> {
        self.run.engine.evaluate(value, &**scope).map_err(|e| Failure::new(e.to_string()))
    }

    /// An argument of a module whose arguments are not coerced, since others of them are expressions.
    pub(super) fn of_type(
        &self,
        raw: &Map,
        name: &str,
        kind: ArgType,
        scope: &Arc<TaskScope>,
    ) -> Result<Option<Value>, Failure> {
        let Some(value) = raw.get(name) else { return Ok(None) };
        let value = convert(kind, &self.evaluated(value, scope)?);
        value.map(Some).map_err(|why| Failure::new(format!("argument `{name}` {why}")))
    }

    /// Conditions are read here and not as arguments: they are expressions, not templates.
    fn assert(&self, raw: &Map, scope: &Arc<TaskScope>) -> Done {
        let message = |names: &[&str], default: &str| -> Result<Value, Failure> {
            match names.iter().find_map(|n| raw.get(*n)) {
                Some(value) => self.evaluated(value, scope),
                None => Ok(default.into()),
            }
        };
        let quiet = self.of_type(raw, "quiet", ArgType::Bool, scope)? == Some(Value::Bool(true));
        let that = match raw.get("that") {
            Some(Value::List(list)) => Arc::unwrap_or_clone(Arc::clone(list)),
            Some(one) => vec![one.clone()],
            None => return Err(Failure::new("assert: the argument `that` is missing")),
        };
        for condition in that {
            let truth = self.run.engine.condition(&condition, &**scope);
            match truth.map_err(|e| Failure::new(e.to_string()))? {
                Truth::True => {}
                Truth::Unknown(why) => return Ok(UnitOutcome::unknown(&*why)),
                Truth::False => {
                    let shown = match &condition {
                        Value::Template(t) => Value::from(&*t.text),
                        other => other.clone(),
                    };
                    let said = message(&["fail_msg", "msg"], "Assertion failed")?;
                    let mut failure = Failure::new(crate::spec::to_text(&said));
                    failure.result.insert("msg".into(), said);
                    failure.result.insert("assertion".into(), shown);
                    failure.result.insert("evaluated_to".into(), false.into());
                    return Err(failure);
                }
            }
        }
        let said = message(&["success_msg"], "All assertions passed")?;
        let told = if quiet { String::new() } else { crate::spec::to_text(&said) };
        let result = [("msg".into(), said)].into_iter().collect();
        Ok(UnitOutcome { message: told, ..UnitOutcome::done(None, result) })
    }

    fn debug(&self, raw: &Map, scope: &Arc<TaskScope>) -> Done {
        let mut result = Map::new();
        if let Some(Value::Int(level)) = self.of_type(raw, "verbosity", ArgType::Int, scope)?
            && level > i64::from(self.run.options.verbosity)
        {
            return Ok(UnitOutcome::skipped("Verbosity threshold not met."));
        }
        match (raw.get("var"), raw.get("msg")) {
            (Some(var), _) => {
                let text = crate::spec::to_text(&self.evaluated(var, scope)?);
                let value = match self.run.engine.expression(&text, &**scope) {
                    Ok(Value::Unknown(why)) => format!("(known after {why})").into(),
                    Ok(value) => value,
                    Err(error) if matches!(error.kind, crate::eval::ErrorKind::Undefined(_)) => {
                        "VARIABLE IS NOT DEFINED!".into()
                    }
                    Err(error) => return Err(Failure::new(error.to_string())),
                };
                result.insert(text.into(), value);
            }
            (None, msg) => {
                let msg = match msg.map(|msg| self.evaluated(msg, scope)).transpose()? {
                    Some(Value::Unknown(why)) => format!("(known after {why})").into(),
                    None | Some(Value::Omit) => "Hello world!".into(),
                    Some(known) => known,
                };
                result.insert("msg".into(), msg);
            }
        }
        Ok(UnitOutcome::done(None, result))
    }

    /// Once for all hosts in Ansible; here each host waits on its own, which takes no longer. Nobody waits in check mode.
    async fn pause(&mut self, args: &Args) -> Done {
        let seconds = args.int("seconds") + 60 * args.int("minutes");
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let now = || Value::from(jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string());
        let (start, begin) = (now(), std::time::Instant::now());
        let mut result = Map::from_iter([("user_input".into(), "".into())]);
        let mut warnings = Vec::new();
        if args.has("prompt") && seconds == 0 {
            let answer = super::prompt::ask(args)?;
            warnings.extend(
                answer.is_none().then(|| "there is no terminal to ask on; nothing is waited for".into()),
            );
            result.insert("user_input".into(), answer.unwrap_or_default().into());
        } else if !self.run.check() && self.interrupted_while(std::time::Duration::from_secs(seconds)).await {
            return Err(Failure::new("interrupted"));
        }
        let waited = begin.elapsed();
        let (unit, of) = if args.has("minutes") { ("minutes", 60.0) } else { ("seconds", 1.0) };
        result.extend([
            ("start".into(), start),
            ("stop".into(), now()),
            ("delta".into(), waited.as_secs().into()),
            ("stdout".into(), format!("Paused for {:.2} {unit}", waited.as_secs_f64() / of).into()),
            ("echo".into(), args.opt_bool("echo").unwrap_or(true).into()),
        ]);
        Ok(UnitOutcome { warnings, ..UnitOutcome::done(None, result) })
    }
}

fn changed_if((changed, result): (bool, Map)) -> UnitOutcome {
    let mut outcome = UnitOutcome::done(None, result);
    if changed {
        outcome.status = super::outcome::Status::Changed;
    }
    outcome
}
