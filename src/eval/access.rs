//! What stands behind a dot or in brackets: members of data, and of the things only templates have.

use super::error::{Res, undefined};
use super::ops;
use super::run::{LoopState, Run, V};
use crate::base::{Key, Value};
use std::sync::Arc;

impl Run<'_> {
    /// `base.name`: a member of a map before anything else.
    pub fn attr(&mut self, base: V, name: &Arc<str>) -> Res<V> {
        match base {
            V::Data(Value::Map(map)) => match map.get(&**name) {
                Some(value) => self.settle(value.clone(), ""),
                None => Ok(missing(&Value::Map(map), name)),
            },
            V::Undefined(_) => Ok(base),
            V::Data(Value::Unknown(_)) => Ok(base),
            V::Module(frame) => Ok(frame.get(name).cloned().unwrap_or_else(|| {
                V::Undefined(Arc::new(*undefined(name, format!("the imported template has no `{name}`"))))
            })),
            V::Namespace(frame) => {
                let frame = frame.lock().unwrap_or_else(|e| e.into_inner());
                Ok(frame.get(name).cloned().unwrap_or_else(|| {
                    V::Undefined(Arc::new(*undefined(name, format!("the namespace has no `{name}`"))))
                }))
            }
            V::Loop(state) => self.loop_attr(&state, name),
            V::Host(_) | V::AllHosts | V::AllVars => self.item(base, &Value::Str(name.clone())),
            V::Blocks => Ok(V::Block(name.clone())),
            V::Macro(m) if &**name == "name" => Ok(V::Data(Value::Str(m.def.name.clone()))),
            other => {
                let value = self.force(other)?;
                if let Some(part) = of_group(&value, name) {
                    return Ok(V::Data(part));
                }
                let moment = value.as_str().and_then(|text| super::moments::attribute(text, name));
                Ok(moment.map_or_else(|| missing(&value, name), V::Data))
            }
        }
    }

    /// `base[index]`.
    pub fn item(&mut self, base: V, index: &Value) -> Res<V> {
        match base {
            V::Undefined(_) | V::Data(Value::Unknown(_)) => return Ok(base),
            V::AllHosts => return Ok(self.host(index)),
            V::Host(scope) => {
                let name: Arc<str> = self.text(index)?.into();
                let mut inner = Run::new(self.engine, &*scope);
                inner.depth = self.depth + 1;
                let v = inner.fetch(&name)?;
                self.touched_secret |= inner.touched_secret;
                return Ok(if matches!(v, V::Global(_) | V::AllHosts | V::AllVars) {
                    V::Undefined(Arc::new(*undefined(&name, format!("the host has no variable `{name}`"))))
                } else {
                    v
                });
            }
            V::AllVars => {
                let name: Arc<str> = self.text(index)?.into();
                return match self.scope.get(&name) {
                    Some(value) => self.settle(value, &name),
                    None => Ok(V::Undefined(Arc::new(*undefined(&name, format!("`{name}` is undefined"))))),
                };
            }
            V::Data(Value::Map(map)) => {
                let found = ops::key(index).and_then(|k| map.get(&k).cloned());
                return match found {
                    Some(value) => self.settle(value, ""),
                    None => Ok(missing(&Value::Map(map), &self.text(index)?)),
                };
            }
            V::Namespace(_) | V::Module(_) | V::Loop(_) => {
                let name: Arc<str> = self.text(index)?.into();
                return self.attr(base, &name);
            }
            _ => {}
        }
        let base = self.force(base)?;
        match (&base, index) {
            (Value::List(items), Value::Int(i)) => match place(*i, items.len()) {
                Some(at) => self.settle(items[at].clone(), ""),
                None => Ok(missing(&base, &i.to_string())),
            },
            (Value::Str(text), Value::Int(i)) => {
                let chars: Vec<char> = text.chars().collect();
                Ok(match place(*i, chars.len()) {
                    Some(at) => V::Data(Value::from(chars[at].to_string())),
                    None => missing(&base, &i.to_string()),
                })
            }
            (_, Value::Str(name)) if let Some(part) = of_group(&base, name) => Ok(V::Data(part)),
            _ => Ok(missing(&base, &self.text(index)?)),
        }
    }

    fn host(&mut self, index: &Value) -> V {
        let name = index.as_str().unwrap_or_default();
        match self.scope.host(name) {
            Some(scope) => V::Host(scope),
            None => V::Undefined(Arc::new(*undefined(
                name,
                format!("there is no host `{name}` in the inventory"),
            ))),
        }
    }

    fn loop_attr(&mut self, state: &LoopState, name: &str) -> Res<V> {
        let length = state.items.len();
        Ok(V::Data(match name {
            "index" => Value::from(state.index + 1),
            "index0" => Value::from(state.index),
            "revindex" => Value::from(length - state.index),
            "revindex0" => Value::from(length - state.index - 1),
            "first" => Value::Bool(state.index == 0),
            "last" => Value::Bool(state.index + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(state.depth + 1),
            "depth0" => Value::from(state.depth),
            "previtem" | "nextitem" => {
                let at = if name == "nextitem" { Some(state.index + 1) } else { state.index.checked_sub(1) };
                return Ok(at.and_then(|i| state.items.get(i).cloned()).unwrap_or_else(|| {
                    V::Undefined(Arc::new(*undefined(name, format!("`loop.{name}` is undefined here"))))
                }));
            }
            _ => return Ok(V::Undefined(Arc::new(*undefined(name, format!("`loop` has no `{name}`"))))),
        }))
    }
}

/// A list's index as Python counts it, from the end when negative.
pub(crate) fn place(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 { index + i64::try_from(length).ok()? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

fn missing(base: &Value, name: &str) -> V {
    let message = match base {
        Value::Map(map) => {
            let known = map.keys().filter_map(Key::as_str);
            let near = crate::base::diag::nearest(name, known);
            let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            format!("the dict has no `{name}`{hint}")
        }
        Value::List(items) => format!("the list of {} items has no `{name}`", items.len()),
        other => format!("a {} has no `{name}`", other.type_name()),
    };
    V::Undefined(Arc::new(*undefined(name, message)))
}

/// The parts of what `groupby` gives: `grouper` and `list`.
fn of_group(value: &Value, name: &str) -> Option<Value> {
    match (value.as_list()?.as_slice(), name) {
        ([key, Value::List(_)], "grouper") => Some(key.clone()),
        ([_, members @ Value::List(_)], "list") => Some(members.clone()),
        _ => None,
    }
}
