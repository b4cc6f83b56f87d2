//! Types of variables: `type = list(string)`, and values that are made fit for them.

use ::hcl::Value as Hcl;
use ::hcl::edit::expr::{Expression, FuncCall};
use ::hcl::eval::{Context, Evaluate};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Anything; a text is taken as it is, a list or mapping as HCL.
    Any,
    Text,
    Number,
    Bool,
    List(Box<Type>),
    /// A mapping, also of `object(…)`, whose members are not looked at.
    Map(Box<Type>),
}

impl Type {
    /// Of the expression behind `type =`; an error says what it cannot be.
    pub fn read(expression: &Expression) -> Result<Type, String> {
        match expression {
            Expression::Variable(name) => Type::word(name.as_str()),
            // As in templates of Packer 1.5.
            Expression::String(name) => Type::word(name.as_str()),
            Expression::FuncCall(call) => Type::call(call),
            _ => Err("it is no type".into()),
        }
    }

    fn word(name: &str) -> Result<Type, String> {
        match name {
            "any" => Ok(Type::Any),
            "string" => Ok(Type::Text),
            "number" => Ok(Type::Number),
            "bool" => Ok(Type::Bool),
            "list" | "set" | "tuple" => Ok(Type::List(Box::new(Type::Any))),
            "map" | "object" => Ok(Type::Map(Box::new(Type::Any))),
            other => Err(format!("there is no type `{other}`")),
        }
    }

    fn call(call: &FuncCall) -> Result<Type, String> {
        let inner = || call.args.iter().next().map_or(Ok(Type::Any), Type::read).map(Box::new);
        match call.name.name.as_str() {
            "list" | "set" => Ok(Type::List(inner()?)),
            "map" => Ok(Type::Map(inner()?)),
            "object" => Ok(Type::Map(Box::new(Type::Any))),
            "tuple" => Ok(Type::List(Box::new(Type::Any))),
            "optional" => inner().map(|inner| *inner),
            other => Err(format!("there is no type `{other}`")),
        }
    }

    /// What a default says of a variable that names no type.
    pub fn of(value: &Hcl) -> Type {
        match value {
            Hcl::Bool(_) => Type::Bool,
            Hcl::Number(_) => Type::Number,
            Hcl::String(_) => Type::Text,
            Hcl::Array(_) => Type::List(Box::new(Type::Any)),
            Hcl::Object(_) => Type::Map(Box::new(Type::Any)),
            Hcl::Null => Type::Any,
        }
    }

    /// A value given as text: on the command line, in the environment.
    pub fn parse(&self, text: &str, context: &Context<'_>) -> Result<Hcl, String> {
        let whole = matches!(self, Type::Text | Type::Number | Type::Bool);
        let written = ::hcl::edit::parser::parse_expr(text).ok().filter(|e| {
            !whole && (*self != Type::Any || matches!(e, Expression::Array(_) | Expression::Object(_)))
        });
        let value = match written {
            Some(written) => {
                ::hcl::expr::Expression::from(written).evaluate(context).map_err(|e| e.kind().to_string())?
            }
            None => Hcl::from(text),
        };
        self.fit(value)
    }

    /// The value as one of this type.
    pub fn fit(&self, value: Hcl) -> Result<Hcl, String> {
        match (self, value) {
            (_, Hcl::Null) => Ok(Hcl::Null),
            (Type::Any, value) => Ok(value),
            (Type::Text, Hcl::Bool(b)) => Ok(b.to_string().into()),
            (Type::Text, Hcl::Number(n)) => Ok(n.to_string().into()),
            (Type::Text, value @ Hcl::String(_)) => Ok(value),
            (Type::Number, value @ Hcl::Number(_)) | (Type::Bool, value @ Hcl::Bool(_)) => Ok(value),
            (Type::Number, Hcl::String(text)) => {
                number(&text).ok_or_else(|| format!("`{text}` is no number"))
            }
            (Type::Bool, Hcl::String(text)) => match text.as_str() {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                _ => Err(format!("`{text}` is neither true nor false")),
            },
            (Type::List(inner), Hcl::Array(items)) => {
                Ok(Hcl::Array(items.into_iter().map(|i| inner.fit(i)).collect::<Result<_, _>>()?))
            }
            (Type::Map(inner), Hcl::Object(map)) => {
                let fit = |(key, value)| Ok((key, inner.fit(value)?));
                Ok(Hcl::Object(map.into_iter().map(fit).collect::<Result<_, String>>()?))
            }
            (wanted, other) => Err(format!("`{other}` is {}", wanted.refusal())),
        }
    }

    fn refusal(&self) -> &'static str {
        match self {
            Type::Any => "no value",
            Type::Text => "no text",
            Type::Number => "no number",
            Type::Bool => "neither true nor false",
            Type::List(_) => "no list",
            Type::Map(_) => "no mapping",
        }
    }
}

/// A whole number stays one.
pub fn number(text: &str) -> Option<Hcl> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse().ok().and_then(::hcl::Number::from_f64).map(Hcl::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_their_types() {
        let context = Context::new();
        for (kind, text, expected) in [
            ("bool", "false", "false"),
            ("number", "9", "9"),
            ("number", "1.5", "1.5"),
            ("string", "[1]", "\"[1]\""),
            ("list(string)", "[\"a\", 1]", "[\"a\",\"1\"]"),
            ("set(number)", "[\"1\"]", "[1]"),
            ("map(bool)", "{a = \"true\"}", "{\"a\":true}"),
            ("object({a = string})", "{a = 1}", "{\"a\":1}"),
            ("any", "{a = 1}", "{\"a\":1}"),
            ("any", "true", "\"true\""),
        ] {
            let kind = Type::read(&::hcl::edit::parser::parse_expr(kind).unwrap()).unwrap();
            let value = kind.parse(text, &context).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), expected, "{text}");
        }
        for (kind, text, said) in
            [("bool", "maybe", "neither"), ("number", "x", "no number"), ("list(string)", "\"x\"", "no list")]
        {
            let kind = Type::read(&::hcl::edit::parser::parse_expr(kind).unwrap()).unwrap();
            assert!(kind.parse(text, &context).unwrap_err().contains(said), "{text}");
        }
    }
}
