//! Words to a condition.

use super::{At, Atom, Expr, ExprError, Term, lex::Token, lex::lex};

/// How deep brackets and `not` may go: what a person can still read, and far
/// from what a stack cannot hold.
const DEEPEST: u32 = 32;

/// Reads a condition, or says what is wrong with it and where.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    let tokens = lex(text)?;
    if tokens.is_empty() {
        return Err(ExprError::new(0..text.len(), "it is empty"));
    }
    let mut parser = Parser { tokens, next: 0, end: text.len(), depth: 0 };
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => {
            Err(parser.wrong("nothing more is expected here").hint("join conditions by `and` or `or`"))
        }
    }
}

struct Parser {
    tokens: Vec<(Token, At)>,
    next: usize,
    end: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }
    fn at(&self) -> At {
        self.tokens.get(self.next).map_or(self.end..self.end, |(_, at)| at.clone())
    }
    fn wrong(&self, why: &str) -> ExprError {
        ExprError::new(self.at(), why)
    }
    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(name)) if name == word)
    }
    fn take(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        self.next += usize::from(there);
        there
    }
    fn eat(&mut self, token: &Token, what: &str) -> Result<(), ExprError> {
        match self.peek() == Some(token) {
            true => {
                self.next += 1;
                Ok(())
            }
            false => Err(self.wrong(&format!("{what} is missing"))),
        }
    }

    fn any(&mut self) -> Result<Expr, ExprError> {
        let mut left = self.all()?;
        while self.take("or") {
            left = Expr::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Expr, ExprError> {
        let mut left = self.one()?;
        while self.take("and") {
            left = Expr::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Expr, ExprError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("it is nested too deeply"));
        }
        let expr = if self.take("not") {
            Expr::Not(Box::new(self.one()?))
        } else if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let inner = self.any()?;
            self.eat(&Token::Close, "a closing )")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn comparison(&mut self) -> Result<Expr, ExprError> {
        let left = self.term()?;
        if let Some(Token::Op(op)) = self.peek() {
            let op = *op;
            self.next += 1;
            let right = self.term()?;
            return match self.peek() {
                Some(Token::Op(_)) => Err(self.wrong("one comparison cannot follow another")),
                _ => Ok(Expr::Compare(left, op, right)),
            };
        }
        let negated = self.is_word("not");
        if negated && !matches!(self.tokens.get(self.next + 1), Some((Token::Name(n), _)) if n == "in") {
            return Err(self.wrong("only `in` can follow this `not`"));
        }
        self.next += usize::from(negated);
        match self.take("in") {
            true => {
                let list = Expr::In(left, self.list()?);
                Ok(if negated { Expr::Not(Box::new(list)) } else { list })
            }
            false => Ok(Expr::Is(left)),
        }
    }

    fn list(&mut self) -> Result<Vec<Term>, ExprError> {
        self.eat(&Token::ListOpen, "a list in [ ]")?;
        let mut out = vec![self.term()?];
        while self.peek() == Some(&Token::Comma) {
            self.next += 1;
            out.push(self.term()?);
        }
        self.eat(&Token::ListClose, "a closing ]")?;
        Ok(out)
    }

    fn term(&mut self) -> Result<Term, ExprError> {
        let at = self.at();
        let value = match self.peek() {
            Some(Token::Name(name)) => match name.as_str() {
                "and" | "or" | "not" | "in" => return Err(self.wrong("a name or a value is missing")),
                "true" => Atom::Bool(true),
                "false" => Atom::Bool(false),
                name => Atom::Name(name.to_owned()),
            },
            Some(Token::Text(text)) => Atom::Text(text.clone()),
            Some(Token::Number(number)) => Atom::Number(*number),
            _ => return Err(self.wrong("a name or a value is missing")),
        };
        self.next += 1;
        Ok(Term { value, at })
    }
}
