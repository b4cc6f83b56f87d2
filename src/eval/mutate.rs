//! Methods that change a list or dict in place, as Python's do.
//!
//! Values are immutable and shared, so who holds the same value stands for Python's reference to the same object: a change
//! replaces it wherever the template's own variables hold it. That is right as long as nothing else shares it. So in a
//! template that changes anything (and only there) what filters and methods give, arguments of macros and variables of the
//! playbook are copied before the template holds them. In Ansible, too, a change of those copies is seen by nobody else.

use super::access::place;
use super::call::Args;
use super::error::{Res, wrong};
use super::ir::{Expr, Kind};
use super::run::{Frame, Run, V};
use super::{methods, ops};
use crate::base::{List, Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

const METHODS: [&str; 13] = [
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "reverse",
    "sort",
    "update",
    "popitem",
    "setdefault",
    "__setitem__",
    "__delitem__",
];

/// Whether a template may call a method that changes something.
pub(crate) fn may_change(text: &str) -> bool {
    text.contains('(') && METHODS.iter().any(|name| text.contains(name))
}

/// Where a list or dict is kept; the same for all that share it.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => Some(Arc::as_ptr(items) as usize),
        Value::Map(map) => Some(Arc::as_ptr(map) as usize),
        _ => None,
    }
}

fn holders(value: &Value) -> usize {
    match value {
        Value::List(items) => Arc::strong_count(items),
        Value::Map(map) => Arc::strong_count(map),
        _ => 1,
    }
}

/// A copy that shares no list and no dict.
fn copy(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::from(items.iter().map(copy).collect::<List>()),
        Value::Map(map) => Value::from(map.iter().map(|(k, v)| (k.clone(), copy(v))).collect::<Map>()),
        other => other.clone(),
    }
}

/// A list or dict that changed, wherever it is held.
struct Replace {
    old: usize,
    new: Value,
    /// What lists and dicts became that hold it; those that hold each other stay shared.
    known: HashMap<usize, Option<Value>>,
    found: bool,
}

impl Replace {
    fn frame(&mut self, frame: &mut Frame) {
        for (_, v) in &mut frame.0 {
            match v {
                V::Data(value) => {
                    if let Some(new) = self.inside(value) {
                        *value = new;
                    }
                }
                V::Namespace(members) => self.frame(&mut members.lock().unwrap_or_else(|e| e.into_inner())),
                _ => {}
            }
        }
    }

    /// The value with the new one in the place of the old; `None`: it is not in there.
    fn inside(&mut self, value: &Value) -> Option<Value> {
        let at = address(value)?;
        if at == self.old {
            self.found = true;
            return Some(self.new.clone());
        }
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        let made = match value {
            Value::List(items) => {
                let new: Vec<_> = items.iter().map(|item| self.inside(item)).collect();
                let with = |(new, item): (Option<Value>, &Value)| new.unwrap_or_else(|| item.clone());
                let any = new.iter().any(Option::is_some);
                any.then(|| Value::from(new.into_iter().zip(items.iter()).map(with).collect::<List>()))
            }
            Value::Map(map) => {
                let new: Vec<_> = map.iter().map(|(key, value)| (key, self.inside(value))).collect();
                let any = new.iter().any(|(_, value)| value.is_some());
                let mut changed = any.then(|| (**map).clone());
                for (key, value) in new {
                    if let (Some(changed), Some(value)) = (&mut changed, value) {
                        changed.insert(key.clone(), value);
                    }
                }
                changed.map(Value::from)
            }
            _ => None,
        };
        self.known.insert(at, made.clone());
        made
    }
}

impl Run<'_> {
    /// A value of which the template may change its own copy.
    pub fn unshared(&self, v: V) -> V {
        match v {
            V::Data(value) if self.changes => V::Data(copy(&value)),
            other => other,
        }
    }

    /// A variable of the playbook, which the template may change for itself.
    pub fn adopted(&mut self, name: &Arc<str>, v: V) -> V {
        let V::Data(value) = &v else { return v };
        if !self.changes || address(value).is_none() {
            return v;
        }
        let own = V::Data(copy(value));
        if let Some(bottom) = self.frames.first_mut() {
            bottom.set(name.clone(), own.clone());
        }
        own
    }

    /// A list or dict has changed: all names of it see that.
    pub fn changed(&mut self, place_of: &Expr, old: Value, new: Value) -> Res<()> {
        if let Kind::Var(name) = &place_of.kind
            && let Some(frame) = self.frames.iter_mut().rev().find(|frame| frame.get(name).is_some())
        {
            frame.set(name.clone(), V::Data(new.clone()));
            if holders(&old) == 1 {
                return Ok(());
            }
        }
        let known = HashMap::new();
        let mut replace = Replace { old: address(&old).unwrap_or(0), new, known, found: false };
        self.frames.iter_mut().for_each(|frame| replace.frame(frame));
        // A member that is a template still is not held as what it came to.
        if replace.found { Ok(()) } else { self.store(place_of, replace.new) }
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
pub(crate) fn mutate(value: &Value, name: &str, args: &Args) -> Res<Option<(Value, Value)>> {
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
