//! The tokens of SQL, as far as names, texts and what separates them.

pub(super) enum Token {
    /// Without quotes; lower case where it had none.
    Name(String),
    Text(String),
    Dot,
    Comma,
    Opening,
    Closing,
    Semicolon,
    Other,
}

pub(super) struct Tokens<'a> {
    pub rest: &'a str,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with("--") {
                self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
            } else if self.rest.starts_with("/*") {
                self.rest = after_comment(self.rest);
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        Some(match first {
            '\'' => Token::Text(self.quoted('\'', false)),
            '"' => Token::Name(self.quoted('"', false)),
            '$' => self.dollar(),
            '.' => self.symbol(Token::Dot),
            ',' => self.symbol(Token::Comma),
            '(' => self.symbol(Token::Opening),
            ')' => self.symbol(Token::Closing),
            ';' => self.symbol(Token::Semicolon),
            _ if first.is_ascii_digit() => {
                self.taken(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_'));
                Token::Other
            }
            _ if is_of_name(first) => self.word(),
            _ => {
                self.rest = &self.rest[first.len_utf8()..];
                Token::Other
            }
        })
    }
}

impl Tokens<'_> {
    fn symbol(&mut self, token: Token) -> Token {
        self.rest = &self.rest[1..];
        token
    }

    fn taken(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn word(&mut self) -> Token {
        let word = self.taken(|char| is_of_name(char) || char == '$').to_lowercase();
        // A letter directly before a quote is part of it: e'…', b'…', x'…', n'…'.
        if self.rest.starts_with('\'') && matches!(word.as_str(), "e" | "b" | "x" | "n") {
            return Token::Text(self.quoted('\'', word == "e"));
        }
        Token::Name(word)
    }

    /// What stands between quotes, which are doubled within; an end that is missing is the end of the text.
    fn quoted(&mut self, quote: char, has_backslashes: bool) -> String {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, char)) = chars.next() {
            if char == '\\' && has_backslashes {
                text.extend(chars.next().map(|(_, char)| char));
            } else if char != quote {
                text.push(char);
            } else if chars.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.rest = &self.rest[at + 1..];
                return text;
            }
        }
        self.rest = "";
        text
    }

    /// `$1`, or `$tag$ … $tag$`.
    fn dollar(&mut self) -> Token {
        let tag_end = self.rest[1..].find(|char: char| !is_of_name(char)).map_or(self.rest.len(), |at| at + 1);
        if !self.rest[tag_end..].starts_with('$') || self.rest[1..].starts_with(|char: char| char.is_ascii_digit()) {
            self.rest = &self.rest[tag_end.max(1)..];
            return Token::Other;
        }
        let (tag, rest) = self.rest.split_at(tag_end + 1);
        let (text, rest) = rest.split_once(tag).unwrap_or((rest, ""));
        self.rest = rest;
        Token::Text(text.to_owned())
    }
}

fn is_of_name(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

/// Comments nest.
fn after_comment(text: &str) -> &str {
    let (mut depth, mut rest) = (0usize, text);
    loop {
        match (rest.find("/*"), rest.find("*/")) {
            (Some(open), Some(close)) if open < close => (depth, rest) = (depth + 1, &rest[open + 2..]),
            (_, Some(close)) => {
                (depth, rest) = (depth.saturating_sub(1), &rest[close + 2..]);
                if depth == 0 {
                    return rest;
                }
            }
            (_, None) => return "",
        }
    }
}
