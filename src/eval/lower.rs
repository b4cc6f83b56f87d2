//! minijinja's syntax tree, which borrows the text, becomes the owned tree that runs.

use super::error::{ErrorKind, EvalError, Res};
use super::ir::*;
use super::{filters, tests};
use crate::base::{List, Value};
use minijinja::machinery::ast::{self, BinOpKind, CompareOpKind, UnaryOpKind};
use minijinja::value::ValueKind;
use std::sync::Arc;

pub(crate) fn expr(source: &ast::Expr<'_>) -> Res<Expr> {
    let at = source.span().start_offset;
    Ok(Expr { kind: kind(source)?, at })
}

fn boxed(source: &ast::Expr<'_>) -> Res<Box<Expr>> {
    expr(source).map(Box::new)
}

fn exprs(sources: &[ast::Expr<'_>]) -> Res<Vec<Expr>> {
    sources.iter().map(expr).collect()
}

fn optional(source: &Option<ast::Expr<'_>>) -> Res<Option<Box<Expr>>> {
    source.as_ref().map(boxed).transpose()
}

fn kind(source: &ast::Expr<'_>) -> Res<Kind> {
    Ok(match source {
        ast::Expr::Var(v) => Kind::Var(v.id.into()),
        ast::Expr::Const(c) => Kind::Const(constant(&c.value)?),
        ast::Expr::Slice(s) => {
            Kind::Slice(boxed(&s.expr)?, [optional(&s.start)?, optional(&s.stop)?, optional(&s.step)?])
        }
        ast::Expr::UnaryOp(u) => match u.op {
            UnaryOpKind::Not => Kind::Not(boxed(&u.expr)?),
            UnaryOpKind::Neg => Kind::Neg(boxed(&u.expr)?),
        },
        ast::Expr::BinOp(b) => binary(b.op, &b.left, &b.right)?,
        ast::Expr::Compare(c) => {
            let rest = c.ops.iter().map(|o| Ok((compare(o.op), expr(&o.expr)?)));
            Kind::Compare(boxed(&c.expr)?, rest.collect::<Res<_>>()?)
        }
        ast::Expr::IfExpr(i) => {
            Kind::If(boxed(&i.test_expr)?, boxed(&i.true_expr)?, optional(&i.false_expr)?)
        }
        ast::Expr::Filter(f) => Kind::Filter(Box::new(FilterCall {
            name: f.name.into(),
            run: filters::find(f.name),
            input: f.expr.as_ref().map(expr).transpose()?,
            args: args(&f.args)?,
        })),
        ast::Expr::Test(t) => Kind::Test(Box::new(TestCall {
            name: t.name.into(),
            run: tests::find(t.name),
            input: expr(&t.expr)?,
            args: args(&t.args)?,
        })),
        ast::Expr::GetAttr(g) => Kind::Attr(boxed(&g.expr)?, g.name.into()),
        ast::Expr::GetItem(g) => Kind::Item(boxed(&g.expr)?, boxed(&g.subscript_expr)?),
        ast::Expr::Call(c) => Kind::Call(boxed(&c.expr)?, args(&c.args)?),
        ast::Expr::List(l) => Kind::List(exprs(&l.items)?),
        ast::Expr::Tuple(t) => Kind::Tuple(exprs(&t.items)?),
        ast::Expr::Map(m) => {
            let pairs = m.keys.iter().zip(&m.values).map(|(k, v)| Ok((expr(k)?, expr(v)?)));
            Kind::Map(pairs.collect::<Res<_>>()?)
        }
    })
}

fn binary(op: BinOpKind, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> Res<Kind> {
    let (l, r) = (boxed(left)?, boxed(right)?);
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

fn args(sources: &[ast::CallArg<'_>]) -> Res<Vec<Arg>> {
    let one = |a: &ast::CallArg<'_>| {
        Ok(match a {
            ast::CallArg::Pos(e) => Arg::Pos(expr(e)?),
            ast::CallArg::Kwarg(name, e) => Arg::Named((*name).into(), expr(e)?),
            ast::CallArg::PosSplat(e) => Arg::Spread(expr(e)?),
            ast::CallArg::KwargSplat(e) => Arg::SpreadNamed(expr(e)?),
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

pub(crate) fn stmts(sources: &[ast::Stmt<'_>]) -> Res<Vec<Stmt>> {
    sources.iter().map(stmt).collect()
}

fn call(source: &ast::Spanned<ast::Call<'_>>) -> Res<Expr> {
    let kind = Kind::Call(boxed(&source.expr)?, args(&source.args)?);
    Ok(Expr { kind, at: source.span().start_offset })
}

fn stmt(source: &ast::Stmt<'_>) -> Res<Stmt> {
    Ok(match source {
        ast::Stmt::Template(t) => Stmt::Plain(stmts(&t.children)?),
        ast::Stmt::EmitExpr(e) => Stmt::Emit(expr(&e.expr)?),
        ast::Stmt::EmitRaw(r) => Stmt::Raw(r.raw.into()),
        ast::Stmt::ForLoop(f) => Stmt::For(Arc::new(ForLoop {
            target: target(&f.target)?,
            iter: expr(&f.iter)?,
            filter: f.filter_expr.as_ref().map(expr).transpose()?,
            recursive: f.recursive,
            body: stmts(&f.body)?,
            otherwise: stmts(&f.else_body)?,
        })),
        ast::Stmt::IfCond(i) => Stmt::If(expr(&i.expr)?, stmts(&i.true_body)?, stmts(&i.false_body)?),
        ast::Stmt::WithBlock(w) => {
            let sets = w.assignments.iter().map(|(t, e)| Ok((target(t)?, expr(e)?)));
            Stmt::With(sets.collect::<Res<_>>()?, stmts(&w.body)?)
        }
        ast::Stmt::Set(s) => Stmt::Set(target(&s.target)?, expr(&s.expr)?),
        ast::Stmt::SetBlock(s) => {
            Stmt::SetBlock(target(&s.target)?, s.filter.as_ref().map(expr).transpose()?, stmts(&s.body)?)
        }
        ast::Stmt::AutoEscape(a) => Stmt::Plain(stmts(&a.body)?),
        ast::Stmt::FilterBlock(f) => Stmt::FilterBlock(expr(&f.filter)?, stmts(&f.body)?),
        ast::Stmt::Block(b) => Stmt::Block(Arc::new(BlockDef { name: b.name.into(), body: stmts(&b.body)? })),
        ast::Stmt::Import(i) => Stmt::Import(expr(&i.expr)?, name_of(&i.name)),
        ast::Stmt::FromImport(f) => {
            let names = f.names.iter().map(|(n, alias)| {
                let name = name_of(n);
                (name.clone(), alias.as_ref().map_or(name, name_of))
            });
            Stmt::FromImport(expr(&f.expr)?, names.collect())
        }
        ast::Stmt::Extends(e) => Stmt::Extends(expr(&e.name)?),
        ast::Stmt::Include(i) => Stmt::Include { name: expr(&i.name)?, ignore_missing: i.ignore_missing },
        ast::Stmt::Macro(m) => Stmt::Macro(macro_def(m)?),
        ast::Stmt::CallBlock(c) => Stmt::CallBlock { call: call(&c.call)?, body: macro_def(&c.macro_decl)? },
        ast::Stmt::Continue(_) => Stmt::Continue,
        ast::Stmt::Break(_) => Stmt::Break,
        ast::Stmt::Do(d) => Stmt::Do(call(&d.call)?),
    })
}

fn macro_def(source: &ast::Macro<'_>) -> Res<Arc<MacroDef>> {
    let first_default = source.args.len() - source.defaults.len().min(source.args.len());
    let params = source.args.iter().enumerate().map(|(i, a)| {
        let default = i.checked_sub(first_default).and_then(|d| source.defaults.get(d));
        Ok((name_of(a), default.map(expr).transpose()?))
    });
    Ok(Arc::new(MacroDef {
        name: source.name.into(),
        params: params.collect::<Res<_>>()?,
        body: stmts(&source.body)?,
    }))
}
