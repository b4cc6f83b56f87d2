//! Calls: functions, macros, methods; and the methods that change a list or dict in place.

use super::access::place;
use super::error::{Res, undefined, wrong};
use super::expr::Given;
use super::ir::{Arg, Expr, Kind};
use super::run::{Run, V};
use super::{exec, globals, methods, ops};
use crate::base::{List, Map, Value};
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
                    Some(value) => self.settle(value, ""),
                    None => Ok(V::Data(args.get(1, "default").cloned().unwrap_or_default())),
                }
            }
            V::Data(Value::Map(map))
                if matches!(&**name, "items" | "values" | "keys") && given.pos.is_empty() =>
            {
                Ok(V::Data(methods::views(&map, name)))
            }
            object => {
                let value = self.force(object)?;
                let args = Args::of(self, given)?;
                if let Some((changed, result)) = mutate(&value, name, &args)? {
                    self.store(base, changed)?;
                    return Ok(V::Data(result));
                }
                if let Value::Map(map) = &value
                    && !methods::is_dict_method(name)
                    && map.contains_key(&**name)
                {
                    return Err(wrong(format!("`{name}` of this dict is a value and cannot be called")));
                }
                methods::call(self, &value, name, &args).map(V::Data)
            }
        }
    }

    /// Puts a changed list or dict back where the expression found it.
    fn store(&mut self, place_of: &Expr, value: Value) -> Res<()> {
        match &place_of.kind {
            Kind::Var(name) => {
                let v = V::Data(value);
                for frame in self.frames.iter_mut().rev() {
                    if frame.get(name).is_some() {
                        frame.set(name.clone(), v);
                        return Ok(());
                    }
                }
                match self.frames.first_mut() {
                    Some(bottom) => bottom.set(name.clone(), v),
                    None => self.set(name.clone(), v),
                }
                Ok(())
            }
            Kind::Attr(base, name) => {
                let parent = self.eval(base)?;
                if let V::Namespace(frame) = &parent {
                    frame.lock().unwrap_or_else(|e| e.into_inner()).set(name.clone(), V::Data(value));
                    return Ok(());
                }
                self.store_member(base, parent, &Value::Str(name.clone()), value)
            }
            Kind::Item(base, index) => {
                let parent = self.eval(base)?;
                let index = self.forced(index)?;
                if let (V::Namespace(frame), Value::Str(name)) = (&parent, &index) {
                    frame.lock().unwrap_or_else(|e| e.into_inner()).set(name.clone(), V::Data(value));
                    return Ok(());
                }
                self.store_member(base, parent, &index, value)
            }
            // A change of something that has no name is seen by nobody.
            _ => Ok(()),
        }
    }

    fn store_member(&mut self, base: &Expr, parent: V, index: &Value, value: Value) -> Res<()> {
        match self.force(parent)? {
            Value::Map(mut map) => {
                let key = ops::key(index).ok_or_else(|| wrong("this value cannot be a key"))?;
                Arc::make_mut(&mut map).insert(key, value);
                self.store(base, Value::Map(map))
            }
            Value::List(mut items) => {
                if let Value::Int(i) = index
                    && let Some(at) = place(*i, items.len())
                {
                    Arc::make_mut(&mut items)[at] = value;
                }
                self.store(base, Value::List(items))
            }
            _ => Ok(()),
        }
    }
}

/// A method that changes its object: the object after it, and what the call gives.
fn mutate(value: &Value, name: &str, args: &Args) -> Res<Option<(Value, Value)>> {
    match value {
        Value::List(items) => mutate_list(items, name, args),
        Value::Map(map) => mutate_map(map, name, args),
        _ => Ok(None),
    }
}

fn mutate_list(items: &List, name: &str, args: &Args) -> Res<Option<(Value, Value)>> {
    let mut list = items.clone();
    let index = |default: i64| args.int(0, "index").map(|i| i.unwrap_or(default));
    let outside = || wrong("the index is outside of the list");
    let mut result = Value::Null;
    match name {
        "append" => list.push(args.need(0, "item")?.clone()),
        "extend" => match args.need(0, "items")? {
            Value::List(more) => list.extend(more.iter().cloned()),
            Value::Map(map) => list.extend(map.keys().map(|k| k.to_value())),
            other => return Err(wrong(format!("cannot extend a list by a {}", other.type_name()))),
        },
        "insert" => {
            let at = index(0)?;
            let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
            let at = if at < 0 { (at + length).max(0) } else { at.min(length) };
            list.insert(usize::try_from(at).unwrap_or(0), args.need(1, "item")?.clone());
        }
        "pop" => {
            let at = place(index(-1)?, list.len()).ok_or_else(outside)?;
            result = list.remove(at);
        }
        "remove" => {
            let wanted = args.need(0, "item")?;
            let at = list.iter().position(|i| ops::equal(i, wanted));
            list.remove(at.ok_or_else(|| wrong("the item to remove is not in the list"))?);
        }
        "clear" => list.clear(),
        "reverse" => list.reverse(),
        "sort" => super::filters::sort_values(&mut list, args.flag(9, "reverse", false))?,
        "__setitem__" => {
            let at = place(index(0)?, list.len()).ok_or_else(outside)?;
            list[at] = args.need(1, "value")?.clone();
        }
        "__delitem__" => {
            let at = place(index(0)?, list.len()).ok_or_else(outside)?;
            list.remove(at);
        }
        _ => return Ok(None),
    }
    Ok(Some((Value::from(list), result)))
}

fn mutate_map(map: &Map, name: &str, args: &Args) -> Res<Option<(Value, Value)>> {
    let key = || ops::key(args.need(0, "key")?).ok_or_else(|| wrong("this value cannot be a key"));
    let mut map = map.clone();
    let mut result = Value::Null;
    match name {
        "update" => {
            match args.pos.first() {
                Some(Value::Map(more)) => map.extend(more.iter().map(|(k, v)| (k.clone(), v.clone()))),
                Some(Value::List(pairs)) => {
                    for pair in pairs.iter() {
                        let (k, v) = methods::pair(pair)?;
                        map.insert(k, v);
                    }
                }
                Some(other) => return Err(wrong(format!("cannot update a dict by a {}", other.type_name()))),
                None => {}
            }
            map.extend(args.named.iter().map(|(k, v)| (k.clone().into(), v.clone())));
        }
        "pop" => match (map.shift_remove(&key()?), args.get(1, "default")) {
            (Some(value), _) => result = value,
            (None, Some(default)) => result = default.clone(),
            (None, None) => return Err(wrong("the dict has no such key")),
        },
        "popitem" => {
            let (k, v) = map.pop().ok_or_else(|| wrong("the dict is empty"))?;
            result = Value::from(vec![k.to_value(), v]);
        }
        "setdefault" => {
            let entry =
                map.entry(key()?).or_insert_with(|| args.get(1, "default").cloned().unwrap_or_default());
            result = entry.clone();
        }
        "clear" => map.clear(),
        "__setitem__" => {
            map.insert(key()?, args.need(1, "value")?.clone());
        }
        "__delitem__" => {
            map.shift_remove(&key()?).ok_or_else(|| wrong("the dict has no such key"))?;
        }
        _ => return Ok(None),
    }
    Ok(Some((Value::from(map), result)))
}
