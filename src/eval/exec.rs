//! Statements: loops, conditions, assignments, macros, blocks, includes.

use super::error::{ErrorKind, EvalError, Fail, Res, wrong};
use super::ir::*;
use super::ops;
use super::run::{Frame, LoopState, MacroValue, Run, V};
use crate::base::Value;
use std::sync::{Arc, Mutex};

/// What statements write. A single emission keeps its type.
#[derive(Default)]
pub(crate) struct Out {
    single: Option<V>,
    pub text: String,
    count: usize,
    /// A parent takes over: what is written outside of blocks is dropped.
    pub extends: Option<Arc<Program>>,
}

/// How a body ended.
#[derive(PartialEq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
}

impl Run<'_> {
    fn emit(&mut self, out: &mut Out, v: V) -> Res<()> {
        if matches!(v, V::Data(Value::Null)) {
            // Nothing is written for None; alone it stays None.
            return Ok(());
        }
        out.count += 1;
        if out.count == 1 {
            out.single = Some(v);
            return Ok(());
        }
        if let Some(first) = out.single.take() {
            self.write(out, first)?;
        }
        self.write(out, v)
    }

    pub fn write(&mut self, out: &mut Out, v: V) -> Res<()> {
        let value = self.force(v)?;
        match &value {
            Value::Str(s) => out.text.push_str(s),
            Value::Null => {}
            other => out.text.push_str(&self.text(other)?),
        }
        Ok(())
    }

    fn finish(&mut self, mut out: Out) -> Res<String> {
        if let Some(first) = out.single.take() {
            self.write(&mut out, first)?;
        }
        Ok(out.text)
    }

    /// Runs statements; a single emission keeps its type, more become text.
    pub fn native_text(&mut self, stmts: &[Stmt]) -> Res<V> {
        let mut out = Out::default();
        self.frames.push(Frame::default());
        let flow = self.stmts(stmts, &mut out);
        let parents = flow.and_then(|_| self.parents(&mut out));
        self.frames.pop();
        parents?;
        match out.single.take() {
            Some(v) => Ok(v),
            // Nothing at all was written.
            None if out.count == 0 => Ok(V::Data(Value::Null)),
            None => Ok(V::Data(Value::from(out.text))),
        }
    }

    /// Runs statements with a frame of their own and gives the text.
    pub fn body_text(&mut self, stmts: &[Stmt], frame: Frame) -> Res<String> {
        let mut out = Out::default();
        self.frames.push(frame);
        let flow = self.stmts(stmts, &mut out);
        self.frames.pop();
        flow?;
        self.finish(out)
    }

    pub fn stmts(&mut self, stmts: &[Stmt], out: &mut Out) -> Res<Flow> {
        for stmt in stmts {
            match self.stmt(stmt, out)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Out) -> Res<Flow> {
        match stmt {
            Stmt::Raw(_) | Stmt::Emit(_) if out.extends.is_some() => {}
            Stmt::Raw(text) => self.emit(out, V::Data(Value::Str(text.clone())))?,
            Stmt::Emit(expr) => {
                let v = self.eval(expr)?;
                self.emit(out, v).map_err(|e| at(e, expr))?;
            }
            Stmt::If(test, then, otherwise) => {
                let v = self.eval(test)?;
                let truth = self.truth(v).map_err(|e| at(e, test))?;
                return self.stmts(if truth { then } else { otherwise }, out);
            }
            Stmt::For(def) => {
                let items = self.eval(&def.iter)?;
                self.for_loop(def, items, 0, out)?;
            }
            Stmt::Set(target, expr) => {
                let v = self.eval(expr)?;
                self.assign(target, v)?;
            }
            Stmt::SetBlock(target, filter, body) => {
                let text = self.body_text(body, Frame::default())?;
                let v = self.filtered(filter.as_ref(), text)?;
                self.assign(target, v)?;
            }
            Stmt::FilterBlock(filter, body) => {
                let text = self.body_text(body, Frame::default())?;
                let v = self.filtered(Some(filter), text)?;
                self.emit(out, v)?;
            }
            Stmt::With(sets, body) => {
                self.frames.push(Frame::default());
                let flow = self.with(sets, body, out);
                self.frames.pop();
                return flow;
            }
            Stmt::Plain(body) => return self.stmts(body, out),
            Stmt::Macro(def) => {
                let v = V::Macro(Arc::new(MacroValue { def: def.clone(), frames: None }));
                self.set(def.name.clone(), v);
            }
            Stmt::CallBlock { call, body } => {
                let text = self.call_block(call, body)?;
                self.emit(out, text)?;
            }
            Stmt::Do(expr) => {
                self.eval(expr)?;
            }
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Block(_)
            | Stmt::Extends(_)
            | Stmt::Include { .. }
            | Stmt::Import(..)
            | Stmt::FromImport(..) => {
                self.multi(stmt, out)?;
            }
        }
        Ok(Flow::Next)
    }

    /// Statements that concern other templates.
    fn multi(&mut self, stmt: &Stmt, out: &mut Out) -> Res<()> {
        match stmt {
            Stmt::Block(def) => {
                let chain = self.blocks.entry(def.name.clone()).or_default();
                if !chain.iter().any(|b| Arc::ptr_eq(b, def)) {
                    chain.push(def.clone());
                }
                if out.extends.is_none() {
                    let text = self.block(&def.name, 0)?;
                    self.emit(out, V::Data(Value::from(text)))?;
                }
            }
            Stmt::Extends(name) => {
                let v = self.eval(name)?;
                let (program, _) = self.load(v)?.ok_or_else(|| wrong("`extends` needs a template"))?;
                out.extends = Some(program);
            }
            Stmt::Include { name, ignore_missing } => {
                let v = self.eval(name)?;
                let loaded = match self.load(v) {
                    Err(e) if *ignore_missing && e.kind == ErrorKind::File => None,
                    other => other.map_err(|e| at(e, name))?,
                };
                if let Some((program, file)) = loaded {
                    let text = self.included(&program, file)?;
                    self.emit(out, V::Data(Value::from(text)))?;
                }
            }
            Stmt::Import(expr, name) => {
                let module = self.module(expr)?;
                self.set(name.clone(), V::Module(Arc::new(module)));
            }
            Stmt::FromImport(expr, names) => {
                let module = self.module(expr)?;
                for (name, alias) in names {
                    let v = module.get(name).cloned().ok_or_else(|| {
                        EvalError::new(
                            ErrorKind::Undefined(name.to_string()),
                            format!("the imported template has no `{name}`"),
                        )
                    })?;
                    self.set(alias.clone(), v);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn with(&mut self, sets: &[(Target, Expr)], body: &[Stmt], out: &mut Out) -> Res<Flow> {
        for (target, expr) in sets {
            let v = self.eval(expr)?;
            self.assign(target, v)?;
        }
        self.stmts(body, out)
    }

    fn filtered(&mut self, filter: Option<&Expr>, text: String) -> Res<V> {
        let input = V::Data(Value::from(text));
        match filter {
            Some(expr @ Expr { kind: Kind::Filter(call), .. }) => {
                self.filter(call, Some(input)).map_err(|e| at(e, expr))
            }
            _ => Ok(input),
        }
    }

    fn for_loop(&mut self, def: &Arc<ForLoop>, items: V, depth: usize, out: &mut Out) -> Res<()> {
        let mut items = self.items(items).map_err(|e| at(e, &def.iter))?;
        if let Some(filter) = &def.filter {
            let mut kept = Vec::new();
            for item in items {
                self.frames.push(Frame::default());
                let keep = self.assign(&def.target, item.clone()).and_then(|()| {
                    let v = self.eval(filter)?;
                    self.truth(v)
                });
                self.frames.pop();
                if keep? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            self.frames.push(Frame::default());
            let flow = self.stmts(&def.otherwise, out);
            self.frames.pop();
            return flow.map(|_| ());
        }
        let items = Arc::new(items);
        let changed = Arc::new(Mutex::new(None));
        for (index, item) in items.iter().enumerate() {
            let state = LoopState {
                items: items.clone(),
                index,
                depth,
                recursive: def.recursive.then(|| def.clone()),
                changed: changed.clone(),
            };
            self.frames.push(Frame(vec![("loop".into(), V::Loop(Arc::new(state)))]));
            let flow = self.assign(&def.target, item.clone()).and_then(|()| self.stmts(&def.body, out));
            self.frames.pop();
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// `loop(items)` in a recursive loop.
    pub fn recurse(&mut self, state: &LoopState, items: V) -> Res<V> {
        let def = state.recursive.clone().ok_or_else(|| wrong("`loop()` needs a loop marked `recursive`"))?;
        if state.depth > 100 {
            return Err(wrong("the loop recursed more than 100 times"));
        }
        let mut out = Out::default();
        self.for_loop(&def, items, state.depth + 1, &mut out)?;
        self.finish(out).map(|t| V::Data(Value::from(t)))
    }

    /// The members a loop goes over: a list's items, a map's keys, a text's characters.
    pub fn items(&mut self, v: V) -> Res<Vec<V>> {
        if let V::AllHosts = v {
            return Ok(self.scope.hosts().into_iter().map(|h| V::Data(Value::from(h))).collect());
        }
        if let V::Sparse(members) = v {
            return Ok((*members).clone());
        }
        match self.force(v)? {
            Value::List(items) => items.iter().map(|i| self.settle(i.clone(), "")).collect(),
            Value::Map(map) => Ok(map.keys().map(|k| V::Data(k.to_value())).collect()),
            Value::Str(text) => Ok(text.chars().map(|c| V::Data(Value::from(c.to_string()))).collect()),
            other => Err(wrong(format!("a {} cannot be looped over", other.type_name()))),
        }
    }

    pub fn set(&mut self, name: Arc<str>, v: V) {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        if let Some(top) = self.frames.last_mut() {
            top.set(name, v);
        }
    }

    fn assign(&mut self, target: &Target, v: V) -> Res<()> {
        match target {
            Target::Name(name) => self.set(name.clone(), v),
            Target::Attr(object, name) => match self.fetch(object)? {
                V::Namespace(frame) => {
                    frame.lock().unwrap_or_else(|e| e.into_inner()).set(name.clone(), v);
                }
                _ => {
                    return Err(wrong(format!(
                        "`{object}` is not a namespace; only those can be assigned into"
                    )));
                }
            },
            Target::Unpack(targets) => {
                let items = self.items(v)?;
                if items.len() != targets.len() {
                    let (want, have) = (targets.len(), items.len());
                    return Err(wrong(format!("{have} values cannot be unpacked into {want} names")));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
            }
        }
        Ok(())
    }
}

/// Notes the place of an expression in a failure that has none.
pub(crate) fn at(mut e: Fail, expr: &Expr) -> Fail {
    if e.line == 0 && e.column == 0 && e.span.is_none() {
        e.column = expr.at + 1;
    }
    e
}

/// `loop.changed(value)`: whether it differs from that of the last call.
pub(crate) fn loop_changed(state: &LoopState, value: Value) -> bool {
    let mut last = state.changed.lock().unwrap_or_else(|e| e.into_inner());
    let differs = !last.as_ref().is_some_and(|l| ops::equal(l, &value));
    *last = Some(value);
    differs
}
