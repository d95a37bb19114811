//! Whether a condition holds.

use serde_json::Value;

use super::{Atom, Expr, Op, Term};

/// What a name is worth now. `Ok(None)`: it is no name, so the word itself.
/// `Err`: it is one, and not known yet.
pub trait Values {
    fn value(&self, name: &str) -> Result<Option<Value>, String>;
}

/// `Err`: it cannot be told, with why. What is not known decides only where
/// the rest does not: `a or b` holds where `a` does.
pub fn hold(expr: &Expr, values: &impl Values) -> Result<bool, String> {
    match expr {
        Expr::Or(l, r) => either(hold(l, values), || hold(r, values), true),
        Expr::And(l, r) => either(hold(l, values), || hold(r, values), false),
        Expr::Not(inner) => hold(inner, values).map(|held| !held),
        Expr::Is(term) => match of(term, values)? {
            Value::Bool(held) => Ok(held),
            other => Err(format!("{other} is neither true nor false")),
        },
        Expr::Compare(left, op, right) => compare(&of(left, values)?, *op, &of(right, values)?),
        Expr::In(left, list) => {
            let left = of(left, values)?;
            list.iter()
                .try_fold(false, |held, right| Ok(held || compare(&left, Op::Equal, &of(right, values)?)?))
        }
    }
}

/// `deciding` is the answer of one side that settles both.
fn either(
    left: Result<bool, String>,
    right: impl FnOnce() -> Result<bool, String>,
    deciding: bool,
) -> Result<bool, String> {
    if left == Ok(deciding) {
        return left;
    }
    match (left, right()) {
        (_, right) if right == Ok(deciding) => right,
        (Err(why), _) | (_, Err(why)) => Err(why),
        _ => Ok(!deciding),
    }
}

fn of(term: &Term, values: &impl Values) -> Result<Value, String> {
    Ok(match &term.value {
        Atom::Name(name) => values.value(name)?.unwrap_or_else(|| Value::String(name.clone())),
        Atom::Text(text) => Value::String(text.clone()),
        Atom::Number(number) => Value::from(*number),
        Atom::Bool(held) => Value::Bool(*held),
    })
}

fn compare(left: &Value, op: Op, right: &Value) -> Result<bool, String> {
    use std::cmp::Ordering::*;
    let order = match (left, right) {
        (Value::Number(l), Value::Number(r)) => {
            l.as_f64().zip(r.as_f64()).and_then(|(l, r)| l.partial_cmp(&r))
        }
        (Value::String(l), Value::String(r)) => {
            let instant = |t: &str| chrono::DateTime::parse_from_rfc3339(t).ok();
            match (instant(l), instant(r)) {
                (Some(l), Some(r)) => Some(l.cmp(&r)),
                _ if op.orders() => None,
                _ => Some(if l == r { Equal } else { Less }),
            }
        }
        (Value::Bool(l), Value::Bool(r)) if !op.orders() => Some(l.cmp(r)),
        _ => None,
    };
    let order = order.ok_or_else(|| format!("{left} and {right} cannot be compared"))?;
    Ok(match op {
        Op::Equal => order == Equal,
        Op::Unequal => order != Equal,
        Op::Less => order == Less,
        Op::AtMost => order != Greater,
        Op::More => order == Greater,
        Op::AtLeast => order != Less,
    })
}
