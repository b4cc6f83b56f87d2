//! minijinja's syntax tree, which borrows the text, becomes the owned tree that runs.

use super::error::{ErrorKind, EvalError, Res};
use super::ir::*;
use super::{filters, tests};
use crate::base::{List, Value};
use minijinja::machinery::ast::{self, BinOpKind, CompareOpKind, UnaryOpKind};
use minijinja::value::ValueKind;
use std::sync::Arc;

/// What lowering must know of the text.
#[derive(Copy, Clone)]
pub(crate) struct Cx<'t> {
    pub text: &'t str,
    /// In YAML values, backslashes in the literals of a `{{ … }}` stand for themselves (Ansible's rule, so
    /// that patterns need not double them); in files, statements and conditions they escape.
    pub literal_backslashes: bool,
    pub in_output: bool,
}

impl Cx<'_> {
    /// The text of the literals that begin at an offset, as they are written, where that matters.
    fn raw_text(&self, at: usize) -> Option<String> {
        if !(self.literal_backslashes && self.in_output) {
            return None;
        }
        let mut rest = self.text.get(at..)?;
        let mut out = String::new();
        while let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let mut escaped = false;
            let body = &rest[1..];
            let end = body.find(|c| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            out.push_str(&body[..end]);
            rest = body[end + 1..].trim_start();
        }
        out.contains('\\').then_some(out)
    }
}

pub(crate) fn expr(cx: Cx<'_>, source: &ast::Expr<'_>) -> Res<Expr> {
    let at = source.span().start_offset;
    Ok(Expr { kind: kind(cx, source)?, at })
}

fn boxed(cx: Cx<'_>, source: &ast::Expr<'_>) -> Res<Box<Expr>> {
    expr(cx, source).map(Box::new)
}

fn exprs(cx: Cx<'_>, sources: &[ast::Expr<'_>]) -> Res<Vec<Expr>> {
    sources.iter().map(|e| expr(cx, e)).collect()
}

fn optional(cx: Cx<'_>, source: &Option<ast::Expr<'_>>) -> Res<Option<Box<Expr>>> {
    source.as_ref().map(|e| boxed(cx, e)).transpose()
}

fn kind(cx: Cx<'_>, source: &ast::Expr<'_>) -> Res<Kind> {
    Ok(match source {
        ast::Expr::Var(v) => Kind::Var(v.id.into()),
        ast::Expr::Const(c) => match cx.raw_text(source.span().start_offset as usize) {
            Some(text) if matches!(c.value.kind(), ValueKind::String) => Kind::Const(Value::from(text)),
            _ => Kind::Const(constant(&c.value)?),
        },
        ast::Expr::Slice(s) => Kind::Slice(
            boxed(cx, &s.expr)?,
            [optional(cx, &s.start)?, optional(cx, &s.stop)?, optional(cx, &s.step)?],
        ),
        ast::Expr::UnaryOp(u) => match u.op {
            UnaryOpKind::Not => Kind::Not(boxed(cx, &u.expr)?),
            UnaryOpKind::Neg => Kind::Neg(boxed(cx, &u.expr)?),
        },
        ast::Expr::BinOp(b) => binary(cx, b.op, &b.left, &b.right)?,
        ast::Expr::Compare(c) => {
            let rest = c.ops.iter().map(|o| Ok((compare(o.op), expr(cx, &o.expr)?)));
            Kind::Compare(boxed(cx, &c.expr)?, rest.collect::<Res<_>>()?)
        }
        ast::Expr::IfExpr(i) => {
            Kind::If(boxed(cx, &i.test_expr)?, boxed(cx, &i.true_expr)?, optional(cx, &i.false_expr)?)
        }
        ast::Expr::Filter(f) => Kind::Filter(Box::new(FilterCall {
            name: f.name.into(),
            run: filters::find(f.name),
            input: f.expr.as_ref().map(|e| expr(cx, e)).transpose()?,
            args: args(cx, &f.args)?,
        })),
        ast::Expr::Test(t) => Kind::Test(Box::new(TestCall {
            name: t.name.into(),
            run: tests::find(t.name),
            input: expr(cx, &t.expr)?,
            args: args(cx, &t.args)?,
        })),
        ast::Expr::GetAttr(g) => Kind::Attr(boxed(cx, &g.expr)?, g.name.into()),
        ast::Expr::GetItem(g) => Kind::Item(boxed(cx, &g.expr)?, boxed(cx, &g.subscript_expr)?),
        ast::Expr::Call(c) => Kind::Call(boxed(cx, &c.expr)?, args(cx, &c.args)?),
        ast::Expr::List(l) => Kind::List(exprs(cx, &l.items)?),
        ast::Expr::Tuple(t) => Kind::Tuple(exprs(cx, &t.items)?),
        ast::Expr::Map(m) => {
            let pairs = m.keys.iter().zip(&m.values).map(|(k, v)| Ok((expr(cx, k)?, expr(cx, v)?)));
            Kind::Map(pairs.collect::<Res<_>>()?)
        }
    })
}

fn binary(cx: Cx<'_>, op: BinOpKind, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> Res<Kind> {
    let (l, r) = (boxed(cx, left)?, boxed(cx, right)?);
    let op = match op {
        BinOpKind::ScAnd => return Ok(Kind::And(l, r)),
        BinOpKind::ScOr => return Ok(Kind::Or(l, r)),
        BinOpKind::Concat => return Ok(Kind::Concat(l, r)),
        BinOpKind::Add => Op::Add,
        BinOpKind::Sub => Op::Sub,
        BinOpKind::Mul => Op::Mul,
        BinOpKind::Div => Op::Div,
        BinOpKind::FloorDiv => Op::FloorDiv,
        BinOpKind::Rem => Op::Rem,
        BinOpKind::Pow => Op::Pow,
        BinOpKind::Eq => return Ok(Kind::Compare(l, vec![(Cmp::Eq, *r)])),
        BinOpKind::Ne => return Ok(Kind::Compare(l, vec![(Cmp::Ne, *r)])),
        BinOpKind::Lt => return Ok(Kind::Compare(l, vec![(Cmp::Lt, *r)])),
        BinOpKind::Lte => return Ok(Kind::Compare(l, vec![(Cmp::Le, *r)])),
        BinOpKind::Gt => return Ok(Kind::Compare(l, vec![(Cmp::Gt, *r)])),
        BinOpKind::Gte => return Ok(Kind::Compare(l, vec![(Cmp::Ge, *r)])),
        BinOpKind::In => return Ok(Kind::Compare(l, vec![(Cmp::In, *r)])),
    };
    Ok(Kind::Op(op, l, r))
}

fn compare(op: CompareOpKind) -> Cmp {
    match op {
        CompareOpKind::Eq => Cmp::Eq,
        CompareOpKind::Ne => Cmp::Ne,
        CompareOpKind::Lt => Cmp::Lt,
        CompareOpKind::Lte => Cmp::Le,
        CompareOpKind::Gt => Cmp::Gt,
        CompareOpKind::Gte => Cmp::Ge,
        CompareOpKind::In => Cmp::In,
        CompareOpKind::NotIn => Cmp::NotIn,
    }
}

fn constant(value: &minijinja::Value) -> Res<Value> {
    Ok(match value.kind() {
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(i) if value.is_integer() => Value::Int(i),
            _ => Value::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        },
        ValueKind::String => Value::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            let items = value.try_iter().map_err(|e| EvalError::new(ErrorKind::Syntax, e.to_string()))?;
            Value::from(items.map(|v| constant(&v)).collect::<Res<List>>()?)
        }
        _ => Value::Null,
    })
}

fn args(cx: Cx<'_>, sources: &[ast::CallArg<'_>]) -> Res<Vec<Arg>> {
    let one = |a: &ast::CallArg<'_>| {
        Ok(match a {
            ast::CallArg::Pos(e) => Arg::Pos(expr(cx, e)?),
            ast::CallArg::Kwarg(name, e) => Arg::Named((*name).into(), expr(cx, e)?),
            ast::CallArg::PosSplat(e) => Arg::Spread(expr(cx, e)?),
            ast::CallArg::KwargSplat(e) => Arg::SpreadNamed(expr(cx, e)?),
        })
    };
    sources.iter().map(one).collect()
}

fn target(source: &ast::Expr<'_>) -> Res<Target> {
    Ok(match source {
        ast::Expr::Var(v) => Target::Name(v.id.into()),
        ast::Expr::GetAttr(g) => match &g.expr {
            ast::Expr::Var(v) => Target::Attr(v.id.into(), g.name.into()),
            _ => {
                return Err(EvalError::new(
                    ErrorKind::Syntax,
                    "can only assign to `name` or `namespace.name`",
                ));
            }
        },
        ast::Expr::List(l) => Target::Unpack(l.items.iter().map(target).collect::<Res<_>>()?),
        ast::Expr::Tuple(l) => Target::Unpack(l.items.iter().map(target).collect::<Res<_>>()?),
        _ => return Err(EvalError::new(ErrorKind::Syntax, "cannot assign to this expression")),
    })
}

fn name_of(source: &ast::Expr<'_>) -> Arc<str> {
    match source {
        ast::Expr::Var(v) => v.id.into(),
        _ => "".into(),
    }
}

pub(crate) fn stmts(cx: Cx<'_>, sources: &[ast::Stmt<'_>]) -> Res<Vec<Stmt>> {
    sources.iter().map(|e| stmt(cx, e)).collect()
}

fn call(cx: Cx<'_>, source: &ast::Spanned<ast::Call<'_>>) -> Res<Expr> {
    let kind = Kind::Call(boxed(cx, &source.expr)?, args(cx, &source.args)?);
    Ok(Expr { kind, at: source.span().start_offset })
}

fn stmt(cx: Cx<'_>, source: &ast::Stmt<'_>) -> Res<Stmt> {
    Ok(match source {
        ast::Stmt::Template(t) => Stmt::Plain(stmts(cx, &t.children)?),
        ast::Stmt::EmitExpr(e) => Stmt::Emit(expr(Cx { in_output: true, ..cx }, &e.expr)?),
        ast::Stmt::EmitRaw(r) => Stmt::Raw(r.raw.into()),
        ast::Stmt::ForLoop(f) => Stmt::For(Arc::new(ForLoop {
            target: target(&f.target)?,
            iter: expr(cx, &f.iter)?,
            filter: f.filter_expr.as_ref().map(|e| expr(cx, e)).transpose()?,
            recursive: f.recursive,
            body: stmts(cx, &f.body)?,
            otherwise: stmts(cx, &f.else_body)?,
        })),
        ast::Stmt::IfCond(i) => {
            Stmt::If(expr(cx, &i.expr)?, stmts(cx, &i.true_body)?, stmts(cx, &i.false_body)?)
        }
        ast::Stmt::WithBlock(w) => {
            let sets = w.assignments.iter().map(|(t, e)| Ok((target(t)?, expr(cx, e)?)));
            Stmt::With(sets.collect::<Res<_>>()?, stmts(cx, &w.body)?)
        }
        ast::Stmt::Set(s) => Stmt::Set(target(&s.target)?, expr(cx, &s.expr)?),
        ast::Stmt::SetBlock(s) => Stmt::SetBlock(
            target(&s.target)?,
            s.filter.as_ref().map(|e| expr(cx, e)).transpose()?,
            stmts(cx, &s.body)?,
        ),
        ast::Stmt::AutoEscape(a) => Stmt::Plain(stmts(cx, &a.body)?),
        ast::Stmt::FilterBlock(f) => Stmt::FilterBlock(expr(cx, &f.filter)?, stmts(cx, &f.body)?),
        ast::Stmt::Block(b) => {
            Stmt::Block(Arc::new(BlockDef { name: b.name.into(), body: stmts(cx, &b.body)? }))
        }
        ast::Stmt::Import(i) => Stmt::Import(expr(cx, &i.expr)?, name_of(&i.name)),
        ast::Stmt::FromImport(f) => {
            let names = f.names.iter().map(|(n, alias)| {
                let name = name_of(n);
                (name.clone(), alias.as_ref().map_or(name, name_of))
            });
            Stmt::FromImport(expr(cx, &f.expr)?, names.collect())
        }
        ast::Stmt::Extends(e) => Stmt::Extends(expr(cx, &e.name)?),
        ast::Stmt::Include(i) => Stmt::Include { name: expr(cx, &i.name)?, ignore_missing: i.ignore_missing },
        ast::Stmt::Macro(m) => Stmt::Macro(macro_def(cx, m)?),
        ast::Stmt::CallBlock(c) => {
            Stmt::CallBlock { call: call(cx, &c.call)?, body: macro_def(cx, &c.macro_decl)? }
        }
        ast::Stmt::Continue(_) => Stmt::Continue,
        ast::Stmt::Break(_) => Stmt::Break,
        ast::Stmt::Do(d) => Stmt::Do(call(cx, &d.call)?),
    })
}

fn macro_def(cx: Cx<'_>, source: &ast::Macro<'_>) -> Res<Arc<MacroDef>> {
    let first_default = source.args.len() - source.defaults.len().min(source.args.len());
    let params = source.args.iter().enumerate().map(|(i, a)| {
        let default = i.checked_sub(first_default).and_then(|d| source.defaults.get(d));
        Ok((name_of(a), default.map(|e| expr(cx, e)).transpose()?))
    });
    Ok(Arc::new(MacroDef {
        name: source.name.into(),
        params: params.collect::<Res<_>>()?,
        body: stmts(cx, &source.body)?,
    }))
}
