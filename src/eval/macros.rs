//! Macros: how their parameters get values, and what a call of one writes.

use super::error::{ErrorKind, EvalError, Res, wrong};
use super::expr::Given;
use super::ir::*;
use super::run::{Frame, MacroValue, Run, V};
use crate::base::{Key, List, Map, Value};
use std::sync::Arc;

impl Run<'_> {
    /// `{% call %}`: the macro gets the body as `caller`.
    pub fn call_block(&mut self, call: &Expr, body: &Arc<MacroDef>) -> Res<V> {
        let Kind::Call(callee, args) = &call.kind else { return Err(wrong("`call` needs a macro call")) };
        let callee = self.eval(callee)?;
        let mut given = self.arguments(args)?;
        let caller = MacroValue { def: body.clone(), frames: Some(self.frames.clone()) };
        given.named.push(("caller".into(), V::Macro(Arc::new(caller))));
        match callee {
            V::Macro(m) => self.call_macro(&m, given),
            _ => Err(wrong("`call` needs a macro")),
        }
    }

    /// Binds arguments to parameters and gives the text of the body. Too many and unknown ones are `varargs` and `kwargs`.
    pub fn call_macro(&mut self, called: &MacroValue, given: Given) -> Res<V> {
        let def = &called.def;
        if self.macro_depth > 60 {
            return Err(EvalError::new(
                ErrorKind::Recursion,
                format!("the macro `{}` calls itself endlessly", def.name),
            ));
        }
        let mut named = given.named;
        let mut pos = given.pos.into_iter();
        let mut frame = Frame::default();
        let outside = called.frames.clone().map(|f| std::mem::replace(&mut self.frames, f));
        let mut bind = || -> Res<()> {
            for (name, default) in &def.params {
                let by_name = named.iter().position(|(n, _)| n == name);
                let v = match (pos.next(), by_name, default) {
                    (Some(v), None, _) => self.unshared(v),
                    (None, Some(at), _) => self.unshared(named.swap_remove(at).1),
                    (Some(_), Some(_), _) => {
                        return Err(wrong(format!("`{}` gets `{name}` twice", def.name)));
                    }
                    (None, None, Some(default)) => {
                        self.frames.push(frame.clone());
                        let v = self.eval(default);
                        self.frames.pop();
                        v?
                    }
                    (None, None, None) => {
                        let message = format!("parameter `{name}` of `{}` was not given", def.name);
                        V::Undefined(Arc::new(*super::error::undefined(name, message)))
                    }
                };
                frame.set(name.clone(), v);
            }
            Ok(())
        };
        let bound = bind();
        let text = bound.and_then(|()| {
            if let Some(at) = named.iter().position(|(n, _)| &**n == "caller") {
                frame.set("caller".into(), named.swap_remove(at).1);
            }
            let rest = pos.map(|v| self.data(v)).collect::<Res<List>>()?;
            frame.set("varargs".into(), V::Data(Value::from(rest)));
            let mut extra = Map::new();
            for (name, v) in named.drain(..) {
                extra.insert(Key::Str(name), self.data(v)?);
            }
            frame.set("kwargs".into(), V::Data(Value::from(extra)));
            self.macro_depth += 1;
            let text = self.body_text(&def.body, frame);
            self.macro_depth -= 1;
            text
        });
        if let Some(outside) = outside {
            self.frames = outside;
        }
        text.map(|t| V::Data(Value::from(t)))
    }
}
