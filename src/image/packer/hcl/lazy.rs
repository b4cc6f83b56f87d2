//! `try` and `can`: their arguments may fail, which an ordinary function's may not.

use ::hcl::Value;
use ::hcl::eval::{Context, Evaluate};
use ::hcl::expr::{Expression, FuncCall, Operation, TemplateExpr};
use ::hcl::template::{Element, Template};

/// An expression of a template, evaluated.
pub fn evaluate(
    expression: &::hcl::edit::expr::Expression,
    context: &Context<'_>,
) -> Result<Value, ::hcl::eval::Error> {
    settled(Expression::from(expression.clone()), context).evaluate(context)
}

/// The expression with what `try` and `can` come to in their places. What depends on the variable of a `for` stays.
fn settled(expression: Expression, context: &Context<'_>) -> Expression {
    let inner = |expression: Expression| settled(expression, context);
    match expression {
        Expression::FuncCall(call) => called(*call, context),
        Expression::Array(items) => Expression::Array(items.into_iter().map(inner).collect()),
        Expression::Object(object) => {
            Expression::Object(object.into_iter().map(|(key, value)| (key, inner(value))).collect())
        }
        Expression::Parenthesis(expression) => Expression::Parenthesis(Box::new(inner(*expression))),
        Expression::Conditional(mut of) => {
            of.cond_expr = inner(of.cond_expr);
            of.true_expr = inner(of.true_expr);
            of.false_expr = inner(of.false_expr);
            Expression::Conditional(of)
        }
        Expression::Operation(operation) => Expression::Operation(Box::new(match *operation {
            Operation::Unary(mut of) => {
                of.expr = inner(of.expr);
                Operation::Unary(of)
            }
            Operation::Binary(mut of) => {
                of.lhs_expr = inner(of.lhs_expr);
                of.rhs_expr = inner(of.rhs_expr);
                Operation::Binary(of)
            }
        })),
        Expression::Traversal(mut of) => {
            of.expr = inner(of.expr);
            Expression::Traversal(of)
        }
        Expression::TemplateExpr(text) => in_text(*text, context),
        other => other,
    }
}

fn called(mut call: FuncCall, context: &Context<'_>) -> Expression {
    call.args = call.args.into_iter().map(|argument| settled(argument, context)).collect();
    let mut values = call.args.iter().map(|argument| argument.evaluate(context));
    match call.name.name.as_str() {
        "try" => match values.find_map(Result::ok) {
            Some(value) => value.into(),
            None => Expression::FuncCall(Box::new(call)),
        },
        "can" if call.args.len() == 1 => values.all(|value| value.is_ok()).into(),
        _ => Expression::FuncCall(Box::new(call)),
    }
}

fn in_text(text: TemplateExpr, context: &Context<'_>) -> Expression {
    let as_it_is = Expression::TemplateExpr(Box::new(text.clone()));
    let written = text.to_string();
    if !["try(", "can("].iter().any(|call| written.contains(call)) {
        return as_it_is;
    }
    let Ok(mut template) = Template::from_expr(&text) else { return as_it_is };
    for element in template.elements_mut() {
        if let Element::Interpolation(of) = element {
            of.expr = settled(std::mem::replace(&mut of.expr, Expression::Null), context);
        }
    }
    if let [Element::Interpolation(only)] = template.elements() {
        return only.expr.clone();
    }
    template.evaluate(context).map_or(as_it_is, Expression::String)
}
