//! Calls: functions, macros, methods.

use super::error::{Res, undefined, wrong};
use super::expr::Given;
use super::ir::{Arg, Expr, Kind};
use super::run::{Run, V};
use super::{exec, globals, methods, mutate, ops};
use crate::base::{List, Value};
use std::sync::Arc;

/// Evaluated arguments of a filter, test, function or method, with what it takes them as.
pub(crate) struct Args {
    pub pos: Vec<Value>,
    pub named: Vec<(Arc<str>, Value)>,
}

impl Args {
    pub fn of(run: &mut Run<'_>, given: Given) -> Res<Args> {
        let ready = |run: &mut Run<'_>, v| match v {
            V::Data(Value::Omit) => Ok(Value::Omit),
            v => run.ready(v),
        };
        let pos = given.pos.into_iter().map(|v| ready(run, v)).collect::<Res<_>>()?;
        let named = given.named.into_iter().map(|(n, v)| Ok((n, ready(run, v)?))).collect::<Res<_>>()?;
        Ok(Args { pos, named })
    }

    /// The argument at a position or of that name.
    pub fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.pos.get(at).or_else(|| self.named(name))
    }

    pub fn named(&self, name: &str) -> Option<&Value> {
        self.named.iter().find(|(n, _)| **n == *name).map(|(_, v)| v)
    }

    pub fn need(&self, at: usize, name: &str) -> Res<&Value> {
        self.get(at, name).ok_or_else(|| wrong(format!("needs the argument `{name}`")))
    }

    pub fn text(&self, run: &mut Run<'_>, at: usize, name: &str) -> Res<Option<String>> {
        match self.get(at, name) {
            None | Some(Value::Null) => Ok(None),
            Some(v) => run.text(v).map(Some),
        }
    }

    pub fn need_text(&self, run: &mut Run<'_>, at: usize, name: &str) -> Res<String> {
        let v = self.need(at, name)?;
        run.text(v)
    }

    pub fn flag(&self, at: usize, name: &str, default: bool) -> bool {
        self.get(at, name).map_or(default, |v| match v {
            Value::Str(s) => super::filters::word_truth(s).unwrap_or(false),
            v => v.truth().unwrap_or(default),
        })
    }

    pub fn int(&self, at: usize, name: &str) -> Res<Option<i64>> {
        match self.get(at, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(i)) => Ok(Some(*i)),
            Some(Value::Bool(b)) => Ok(Some((*b).into())),
            Some(Value::Float(x)) => Ok(Some(*x as i64)),
            Some(Value::Str(s)) if s.trim().parse::<i64>().is_ok() => Ok(s.trim().parse().ok()),
            Some(other) => Err(wrong(format!("`{name}` must be an int, not {}", other.type_name()))),
        }
    }
}

impl Run<'_> {
    pub fn call(&mut self, callee: &Expr, args: &[Arg]) -> Res<V> {
        if let Kind::Attr(base, name) = &callee.kind {
            return self.method_call(base, name, args);
        }
        let v = self.eval(callee)?;
        let given = self.arguments(args)?;
        self.invoke(v, given)
    }

    fn invoke(&mut self, callee: V, given: Given) -> Res<V> {
        match callee {
            V::Global(name) => globals::call(self, name, given),
            V::Macro(m) => self.call_macro(&m, given),
            V::Super(name, depth) => self.block(&name, depth).map(|t| V::Data(Value::from(t))),
            V::Block(name) => self.block(&name, 0).map(|t| V::Data(Value::from(t))),
            V::Loop(state) => {
                let items = given.pos.into_iter().next().ok_or_else(|| wrong("`loop()` needs a list"))?;
                self.recurse(&state, items)
            }
            V::Joiner(state) => {
                let mut used = state.1.lock().unwrap_or_else(|e| e.into_inner());
                let text =
                    if std::mem::replace(&mut *used, true) { state.0.clone() } else { Value::from("") };
                Ok(V::Data(text))
            }
            V::Undefined(e) => Err(Box::new((*e).clone())),
            other => {
                let value = self.data(other)?;
                Err(wrong(format!("a {} cannot be called", value.type_name())))
            }
        }
    }

    fn method_call(&mut self, base: &Expr, name: &Arc<str>, args: &[Arg]) -> Res<V> {
        let object = self.eval(base)?;
        let given = self.arguments(args)?;
        match object {
            V::Undefined(e) => Err(Box::new((*e).clone())),
            V::Loop(state) => match &**name {
                "cycle" if !given.pos.is_empty() => Ok(given.pos[state.index % given.pos.len()].clone()),
                "changed" => {
                    let args = Args::of(self, given)?;
                    Ok(V::Data(Value::Bool(exec::loop_changed(&state, Value::from(args.pos)))))
                }
                _ => Err(undefined(name, format!("`loop` has no method `{name}`"))),
            },
            V::Cycler(state) => {
                let mut at = state.1.lock().unwrap_or_else(|e| e.into_inner());
                match &**name {
                    "reset" => *at = 0,
                    "next" => *at += 1,
                    _ => return Err(undefined(name, format!("a cycler has no method `{name}`"))),
                }
                Ok(V::Data(state.0[at.saturating_sub(1) % state.0.len()].clone()))
            }
            V::Module(_) | V::Blocks => {
                let v = self.attr(object, name)?;
                self.invoke(v, given)
            }
            V::Host(_) | V::AllVars if &**name == "get" => {
                let args = Args::of(self, given)?;
                let v = self.item(object, args.need(0, "key")?)?;
                Ok(match v {
                    V::Undefined(_) => V::Data(args.get(1, "default").cloned().unwrap_or_default()),
                    v => v,
                })
            }
            V::AllHosts if matches!(&**name, "get" | "keys") => {
                let hosts = self.scope.hosts();
                if &**name == "keys" {
                    return Ok(V::Data(Value::from(hosts.into_iter().map(Value::from).collect::<List>())));
                }
                let args = Args::of(self, given)?;
                let v = self.item(object, args.need(0, "key")?)?;
                Ok(match v {
                    V::Undefined(_) => V::Data(args.get(1, "default").cloned().unwrap_or_default()),
                    v => v,
                })
            }
            V::Data(Value::Map(map)) if &**name == "get" => {
                let args = Args::of(self, given)?;
                let found = ops::key(args.need(0, "key")?).and_then(|k| map.get(&k).cloned());
                match found {
                    Some(value) => self.settle(value, "").map(|v| self.unshared(v)),
                    None => Ok(V::Data(args.get(1, "default").cloned().unwrap_or_default())),
                }
            }
            V::Data(Value::Map(map))
                if matches!(&**name, "items" | "values" | "keys") && given.pos.is_empty() =>
            {
                Ok(self.unshared(V::Data(methods::views(&map, name))))
            }
            object => {
                let value = self.force(object)?;
                let args = Args::of(self, given)?;
                if let Some((changed, result)) = mutate::mutate(&value, name, &args)? {
                    self.changed(base, value, changed)?;
                    return Ok(V::Data(result));
                }
                if let Value::Map(map) = &value
                    && !methods::is_dict_method(name)
                    && map.contains_key(&**name)
                {
                    return Err(wrong(format!("`{name}` of this dict is a value and cannot be called")));
                }
                methods::call(self, &value, name, &args).map(|found| self.unshared(V::Data(found)))
            }
        }
    }
}
