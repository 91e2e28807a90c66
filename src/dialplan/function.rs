//! The functions of `${name(argument)}`, as FreeSWITCH has them.
//!
//! ```text
//! ${strftime(%H:%M)}                 the call's civil time; SECONDS|FORMAT another one's
//! ${strepoch()}                      seconds since 1970
//! ${cond(${a} == 5 ? yes : no)}      == != < <= > >=: numbers by value, texts for equality as they are,
//!                                    else by their lengths; quotes keep a text a text
//! ${regex(${a}|^0(\d+)$|+86%1)}      the third part with %0 to %9 filled in, the first where nothing matches
//!                                    (empty with a fourth part n); without a third part true or false
//! ${expr((${a} + 1) * 2)}            + - * / % ^ and brackets
//! ${module_exists(name)}             false: there are no modules
//! ```
//!
//! Place: [`template`](super::template) calls them with the argument's text, its variables filled in. What cannot
//! be read gives an empty text, for what a caller sent may stand in it.

use super::number::{compile_late, groups};
use super::template::Scope;
use crate::base::Wall;

/// The functions that expand to a value.
pub const FUNCTIONS: [&str; 6] = ["strftime", "strepoch", "module_exists", "cond", "regex", "expr"];
/// How deep brackets and signs of an expression may go.
const MAX_DEPTH: usize = 32;

/// The value of a function.
pub(super) fn call(name: &str, argument: &str, scope: &dyn Scope) -> String {
    match name {
        "strftime" => strftime(argument, scope),
        "strepoch" => scope.civil().epoch_seconds().to_string(),
        "module_exists" => "false".into(),
        "cond" => cond(argument).unwrap_or_default().to_owned(),
        "regex" => regex(argument).unwrap_or_default(),
        "expr" => expr(argument).map(number).unwrap_or_default(),
        _ => String::new(),
    }
}

/// `FORMAT` for now, `SECONDS|FORMAT` for that second since 1970; without a format FreeSWITCH's usual one.
fn strftime(argument: &str, scope: &dyn Scope) -> String {
    let given = argument.split_once('|').and_then(|(epoch, format)| {
        let ms = epoch.trim().parse::<i64>().ok()?.checked_mul(1_000)?;
        Some((scope.civil_at(Wall(ms)), format))
    });
    match given.unwrap_or_else(|| (scope.civil(), argument)) {
        (civil, "") => civil.format("%Y-%m-%d %T"),
        (civil, format) => civil.format(format),
    }
}

/// `A op B ? THEN : ELSE`.
fn cond(argument: &str) -> Option<&str> {
    let (test, values) = argument.split_once('?')?;
    let (then, other) = values.split_once(':').unwrap_or((values, ""));
    let operators = ["==", "!=", "<=", ">=", "<", ">"];
    // The first that stands there, of two characters before one.
    let place = |op: &str| test.find(op).map(|at| (at, std::cmp::Reverse(op.len())));
    let operator = operators.iter().filter(|op| place(op).is_some()).min_by_key(|op| place(op))?;
    let (a, b) = test.split_once(operator)?;
    let ([a, quoted_a], [b, quoted_b]) = (side(a), side(b));
    let value = |text: &str, quoted: bool| match text.parse::<f64>() {
        Ok(value) if !quoted && value.is_finite() => Ok(value),
        _ => Err(text.chars().count() as f64),
    };
    let [left, right] = [value(a, quoted_a == "\""), value(b, quoted_b == "\"")];
    let texts = left.is_err() && right.is_err();
    let (left, right) = (left.unwrap_or_else(|len| len), right.unwrap_or_else(|len| len));
    let holds = match *operator {
        "==" if texts => a == b,
        "!=" if texts => a != b,
        "==" => left == right,
        "!=" => left != right,
        "<=" => left <= right,
        ">=" => left >= right,
        "<" => left < right,
        _ => left > right,
    };
    Some(side(if holds { then } else { other })[0])
}

/// One side of a comparison without blanks and quotes, and the quotes that it had.
fn side(text: &str) -> [&str; 2] {
    let text = text.trim();
    for quote in ["\"", "'"] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            return [inner, "\""];
        }
    }
    [text, ""]
}

/// `TEXT|EXPRESSION[|RESULT[|n or b]]`; `m:X:` in front names another separator than the bar.
fn regex(argument: &str) -> Option<String> {
    let (bar, argument) = match argument.strip_prefix("m:") {
        Some(rest) => {
            let mark = rest.chars().next()?;
            (mark, rest.get(mark.len_utf8()..)?)
        }
        None => ('|', argument),
    };
    let mut parts = argument.splitn(4, bar);
    let (text, expression) = (parts.next()?, parts.next()?);
    let (result, flags) = (parts.next(), parts.next().unwrap_or_default());
    let caught = compile_late(expression, false).ok().and_then(|regex| groups(&regex, text));
    let result = result.filter(|_| !flags.contains('b'));
    Some(match (result, caught) {
        (None, caught) => caught.is_some().to_string(),
        (Some(result), Some(caught)) => filled(result, &caught),
        (Some(_), None) if flags.contains('n') => String::new(),
        (Some(_), None) => text.to_owned(),
    })
}

/// `result` with `%0` to `%9` as the groups are.
fn filled(result: &str, caught: &[String]) -> String {
    let mut out = String::new();
    let mut rest = result.chars().peekable();
    while let Some(c) = rest.next() {
        let digit = rest.peek().and_then(|next| next.to_digit(10)).filter(|_| c == '%');
        match digit {
            Some(digit) => {
                rest.next();
                out.push_str(caught.get(digit as usize).map_or("", String::as_str));
            }
            None => out.push(c),
        }
    }
    out
}

/// A sum of products of powers; `None` for what is none, or has no finite value.
fn expr(text: &str) -> Option<f64> {
    let mut sum = Sum { rest: text.trim(), depth: 0 };
    let value = sum.sum()?;
    (sum.rest.is_empty() && value.is_finite()).then_some(value)
}

struct Sum<'t> {
    rest: &'t str,
    depth: usize,
}

impl Sum<'_> {
    fn take(&mut self, wanted: &[char]) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| wanted.contains(c))?;
        self.rest = self.rest[c.len_utf8()..].trim_start();
        Some(c)
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(&['+', '-']) {
            let more = self.product()?;
            value = if sign == '+' { value + more } else { value - more };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.power()?;
        while let Some(sign) = self.take(&['*', '/', '%']) {
            let more = self.power()?;
            value = match sign {
                '*' => value * more,
                '/' => value / more,
                _ => value % more,
            };
        }
        Some(value)
    }

    fn power(&mut self) -> Option<f64> {
        let base = self.atom()?;
        match self.take(&['^']) {
            None => Some(base),
            Some(_) => self.deeper(Self::power).map(|exponent| base.powf(exponent)),
        }
    }

    fn atom(&mut self) -> Option<f64> {
        if self.take(&['-']).is_some() {
            return self.deeper(Self::atom).map(|value| -value);
        }
        if self.take(&['(']).is_some() {
            let value = self.deeper(Self::sum)?;
            return self.take(&[')']).map(|_| value);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        digits.parse().ok()
    }

    fn deeper(&mut self, what: fn(&mut Self) -> Option<f64>) -> Option<f64> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = what(self);
        self.depth -= 1;
        value
    }
}

/// As FreeSWITCH prints it: ten decimals at most, none that are nought.
fn number(value: f64) -> String {
    let text = format!("{value:.10}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".into(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::template::Template;
    use super::super::template::tests::Fixed;

    fn expand(text: &str) -> String {
        let vars = [("n", "5"), ("name", "Li Wei"), ("from", "013800138000"), ("none", "")];
        let scope = Fixed(BTreeMap::from(vars), None);
        Template::parse(text).expect("a good template").expand(&scope)
    }

    #[test]
    fn cond_chooses() {
        for (text, wanted) in [
            ("${cond(${n} == 5 ? yes : no)}", "yes"),
            ("${cond(${n} != 5 ? yes : no)}", "no"),
            ("${cond(${n} > 10 ? yes : no)}", "no"),
            ("${cond(${n} <= 5.0 ? yes : no)}", "yes"),
            ("${cond(${name} == Li Wei ? ${name} : 'nobody else')}", "Li Wei"),
            ("${cond('${n}' == '5.0' ? yes : 'nobody else')}", "nobody else"),
            ("${cond(${none} == '' ? empty : full)}", "empty"),
            ("${cond(${none} > 3 ? long : short)}", "short"),
            ("${cond(${n} == 6 ? yes)}", ""),
            ("${cond(nothing)}", ""),
            ("${cond(= ? a : b)}", ""),
        ] {
            assert_eq!(expand(text), wanted, "{text}");
        }
    }

    #[test]
    fn regex_tests_and_rewrites() {
        for (text, wanted) in [
            ("${regex(${from}|^0?1\\d{10}$)}", "true"),
            ("${regex(${from}|^2)}", "false"),
            ("${regex(${from}|^0(1\\d{10})$|+86%1)}", "+8613800138000"),
            ("${regex(${from}|^9(.*)$|%1)}", "013800138000"),
            ("${regex(${from}|^9(.*)$|%1|n)}", ""),
            ("${regex(${from}|^0(.*)$|%1|b)}", "true"),
            ("${regex(m:~a|b~^(a)\\|(b)$~%2%1%9)}", "ba"),
            ("${regex(${from}|(unclosed|%1)}", "013800138000"),
            ("${regex(alone)}", ""),
        ] {
            assert_eq!(expand(text), wanted, "{text}");
        }
    }

    #[test]
    fn expr_computes() {
        for (text, wanted) in [
            ("${expr(${n}+1)}", "6"),
            ("${expr((${n} + 1) * -2)}", "-12"),
            ("${expr(2^3^2 % 100)}", "12"),
            ("${expr(7/2)}", "3.5"),
            ("${expr(0 * -1)}", "0"),
            ("${expr(1/0)}", ""),
            ("${expr(1+)}", ""),
            ("${expr(${name})}", ""),
        ] {
            assert_eq!(expand(text), wanted, "{text}");
        }
        for deep in ["(", "-", "2^"] {
            assert_eq!(expand(&format!("${{expr({}1)}}", deep.repeat(1_000))), "");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_argument_gives_something(text in ".{0,60}|[-+*/%^().0-9 ?:|=<>m~n]{0,60}") {
            for name in super::FUNCTIONS {
                let scope = Fixed(BTreeMap::new(), None);
                super::call(name, &text, &scope);
            }
        }
    }
}
